//! Programs that are measured, as processes of their own.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use astral_benchmark::process::Process;
use reqwest::Method;
use serde_json::Value;

use crate::load::Request;

/// The file of another program of this build.
pub fn beside(name: &str) -> PathBuf {
    std::env::current_exe().expect("a program has a file").with_file_name(name)
}

/// This program in another of its roles.
pub fn as_role(role: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program has a file"));
    command.arg(role).arg(folder);
    command
}

/// The server as it is shipped, on this data, with what it has in production; but for the limit of an address, from
/// which here everything comes, and of one key, with which here a whole club's worth of programs calls.
pub fn astral_server(data: &Path) -> Command {
    let mut command = Command::new(beside("astral-server"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--data"]).arg(data);
    command.args(UNBOUNDED);
    command
}

/// Limits that count and are not reached.
pub const UNBOUNDED: [&str; 6] =
    ["--rate-limit-address", "10000000", "--rate-limit-key", "10000000", "--rate-limit-organization", "10000000"];

/// A program that runs; ended when it goes.
pub struct Running {
    child: Child,
    pub url: String,
    /// Where it tells Prometheus of itself; nothing if it does not.
    metrics: String,
    /// For single requests, which are not measured.
    client: reqwest::Client,
}

impl Running {
    /// Starts a program that says where it listens in the last word of its first line, and of a later one where its
    /// metrics are if that was asked for.
    pub fn start(command: &mut Command) -> Self {
        // It writes its log, as in production, to where nobody looks.
        let log = File::create(beside("../benchmark.log")).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).stdin(Stdio::null()).spawn().expect("it starts");
        let said = BufReader::new(child.stdout.as_mut().expect("piped")).lines();
        let mut words = said.map(|line| line.expect("a line").split_whitespace().next_back().unwrap_or("").to_owned());
        let word = words.next().expect("a word");
        let url = format!("http://{}", word.trim_start_matches("http://"));
        let has_metrics = command.get_args().any(|argument| argument == "--metrics-listen");
        let metrics = has_metrics.then(|| words.find(|word| word.ends_with("/metrics")).expect("where they are"));
        let client = astral_client::http().build().expect("a client");
        Self { child, url, metrics: metrics.unwrap_or_default(), client }
    }

    /// What it answers to one request.
    pub async fn answer(&self, request: &Request) -> (u16, Vec<u8>) {
        let Request { method, path, credential, body } = request;
        let method: Method = method.parse().expect("a method");
        let mut asked = self.client.request(method, format!("{}{path}", self.url));
        if !credential.is_empty() {
            asked = asked.bearer_auth(credential);
        }
        if !body.is_empty() {
            asked = asked.header("Content-Type", "application/json").body(body.clone());
        }
        let answer = asked.send().await.expect("answered");
        (answer.status().as_u16(), answer.bytes().await.expect("a body").to_vec())
    }

    /// What it answers, which is JSON and no refusal.
    pub async fn json(&self, request: &Request) -> Value {
        let (status, body) = self.answer(request).await;
        assert!((200..300).contains(&status), "{} {}: {status}", request.method, request.path);
        serde_json::from_slice(&body).expect("JSON")
    }

    /// A number that it tells Prometheus.
    pub async fn metric(&self, name: &str) -> f64 {
        let page = self.client.get(&self.metrics).send().await.expect("answered").text().await.expect("a text");
        let number = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        number.and_then(|number| number.parse().ok()).expect("it is counted")
    }

    /// How often it has not found what it looked for among what is kept.
    pub async fn misses(&self) -> u64 {
        self.metric("astral_kept_misses_total").await as u64
    }

    /// The process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// The processor time that it has used so far.
    pub fn processor(&self) -> Duration {
        self.process().processor().expect("it runs")
    }

    /// Its resident set, in bytes.
    pub fn resident(&self) -> u64 {
        self.process().resident().expect("it runs")
    }

    /// Ends it as an operator does, and waits until it has written everything down.
    pub fn stop(mut self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
        assert!(self.child.wait().expect("it ends").success(), "it stops well");
    }

    /// Ends it as a power failure would end it.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
