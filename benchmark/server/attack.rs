//! Whoever guesses passwords as fast as they can, and those who have a key meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    BESIDE, SECONDS, WARM,
    baseline::FromMemory,
    data::{DataSet, Key},
    load::{Load, Loading, Requests, load},
    program::{Running, astral_server},
    reads,
};

/// How many requests are sent a second beside those that are measured.
pub const A_SECOND: u32 = 1_000;
/// How often it is measured, in turns.
const TIMES: usize = 9;
/// How long those with a key wait before each request, in milliseconds: not at all, so that the processor has nothing left
/// to give, and long enough for it to have much.
const PAUSES: [u32; 2] = [0, 5];

/// What is measured, and what is sent beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The same bytes from memory; nothing else is sent.
    FromMemory,
    /// Requests with a key; nothing else is sent.
    Alone,
    /// Beside sign-ins that are refused before a password is hashed, for want of one.
    BesideMalformed,
    /// Beside wrong sign-ins, each from an address and for an email of its own.
    BesideGuesses,
}

/// What came of it, time by time.
pub struct Attack {
    pub measured: Measured,
    /// How long they wait before each, in milliseconds.
    pub pause: u32,
    pub loads: Vec<Load>,
}

/// What came of it.
pub struct Attacks {
    pub attacks: Vec<Attack>,
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

/// Guesses for so long, however late the answers are; with passwords, or without.
async fn guess(url: String, seconds: u32, with_passwords: bool, all: Arc<Mutex<Guesses>>) {
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
        let mut body = json!({ "email": format!("nobody-{number}@seed.example") });
        if with_passwords {
            body["password"] = "not-the-password".into();
        }
        let request = client
            .post(format!("{url}/api/v1/auth/login"))
            .header("Content-Type", "application/json")
            .header("X-Forwarded-For", format!("198.{b}.{c}.{d}"))
            .body(body.to_string());
        let all = Arc::clone(&all);
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
pub async fn measure(set: &DataSet, keys: &[Key]) -> Attacks {
    let server = Running::start(astral_server(&set.folder()).args(["--trusted-proxy", "127.0.0.1"]));
    let files = tempfile::tempdir().expect("a folder");
    let fifty_members = reads::fifty_members(keys);
    let reading = Requests::new(files.path(), "read", &fifty_members, false);
    let memory = FromMemory::of(&[(&server, &fifty_members[0], 200)]).await;
    load(&server, &reading, BESIDE, WARM);
    let kinds = [Measured::FromMemory, Measured::Alone, Measured::BesideMalformed, Measured::BesideGuesses];
    let mut attacks: Vec<_> = PAUSES
        .into_iter()
        .flat_map(|pause| kinds.map(|measured| Attack { measured, pause, loads: Vec::new() }))
        .collect();
    let (guesses, others) = (Arc::new(Mutex::new(Guesses::default())), Arc::default());
    let requests = PAUSES.map(|pause| [&memory.requests[0], &reading].map(|requests| requests.with_pauses(pause)));
    for _ in 0..TIMES {
        for (of_pause, [same, reading]) in attacks.chunks_mut(kinds.len()).zip(&requests) {
            for Attack { measured, loads, .. } in of_pause {
                let reading = match measured {
                    Measured::FromMemory => Loading::begin(&memory.server, same, BESIDE, SECONDS),
                    _ => Loading::begin(&server, reading, BESIDE, SECONDS),
                };
                let guess = |with_passwords, all| {
                    tokio::spawn(guess(server.url.clone(), SECONDS, with_passwords, Arc::clone(all)))
                };
                let guessing = match measured {
                    Measured::FromMemory | Measured::Alone => None,
                    Measured::BesideMalformed => Some(guess(false, &others)),
                    Measured::BesideGuesses => Some(guess(true, &guesses)),
                };
                // Before the last of them are answered, which takes its time.
                loads.push(reading.end());
                if let Some(guessing) = guessing {
                    guessing.await.expect("no panic");
                }
            }
        }
    }
    server.stop();
    let Guesses { answers, longest, .. } = std::mem::take(&mut *guesses.lock().expect("not poisoned"));
    Attacks { attacks, answers, longest }
}
