//! Whoever guesses passwords as fast as they can, and those who have a key meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    BESIDE, SECONDS,
    data::{DataSet, Key},
    load::{Load, Loading, Requests, load},
    program::{Running, astral_server},
    reads,
};

/// How many wrong sign-ins are sent a second, each from an address and for an email of its own.
pub const A_SECOND: u32 = 1_000;
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

/// What came of the guesses so far.
#[derive(Default)]
struct Guesses {
    answers: BTreeMap<u16, usize>,
    longest: Duration,
    sent: u32,
}

/// Guesses for so long, however late the answers are.
async fn guess(url: &str, seconds: u32, all: &Arc<Mutex<Guesses>>) {
    let client = astral_client::http().build().expect("a client");
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
    let mut guesses = Vec::new();
    for _ in 0..seconds * A_SECOND {
        ticks.tick().await;
        let number = {
            let mut all = all.lock().expect("not poisoned");
            all.sent += 1;
            all.sent
        };
        let [_, b, c, d] = number.to_be_bytes();
        let body = json!({ "email": format!("nobody-{number}@seed.example"), "password": "not-the-password" });
        let request = client
            .post(format!("{url}/api/v1/auth/login"))
            .header("Content-Type", "application/json")
            .header("X-Forwarded-For", format!("198.{b}.{c}.{d}"))
            .body(body.to_string());
        let all = Arc::clone(all);
        guesses.push(tokio::spawn(async move {
            let begun = Instant::now();
            let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
            let mut all = all.lock().expect("not poisoned");
            *all.answers.entry(status).or_default() += 1;
            all.longest = all.longest.max(begun.elapsed());
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
    let reading = Requests::new(files.path(), "read", &reads::fifty_members(keys), false);
    load(&server, &reading, BESIDE, 2);
    let (mut alone, mut attacked, guesses) = (Vec::new(), Vec::new(), Arc::new(Mutex::new(Guesses::default())));
    for _ in 0..TIMES {
        alone.push(load(&server, &reading, BESIDE, SECONDS));
        let reading = Loading::begin(&server, &reading, BESIDE, SECONDS);
        guess(&server.url, SECONDS, &guesses).await;
        attacked.push(reading.end());
    }
    server.stop();
    alone.sort_by_key(|load| load.p99);
    attacked.sort_by_key(|load| load.p99);
    let Guesses { answers, longest, .. } = std::mem::take(&mut *guesses.lock().expect("not poisoned"));
    Attack { alone: alone[TIMES / 2], attacked: attacked[TIMES / 2], answers, longest }
}
