//! Searches files and folders, on all cores.

use std::{
    fs::File,
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ignore::{DirEntry, WalkBuilder, WalkState};

use super::{
    report::{Finding, Report},
    search::Searcher,
};

/// Searches what `paths` name. Links that are named are followed, links in folders are not; of what is in folders,
/// pipes and devices are left alone, and so are folders named `.git`: there is `--git` for them.
pub fn search(paths: &[PathBuf], report: &mut Report) {
    let Some((first, others)) = paths.split_first() else { return };
    let mut walk = WalkBuilder::new(first);
    for path in others {
        walk.add(path);
    }
    walk.standard_filters(false);
    walk.filter_entry(|entry| entry.file_name() != ".git" || entry.file_type().is_none_or(|kind| !kind.is_dir()));
    let report = Mutex::new(report);
    walk.build_parallel().run(|| {
        let mut worker = Worker { searcher: Searcher::new(), report: &report, searched: 0 };
        Box::new(move |entry| {
            worker.visit(entry);
            WalkState::Continue
        })
    });
}

/// What one thread has.
struct Worker<'a, 'report> {
    searcher: Searcher,
    report: &'a Mutex<&'report mut Report>,
    searched: u64,
}

impl Worker<'_, '_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) {
        match entry {
            Ok(entry) if entry.is_stdin() => self.search(Path::new("-"), || Ok(io::stdin().lock())),
            Ok(entry) => {
                self.search_name(entry.path());
                let kind = entry.file_type();
                if kind.is_some_and(|kind| kind.is_file() || (entry.depth() == 0 && !kind.is_dir())) {
                    self.search(entry.path(), || File::open(entry.path()));
                }
            }
            Err(error) => {
                let (path, message) = explain(&error);
                self.report(|report| report.fail(path, message));
            }
        }
    }

    fn search<R: io::Read>(&mut self, path: &Path, open: impl FnOnce() -> io::Result<R>) {
        let mut findings = Vec::new();
        let searched = open().and_then(|input| {
            self.searcher.search(input, |place, secret| findings.push(Finding::new(path, place, secret)))
        });
        self.searched += u64::from(searched.is_ok());
        if !findings.is_empty() || searched.is_err() {
            self.report(|report| {
                report.findings.append(&mut findings);
                if let Err(error) = searched {
                    report.fail(path, error.to_string());
                }
            });
        }
    }

    /// A name holds a secret if a link with one in it was downloaded.
    fn search_name(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let mut findings = Vec::new();
        // Names are in memory: reading them cannot fail.
        let _ = self.searcher.search(name, |place, secret| findings.push(Finding::new(path, place, secret)));
        if !findings.is_empty() {
            self.report(|report| report.findings.append(&mut findings));
        }
    }

    fn report(&self, add: impl FnOnce(&mut Report)) {
        add(&mut self.report.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Worker<'_, '_> {
    fn drop(&mut self) {
        let searched = self.searched;
        self.report(|report| report.searched += searched);
    }
}

/// Which path could not be walked, and why.
fn explain(error: &ignore::Error) -> (&Path, String) {
    match error {
        ignore::Error::WithPath { path, err } => (path, explain(err).1),
        ignore::Error::WithDepth { err, .. } => explain(err),
        ignore::Error::Io(error) => (Path::new(""), error.to_string()),
        other => (Path::new(""), other.to_string()),
    }
}
