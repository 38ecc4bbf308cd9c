//! What git writes, read record by record, and what leaks in it.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    io::{self, BufRead, Read as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use crate::cli::scan::{report::Finding, search::Searcher};

/// How many digits of an object's id are shown.
const SHORT: usize = 12;

/// Records, each with the same byte behind it.
pub struct Records<R> {
    input: R,
    record: Vec<u8>,
}

impl<R: BufRead> Records<R> {
    /// Those of `input`.
    pub const fn new(input: R) -> Self {
        Self { input, record: Vec::new() }
    }

    /// What stands before the next `end`; `None` behind the last.
    fn next(&mut self, end: u8) -> io::Result<Option<&[u8]>> {
        self.record.clear();
        match self.input.read_until(end, &mut self.record)? {
            0 => Ok(None),
            _ => Ok(Some(self.record.strip_suffix(&[end]).unwrap_or(&self.record))),
        }
    }
}

/// What was found in one repository.
#[derive(Default)]
pub struct Leaks {
    /// In files, by the id of the object, until a commit or the index tells their name.
    pub blobs: HashMap<Vec<u8>, Vec<Finding>>,
    pub placed: Vec<Finding>,
    /// Under which path which secret was found: one that stays in a file is told once, not for each version.
    told: HashSet<(PathBuf, String)>,
    /// How many versions of files were searched.
    pub searched: u64,
    /// The ids of all commits, a line each.
    pub commits: Vec<u8>,
}

impl Leaks {
    /// Tells what was found in one object, which is called `path`.
    pub fn place(&mut self, mut findings: Vec<Finding>, path: &Path, commit: Option<&str>) {
        let key = |finding: &Finding| (path.to_owned(), finding.fingerprint.clone());
        findings.retain(|finding| !self.told.contains(&key(finding)));
        self.told.extend(findings.iter().map(key));
        for mut finding in findings {
            finding.set_path(path);
            finding.commit = commit.map(|commit| short(commit).to_owned());
            self.placed.push(finding);
        }
    }

    /// Notes that the blob `id` is called `path`, first in `commit`. The oldest commits come first.
    fn name(&mut self, id: &[u8], path: &Path, commit: Option<&str>) {
        if let Some(findings) = self.blobs.remove(id) {
            self.place(findings, path, commit);
        }
    }
}

/// The digits of an object's id that are shown.
pub fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// Searches each object that `git cat-file --batch` writes, whatever it is; `name` is what one is called that has no
/// path. The second error is that git could not read one of them.
pub fn objects(
    records: &mut Records<impl BufRead>,
    leaks: &mut Leaks,
    name: impl Fn(&str, &str) -> PathBuf,
) -> io::Result<Result<(), String>> {
    let (mut searcher, mut readable) = (Searcher::new(), Ok(()));
    while let Some(header) = records.next(b'\n')? {
        let header = String::from_utf8_lossy(header).into_owned();
        let mut words = header.split(' ');
        let (Some(id), Some(kind), Some(Ok(size))) = (words.next(), words.next(), words.next().map(str::parse)) else {
            // A damaged object is "missing"; git goes on with the next.
            readable = Err(format!("git cannot read an object: {header}"));
            continue;
        };
        let contents = (&mut records.input).take(size);
        let mut findings = Vec::new();
        searcher.search(contents, |place, secret| findings.push(Finding::new(Path::new(""), place, secret)))?;
        records.next(b'\n')?;
        match kind {
            "blob" => leaks.searched += 1,
            "commit" => leaks.commits.extend(id.bytes().chain([b'\n'])),
            _ => {}
        }
        match kind {
            _ if findings.is_empty() => {}
            "blob" => drop(leaks.blobs.insert(id.into(), findings)),
            _ => leaks.place(findings, &name(kind, id), (kind == "commit").then_some(id)),
        }
    }
    Ok(readable)
}

/// Names the blobs that the commits of `git diff-tree --stdin --raw -z` bring, until each has a name; whether it came to
/// the end. Paths begin in `top`.
pub fn changes(records: &mut Records<impl BufRead>, leaks: &mut Leaks, top: &Path) -> io::Result<bool> {
    let mut commit = String::new();
    while !leaks.blobs.is_empty() {
        let Some(record) = records.next(b'\0')? else { return Ok(true) };
        // ":100644 100644 {before} {after} M", with more of the first three for a merge.
        let Some(fields) = record.strip_prefix(b":") else {
            commit = String::from_utf8_lossy(record).into_owned();
            continue;
        };
        let id = fields.rsplit(|byte| *byte == b' ').nth(1).unwrap_or_default().to_vec();
        if let Some(name) = records.next(b'\0')? {
            leaks.name(&id, &top.join(OsStr::from_bytes(name)), Some(&commit));
        }
    }
    Ok(false)
}

/// Names the blobs that `git ls-files --stage -z` lists. Paths begin in `top`.
pub fn index(records: &mut Records<impl BufRead>, leaks: &mut Leaks, top: &Path) -> io::Result<()> {
    while let Some(record) = records.next(b'\0')? {
        // "100644 {id} 0\t{name}"
        let mut parts = record.splitn(2, |byte| *byte == b'\t');
        let (Some(fields), Some(name)) = (parts.next(), parts.next()) else { continue };
        let id = fields.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        leaks.name(id, &top.join(OsStr::from_bytes(name)), None);
    }
    Ok(())
}
