//! The commands and the table in `openapi/README.md`.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use astral_tests::{repository, target};

/// What stands in the last column when the story has run.
pub const RAN: &str = "ran";

const BEGIN: &str = "<!-- The table is written by `just clients`. -->\n";
const END: &str = "\n<!-- End of the table. -->";
const HEADINGS: [&str; COLUMNS] = ["Client", "Generator", "Made", "Checked with", "A refusal is", "The story"];
const CLIENTS: [&str; 7] = ["Python", "TypeScript", "Java", "Go", "PHP", "Ruby", "C#"];
const COLUMNS: usize = 6;

/// What came of one client.
pub struct Row {
    pub client: &'static str,
    pub generator: String,
    pub generated: String,
    pub checked: String,
    pub refusal: String,
    pub story: String,
}

type Cells = [String; COLUMNS];

/// Where clients are generated.
pub fn folder() -> PathBuf {
    target().join("clients")
}

fn readme() -> PathBuf {
    repository().join("openapi/README.md")
}

/// The indented lines below the heading of a client.
pub fn command(client: &str) -> String {
    let text = fs::read_to_string(readme()).expect("checked in");
    let heading = format!("\n### {client}\n");
    let (_, section) = text.split_once(&heading).unwrap_or_else(|| panic!("openapi/README.md has no {heading:?}"));
    let lines = section.lines().skip_while(|line| !line.starts_with("    "));
    let command: Vec<&str> = lines.take_while(|line| line.starts_with("    ")).map(str::trim_start).collect();
    assert!(!command.is_empty(), "openapi/README.md has no command for {client}");
    command.join("\n")
}

/// Holds the table's row of a client against what came of it, or writes it.
pub fn hold(row: Row) {
    let client = row.client;
    let happened = [client.to_owned(), row.generator, row.generated, row.checked, row.refusal, row.story];
    if writing() {
        return write(Some(happened));
    }
    let (_, rows, _) = read();
    let written = rows.into_iter().find(|cells| cells[0] == client);
    assert!(
        written.as_ref() == Some(&happened),
        "openapi/README.md does not say what came of the {client} client; if this is right, run: just clients\n\
         - {written:?}\n+ {happened:?}"
    );
}

#[test]
fn the_table_lists_each_client() {
    if writing() {
        return write(None);
    }
    let (before, rows, after) = read();
    let text = fs::read_to_string(readme()).expect("checked in");
    assert!(
        rows.iter().map(|cells| &cells[0]).eq(CLIENTS.iter()) && text == before + &print(&rows) + &after,
        "the table in openapi/README.md is not as `just clients` writes it"
    );
}

fn writing() -> bool {
    std::env::var_os("ASTRAL_WRITE").is_some()
}

/// Puts a row in its place. One at a time, also among processes.
fn write(row: Option<Cells>) {
    fs::create_dir_all(folder()).expect("a folder");
    let lock = File::create(folder().join("table.lock")).expect("made");
    lock.lock().expect("locked");
    let (before, mut rows, after) = read();
    if let Some(row) = row {
        rows.retain(|cells| cells[0] != row[0]);
        rows.push(row);
    }
    let place = |cells: &Cells| CLIENTS.iter().position(|client| *client == cells[0]);
    rows.retain(|cells| place(cells).is_some());
    rows.sort_by_key(place);
    fs::write(readme(), before + &print(&rows) + &after).expect("written");
}

/// What stands before the table, its rows, and what stands after it.
fn read() -> (String, Vec<Cells>, String) {
    let text = fs::read_to_string(readme()).expect("checked in");
    let (before, rest) = text.split_once(BEGIN).expect("openapi/README.md has the line before the table");
    let (table, after) = rest.split_once(END).expect("openapi/README.md has the line after the table");
    let rows = table.lines().skip(2).map(|line| {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        cells.try_into().unwrap_or_else(|_| panic!("a row of openapi/README.md has {COLUMNS} cells: {line}"))
    });
    (before.to_owned() + BEGIN, rows.collect(), END.to_owned() + after)
}

/// The table in Markdown.
fn print(rows: &[Cells]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head = [line(&HEADINGS.map(str::to_owned)), format!("|{}", "---|".repeat(COLUMNS))];
    head.into_iter().chain(rows.iter().map(|cells| line(cells))).collect::<Vec<_>>().join("\n")
}
