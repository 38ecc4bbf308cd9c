//! Searches everything that a git repository has: each object once, whether a branch leads to it or not, so that what
//! was amended away or staged and never committed is found while git still keeps it. Messages of commits and tags are
//! objects too, and so are the folders, which hold the names of files.
//!
//! `git` itself reads the objects. Only for those with a secret in them is the history then followed, to learn which
//! commit brought them and under what name.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    mem,
    os::unix::ffi::OsStrExt as _,
    path::{Component, Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use super::{
    report::{Finding, Report},
    search::Searcher,
};

/// How much of what git writes is read at once.
const BUFFER: usize = 64 << 10;
/// How many digits of an object's id are shown.
const SHORT: usize = 12;

/// Searches the repository in which `path` lies.
pub fn search(path: &Path, report: &mut Report) {
    let repository = match Repository::open(path) {
        Ok(repository) => repository,
        Err(message) => return report.fail(path, message),
    };
    if repository.is_shallow {
        report
            .fail(path, "is a shallow clone: its older history is not here; git fetch --unshallow gets it".to_owned());
    }
    let mut leaks = Leaks::default();
    // What was found is told, even if git fails on the way.
    let steps = [
        Repository::read_objects,
        Repository::follow_branches,
        Repository::look_at_index,
        Repository::follow_what_is_lost,
    ];
    for step in steps {
        if let Err(message) = step(&repository, &mut leaks) {
            report.fail(path, message);
        }
    }
    for (id, findings) in mem::take(&mut leaks.blobs) {
        leaks.place(findings, &repository.object("blob", &String::from_utf8_lossy(&id)), None);
    }
    report.searched += leaks.searched;
    report.findings.append(&mut leaks.placed);
}

/// What was found in one repository.
#[derive(Default)]
struct Leaks {
    /// In files, by the id of the object, until a commit or the index tells their name.
    blobs: HashMap<Vec<u8>, Vec<Finding>>,
    placed: Vec<Finding>,
    /// Under which path which secret was found: one that stays in a file is told once, not for each version.
    told: HashSet<(PathBuf, String)>,
    /// How many versions of files were searched.
    searched: u64,
    /// The ids of all commits, a line each.
    commits: Vec<u8>,
}

impl Leaks {
    /// Tells what was found in one object, which is called `path`.
    fn place(&mut self, mut findings: Vec<Finding>, path: &Path, commit: Option<&str>) {
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

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

struct Repository<'a> {
    path: &'a Path,
    /// The folder that paths in the repository begin in, as one gets there from where the command was typed.
    top: PathBuf,
    /// Whether its older history was left where it was cloned from.
    is_shallow: bool,
}

impl<'a> Repository<'a> {
    fn open(path: &'a Path) -> Result<Self, String> {
        let asked = git(path, &["rev-parse", "--is-shallow-repository", "--show-cdup"]).stdin(Stdio::null()).output();
        let output = asked.map_err(|error| cannot_run(&error))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        let answers = String::from_utf8_lossy(&output.stdout);
        let (shallow, up) = answers.trim_end().split_once('\n').unwrap_or((answers.trim_end(), ""));
        Ok(Self { path, top: tidied(&path.join(up)), is_shallow: shallow == "true" })
    }

    fn start(&self, arguments: &[&str], input: impl Into<Stdio>) -> Result<Running, String> {
        let spawned = git(self.path, arguments).stdin(input).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| cannot_run(&error))?;
        let output = child.stdout.take().ok_or("git has no output")?;
        let name = format!("git {}", arguments[0]);
        Ok(Running { name, child, output: BufReader::with_capacity(BUFFER, output), record: Vec::new() })
    }

    /// What an object is called that has no path: `git cat-file` takes it so.
    fn object(&self, kind: &str, id: &str) -> PathBuf {
        self.top.join(format!("{kind} {}", short(id)))
    }

    /// Searches each object, whatever it is.
    fn read_objects(&self, leaks: &mut Leaks) -> Result<(), String> {
        let arguments = ["cat-file", "--batch-all-objects", "--batch", "--buffer", "--unordered"];
        let mut git = self.start(&arguments, Stdio::null())?;
        let (mut searcher, mut readable) = (Searcher::new(), Ok(()));
        while let Some(header) = git.next(b'\n')? {
            let header = String::from_utf8_lossy(header).into_owned();
            let mut words = header.split(' ');
            let (Some(id), Some(kind), Some(Ok(size))) = (words.next(), words.next(), words.next().map(str::parse))
            else {
                // A damaged object is "missing"; git goes on with the next.
                readable = Err(format!("git cannot read an object: {header}"));
                continue;
            };
            let contents = (&mut git.output).take(size);
            let mut findings = Vec::new();
            searcher
                .search(contents, |place, secret| findings.push(Finding::new(Path::new(""), place, secret)))
                .map_err(|error| git.lost(&error))?;
            git.next(b'\n')?;
            match kind {
                "blob" => leaks.searched += 1,
                "commit" => leaks.commits.extend(id.bytes().chain([b'\n'])),
                _ => {}
            }
            match kind {
                _ if findings.is_empty() => {}
                "blob" => drop(leaks.blobs.insert(id.into(), findings)),
                _ => leaks.place(findings, &self.object(kind, id), (kind == "commit").then_some(id)),
            }
        }
        git.end().and(readable)
    }

    /// Finds the first commit that has each blob.
    fn follow_branches(&self, leaks: &mut Leaks) -> Result<(), String> {
        self.follow(leaks, &["--all", "--reflog"], &[])
    }

    /// The same among all commits that there are, such as those that were amended. Git may have dropped their parents,
    /// and then refuses.
    fn follow_what_is_lost(&self, leaks: &mut Leaks) -> Result<(), String> {
        let commits = mem::take(&mut leaks.commits);
        self.follow(leaks, &["--stdin"], &commits)
    }

    fn follow(&self, leaks: &mut Leaks, from: &[&str], input: &[u8]) -> Result<(), String> {
        if leaks.blobs.is_empty() {
            return Ok(());
        }
        let arguments = [&["rev-list", "--date-order", "--reverse"], from].concat();
        let mut list = git(self.path, &arguments);
        let started = list.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut list = started.map_err(|error| cannot_run(&error))?;
        if let Some(mut stdin) = list.stdin.take() {
            // It reads all that there is before it writes the first commit. If it refuses, it says why itself.
            let _ = stdin.write_all(input);
        }
        let commits = list.stdout.take().ok_or("git has no output")?;
        // -c: of a merge, what it has from neither side.
        let arguments = [
            "diff-tree",
            "--stdin",
            "-r",
            "-c",
            "--root",
            "--raw",
            "-z",
            "--no-renames",
            "--no-abbrev",
            "--no-relative",
        ];
        let mut changes = self.start(&arguments, commits)?;
        let mut commit = String::new();
        while !leaks.blobs.is_empty() {
            let Some(record) = changes.next(b'\0')? else {
                return ended("git rev-list", list.wait()).and(changes.end());
            };
            // ":100644 100644 {before} {after} M", with more of the first three for a merge.
            let Some(fields) = record.strip_prefix(b":") else {
                commit = String::from_utf8_lossy(record).into_owned();
                continue;
            };
            let id = fields.rsplit(|byte| *byte == b' ').nth(1).unwrap_or_default().to_vec();
            if let Some(name) = changes.next(b'\0')? {
                leaks.name(&id, &self.top.join(OsStr::from_bytes(name)), Some(&commit));
            }
        }
        Ok(())
    }

    /// Finds the names of blobs that are staged and were never committed.
    fn look_at_index(&self, leaks: &mut Leaks) -> Result<(), String> {
        if leaks.blobs.is_empty() {
            return Ok(());
        }
        let mut git = self.start(&["ls-files", "--stage", "-z", "--full-name", ":/"], Stdio::null())?;
        while let Some(record) = git.next(b'\0')? {
            // "100644 {id} 0\t{name}"
            let mut parts = record.splitn(2, |byte| *byte == b'\t');
            let (Some(fields), Some(name)) = (parts.next(), parts.next()) else { continue };
            let id = fields.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            leaks.name(id, &self.top.join(OsStr::from_bytes(name)), None);
        }
        git.end()
    }
}

/// A git that is running. What it complains of goes to standard error.
struct Running {
    name: String,
    child: Child,
    output: BufReader<ChildStdout>,
    record: Vec<u8>,
}

impl Running {
    /// What it writes up to `end`, and without it.
    fn next(&mut self, end: u8) -> Result<Option<&[u8]>, String> {
        self.record.clear();
        match self.output.read_until(end, &mut self.record) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(self.record.strip_suffix(&[end]).unwrap_or(&self.record))),
            Err(error) => Err(self.lost(&error)),
        }
    }

    fn end(mut self) -> Result<(), String> {
        ended(&self.name, self.child.wait())
    }

    fn lost(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.name)
    }
}

fn ended(name: &str, status: io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} has failed, for the reason above ({status})")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// `git`, for the repository at `path`: the objects as they are, no program that the repository names, and nothing over
/// the network.
fn git(path: &Path, arguments: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(path).args(["--no-replace-objects", "-c", "core.fsmonitor=false"]).args(arguments);
    git.env("GIT_NO_LAZY_FETCH", "1");
    git
}

fn cannot_run(error: &io::Error) -> String {
    format!("cannot run git, which --git needs: {error}")
}

/// `path` without steps back, as far as that can be told from the names alone.
fn tidied(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidied.components().next_back(), Some(Component::Normal(_))) => {
                tidied.pop();
            }
            part => tidied.push(part),
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_top_of_the_repository_is_short() {
        for (path, expected) in [
            (".", ""),
            ("./", ""),
            ("../", ".."),
            ("a/../", ""),
            ("a/b/../../", ""),
            ("a/../../", ".."),
            ("/a/b/..", "/a"),
        ] {
            assert_eq!(tidied(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
