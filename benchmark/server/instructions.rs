//! How many instructions the hot functions take, beside what was accepted of them last: `benches/instructions.rs`, as
//! valgrind counts.

use std::{env, fs, path::PathBuf, process::Command};

use astral_benchmark::document::repository;
use serde_json::Value;

use crate::program::beside;

/// By how much a count may differ from the accepted one, in percent.
pub const TOLERATED: f64 = 5.0;
/// How many commits the one benchmark of commits has more than the other.
const COMMITS: u64 = 50;

/// A function, and how many instructions one run of it takes.
pub struct Count {
    pub function: &'static str,
    pub instructions: u64,
    /// As many as were accepted last; `None` for a function that is new.
    pub accepted: Option<u64>,
}

impl Count {
    /// How many percent more than accepted.
    pub fn change(&self) -> f64 {
        self.accepted.map_or(0.0, |accepted| (self.instructions as f64 / accepted as f64 - 1.0) * 100.0)
    }

    /// Whether somebody has to look: for why there are more, or to accept that there are fewer.
    pub fn is_far(&self) -> bool {
        self.change().abs() > TOLERATED
    }
}

/// Where the accepted counts are written: a line for each function.
fn file() -> PathBuf {
    repository().join("benchmark/instructions.txt")
}

/// Counts. With `ASTRAL_WRITE` set, what is counted is accepted.
pub fn measure() -> Vec<Count> {
    let tools = beside("../tools/bin");
    let path = env::join_paths([tools].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())));
    let output = Command::new("cargo")
        .args(["bench", "--quiet", "--locked", "--package", "astral-benchmark", "--bench", "instructions", "--"])
        .args(["--output-format=json", "--nocapture=stderr"])
        .current_dir(repository())
        .env("PATH", path.expect("a path"))
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "cargo bench: {}", String::from_utf8_lossy(&output.stderr));
    let counts: Vec<Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |id: &str| {
        let count = counts.iter().find(|count| count["id"] == id).expect("each benchmark is counted");
        let total = &count["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"];
        total["new"].as_u64().expect("a count of instructions")
    };
    let known = fs::read_to_string(file()).unwrap_or_default();
    let counts = [
        ("the checked request: 50 members, with a key", of("fifty_members")),
        ("the check of a key", of("current_secret")),
        ("a commit: one key is created", (of("fifty") - of("none")) / COMMITS),
    ];
    if env::var_os("ASTRAL_WRITE").is_some() {
        let lines: Vec<_> = counts.iter().map(|(function, count)| format!("{count} {function}\n")).collect();
        fs::write(file(), lines.concat()).expect("the accepted counts can be written");
    }
    let accepted = |function: &str| {
        let line = known.lines().find_map(|line| line.strip_suffix(function));
        line.and_then(|count| count.trim().parse().ok())
    };
    let count = |(function, instructions)| Count { function, instructions, accepted: accepted(function) };
    counts.into_iter().map(count).collect()
}
