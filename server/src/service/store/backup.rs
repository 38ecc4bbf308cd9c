//! Copies of the database that can be restored: all rows of a snapshot, and a checksum over them.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition, TableHandle as _,
    backends::FileBackend,
};
use sha2::{Digest as _, Sha256};

use super::{
    ReadTx,
    check::{self, Findings},
    files::sync_folder,
    overlay::Overlay,
    snapshot::Snapshot,
    tables::{self, META},
};
use crate::service::{error::Unavailable, model::timestamp::Timestamp};

/// In a backup, until it is opened as a database: when it was made (i64, milliseconds since 1970), and the checksum over all
/// other rows.
pub const BACKUP: &[u8] = b"backup";
/// How many rows are written in one commit.
const AT_ONCE: usize = 20_000;
/// How much memory the copy may use to remember pages.
const CACHE: usize = 16 << 20;

/// Why a backup cannot be made, or is none.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be made, read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database that is copied, or the copy.
    #[error("the copy failed: {0}")]
    Database(#[from] Unavailable),
    /// The rows are others than those that were written.
    #[error("{} is damaged: what it holds is not what was written into it; use another backup", .0.display())]
    Damaged(PathBuf),
    /// Not a database of Astral's, or one that is damaged.
    #[error("{} cannot be read as a database of Astral's: {reason}; use another backup", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What a backup says of itself.
#[derive(Debug, Clone, Copy)]
pub struct BackupFacts {
    /// When it was made; `None` for a plain copy of the database, which has no checksum either.
    pub made_at: Option<Timestamp>,
    /// The last id that was made by then: of two databases of one lineage the newer has the greater.
    pub last_id: u128,
    /// By which databases know that they are copies of each other.
    pub lineage: Option<[u8; 16]>,
    /// How many rows it has.
    pub rows: u64,
}

/// The checksum over the rows of all tables, each with its length before it.
struct Checksum(Sha256);

impl Checksum {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

/// Copies a snapshot into `file`, which is empty, and syncs it.
pub fn write(snapshot: &Snapshot, made_at: Timestamp, file: File) -> Result<(), Unavailable> {
    let synced = file.try_clone().map_err(redb::Error::Io)?;
    let mut database = Builder::new().set_cache_size(CACHE).create_with_backend(FileBackend::new(file)?)?;
    let mut checksum = Checksum::new();
    let mut all = tables::ALL.to_vec();
    all.sort_by(|one, other| one.definition.name().cmp(other.definition.name()));
    for table in &all {
        checksum.add(table.definition.name().as_bytes());
        let mut rows = snapshot.rows(*table).iter()?.peekable();
        loop {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::None).map_err(redb::Error::from)?;
            {
                let mut copy = transaction.open_table(table.definition)?;
                for row in rows.by_ref().take(AT_ONCE) {
                    let (key, value) = row?;
                    let (key, value) = (key.value(), value.value());
                    // Of a backup that is served without having been restored.
                    if table.place == META.place && key == BACKUP {
                        continue;
                    }
                    checksum.add(key);
                    checksum.add(value);
                    copy.insert(key, value)?;
                }
            }
            transaction.commit()?;
            if rows.peek().is_none() {
                break;
            }
        }
    }
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let facts = [&made_at.as_millis().to_be_bytes()[..], &checksum.0.finalize()].concat();
    transaction.open_table(META.definition)?.insert(BACKUP, &facts[..])?;
    transaction.commit()?;
    database.compact()?;
    drop(database);
    synced.sync_all().map_err(redb::Error::Io)?;
    Ok(())
}

/// Opens a database without changing its file.
pub fn open_untouched(path: &Path) -> Result<Database, BackupError> {
    let unreadable = |reason: String| BackupError::Unreadable { path: path.to_owned(), reason };
    let file = |source| BackupError::File { path: path.to_owned(), source };
    // Some locks need a file that could be written.
    let opened = OpenOptions::new().read(true).write(true).open(path).or_else(|_| File::open(path)).map_err(file)?;
    if opened.metadata().map_err(file)?.len() == 0 {
        return Err(unreadable("it is empty".to_owned()));
    }
    let overlay = FileBackend::new(opened).map_err(|error| unreadable(error.to_string()))?;
    let overlay = Overlay::new(overlay).map_err(file)?;
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    match catch_unwind(AssertUnwindSafe(|| builder.create_with_backend(overlay))) {
        Ok(opened) => opened.map_err(|error| unreadable(error.to_string())),
        Err(_) => Err(unreadable("what it holds contradicts itself".to_owned())),
    }
}

/// Reads a backup from end to end, and holds it against its checksum. The file is not changed.
pub fn verify(path: &Path) -> Result<BackupFacts, BackupError> {
    let database = open_untouched(path)?;
    let read = catch_unwind(AssertUnwindSafe(|| facts(&database)));
    let (facts, is_whole) = read
        .map_err(|_| BackupError::Damaged(path.to_owned()))?
        .map_err(|failure| BackupError::Unreadable { path: path.to_owned(), reason: reason(&failure) })?;
    if is_whole { Ok(facts) } else { Err(BackupError::Damaged(path.to_owned())) }
}

/// Holds every row of a database against those that it belongs with. The file is not changed.
pub fn check(path: &Path) -> Result<Findings, BackupError> {
    let database = open_untouched(path)?;
    let checked = catch_unwind(AssertUnwindSafe(|| check::check(&ReadTx::apart(&database)?)));
    let damaged = |_| BackupError::Damaged(path.to_owned());
    checked
        .map_err(damaged)?
        .map_err(|failure| BackupError::Unreadable { path: path.to_owned(), reason: reason(&failure) })
}

/// An error with what caused it.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// What a database says of itself, and whether its rows have the checksum that it says.
fn facts(database: &Database) -> Result<(BackupFacts, bool), Unavailable> {
    let transaction = database.begin_read()?;
    let mut facts = BackupFacts { made_at: None, last_id: 0, lineage: None, rows: 0 };
    let (mut checksum, mut said) = (Checksum::new(), None);
    // Those that it has: another version of this program may have others.
    let mut names: Vec<_> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    names.sort_unstable();
    for name in names {
        checksum.add(name.as_bytes());
        let is_meta = name == META.definition.name();
        let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(&name);
        for row in transaction.open_table(table)?.iter()? {
            let (key, value) = row?;
            let (key, value) = (key.value(), value.value());
            facts.rows += 1;
            if is_meta {
                match key {
                    BACKUP => {
                        let split = value.split_first_chunk::<8>();
                        facts.made_at = split.map(|(at, _)| Timestamp::from_millis(i64::from_be_bytes(*at)));
                        said = split.map(|(_, checksum)| checksum.to_vec());
                        continue;
                    }
                    b"last_id" => facts.last_id = value.try_into().map_or(0, u128::from_be_bytes),
                    b"lineage" => facts.lineage = value.try_into().ok(),
                    _ => {}
                }
            }
            checksum.add(key);
            checksum.add(value);
        }
    }
    let found = checksum.0.finalize();
    Ok((facts, said.is_none_or(|said| said == found[..])))
}

/// By what a database is known as newer than another: its lineage, and the last id that was made.
pub fn newest(database: &Database) -> Result<(Option<[u8; 16]>, u128), Unavailable> {
    let meta = database.begin_read()?.open_table(META.definition)?;
    let lineage = meta.get(&b"lineage"[..])?.and_then(|value| value.value().try_into().ok());
    let last_id = meta.get(&b"last_id"[..])?.and_then(|value| value.value().try_into().ok());
    Ok((lineage, last_id.map_or(0, u128::from_be_bytes)))
}

/// Marks a plain copy of a database as a backup, so that it is opened as one.
pub fn mark(path: &Path) -> Result<(), BackupError> {
    let mark = || {
        let database = Builder::new().set_cache_size(CACHE).open(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(META.definition)?.insert(BACKUP, &[][..])?;
        transaction.commit()?;
        Ok::<_, Unavailable>(())
    };
    Ok(mark()?)
}

/// Makes the file of a backup beside where it will be, for its owner alone; where it is meanwhile.
pub fn begin_file(path: &Path) -> Result<(File, PathBuf), BackupError> {
    let unfinished = path.with_added_extension("unfinished");
    let made = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    made.map(|file| (file, unfinished.clone())).map_err(|source| BackupError::File { path: unfinished, source })
}

/// Verifies the file that [`begin_file`] has made, and gives it its name.
pub fn finish_file(unfinished: &Path, path: &Path) -> Result<BackupFacts, BackupError> {
    let facts = verify(unfinished)?;
    let renamed = std::fs::rename(unfinished, path).and_then(|()| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_folder(folder)
    });
    renamed.map_err(|source| BackupError::File { path: path.to_owned(), source })?;
    Ok(facts)
}
