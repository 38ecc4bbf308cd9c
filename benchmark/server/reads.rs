//! What reads: each operation beside the same bytes from memory, and how it grows with the data.

use std::{cmp::Ordering, fs};

use serde_json::Value;

use crate::{
    CONNECTIONS, ROUND, ROUNDS, WARM,
    data::{DataSet, Key},
    load::{Load, Request, Requests, load},
    program::{Running, as_role, astral_server},
};

/// Requests of one kind, for one server.
pub struct Operation<'a> {
    pub server: &'a Running,
    pub name: String,
    pub status: u16,
    pub requests: Vec<Request>,
}

/// An operation, and what it took, round by round.
pub struct Row {
    pub name: String,
    pub ours: Vec<Load>,
    /// The same framework, answering the same bytes from memory, right after.
    pub fixed: Vec<Load>,
}

/// The one in the middle.
pub fn median<T>(mut of: Vec<T>, by: impl Fn(&T, &T) -> Ordering) -> T {
    of.sort_by(by);
    of.swap_remove(of.len() / 2)
}

/// By how much more of the processor one takes than the other, from round to round: the machine may be quicker in one
/// round than in the next, and hardly within one.
fn ratio(of: &[Load], to: &[Load]) -> f64 {
    let ratios = of.iter().zip(to).map(|(of, to)| of.processor.as_secs_f64() / to.processor.as_secs_f64());
    median(ratios.collect(), f64::total_cmp)
}

impl Row {
    /// How much more processor time a request takes than one for the same bytes from memory.
    pub fn ratio(&self) -> f64 {
        ratio(&self.ours, &self.fixed)
    }

    /// How much more than one of another operation, that was measured in turns with it.
    pub fn beside(&self, other: &Self) -> f64 {
        ratio(&self.ours, &other.ours)
    }

    /// The round in the middle of the server's, and the memory that it took at most; the round in the middle of the
    /// others.
    pub fn middle(&self) -> (Load, Load) {
        let middle = |loads: &[Load]| median(loads.to_vec(), |one, other| one.processor.cmp(&other.processor));
        let resident = self.ours.iter().map(|load| load.resident).max().unwrap_or_default();
        (Load { resident, ..middle(&self.ours) }, middle(&self.fixed))
    }
}

/// What the server answers to one request.
pub async fn answer(server: &Running, request: &Request) -> (u16, Vec<u8>) {
    let client = astral_client::http().build().expect("a client");
    let asked = client.get(format!("{}{}", server.url, request.path));
    let asked = if request.credential.is_empty() { asked } else { asked.bearer_auth(&request.credential) };
    let answer = asked.send().await.expect("answered");
    (answer.status().as_u16(), answer.bytes().await.expect("a body").to_vec())
}

async fn json(server: &Running, request: &Request) -> Value {
    let (status, body) = answer(server, request).await;
    assert_eq!(status, 200, "{}", request.path);
    serde_json::from_slice(&body).expect("JSON")
}

fn club(key: &Key) -> String {
    format!("/api/v1/organizations/{}", key.club)
}

/// The first members of each key's club.
pub fn fifty_members(keys: &[Key]) -> Vec<Request> {
    keys.iter().map(|key| Request::get(club(key) + "/members?limit=50", &key.secret)).collect()
}

/// The requests of an integration, with each of these keys.
pub fn operations<'a>(server: &'a Running, keys: &[Key]) -> Vec<Operation<'a>> {
    let each = |name: &str, path: &dyn Fn(&Key) -> String| Operation {
        server,
        name: name.to_owned(),
        status: 200,
        requests: keys.iter().map(|key| Request::get(path(key), &key.secret)).collect(),
    };
    // The last character belongs to the checksum, and this one has a right one.
    let unknown = "astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr";
    vec![
        Operation { server, name: "50 members, with a key".to_owned(), status: 200, requests: fifty_members(keys) },
        each("1 member, with a key", &|key| club(key) + "/members?limit=1"),
        each("the club, with a key", &club),
        each("who am I, with a key", &|_| "/api/v1/auth/me".to_owned()),
        Operation {
            server,
            name: "a key that nobody has".to_owned(),
            status: 401,
            requests: keys.iter().map(|key| Request::get(club(key) + "/members?limit=50", unknown)).collect(),
        },
    ]
}

/// Holds what the server answers against what must be there.
pub async fn check(server: &Running, keys: &[Key], set: &DataSet) {
    for key in keys.iter().step_by((keys.len() / 50).max(1)) {
        let page = json(server, &Request::get(club(key) + "/members?limit=200", &key.secret)).await;
        let members = page["data"].as_array().expect("a list");
        assert_eq!(members.len(), (set.members + 1).min(200));
        assert!(members.iter().all(|member| member["organization_id"] == *key.club), "of that club alone");
        if let Some(other) = keys.iter().find(|other| other.club != key.club) {
            let (status, _) = answer(server, &Request::get(club(other) + "/members", &key.secret)).await;
            assert_eq!(status, 404, "nothing of another club");
        }
        let (most, last) = key.secret.split_at(key.secret.len() - 1);
        let wrong = format!("{most}{}", if last == "0" { "1" } else { "0" });
        let (status, _) = answer(server, &Request::get(club(key) + "/members", &wrong)).await;
        assert_eq!(status, 401, "a wrong key opens nothing");
    }
}

/// Measures operations in turns, each beside the same bytes from memory. What is to be compared stands side by side.
pub async fn measure(operations: &[Operation<'_>]) -> Vec<Row> {
    let bodies = tempfile::tempdir().expect("a folder");
    for (number, operation) in operations.iter().enumerate() {
        let (status, body) = answer(operation.server, &operation.requests[0]).await;
        assert_eq!(status, operation.status, "{}", operation.name);
        fs::write(bodies.path().join(format!("{number:03}")), body).expect("written");
    }
    let fixed = Running::start(&mut as_role("fixed", bodies.path()));
    let files = tempfile::tempdir().expect("a folder");
    let file = |name: &str, requests: &[Request], refused| Requests::new(files.path(), name, requests, refused);
    let pairs: Vec<_> = operations
        .iter()
        .enumerate()
        .map(|(number, Operation { status, requests, .. })| {
            let same = Request { path: format!("/{number}"), ..requests[0].clone() };
            let ours = file(&format!("ours {number}"), requests, *status >= 400);
            (ours, file(&format!("fixed {number}"), &[same], false))
        })
        .collect();
    for ((ours, theirs), operation) in pairs.iter().zip(operations) {
        // What is read from disk for the first time is read here.
        load(operation.server, ours, CONNECTIONS, WARM);
        load(&fixed, theirs, CONNECTIONS, 1);
    }
    // In turns: a machine that others use too is quick for a while and then slow.
    let mut loads = vec![(Vec::new(), Vec::new()); pairs.len()];
    for _ in 0..ROUNDS {
        for (((ours, theirs), operation), loads) in pairs.iter().zip(operations).zip(&mut loads) {
            loads.0.push(load(operation.server, ours, CONNECTIONS, ROUND));
            loads.1.push(load(&fixed, theirs, CONNECTIONS, ROUND));
        }
    }
    let row = |(operation, (ours, fixed)): (&Operation<'_>, _)| Row { name: operation.name.clone(), ours, fixed };
    operations.iter().zip(loads).map(row).collect()
}

/// Starts the server on a set, and checks what it answers.
pub async fn serve(set: &DataSet, keys: &[Key]) -> Running {
    let server = Running::start(&mut astral_server(&set.folder()));
    check(&server, keys, set).await;
    server
}

/// Pages of one roster: the first, ones that are far behind it, and ones with filters.
pub async fn pages<'a>(server: &'a Running, keys: &[Key]) -> Vec<Operation<'a>> {
    let key = &keys[0];
    let roster = club(key) + "/members";
    let coach = json(server, &Request::get(format!("{roster}?role=coach&limit=1"), &key.secret)).await;
    let coach = coach["data"][0]["id"].as_str().expect("there are coaches").to_owned();
    let with = |name: &str, query: &str| Operation {
        server,
        name: name.to_owned(),
        status: 200,
        requests: keys.iter().map(|key| Request::get(format!("{roster}?limit=50{query}"), &key.secret)).collect(),
    };
    let middle = cursor_after(server, &roster, key, 500_000).await;
    let end = cursor_after(server, &roster, key, 999_000).await;
    vec![
        with("the first page", ""),
        with("the page after 500,000 members", &format!("&cursor={middle}")),
        with("the page after 999,000 members", &format!("&cursor={end}")),
        with("label=U14", "&label=U14"),
        with("status=suspended", "&status=suspended"),
        with("role=coach", "&role=coach"),
        with("coach_id=…", &format!("&coach_id={coach}")),
        with("q=ana", "&q=ana"),
        with("q=m1, a word of emails", "&q=m1"),
        with("q=ana%20ruiz", "&q=ana%20ruiz"),
        with("label=U14, status=suspended, q=ana", "&label=U14&status=suspended&q=ana"),
    ]
}

/// The cursor of the page after so many members.
async fn cursor_after(server: &Running, roster: &str, key: &Key, members: usize) -> String {
    let mut cursor = String::new();
    for _ in 0..members / 200 {
        let from = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        let page = json(server, &Request::get(format!("{roster}?limit=200{from}"), &key.secret)).await;
        cursor = page["next_cursor"].as_str().expect("there are more").to_owned();
    }
    cursor
}

/// The keys of so many clubs, which lie far from each other.
pub fn spread(keys: &[Key], clubs: usize, keys_a_club: usize) -> Vec<Key> {
    keys.iter().step_by((keys.len() / clubs).max(keys_a_club)).take(clubs).cloned().collect()
}
