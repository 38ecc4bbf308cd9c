//! Searches everything that a git repository has: each object once, whether a branch leads to it or not, so that what
//! was amended away or staged and never committed is found while git still keeps it. Messages of commits and tags are
//! objects too, and so are the folders, which hold the names of files.
//!
//! `git` itself reads the objects. Only for those with a secret in them is the history then followed, to learn which
//! commit brought them and under what name.

pub mod output;

use std::{
    io::{self, BufReader, Write as _},
    mem,
    path::{Component, Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use self::output::{Leaks, Records, short};
use super::report::Report;

/// How much of what git writes is read at once.
const BUFFER: usize = 64 << 10;

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
        Ok(Running { name, child, output: Records::new(BufReader::with_capacity(BUFFER, output)) })
    }

    /// What an object is called that has no path: `git cat-file` takes it so.
    fn object(&self, kind: &str, id: &str) -> PathBuf {
        self.top.join(format!("{kind} {}", short(id)))
    }

    /// Searches each object, whatever it is.
    fn read_objects(&self, leaks: &mut Leaks) -> Result<(), String> {
        let arguments = ["cat-file", "--batch-all-objects", "--batch", "--buffer", "--unordered"];
        let mut git = self.start(&arguments, Stdio::null())?;
        let readable = output::objects(&mut git.output, leaks, |kind, id| self.object(kind, id));
        let readable = readable.map_err(|error| git.lost(&error))?;
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
        let all_read = output::changes(&mut changes.output, leaks, &self.top).map_err(|error| changes.lost(&error))?;
        // Where all is named before the end, the rest does not matter.
        if all_read { ended("git rev-list", list.wait()).and(changes.end()) } else { Ok(()) }
    }

    /// Finds the names of blobs that are staged and were never committed.
    fn look_at_index(&self, leaks: &mut Leaks) -> Result<(), String> {
        if leaks.blobs.is_empty() {
            return Ok(());
        }
        let mut git = self.start(&["ls-files", "--stage", "-z", "--full-name", ":/"], Stdio::null())?;
        output::index(&mut git.output, leaks, &self.top).map_err(|error| git.lost(&error))?;
        git.end()
    }
}

/// A git that is running. What it complains of goes to standard error.
struct Running {
    name: String,
    child: Child,
    output: Records<BufReader<ChildStdout>>,
}

impl Running {
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
