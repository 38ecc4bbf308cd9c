//! redb alone: opening, reading, and the one writer.
//!
//! Reads run side by side on snapshots. Writes queue for one thread, which runs as many as are waiting
//! in one transaction and commits them with one sync; each caller hears of its own write only when it
//! is on disk.

pub mod api_keys;
pub mod audit_events;
pub mod backup;
pub mod census;
pub mod check;
pub mod clock;
pub mod disk;
mod files;
pub mod fuzzing;
pub mod idempotency;
pub mod invitations;
pub mod members;
pub mod memo;
mod migrate;
mod open;
pub mod organizations;
mod overlay;
pub mod probe;
pub mod record;
pub mod revocations;
pub mod sessions;
mod snapshot;
pub mod tables;
pub mod usage;
pub mod users;
mod write_tx;
mod writer;

use std::{
    ops::{Bound, ControlFlow, Deref},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{ReadableTable, ReadableTableMetadata as _, TableError};

pub use self::{
    files::{DATABASE, Files, sync_folder},
    open::{CatchUp, Lacks},
    write_tx::{Opened, WriteTx},
};
use self::{
    memo::{Kept, Memo},
    open::Opening,
    snapshot::{Snapshot, Snapshots},
    tables::Table,
};
use super::{
    clock::{Clock, ClockBehind, Entropy, IfBehind, Moment},
    error::{Error, Result, Unavailable},
    metrics::Commits,
    model::timestamp::Timestamp,
    recent::RecentUse,
};

/// Why the database could not be opened. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file cannot be made or read.
    #[error(
        "cannot use the data folder {}: {source}; it must be a folder of the user who runs this, who may write in it",
        path.display()
    )]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("the data folder {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Written by a program that knows more than this one.
    #[error(
        "the database in {} has format {found}, and this program knows format {} only; start the newer astral-server that wrote it, or restore a backup made by this version",
        path.display(), tables::FORMAT
    )]
    Format {
        /// Where.
        path: PathBuf,
        /// What is in it.
        found: u32,
    },
    /// Written by an earlier program, and not to be brought to this one's format.
    #[error(
        "the database {} has format {from} and cannot be given format {}: {source}; it is as it was before",
        path.display(), tables::FORMAT
    )]
    Migration {
        /// Which file.
        path: PathBuf,
        /// What is in it.
        from: u32,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system's clock says a time that the database knows to have passed.
    #[error(transparent)]
    Clock(#[from] ClockBehind),
    /// The log of revocations cannot be read or written.
    #[error("the log of revocations in the data folder {} cannot be used: {source}", path.display())]
    Revocations {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What was taken away since the database was written cannot be taken away again.
    #[error(
        "the database {} is older than the log of revocations beside it, and cannot be brought up to it: {source}",
        path.display()
    )]
    CatchUp {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<Error>,
    },
    /// Not a database of Astral's, or a damaged one.
    #[error(
        "the database {} cannot be opened: {source}; keep a copy of it as it is, and restore a backup with 'astral-server restore FILE'",
        path.display()
    )]
    Database {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<redb::Error>,
    },
}

/// The open database.
pub struct Store {
    snapshots: Arc<Snapshots>,
    clock: Clock,
    recent: Arc<RecentUse>,
    writer: writer::Writer,
    commits: Arc<Commits>,
    folder: PathBuf,
    /// How much memory pages may take, in bytes.
    cache: usize,
}

impl Store {
    /// Whether there is a database in `folder`.
    ///
    /// # Errors
    /// If this user may not look.
    pub fn exists(folder: &Path) -> std::io::Result<bool> {
        folder.join(DATABASE).try_exists()
    }

    /// Copies the database `file` into `folder`.
    ///
    /// # Errors
    /// If it cannot be read, or there is no room for it.
    pub fn copy_in(file: &Path, folder: &Path) -> std::io::Result<()> {
        std::fs::copy(file, folder.join(DATABASE)).map(drop)
    }

    /// Opens the database, and makes it if it is not there. `catch_up` is told what it lacks of its log of revocations.
    /// The writer leaves `reserve` bytes of the disk alone.
    pub fn open(
        files: Files,
        reserve: u64,
        clock: Clock,
        if_behind: IfBehind,
        entropy: Entropy,
        recent: Arc<RecentUse>,
        catch_up: Box<CatchUp>,
    ) -> Result<Self, OpenError> {
        let commits = Arc::new(Commits::default());
        let (folder, cache) = (files.folder().to_owned(), files.page_cache());
        let opening = Opening {
            files,
            clock: clock.clone(),
            if_behind: if_behind.into(),
            entropy,
            recent: Arc::clone(&recent),
            catch_up,
            changes: Arc::default(),
        };
        let memo = Memo::new(Arc::clone(&opening.changes), opening.files.memo());
        let opened = opening.open()?;
        let snapshots = Arc::new(Snapshots::new(Arc::clone(&opened.database), memo));
        let writer = writer::Writer::start(Arc::clone(&snapshots), opening, opened, reserve, Arc::clone(&commits));
        Ok(Self { snapshots, clock, recent, writer, commits, folder, cache })
    }

    /// The database in `folder`, for a test.
    #[cfg(test)]
    pub fn of_test(folder: &Path, clock: Clock) -> Result<Self, OpenError> {
        let files = Files::new(folder, 1 << 20, |file| file);
        let catch_up = Box::new(|_: &_, _: &_| Ok(()));
        Self::open(files, 0, clock, IfBehind::Refuse, Entropy::system(), Arc::default(), catch_up)
    }

    /// Runs `action` on a snapshot of the database, on this thread.
    pub fn read<R>(&self, action: impl FnOnce(&ReadTx) -> Result<R>) -> Result<R> {
        self.noting_failure(self.begin_read(false).and_then(|tx| action(&tx)))
    }

    /// The same, for whoever was let in some time ago.
    pub fn read_late<R>(&self, action: impl FnOnce(&ReadTx) -> Result<R>) -> Result<R> {
        self.noting_failure(self.begin_read(true).and_then(|tx| action(&tx)))
    }

    /// Where the disk has failed, the database answers nobody until it is opened again, which is the writer's to do.
    fn noting_failure<R>(&self, outcome: Result<R>) -> Result<R> {
        if let Err(Error::Unavailable(failure @ Unavailable::Storage(_))) = &outcome {
            tracing::error!(error = failure as &dyn std::error::Error, "the database cannot be read");
            self.writer.look();
        }
        outcome
    }

    fn begin_read(&self, late: bool) -> Result<ReadTx> {
        let snapshot = self.snapshots.newest()?;
        Ok(ReadTx { snapshot, moment: self.clock.moment(), late, recent: Arc::clone(&self.recent) })
    }

    /// Runs `action` on the writer's thread and returns when its changes are on disk.
    ///
    /// An action validates first and changes after: once it has changed anything it must succeed. It
    /// can run more than once, of which only the last counts.
    pub async fn write<R, F>(&self, action: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnMut(&WriteTx) -> Result<R> + Send + 'static,
    {
        self.writer.write(action, false).await
    }

    /// The same for what takes power away, which is done also where the disk is nearly full.
    pub async fn write_urgently<R, F>(&self, action: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnMut(&WriteTx) -> Result<R> + Send + 'static,
    {
        self.writer.write(action, true).await
    }

    /// The newest snapshot, for whoever copies it.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, Unavailable> {
        self.snapshots.newest()
    }

    /// What the writer counts.
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// Waits until every accepted write is on disk, and accepts no more.
    pub fn close(&self) {
        self.writer.close();
        self.snapshots.close();
    }
}

/// What can be asked of a snapshot and of the writer's transaction alike.
pub trait Read {
    /// Whether time has passed since the caller was looked up, so that it must be looked up again.
    fn is_late(&self) -> bool;

    /// The table type of the transaction.
    #[doc(hidden)]
    type Rows<'tx>: Deref<Target: ReadableTable<&'static [u8], &'static [u8]> + Sized>
    where
        Self: 'tx;

    #[doc(hidden)]
    fn rows(&self, table: Table) -> Result<Self::Rows<'_>, TableError>;

    /// The instant at which the action happens, in both of its meanings.
    #[doc(hidden)]
    fn moment(&self) -> Moment;

    /// The instant at which the action happens.
    fn now(&self) -> Timestamp {
        self.moment().now
    }

    /// The instant by which it is judged whether a credential's end has come; later than [`Self::now`] while the system's
    /// clock is doubted.
    fn judged_at(&self) -> Timestamp {
        self.moment().judged
    }

    /// What was used since the last flush.
    fn recent(&self) -> &RecentUse;

    /// What is kept of what was read before; nothing for whoever changes it.
    #[doc(hidden)]
    fn kept(&self) -> Option<&Kept> {
        None
    }

    /// What `read` makes of the value under `key`.
    fn get<R>(&self, table: Table, key: &[u8], read: impl FnOnce(&[u8]) -> R) -> Result<Option<R>, Unavailable> {
        Ok(self.rows(table)?.get(key)?.map(|value| read(value.value())))
    }

    /// Whether there is a value under `key`.
    fn has(&self, table: Table, key: &[u8]) -> Result<bool, Unavailable> {
        Ok(self.get(table, key, |_| ())?.is_some())
    }

    /// How many rows a table has, which is known without counting them.
    fn length(&self, table: Table) -> Result<u64, Unavailable> {
        Ok(self.rows(table)?.len()?)
    }

    /// Visits the rows in `range` in ascending (or descending) order until `visit` breaks.
    fn scan(
        &self,
        table: Table,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        descending: bool,
        visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Unavailable>,
    ) -> Result<(), Unavailable> {
        scan(&*self.rows(table)?, range, descending, visit)
    }

    /// The first keys below `end`, at most `most` of them.
    fn keys_below(&self, table: Table, end: &[u8], most: usize) -> Result<Vec<Vec<u8>>, Unavailable> {
        let mut keys = Vec::new();
        self.scan(table, (Bound::Unbounded, Bound::Excluded(end)), false, |key, _| {
            keys.push(key.to_vec());
            Ok(if keys.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(keys)
    }

    /// Visits the rows whose key begins with `prefix`, in ascending order, until `visit` breaks.
    fn scan_prefix(
        &self,
        table: Table,
        prefix: &[u8],
        visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Unavailable>,
    ) -> Result<(), Unavailable> {
        let end = after_prefix(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.scan(table, (Bound::Included(prefix), end), false, visit)
    }
}

/// Visits the rows in `range` in ascending (or descending) order until `visit` breaks.
pub fn scan(
    rows: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: (Bound<&[u8]>, Bound<&[u8]>),
    descending: bool,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Unavailable>,
) -> Result<(), Unavailable> {
    if let (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) = range
        && from >= to
    {
        return Ok(());
    }
    if descending {
        for row in rows.range::<&[u8]>(range)?.rev() {
            let (key, value) = row?;
            if visit(key.value(), value.value())?.is_break() {
                break;
            }
        }
        return Ok(());
    }
    let mut cursor = rows.lower_bound(range.0)?;
    while let Some((key, value)) = cursor.next()? {
        let (key, value) = (key.value(), value.value());
        let ahead = match range.1 {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        };
        if !ahead || visit(key, value)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// The least key that is greater than all that begin with `prefix`.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// A snapshot of the database. Held for the time of one action, never across an await.
pub struct ReadTx {
    snapshot: Arc<Snapshot>,
    moment: Moment,
    late: bool,
    recent: Arc<RecentUse>,
}

impl ReadTx {
    /// A snapshot of a database that nobody serves.
    fn apart(database: &redb::Database) -> Result<Self, Unavailable> {
        let snapshot = Arc::new(Snapshot::of(database)?);
        Ok(Self::of(snapshot))
    }

    /// A snapshot that nobody writes over.
    fn of(snapshot: Arc<Snapshot>) -> Self {
        Self { snapshot, moment: Clock::system().moment(), late: false, recent: Arc::default() }
    }
}

impl Read for ReadTx {
    fn is_late(&self) -> bool {
        self.late
    }

    type Rows<'tx> = &'tx snapshot::Rows;

    fn rows(&self, table: Table) -> Result<Self::Rows<'_>, TableError> {
        Ok(self.snapshot.rows(table))
    }

    fn moment(&self) -> Moment {
        self.moment
    }

    fn recent(&self) -> &RecentUse {
        &self.recent
    }

    fn kept(&self) -> Option<&Kept> {
        self.snapshot.kept()
    }
}

impl From<redb::StorageError> for Error {
    fn from(error: redb::StorageError) -> Self {
        Unavailable::from(error).into()
    }
}
