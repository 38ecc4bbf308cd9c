//! Requests that must be answered alike and cost the same, whatever they are about.

use std::collections::BTreeMap;

use astral_tests::TestServer;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

/// How often each is sent. So often the throttle lets a password be guessed at without a wait.
pub const ROUNDS: usize = 5;

/// What a server in this process has done to answer. Of a small table nothing counts: its one page is in memory with the
/// snapshot that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Pages of the database that were looked at, whether or not they were in memory.
    pub pages: u64,
    /// Passwords that were hashed.
    pub hashes: u64,
    /// Look-ups of what may be kept of what was read before.
    pub kept: u64,
    /// Commits.
    pub commits: u64,
}

impl Work {
    fn so_far(server: &TestServer) -> Self {
        let measures = server.service().measures();
        Self {
            pages: measures.cache.hits + measures.cache.misses,
            kept: measures.cache.kept.hits + measures.cache.kept.misses,
            hashes: measures.hashing.durations.read().count(),
            commits: measures.commits.durations.read().count(),
        }
    }

    fn since(self, before: Self) -> Self {
        Self {
            pages: self.pages - before.pages,
            kept: self.kept - before.kept,
            hashes: self.hashes - before.hashes,
            commits: self.commits - before.commits,
        }
    }

    fn least(self, other: Self) -> Self {
        Self {
            pages: self.pages.min(other.pages),
            kept: self.kept.min(other.kept),
            hashes: self.hashes.min(other.hashes),
            commits: self.commits.min(other.commits),
        }
    }
}

/// What was answered, but for what is every answer's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    headers: BTreeMap<String, String>,
    pub body: String,
}

/// Headers whose values differ from one answer to the next, whatever was asked for.
const OWN: [&str; 3] = ["date", "ratelimit", "x-request-id"];

impl Answer {
    /// All of it.
    pub async fn of(answer: Response) -> Self {
        let status = answer.status().as_u16();
        let text = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        let request_id = text("x-request-id");
        let headers = answer.headers().keys().map(|name| {
            let name = name.to_string();
            let value = if OWN.contains(&&*name) { String::new() } else { text(&name) };
            (name, value)
        });
        let headers = headers.collect();
        let body = answer.text().await.expect("text").replace(&request_id, "");
        Self { status, headers, body }
    }

    /// Of one that tells of something new, the status, the names of its headers, and what its body is made of.
    pub fn outlined(self) -> Self {
        let headers = self.headers.into_keys().map(|name| (name, String::new())).collect();
        let body = serde_json::from_str(&self.body).map(outline).expect("JSON");
        Self { status: self.status, headers, body: body.to_string() }
    }
}

fn outline(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, outline(value))).collect(),
        Value::Array(values) => values.into_iter().map(outline).collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        other => other,
    }
}

/// Sends a request; what is answered, and what that took.
pub async fn measured(server: &TestServer, request: RequestBuilder) -> (Answer, Work) {
    let before = Work::so_far(server);
    let answer = Answer::of(request.send().await.expect("answered")).await;
    (answer, Work::so_far(server).since(before))
}

/// Sends all of them in turn, several times over; what all were answered, and the least that each took: what the server does
/// by itself meanwhile only adds to that.
///
/// # Panics
/// If one was answered otherwise than another, or took other work.
pub async fn alike(server: &TestServer, twins: &[(&str, RequestBuilder)]) -> (Answer, Work) {
    let mut seen: Vec<(Answer, Work)> = Vec::new();
    for _ in 0..ROUNDS {
        for (at, (name, request)) in twins.iter().enumerate() {
            let (answer, work) = measured(server, request.try_clone().expect("its body is in memory")).await;
            if let Some((first, _)) = seen.first() {
                assert_eq!(*first, answer, "{}, {name}", twins[0].0);
            }
            match seen.get_mut(at) {
                Some((_, least)) => *least = least.least(work),
                None => seen.push((answer, work)),
            }
        }
    }
    let took: Vec<_> = twins.iter().zip(&seen).map(|((name, _), (_, work))| (name, work)).collect();
    let (answer, work) = seen[0].clone();
    assert!(seen.iter().all(|(_, other)| *other == work), "{took:?}: {answer:?}");
    assert!(work.pages + work.kept > 0, "no look-up was counted: {answer:?}");
    (answer, work)
}
