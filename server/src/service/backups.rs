//! Copies of the database: made while it is served, checked, and put back.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::{
    OpenError, Service, Settings, StartError,
    authority::ShellAccess,
    catch_up::Report,
    clock::{Clock, IfBehind},
    error::{Result, Unavailable},
    metrics::Counter,
    model::timestamp::Timestamp,
    store::{
        DATABASE, Files, Store,
        backup::{self, BackupError, BackupFacts},
        check::{self, Findings},
        sync_folder,
    },
};

/// When the server makes backups by itself.
#[derive(Debug, Clone)]
pub struct BackupSchedule {
    /// Where they lie.
    pub folder: PathBuf,
    /// How long after the one before the next is made.
    pub every: TimeDelta,
    /// How many are kept.
    pub keep: usize,
}

/// What the names of backups that the server makes begin and end with; between them stands when, as in
/// `astral-20261126T030000Z.redb`.
const NAME: (&str, &str) = ("astral-", ".redb");
const TIME: &str = "%Y%m%dT%H%M%SZ";

impl BackupSchedule {
    /// The backups that there are, oldest first, and when each was made.
    fn present(&self) -> io::Result<Vec<(Timestamp, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let time = name.and_then(|name| name.strip_prefix(NAME.0)?.strip_suffix(NAME.1));
            let at = time.and_then(|time| NaiveDateTime::parse_from_str(time, TIME).ok());
            found.extend(at.map(|at| (Timestamp::from(at.and_utc()), path)));
        }
        found.sort();
        Ok(found)
    }

    fn path(&self, now: Timestamp) -> PathBuf {
        let time = DateTime::<Utc>::from(now).format(TIME);
        self.folder.join(format!("{}{time}{}", NAME.0, NAME.1))
    }
}

/// What is counted of the backups that the server makes by itself.
#[derive(Debug, Default)]
pub struct BackupMeasures {
    /// Those that were made.
    pub made: Counter,
    /// Those that could not be made, each attempt.
    pub failed: Counter,
    /// When the newest was made, in milliseconds since 1970; 0 while there is none.
    newest_at: AtomicI64,
    /// Its size in bytes.
    newest_size: AtomicU64,
}

impl BackupMeasures {
    /// When the newest backup was made, and how many bytes it has; `None` while there is none.
    pub fn newest(&self) -> Option<(Timestamp, u64)> {
        let at = self.newest_at.load(Ordering::Relaxed);
        (at != 0).then(|| (Timestamp::from_millis(at), self.newest_size.load(Ordering::Relaxed)))
    }

    fn note_newest(&self, at: Timestamp, path: &Path) {
        let size = fs::metadata(path).map_or(0, |file| file.len());
        self.newest_size.store(size, Ordering::Relaxed);
        self.newest_at.store(at.as_millis(), Ordering::Relaxed);
    }
}

/// What came of putting a backup back.
#[derive(Debug)]
pub struct Restored {
    /// When the backup was made, if it says so.
    pub made_at: Option<Timestamp>,
    /// Where the database is that was there before.
    pub replaced: Option<PathBuf>,
    /// What was taken away again, or held, a sentence each.
    pub report: Vec<String>,
}

/// Why a backup cannot be put back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It is none, or damaged.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The database that is there is newer.
    #[error(
        "the database in {} is newer than the backup, or another server's: what was done since would be lost; --force restores all the same, and keeps it under another name",
        .0.display()
    )]
    Newer(PathBuf),
    /// The database cannot be opened once it is put back, or a server has it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A file cannot be copied or renamed.
    #[error("cannot put the backup into {}: {source}", folder.display())]
    File {
        /// The data folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was in memory cannot be written.
    #[error("the restored database cannot be closed: {0}")]
    Close(String),
}

impl Service {
    /// Copies the database as it is now into `file`, which is empty. Takes its time; others read and write meanwhile.
    pub fn back_up(&self, _: ShellAccess, file: File) -> Result<()> {
        let snapshot = self.store.snapshot()?;
        Ok(backup::write(&snapshot, self.clock.now(), file)?)
    }

    /// Makes a backup in the place of `path`: beside it first, read again from end to end, and then renamed.
    ///
    /// # Errors
    /// [`BackupError`], whose message says what to do; nothing is left behind.
    pub fn back_up_to(&self, access: ShellAccess, path: &Path) -> std::result::Result<BackupFacts, BackupError> {
        let (file, unfinished) = backup::begin_file(path)?;
        let made = self.back_up(access, file).map_err(|error| match error {
            super::Error::Unavailable(failure) => BackupError::Database(failure),
            _ => BackupError::Database(Unavailable::Closed),
        });
        let finished = made.and_then(|()| backup::finish_file(&unfinished, path));
        if finished.is_err() {
            // Half a copy takes room that is missed.
            let _ = fs::remove_file(&unfinished);
        }
        finished
    }

    /// Makes the backup whose time has come, if it has, and removes the oldest of those that are too many; where it is.
    /// Takes its time.
    ///
    /// # Errors
    /// [`BackupError`], whose message says what to do; then no backup is removed.
    pub fn keep_backups(
        &self,
        access: ShellAccess,
        schedule: &BackupSchedule,
    ) -> std::result::Result<Option<PathBuf>, BackupError> {
        let kept = self.make_due_backup(access, schedule);
        match &kept {
            Ok(Some(_)) => self.backups.made.add_one(),
            Ok(None) => {}
            Err(_) => self.backups.failed.add_one(),
        }
        kept
    }

    fn make_due_backup(
        &self,
        access: ShellAccess,
        schedule: &BackupSchedule,
    ) -> std::result::Result<Option<PathBuf>, BackupError> {
        let failed = |source| BackupError::File { path: schedule.folder.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&schedule.folder).map_err(failed)?;
        let (mut present, now) = (schedule.present().map_err(failed)?, self.clock.now());
        // One from a time that is yet to come was made while the clock was wrong.
        let newest = present.iter().rev().find(|(at, _)| *at <= now);
        if let Some((at, path)) = newest {
            // Also one of an earlier start.
            self.backups.note_newest(*at, path);
        }
        if newest.is_some_and(|(at, _)| now.since(*at) < schedule.every) {
            return Ok(None);
        }
        let path = schedule.path(now);
        self.back_up_to(access, &path)?;
        self.backups.note_newest(now, &path);
        // Those from a time that is yet to come go first.
        present.sort_by_key(|(at, _)| (*at <= now, *at));
        present.push((now, path.clone()));
        let too_many = present.len().saturating_sub(schedule.keep);
        for (_, old) in present.drain(..too_many) {
            fs::remove_file(old).map_err(failed)?;
        }
        Ok(Some(path))
    }

    /// Makes the empty file of a backup beside `path`; where it is until [`Self::finish_backup`].
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn begin_backup(path: &Path) -> std::result::Result<(File, PathBuf), BackupError> {
        backup::begin_file(path)
    }

    /// Reads a backup from end to end, holds it against its checksum, and gives it its name.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn finish_backup(unfinished: &Path, path: &Path) -> std::result::Result<BackupFacts, BackupError> {
        backup::finish_file(unfinished, path)
    }

    /// The file of the database in a data folder.
    pub fn database_path(folder: &Path) -> PathBuf {
        folder.join(DATABASE)
    }

    /// Checks a file that no server has open, and changes nothing of it.
    ///
    /// # Errors
    /// [`BackupError`] if it cannot be read at all, or is not what was written into it.
    pub fn check_file(_: ShellAccess, path: &Path) -> std::result::Result<Findings, BackupError> {
        backup::verify(path)?;
        backup::check(path)
    }

    /// Holds every row of a snapshot against those that it belongs with.
    pub fn check(&self, _: ShellAccess) -> Result<Findings> {
        self.read(|tx| Ok(check::check(tx)?))
    }

    /// Puts a backup in the place of the database in `folder`, which no server may have open. What was taken away since the
    /// backup was made is taken away again; where nobody knows what that is, every key is held and every session over.
    ///
    /// # Errors
    /// [`RestoreError`], whose message says what to do. Then the database is as it was.
    pub async fn restore(
        _: ShellAccess,
        folder: &Path,
        backup: &Path,
        force: bool,
        settings: Settings,
    ) -> std::result::Result<Restored, RestoreError> {
        let failed = |source| RestoreError::File { folder: folder.to_owned(), source };
        let facts = backup::verify(backup)?;
        let files = Files::new(folder, settings.cache, |file| file);
        let database = files.database_path();
        let replaced = if Store::exists(folder).map_err(failed)? {
            let present = match files.open_database() {
                Ok(present) => backup::newest(&present).ok(),
                Err(in_use @ OpenError::InUse(_)) => return Err(StartError::Open(in_use).into()),
                // One that cannot be read is what a backup is put back for.
                Err(_) => None,
            };
            if !force && present.is_some_and(|(lineage, last_id)| lineage != facts.lineage || last_id > facts.last_id) {
                return Err(RestoreError::Newer(folder.to_owned()));
            }
            Some(files.free_name(DATABASE, "replaced").map_err(failed)?)
        } else {
            None
        };
        let unfinished = files.copy_in(backup).map_err(failed)?;
        if facts.made_at.is_none() {
            backup::mark(&unfinished)?;
        }
        // The name never leads to nothing: a server that starts meanwhile would begin a new database.
        let swap = || {
            if let Some(replaced) = &replaced {
                fs::hard_link(&database, replaced)?;
            }
            fs::rename(&unfinished, &database)?;
            sync_folder(folder)
        };
        swap().map_err(failed)?;
        let report = Arc::new(Report::default());
        // Whether the clock is right is for whoever serves it to ask.
        let settings = Settings { if_behind: IfBehind::StandStill, ..settings };
        match Self::open_files(files, settings, Clock::system(), &report) {
            Ok((service, _)) => service.close().await.map_err(|error| RestoreError::Close(error.to_string()))?,
            Err(error) => {
                match &replaced {
                    Some(replaced) => fs::rename(replaced, &database),
                    None => fs::remove_file(&database),
                }
                .map_err(failed)?;
                return Err(error.into());
            }
        }
        Ok(Restored { made_at: facts.made_at, replaced, report: report.take() })
    }
}
