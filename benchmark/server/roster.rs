//! Pages of one long roster.

use serde_json::Value;

use crate::{data::Key, load::Request, program::Running, reads::club, rounds::Operation};

/// How many pages of a roster are asked for in turn, where none is to be found among what is kept: that holds about 1,000.
const DIFFERENT: usize = 2_500;

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
    let again = |name: &str, query: &str| {
        let request = |key: &Key| Request::get(format!("{}?limit=50{query}", roster.path), &key.secret);
        Operation::new(server, name, keys.iter().map(request).collect()).steady()
    };
    let middle = roster.cursor_after(500_000).await;
    let end = roster.cursor_after(900_000).await;
    let coaches = roster.coaches().await;
    let words = pairs(&FIRST_NAMES, &LAST_NAMES, |first, last| format!("&q={first}%20{last}"));
    let three = pairs(&LAST_NAMES, &LABELS, |last, label| format!("&label={label}&status=suspended&q={last}"));
    // Each with how many members its pages begin after each other: of a list that is shorter than as many pages as are asked
    // for, fewer.
    let different = [
        ("the first pages", 7, vec![(String::new(), String::new())]),
        ("pages after 500,000 members", 7, vec![(String::new(), middle)]),
        ("pages after 900,000 members", 7, vec![(String::new(), end.clone())]),
        ("label=…", 7, from_the_first(&["&label=U14".to_owned()])),
        ("status=suspended", 7, from_the_first(&["&status=suspended".to_owned()])),
        ("role=coach", 7, from_the_first(&["&role=coach".to_owned()])),
        ("coach_id=…, 24 members", 7, from_the_first(&coaches)),
        ("q=ana", 7, from_the_first(&["&q=ana".to_owned()])),
        ("q=m1, how a word of one in nine emails begins", 7, from_the_first(&["&q=m1".to_owned()])),
        ("q=rare, a word of one in 200 emails", 2, from_the_first(&["&q=rare".to_owned()])),
        ("q=seed, a word of nearly all emails", 7, from_the_first(&["&q=seed".to_owned()])),
        ("q=ana%20ruiz, and other pairs of names", 7, from_the_first(&words)),
        ("label=U12, status=suspended, q=ruiz, and other such three", 7, from_the_first(&three)),
    ];
    let mut first_time = Vec::new();
    for (name, apart, queries) in different {
        first_time.push(Operation::new(server, name, roster.different(&queries, apart).await).steady());
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
        self.server.json(&self.request(limit, query, cursor)).await
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
