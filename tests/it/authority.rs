//! Who may do what: every operation of the document, by every kind of caller, over HTTP, held against the
//! table in `authority.md`.

mod callers;

use std::fmt::Write as _;

use astral_server::service::Clock;
use astral_tests::{
    TestServer,
    document::{Operation, operations},
    repository,
};
use serde_json::Value;

use self::callers::{Clubs, ON_FREE};
use crate::requests::{Caller, Request, valid, variants};

const PREFACE: &str = "\
# Who may do what

Written by `just authority` from what the server answers; a test holds the server to it. Each cell is a valid
request against targets of its own. `–`: there is no such request.

The callers *on free* call about their own club, whose plan is `free`; everyone else about the club called home.
An *outsider* is the head coach of another club. Operations that ask for no credential are sent the caller's all
the same. The server is set up, so setting it up is refused to everybody.
";

/// A heading, and a cell for each caller in each row.
struct Table {
    title: &'static str,
    rows: Vec<Vec<String>>,
}

#[tokio::test]
async fn every_caller_may_do_what_the_table_says() {
    let clock = Clock::fixed("2030-01-01T00:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock.clone()).await;
    let mut tables = [("People", Vec::new()), ("API keys", Vec::new())].map(|(title, rows)| Table { title, rows });
    for operation in operations() {
        for variant in variants(&operation.id) {
            let row = tables[0].rows.len();
            let clubs = Clubs::found(&server, row).await;
            let sides = [&clubs.people, &clubs.keys];
            let mut prepared = Vec::new();
            for callers in sides {
                prepared.push(prepare(&server, &clubs, &operation, variant, callers).await);
            }
            clubs.settle(&server, &clock).await;
            for ((table, callers), requests) in tables.iter_mut().zip(sides).zip(prepared) {
                if row == 0 {
                    let names = callers.iter().map(|caller| caller.name.to_owned());
                    table.rows.push([String::new()].into_iter().chain(names).collect());
                }
                let name =
                    if variant.is_empty() { operation.id.clone() } else { format!("{} ({variant})", operation.id) };
                let mut cells = vec![name];
                for (caller, request) in callers.iter().zip(requests) {
                    cells.push(cell(&server, &operation, caller, request).await);
                }
                table.rows.push(cells);
            }
        }
    }
    hold_against_the_file(&write(&tables));
}

/// Everything that the requests of a row need, made before the first of them is sent.
async fn prepare(
    server: &TestServer,
    clubs: &Clubs,
    operation: &Operation,
    variant: &str,
    callers: &[Caller],
) -> Vec<Option<Request>> {
    let mut requests = Vec::new();
    for caller in callers {
        let club = if ON_FREE.contains(&caller.name) { &clubs.free } else { &clubs.home };
        requests.push(valid(server, club, operation, variant, caller).await);
    }
    requests
}

/// The status, and for refusals the problem's code.
async fn cell(server: &TestServer, operation: &Operation, caller: &Caller, request: Option<Request>) -> String {
    let Some(request) = request else { return "–".to_owned() };
    let answer = request.by(server, caller.credential.as_deref()).send().await.expect("answered");
    let status = answer.status();
    let undocumented = operation.undocumented(status.as_u16(), answer.headers());
    assert!(undocumented.is_empty(), "{} by {}: {undocumented:?}", operation.id, caller.name);
    assert!(!status.is_server_error(), "{} by {}: {status}", operation.id, caller.name);
    if status.is_success() {
        return status.as_u16().to_string();
    }
    let problem: Value = answer.json().await.expect("a problem");
    format!("{} {}", status.as_u16(), problem["code"].as_str().expect("a code"))
}

/// The tables in Markdown, with columns as wide as their widest cell.
fn write(tables: &[Table]) -> String {
    let mut text = PREFACE.to_owned();
    for Table { title, rows } in tables {
        let widths: Vec<usize> = (0..rows[0].len())
            .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
            .collect();
        let _ = write!(text, "\n## {title}\n");
        for (position, row) in rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
            let _ = write!(text, "\n| {} |", cells.join(" | "));
            if position == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                let _ = write!(text, "\n| {} |", rules.join(" | "));
            }
        }
        text.push('\n');
    }
    text
}

fn hold_against_the_file(generated: &str) {
    let path = repository().join("tests/it/authority.md");
    if std::env::var_os("ASTRAL_WRITE").is_some() {
        std::fs::write(&path, generated).expect("written");
        return;
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    let missing = |these: &str, those: &str, sign: char| {
        these.lines().filter(|line| !those.lines().any(|other| other == *line)).fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{sign} {line}");
            text
        })
    };
    assert!(
        checked_in == generated,
        "tests/it/authority.md is not what the server does; if the server is right, run: just authority\n{}{}",
        missing(&checked_in, generated, '-'),
        missing(generated, &checked_in, '+'),
    );
}
