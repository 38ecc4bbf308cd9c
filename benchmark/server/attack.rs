//! Whoever guesses passwords as fast as they can, and those who have a key meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    SECONDS,
    data::{DataSet, Key},
    load::{Load, Loading, Request, Requests, load},
    program::{Running, astral_server},
};

/// How many wrong sign-ins are sent a second, each from an address and for an email of its own.
pub const A_SECOND: u32 = 1_000;
/// Of those who have a key.
const CONNECTIONS: u32 = 8;
/// How often it is measured, with and without.
const TIMES: usize = 3;

/// What came of it.
pub struct Attack {
    /// Requests with a key while nobody guesses, and while somebody does: each the one with the median of the p99s.
    pub alone: Load,
    pub attacked: Load,
    /// How many guesses were answered with each status.
    pub answers: BTreeMap<u16, usize>,
    /// The longest time that a guess waited for its answer.
    pub longest: Duration,
}

#[derive(Default)]
struct Answers(Mutex<(BTreeMap<u16, usize>, Duration)>);

/// Guesses for so long, however late the answers are.
async fn guess(url: &str, seconds: u32, answers: &Arc<Answers>) {
    let client = astral_client::http().build().expect("a client");
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
    let mut guesses = Vec::new();
    for number in 0..seconds * A_SECOND {
        ticks.tick().await;
        let [_, b, c, d] = number.to_be_bytes();
        let body = json!({ "email": format!("nobody-{number}@seed.example"), "password": "not-the-password" });
        let request = client
            .post(format!("{url}/api/v1/auth/login"))
            .header("Content-Type", "application/json")
            .header("X-Forwarded-For", format!("198.{b}.{c}.{d}"))
            .body(body.to_string());
        let answers = Arc::clone(answers);
        guesses.push(tokio::spawn(async move {
            let begun = Instant::now();
            let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
            let mut answers = answers.0.lock().expect("not poisoned");
            *answers.0.entry(status).or_default() += 1;
            answers.1 = answers.1.max(begun.elapsed());
        }));
    }
    for guess in guesses {
        guess.await.expect("no panic");
    }
}

/// Measures requests with keys of a set.
pub async fn measure(set: &DataSet, keys: &[Key]) -> Attack {
    let server = Running::start(astral_server(&set.folder()).args(["--trusted-proxy", "127.0.0.1"]));
    let files = tempfile::tempdir().expect("a folder");
    let reading: Vec<_> = keys
        .iter()
        .map(|key| Request::get(format!("/api/v1/organizations/{}/members?limit=50", key.club), &key.secret))
        .collect();
    let reading = Requests::new(files.path(), "read", &reading, false);
    load(&server, &reading, CONNECTIONS, 2);
    let (mut alone, mut attacked, answers) = (Vec::new(), Vec::new(), Arc::new(Answers::default()));
    for _ in 0..TIMES {
        alone.push(load(&server, &reading, CONNECTIONS, SECONDS));
        let reading = Loading::begin(&server, &reading, CONNECTIONS, SECONDS);
        guess(&server.url, SECONDS, &answers).await;
        attacked.push(reading.end());
    }
    server.stop();
    alone.sort_by_key(|load| load.p99);
    attacked.sort_by_key(|load| load.p99);
    let (answers, longest) = std::mem::take(&mut *answers.0.lock().expect("not poisoned"));
    Attack { alone: alone[TIMES / 2], attacked: attacked[TIMES / 2], answers, longest }
}
