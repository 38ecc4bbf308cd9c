//! What reads: each operation beside the same bytes from memory, and how it grows with the data.

use std::{cmp::Ordering, fs};

use serde_json::Value;

use crate::{
    CONNECTIONS, ROUND, ROUNDS, WARM,
    data::{DataSet, Key},
    load::{Load, Request, Requests, load},
    program::{Running, as_role, astral_server},
};

/// How many pages of a roster are asked for in turn, where none is to be found among what is kept: that holds about 1,000.
const DIFFERENT: usize = 2_500;

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
    /// How often something was not found among what is kept, in all rounds.
    pub misses: u64,
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

    /// How many of the requests found all that they need among what is kept, if each needs no more than one thing that it
    /// might not find; in percent.
    pub fn found(&self) -> f64 {
        let requests: u64 = self.ours.iter().map(|load| load.requests).sum();
        100.0 * requests.saturating_sub(self.misses) as f64 / requests.max(1) as f64
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
    let asked = server.client.get(format!("{}{}", server.url, request.path));
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
    let row = |operation: &Operation<'_>| Row {
        name: operation.name.clone(),
        ours: Vec::new(),
        fixed: Vec::new(),
        misses: 0,
    };
    let mut rows: Vec<_> = operations.iter().map(row).collect();
    for _ in 0..ROUNDS {
        for (((ours, theirs), operation), row) in pairs.iter().zip(operations).zip(&mut rows) {
            let before = misses(operation.server).await;
            row.ours.push(load(operation.server, ours, CONNECTIONS, ROUND));
            row.misses += misses(operation.server).await - before;
            row.fixed.push(load(&fixed, theirs, CONNECTIONS, ROUND));
        }
    }
    rows
}

/// How often the server has not found what it looked for among what is kept, as it tells Prometheus.
async fn misses(server: &Running) -> u64 {
    let page = server.client.get(&server.metrics).send().await.expect("answered").text().await.expect("a text");
    let count = page.lines().find_map(|line| line.strip_prefix("astral_kept_misses_total "));
    count.and_then(|count| count.parse().ok()).expect("it is counted")
}

/// Starts the server on a set, and checks what it answers.
pub async fn serve(set: &DataSet, keys: &[Key]) -> Running {
    let server = Running::start(&mut astral_server(&set.folder()));
    check(&server, keys, set).await;
    server
}

/// Pages of one roster.
pub struct Pages<'a> {
    /// The first, ones that are far behind it, and ones with filters; none of which is kept when it is asked for.
    pub first_time: Vec<Operation<'a>>,
    /// Some of them, asked for again and again.
    pub again: Vec<Operation<'a>>,
}

/// Words that members of a set have in their names.
const FIRST_NAMES: [&str; 10] = ["ana", "ben", "chidi", "dana", "elif", "farid", "grace", "hana", "ivan", "jola"];
const LAST_NAMES: [&str; 10] =
    ["ruiz", "okoro", "nowak", "haddad", "kim", "silva", "ivanov", "mensah", "larsen", "moreau"];
const LABELS: [&str; 10] = ["U12", "U14", "U16", "U18", "U20", "Senior", "Masters", "Sprint", "Marathon", "Trail"];

/// Each of the ones with each of the others.
fn pairs(ones: &[&str], others: &[&str], query: impl Fn(&str, &str) -> String) -> Vec<String> {
    ones.iter().flat_map(|one| others.iter().map(|other| query(one, other)).collect::<Vec<_>>()).collect()
}

/// Requests for pages of the set's one club.
pub async fn pages<'a>(server: &'a Running, keys: &[Key]) -> Pages<'a> {
    let key = &keys[0];
    let roster = Roster { server, path: club(key) + "/members", key };
    let operation =
        |name: &str, requests: Vec<Request>| Operation { server, name: name.to_owned(), status: 200, requests };
    let again = |name: &str, query: &str| {
        let request = |key: &Key| Request::get(format!("{}?limit=50{query}", roster.path), &key.secret);
        operation(name, keys.iter().map(request).collect())
    };
    let middle = roster.cursor_after(500_000).await;
    let end = roster.cursor_after(900_000).await;
    let coaches = roster.coaches().await;
    let words = pairs(&FIRST_NAMES, &LAST_NAMES, |first, last| format!("&q={first}%20{last}"));
    let three = pairs(&LAST_NAMES, &LABELS, |last, label| format!("&label={label}&status=suspended&q={last}"));
    let different = [
        ("the first pages", vec![(String::new(), String::new())]),
        ("pages after 500,000 members", vec![(String::new(), middle)]),
        ("pages after 900,000 members", vec![(String::new(), end.clone())]),
        ("label=…", from_the_first(&["&label=U14".to_owned()])),
        ("status=suspended", from_the_first(&["&status=suspended".to_owned()])),
        ("role=coach", from_the_first(&["&role=coach".to_owned()])),
        ("coach_id=…, 24 members", from_the_first(&coaches)),
        ("q=ana", from_the_first(&["&q=ana".to_owned()])),
        ("q=m1, how a word of one in nine emails begins", from_the_first(&["&q=m1".to_owned()])),
        ("q=rare, a word of one in 200 emails", from_the_first(&["&q=rare".to_owned()])),
        ("q=seed, a word of nearly all emails", from_the_first(&["&q=seed".to_owned()])),
        ("q=ana%20ruiz, and other pairs of names", from_the_first(&words)),
        ("label=U12, status=suspended, q=ruiz, and other such three", from_the_first(&three)),
    ];
    let mut first_time = Vec::new();
    for (name, queries) in different {
        // Of a list that is shorter than as many pages as are asked for.
        let apart = if name.starts_with("q=rare") { 2 } else { 7 };
        first_time.push(operation(name, roster.different(&queries, apart).await));
    }
    let again = vec![
        again("the first page", ""),
        again("the page after 900,000 members", &format!("&cursor={end}")),
        again("label=U14", "&label=U14"),
        again("q=ana%20ruiz", "&q=ana%20ruiz"),
    ];
    Pages { first_time, again }
}

/// These queries, each from the first page on.
fn from_the_first(queries: &[String]) -> Vec<(String, String)> {
    queries.iter().map(|query| (query.clone(), String::new())).collect()
}

/// The members of one club, for one of its keys.
struct Roster<'a> {
    server: &'a Running,
    path: String,
    key: &'a Key,
}

impl Roster<'_> {
    /// A page of so many members, from a cursor on if it is not empty.
    async fn page(&self, limit: usize, query: &str, cursor: &str) -> Value {
        json(self.server, &self.request(limit, query, cursor)).await
    }

    /// The request for that page.
    fn request(&self, limit: usize, query: &str, cursor: &str) -> Request {
        let from = if cursor.is_empty() { String::new() } else { format!("&cursor={cursor}") };
        Request::get(format!("{}?limit={limit}{query}{from}", self.path), &self.key.secret)
    }

    /// The cursor of the page after so many members.
    async fn cursor_after(&self, members: usize) -> String {
        let mut cursor = String::new();
        for _ in 0..members / 200 {
            let page = self.page(200, "", &cursor).await;
            cursor = page["next_cursor"].as_str().expect("there are more").to_owned();
        }
        cursor
    }

    /// Queries for the athletes of as many coaches as pages are asked for.
    async fn coaches(&self) -> Vec<String> {
        let (mut coaches, mut cursor) = (Vec::new(), String::new());
        while coaches.len() < DIFFERENT {
            let page = self.page(200, "&role=coach", &cursor).await;
            let id = |coach: &Value| coach["id"].as_str().map(|id| format!("&coach_id={id}"));
            coaches.extend(page["data"].as_array().expect("coaches").iter().filter_map(id));
            cursor = page["next_cursor"].as_str().expect("there are more").to_owned();
        }
        coaches
    }

    /// Requests for pages of 50 members that each begin so many members after another, of these queries and from these
    /// cursors on: no two for the same page.
    async fn different(&self, queries: &[(String, String)], apart: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        for (query, cursor) in queries {
            let (mut cursor, mut found) = (cursor.clone(), 0);
            for _ in 0..DIFFERENT.div_ceil(queries.len()) {
                requests.push(self.request(50, query, &cursor));
                let page = self.page(apart, query, &cursor).await;
                found += page["data"].as_array().map_or(0, Vec::len);
                let Some(next) = page["next_cursor"].as_str() else { break };
                next.clone_into(&mut cursor);
            }
            assert!(found > 0, "{query}: nobody; a set that an older version has made is to be removed");
        }
        requests
    }
}

/// The keys of so many clubs, which lie far from each other.
pub fn spread(keys: &[Key], clubs: usize, keys_a_club: usize) -> Vec<Key> {
    keys.iter().step_by((keys.len() / clubs).max(keys_a_club)).take(clubs).cloned().collect()
}
