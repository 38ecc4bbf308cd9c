//! The examples that people copy, on clients generated afresh: the roster sync, the dashboard, and the first scripts.

mod dashboard;
mod first;
mod network;
mod roster_sync;

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use astral_tests::{Club, TestServer, repository, target};
use serde_json::Value;
use tempfile::TempDir;

/// Where the Python client is: what stands in `PYTHONPATH`.
static PYTHON_CLIENT: LazyLock<PathBuf> = LazyLock::new(|| {
    made_once("examples/python", |folder| {
        std::fs::write(folder.join("generator.yaml"), "post_hooks: []\n").expect("written");
        let mut generator = python();
        generator.args(["-m", "openapi_python_client", "generate", "--config", "generator.yaml", "--meta", "none"]);
        generator.args(["--output-path", "astral_client", "--fail-on-warning", "--path"]);
        must_run(generator.arg(repository().join("openapi/openapi.json")).current_dir(folder));
    })
});

/// The dashboard beside its client, compiled.
static DASHBOARD: LazyLock<PathBuf> = LazyLock::new(|| {
    made_once("examples/dashboard", |folder| {
        for file in ["dashboard.ts", "page.ts", "package.json", "tsconfig.json"] {
            std::fs::copy(example("dashboard").join(file), folder.join(file)).expect("copied");
        }
        symlink(tools().join("node_modules"), folder.join("node_modules")).expect("linked");
        let mut generator = node();
        generator.arg(tools().join("node_modules/openapi-typescript/bin/cli.js"));
        generator.arg(repository().join("openapi/openapi.json")).args(["--output", "astral.ts"]);
        must_run(generator.current_dir(folder));
        must_run(node().arg(tools().join("node_modules/typescript/bin/tsc")).current_dir(folder));
    })
});

fn example(name: &str) -> PathBuf {
    repository().join("openapi/examples").join(name)
}

fn tools() -> PathBuf {
    repository().join("tests/tools")
}

fn python() -> Command {
    Command::new(repository().join(".venv/bin/python"))
}

fn node() -> Command {
    Command::new(std::env::var_os("ASTRAL_NODE").unwrap_or_else(|| "node".into()))
}

/// A folder that is made anew in each run of the tests, and once: a runner that gives each test a process of its
/// own names the run in `NEXTEST_RUN_ID`.
fn made_once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
    let (folder, made_in) = (target().join(name), target().join(format!("{name}.run")));
    std::fs::create_dir_all(&folder).expect("made");
    let lock = std::fs::File::create(target().join(format!("{name}.lock"))).expect("a file");
    lock.lock().expect("locked");
    if std::fs::read_to_string(&made_in).ok().as_deref() != Some(&run) {
        std::fs::remove_dir_all(&folder).expect("removed");
        std::fs::create_dir_all(&folder).expect("made");
        make(&folder);
        std::fs::write(made_in, run).expect("written");
    }
    folder
}

/// Runs a tool of the test command's, and fails with what it says.
fn must_run(tool: &mut Command) {
    let done = tool.output().expect("./check installs the tools; run it once");
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// What an example said, and its exit status.
struct Said {
    status: i32,
    output: String,
    errors: String,
}

impl Said {
    /// Runs an example against a server, without real waits between its tries.
    async fn by(example: &Command, url: &str, key: &str) -> Self {
        let mut command = tokio::process::Command::new(example.get_program());
        command.args(example.get_args()).env("PYTHONPATH", &*PYTHON_CLIENT).env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs([("ASTRAL_URL", url), ("ASTRAL_API_KEY", key), ("ASTRAL_RETRY_WAIT", "0"), ("PYTHONUTF8", "1")]);
        let done = command.kill_on_drop(true).output().await.expect("runs");
        Self {
            status: done.status.code().expect("an exit status"),
            output: String::from_utf8(done.stdout).expect("UTF-8"),
            errors: String::from_utf8(done.stderr).expect("UTF-8"),
        }
    }

    /// What it said, of one that did all it should.
    #[track_caller]
    fn well(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.output, self.errors);
        self.output
    }
}

/// A server, a club on it, and a folder for the files of an example.
struct Ground {
    server: TestServer,
    club: Club,
    folder: TempDir,
}

impl Ground {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let club = server.club("Summit").await;
        Self { server, club, folder: TempDir::new().expect("a folder") }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All members of the club, which has at most 200.
    async fn members(&self) -> Vec<Value> {
        let path = self.club.path("/members?limit=200");
        let request = self.server.request("get", &path).bearer_auth(&self.club.head_coach.token);
        let page: Value = request.send().await.expect("answered").json().await.expect("JSON");
        assert_eq!(page["next_cursor"], Value::Null);
        page["data"].as_array().expect("rows").clone()
    }
}
