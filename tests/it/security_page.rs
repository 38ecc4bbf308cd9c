//! What `docs/security.md` and `docs/reliability.md` say is shown by tests that exist, and every requirement has its row.

use std::{
    fs,
    path::{Path, PathBuf},
};

use astral_tests::repository;

const SECURITY: &str = "docs/security.md";

/// How many requirements each section of ASVS 5.0 has in the chapters that the page goes through.
const ASVS: [(&str, usize); 22] = [
    ("4.1", 5),
    ("4.2", 5),
    ("4.3", 2),
    ("4.4", 4),
    ("6.1", 3),
    ("6.2", 12),
    ("6.3", 8),
    ("6.4", 6),
    ("6.5", 8),
    ("6.6", 4),
    ("6.7", 2),
    ("6.8", 4),
    ("7.1", 3),
    ("7.2", 4),
    ("7.3", 2),
    ("7.4", 5),
    ("7.5", 3),
    ("7.6", 2),
    ("8.1", 4),
    ("8.2", 4),
    ("8.3", 3),
    ("8.4", 2),
];

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands in backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The sources of a module of these tests: its file, and what is in the folder of its name.
fn sources(module: &str) -> Vec<PathBuf> {
    let tests = repository().join("tests/it");
    let mut found = vec![tests.join(module).with_extension("rs")];
    let inside = fs::read_dir(tests.join(module)).into_iter().flatten();
    found.extend(inside.map(|entry| entry.expect("an entry").path()));
    found.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "rs"));
    found
}

/// What is wrong with a name of a module, or of a test in it.
fn fault(name: &str) -> Option<String> {
    let mut parts = name.split("::");
    let module = parts.next()?;
    let sources = sources(module);
    if sources.is_empty() {
        return Some(format!("{name}: there is no tests/it/{module}.rs"));
    }
    let test = format!("fn {}(", parts.last()?);
    let is_there = |path: &PathBuf| fs::read_to_string(path).expect("a source").contains(&test);
    (!sources.iter().any(is_there)).then(|| format!("{name}: tests/it/{module} has no '{test}'"))
}

/// The rows of the page's tables whose first cell is a number: `API1:2023` or `4.1.1`.
fn rows(page: &str) -> Vec<Vec<&str>> {
    fn cells(line: &str) -> Option<Vec<&str>> {
        Some(line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect())
    }
    let is_numbered = |row: &Vec<&str>| row[0].starts_with("API") || row[0].starts_with(|c: char| c.is_ascii_digit());
    page.lines().filter_map(cells).filter(is_numbered).collect()
}

#[test]
fn every_test_that_the_pages_name_exists() {
    let mut faults = Vec::new();
    let mut named = 0;
    for page in [SECURITY, "docs/reliability.md"] {
        if page != SECURITY && !repository().join(page).exists() {
            continue;
        }
        let text = read(page);
        let tests: Vec<&str> =
            code(&text).filter(|code| code.contains("::") && code.split("::").all(is_name)).collect();
        named += tests.len();
        faults.extend(tests.into_iter().filter_map(fault).map(|fault| format!("{page}: {fault}")));
    }
    assert!(named > 0);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_requirement_has_a_row_with_what_shows_it_or_says_what_is_missing() {
    let page = read(SECURITY);
    let rows = rows(&page);
    let risks = (1..=10).map(|number| format!("API{number}:2023"));
    let requirements = ASVS.iter().flat_map(|(section, count)| (1..=*count).map(move |at| format!("{section}.{at}")));
    let numbers: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(numbers, risks.chain(requirements).collect::<Vec<_>>());

    let mut faults = Vec::new();
    for row in &rows {
        let [number, _, done, shown] = row[..] else { panic!("{row:?} has not four cells") };
        let excused = done.starts_with('★') || done.starts_with("Does not apply");
        if !excused && code(shown).next().is_none() {
            faults.push(format!("{number}: nothing shows it, and nothing says that it is missing"));
        }
        for name in code(shown) {
            let is_file = name.contains(['/', '.']);
            if is_file && !repository().join(Path::new(name)).exists() {
                faults.push(format!("{number}: there is no {name}"));
            }
            if !is_file {
                faults.extend(fault(name).map(|fault| format!("{number}: {fault}")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
