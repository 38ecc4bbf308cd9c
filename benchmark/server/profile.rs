//! Where the time of the checked request goes, by perf.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use crate::{
    CONNECTIONS, WARM,
    data::Key,
    load::{Loading, Requests, load},
    program::Running,
    reads::fifty_members,
};

/// How long is watched, in seconds.
const WATCHED: u32 = 8;
/// How many functions are named.
const HOTTEST: usize = 15;

/// The share of the processor's time, in percent, by what it went to and by function.
pub struct Profile {
    pub groups: Vec<(&'static str, f64)>,
    pub functions: Vec<(String, f64)>,
}

/// What a function belongs to: the first of these whose mark is in what perf says of it.
const GROUPS: [(&str, &[&str]); 8] = [
    ("the kernel: sockets, and waking those who wait for them", &["[k]"]),
    ("copying bytes: rows out of the database's pages, requests between layers", &["memmove", "memcpy"]),
    ("redb, and comparing keys in its trees", &["redb::", "memcmp"]),
    ("memory (mimalloc)", &["mi_", "__rust_alloc", "__rust_dealloc", "__rust_realloc"]),
    ("hyper: reading heads, writing answers", &["hyper::", "httparse", "http::header", "http::uri", "bytes::"]),
    ("poem and poem-openapi: routing, parameters", &["poem", "form_urlencoded", "percent_encoding"]),
    ("tokio", &["tokio::", "mio::"]),
    ("Astral itself", &["astral_server"]),
];

/// Watches the server while it answers 50 members to each of these keys. The error says why it could not.
pub fn measure(server: &Running, keys: &[Key]) -> Result<Profile, String> {
    let files = tempfile::tempdir().expect("a folder");
    let data = files.path().join("perf.data");
    let reading = Requests::new(files.path(), "read", &fifty_members(keys), false);
    load(server, &reading, CONNECTIONS, WARM);
    let reading = Loading::begin(server, &reading, CONNECTIONS, WATCHED + 1);
    let recorded = Command::new("perf")
        .args(["record", "--quiet", "--freq", "1999", "--pid", &server.process().0.to_string(), "--output"])
        .arg(&data)
        .args(["--", "sleep", &WATCHED.to_string()])
        .stderr(Stdio::null())
        .status();
    reading.end();
    if !recorded.as_ref().is_ok_and(std::process::ExitStatus::success) {
        return Err(
            "perf is not there, or may not watch: only root's may, since nobody else reads the memory of the server"
                .to_owned(),
        );
    }
    let output = Command::new("perf")
        .args(["report", "--stdio", "--no-children", "--fields", "overhead,sym", "--input"])
        .arg(&data)
        .stderr(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let mut groups: BTreeMap<usize, f64> = BTreeMap::new();
    let mut functions = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((share, function)) = line.trim().split_once('%') else { continue };
        let Ok(share) = share.parse::<f64>() else { continue };
        let belongs = |(_, marks): &&(&str, &[&str])| marks.iter().any(|mark| function.contains(mark));
        let place = GROUPS.iter().position(|group| belongs(&group)).unwrap_or(GROUPS.len());
        *groups.entry(place).or_default() += share;
        functions.push((function.trim().to_owned(), share));
    }
    functions.truncate(HOTTEST);
    let name = |place: usize| GROUPS.get(place).map_or("everything else", |(name, _)| *name);
    let mut groups: Vec<_> = groups.into_iter().map(|(place, share)| (name(place), share)).collect();
    groups.sort_by(|one, other| other.1.total_cmp(&one.1));
    Ok(Profile { groups, functions })
}
