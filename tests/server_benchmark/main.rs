//! Measures the server beside the same bytes from memory, and prints what comes of it: `just measure`.
//!
//! Given a folder, it is the baseline.

mod baseline;
mod report;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use astral_tests::{process::Process, repository};
use serde_json::Value;

use self::report::Row;

/// How long each operation is measured, and how many connections send requests at once.
const SECONDS: u32 = 8;
const CONNECTIONS: u32 = 32;

/// A set of data that is made once and used again.
struct DataSet {
    name: &'static str,
    organizations: usize,
    /// In each organization, beside its head coach.
    members: usize,
    keys: usize,
}

const SMALL: DataSet = DataSet { name: "small", organizations: 1_000, members: 50, keys: 1 };

impl DataSet {
    /// Its folder: beside what is built, unless `ASTRAL_BENCHMARK` names another place.
    fn folder(&self) -> PathBuf {
        let place = std::env::var_os("ASTRAL_BENCHMARK").map_or_else(|| beside("../benchmark"), PathBuf::from);
        place.join(self.name)
    }

    /// Makes it if it is not there; the club and the secret of each key.
    fn keys(&self) -> Vec<(String, String)> {
        let folder = self.folder();
        let secrets = folder.join("keys.txt");
        if !secrets.exists() {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("made");
            let unfinished = folder.join("keys.unfinished");
            let status = Command::new(beside("astral-server"))
                .args(["seed", "--password", "correct-horse-battery", "--data"])
                .arg(folder.join("data"))
                .arg("--secrets")
                .arg(&unfinished)
                .args(["--organizations", &self.organizations.to_string()])
                .args(["--members", &self.members.to_string(), "--keys", &self.keys.to_string()])
                .status();
            assert!(status.expect("it runs").success(), "the data is made");
            fs::rename(unfinished, &secrets).expect("renamed");
        }
        let text = fs::read_to_string(secrets).expect("read");
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(club, key)| (club.to_owned(), key.to_owned()))
            .collect()
    }
}

/// The file of another program of this build.
fn beside(name: &str) -> PathBuf {
    std::env::current_exe().expect("a program has a file").with_file_name(name)
}

/// A program that is measured; ended when it goes.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    /// Starts a program that says where it listens in the last word of its first line.
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        let word = line.split_whitespace().next_back().expect("a word").trim_start_matches("http://");
        Self { child, url: format!("http://{word}") }
    }

    fn process(&self) -> Process {
        Process(self.child.id())
    }

    fn processor(&self) -> Duration {
        self.process().processor().expect("it runs")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests of one kind: a path and a credential each.
struct Operation {
    name: &'static str,
    status: u16,
    requests: Vec<(String, String)>,
}

/// What wrk says, and what it took of the server.
#[derive(Debug, Clone, Copy)]
struct Load {
    requests: u64,
    seconds: f64,
    p50: Duration,
    p99: Duration,
    p999: Duration,
    /// Of the server, for each request.
    processor: Duration,
    resident: u64,
}

/// Sends the requests over and over for some seconds.
fn load(server: &Running, file: &Path, refused: bool, seconds: u32) -> Load {
    let script = repository().join("tests/server_benchmark/load.lua");
    let before = server.processor();
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "-s"])
        .arg(script)
        .arg(&server.url)
        .arg("--")
        .arg(file)
        .output()
        .expect("wrk runs: install the package wrk");
    let took = server.processor() - before;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix("RESULT ")).expect("a result");
    let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().expect("a number")).collect();
    let [requests, micros, p50, p99, p999, failed, lost] = numbers[..] else { panic!("seven numbers: {line}") };
    assert_eq!(lost, 0, "no connection breaks");
    assert_eq!(failed, if refused { requests } else { 0 }, "each is answered as it must be");
    Load {
        requests,
        seconds: micros as f64 / 1e6,
        p50: Duration::from_micros(p50),
        p99: Duration::from_micros(p99),
        p999: Duration::from_micros(p999),
        processor: took / u32::try_from(requests.max(1)).expect("few"),
        resident: server.process().resident().expect("it runs"),
    }
}

/// What the server answers to one request.
async fn answer(server: &Running, path: &str, credential: &str) -> (u16, Vec<u8>) {
    let request = astral_client::http().build().expect("a client").get(format!("{}{path}", server.url));
    let request = if credential == "-" { request } else { request.bearer_auth(credential) };
    let answer = request.send().await.expect("answered");
    (answer.status().as_u16(), answer.bytes().await.expect("a body").to_vec())
}

fn operations(keys: &[(String, String)]) -> Vec<Operation> {
    let each = |path: &dyn Fn(&str) -> String| keys.iter().map(|(club, key)| (path(club), key.clone())).collect();
    let club = |club: &str| format!("/api/v1/organizations/{club}");
    // The last character belongs to the checksum, and these have a right one.
    let unknown = || "astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr".to_owned();
    vec![
        Operation { name: "50 members, with a key", status: 200, requests: each(&|id| club(id) + "/members?limit=50") },
        Operation { name: "1 member, with a key", status: 200, requests: each(&|id| club(id) + "/members?limit=1") },
        Operation { name: "the club, with a key", status: 200, requests: each(&club) },
        Operation { name: "who am I, with a key", status: 200, requests: each(&|_| "/api/v1/auth/me".to_owned()) },
        Operation {
            name: "a key that nobody has",
            status: 401,
            requests: keys.iter().map(|(id, _)| (club(id) + "/members?limit=50", unknown())).collect(),
        },
    ]
}

/// Holds what the server answers against what must be there.
async fn check(server: &Running, keys: &[(String, String)], set: &DataSet) {
    for (club, key) in keys.iter().step_by((keys.len() / 50).max(1)) {
        let (status, body) = answer(server, &format!("/api/v1/organizations/{club}/members?limit=200"), key).await;
        let page: Value = serde_json::from_slice(&body).expect("JSON");
        let members = page["data"].as_array().expect("a list");
        assert_eq!((status, members.len()), (200, (set.members + 1).min(200)));
        assert!(members.iter().all(|member| member["organization_id"] == **club), "of that club alone");
        let other = keys.iter().find(|(other, _)| other != club).expect("another");
        let (status, _) = answer(server, &format!("/api/v1/organizations/{}/members", other.0), key).await;
        assert_eq!(status, 404, "nothing of another club");
    }
}

async fn measure(set: &DataSet) -> Vec<Row> {
    let keys = set.keys();
    let data = set.folder().join("data");
    let folder = tempfile::tempdir().expect("a folder");
    // As in production, but for the limit of an address, from which here everything comes.
    let server = Running::start(
        Command::new(beside("astral-server"))
            .args(["serve", "--listen", "127.0.0.1:0", "--rate-limit-address", "0", "--data"])
            .arg(&data),
    );
    check(&server, &keys, set).await;
    let operations = operations(&keys);
    for (number, operation) in operations.iter().enumerate() {
        let (path, credential) = &operation.requests[0];
        let (status, body) = answer(&server, path, credential).await;
        assert_eq!(status, operation.status, "{}", operation.name);
        fs::write(folder.path().join(number.to_string()), body).expect("written");
    }
    let fixed = Running::start(Command::new(std::env::current_exe().expect("a program has a file")).arg(folder.path()));
    let requests = tempfile::tempdir().expect("a folder");
    let file = |name: &str, requests_of: &[(String, String)]| {
        let path = requests.path().join(name);
        let mut file = fs::File::create(&path).expect("made");
        for (request, credential) in requests_of {
            writeln!(file, "{request} {credential}").expect("written");
        }
        path
    };
    let mut rows = Vec::new();
    for (number, Operation { name, status, requests }) in operations.iter().enumerate() {
        let (path, credential) = (format!("/{number}"), &requests[0].1);
        let (ours, theirs) = (file("ours", requests), file("fixed", &[(path, credential.clone())]));
        // What is read from disk for the first time is read here.
        load(&server, &ours, *status >= 400, 2);
        load(&fixed, &theirs, false, 1);
        let fixed = load(&fixed, &theirs, false, SECONDS);
        let ours = load(&server, &ours, *status >= 400, SECONDS);
        rows.push(Row { name, ours, fixed });
    }
    rows
}

#[expect(clippy::print_stdout, reason = "what it measures is printed")]
fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if let Some(folder) = std::env::args_os().nth(1) {
        runtime.block_on(baseline::serve(Path::new(&folder))).expect("it serves");
        return;
    }
    let small = runtime.block_on(measure(&SMALL));
    println!("{}", report::table(&small));
}
