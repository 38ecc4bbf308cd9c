//! Programs that are measured, as processes of their own.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use astral_benchmark::process::Process;

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
    pub metrics: String,
    /// For single requests, which are not measured.
    pub client: reqwest::Client,
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
