//! Load, by wrk.

use std::{
    cell::Cell,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use astral_benchmark::document::repository;

use crate::program::Running;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    /// What is sent as `Bearer`; nothing if it is empty.
    pub credential: String,
    /// JSON; nothing if it is empty.
    pub body: String,
}

impl Request {
    /// A request that reads.
    pub fn get(path: String, credential: &str) -> Self {
        Self { method: "GET", path, credential: credential.to_owned(), body: String::new() }
    }
}

/// Requests that are sent one after the other, over and over.
pub struct Requests {
    file: PathBuf,
    refused: bool,
    pause: u32,
    /// How many were sent so far.
    sent: Cell<usize>,
}

impl Requests {
    /// Those which are answered with a refusal each, or none of which is.
    pub fn new(folder: &Path, name: &str, requests: &[Request], refused: bool) -> Self {
        let path = folder.join(name);
        let mut file = std::io::BufWriter::new(fs::File::create(&path).expect("made"));
        for Request { method, path, credential, body } in requests {
            writeln!(file, "{method}\t{path}\t{credential}\t{body}").expect("written");
        }
        file.flush().expect("written");
        Self { file: path, refused, pause: 0, sent: Cell::new(0) }
    }

    /// The same, each connection waiting for so many milliseconds before each request.
    pub fn with_pauses(&self, milliseconds: u32) -> Self {
        Self { file: self.file.clone(), refused: self.refused, pause: milliseconds, sent: self.sent.clone() }
    }

    /// The same, as if so many had been sent.
    pub fn after(self, sent: usize) -> Self {
        Self { sent: Cell::new(sent), ..self }
    }

    /// At least as many as were sent so far, over and over.
    pub fn sent(&self) -> usize {
        self.sent.get()
    }
}

/// What wrk says, and what it took of the server.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub requests: u64,
    pub seconds: f64,
    pub p50: Duration,
    pub p99: Duration,
    pub p999: Duration,
    /// Of the server, for each request.
    pub processor: Duration,
    /// Of the server at the end, in bytes.
    pub resident: u64,
}

impl Load {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// Load that is on its way.
pub struct Loading<'a> {
    wrk: Child,
    server: &'a Running,
    requests: &'a Requests,
    connections: u32,
    before: Duration,
}

impl<'a> Loading<'a> {
    /// Begins to send the requests over so many connections for so many seconds, from where it ended before.
    pub fn begin(server: &'a Running, requests: &'a Requests, connections: u32, seconds: u32) -> Self {
        let before = server.processor();
        let wrk = Command::new("wrk")
            .env("PAUSE", requests.pause.to_string())
            .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "30s", "-s"])
            .arg(repository().join("benchmark/server/load.lua"))
            .arg(&server.url)
            .arg("--")
            .arg(&requests.file)
            .arg(requests.sent().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("wrk runs: install the package wrk");
        Self { wrk, server, requests, connections, before }
    }

    /// Waits for its end.
    pub fn end(self) -> Load {
        let output = self.wrk.wait_with_output().expect("wrk ends");
        let took = self.server.processor() - self.before;
        let said = String::from_utf8_lossy(&output.stdout);
        let line = said.lines().find_map(|line| line.strip_prefix("RESULT ")).expect("a result");
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
        let [answered, micros, p50, p99, p999, failed, lost] = numbers[..] else { panic!("seven numbers: {line}") };
        assert_eq!(lost, 0, "no connection breaks");
        assert_eq!(
            failed,
            if self.requests.refused { answered } else { 0 },
            "each is answered as it must be: {:?}",
            self.requests.file
        );
        // Those that were on their way at the end were sent, too.
        self.requests.sent.set(self.requests.sent() + answered as usize + self.connections as usize);
        Load {
            requests: answered,
            seconds: micros as f64 / 1e6,
            p50: Duration::from_micros(p50),
            p99: Duration::from_micros(p99),
            p999: Duration::from_micros(p999),
            processor: took / u32::try_from(answered.max(1)).expect("few"),
            resident: self.server.resident(),
        }
    }
}

/// Sends the requests over so many connections for so many seconds.
pub fn load(server: &Running, requests: &Requests, connections: u32, seconds: u32) -> Load {
    Loading::begin(server, requests, connections, seconds).end()
}
