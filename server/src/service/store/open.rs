//! Opening the database: its tables, its format, and its log of revocations.

use std::{cell::Cell, sync::Arc};

use redb::{Database, Durability, ReadableDatabase as _, TableHandle as _};

use super::{
    Files, OpenError, WriteTx,
    backup::BACKUP,
    clock,
    memo::Changes,
    migrate,
    revocations::{Lineage, Log, Standing},
    tables::{self, META},
};
use crate::service::{
    clock::{Clock, Entropy, IfBehind},
    error::{Error, Result, Unavailable},
    model::{revocation::Revocation, timestamp::Timestamp},
    recent::RecentUse,
};

/// By what a database and its log of revocations know each other.
const LINEAGE: &[u8] = b"lineage";
/// The number of the last batch in the log that the database has.
const REVOCATIONS: &[u8] = b"revocations";

/// What a database lacks of what was taken away.
pub enum Lacks {
    /// This, oldest first; nothing of it for a backup after which nothing was taken away.
    These(Vec<Revocation>),
    /// Nobody knows, for this reason: there is no log that reaches back to it. The database is a backup, or it is not: then
    /// the log alone was lost.
    Unknown { why: &'static str, is_backup: bool },
}

/// Takes away what the database lacks.
pub type CatchUp = dyn Fn(&WriteTx, &Lacks) -> Result<()> + Send;

/// All that it takes to open the database, and to open it again.
pub struct Opening {
    pub files: Files,
    pub clock: Clock,
    /// What to do if the clock is behind; it is accepted once.
    pub if_behind: Cell<IfBehind>,
    pub entropy: Entropy,
    pub recent: Arc<RecentUse>,
    pub catch_up: Box<CatchUp>,
    pub changes: Arc<Changes>,
}

/// The database, open.
pub struct Opened {
    pub database: Arc<Database>,
    pub log: Log,
    pub last_id: u128,
    /// The number of the last batch in the log that the database has.
    pub number: u64,
}

impl Opening {
    /// Opens the database, and makes it if it is not there. One whose making fails is removed, so that the next start
    /// begins anew.
    pub fn open(&self) -> Result<Opened, OpenError> {
        let path = self.files.database_path();
        let was_there = path.try_exists().unwrap_or(true);
        self.open_or_make().inspect_err(|error| {
            // Only what was being made here: whatever else is wrong, the file is somebody else's.
            if !was_there && matches!(error, OpenError::Database { .. } | OpenError::Revocations { .. }) {
                let _ = std::fs::remove_file(&path);
            }
        })
    }

    fn open_or_make(&self) -> Result<Opened, OpenError> {
        let path = self.files.database_path();
        let failed = |error: redb::Error| OpenError::Database { path: path.clone(), source: Box::new(error) };
        let database = self.files.open_database()?;
        let Prepared { lineage, number, last_id, time, is_backup } =
            self.prepare(&database).map_err(|error| match error {
                Prepare::Format(found) => OpenError::Format { path: self.files.folder().to_owned(), found },
                Prepare::Migration { from, source } => OpenError::Migration { path: path.clone(), from, source },
                Prepare::Failed(error) => failed(*error),
            })?;
        let if_behind = self.if_behind.get();
        if if_behind == IfBehind::Accept {
            self.if_behind.set(IfBehind::Refuse);
        }
        if let Some(time) = time {
            self.clock.learn(time, if_behind)?;
        }
        let (log, lacks) = self
            .open_log(lineage, number, is_backup)
            .map_err(|source| OpenError::Revocations { path: self.files.folder().to_owned(), source })?;
        let mut opened = Opened { database: Arc::new(database), log, last_id, number };
        if let Some(lacks) = lacks {
            let caught_up = self.begin(&opened).map_err(Error::from).and_then(|transaction| {
                (self.catch_up)(&transaction, &lacks)?;
                transaction.delete(META, BACKUP)?;
                Ok(opened.commit(transaction)?)
            });
            caught_up.map_err(|source| OpenError::CatchUp { path, source: Box::new(source) })?;
        }
        Ok(opened)
    }

    /// Begins a transaction of the writer's.
    pub fn begin(&self, opened: &Opened) -> Result<WriteTx, Unavailable> {
        let mut transaction = opened.database.begin_write()?;
        transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
        // Opening after a crash then takes a millisecond instead of a walk through the file.
        transaction.set_quick_repair(true);
        Ok(WriteTx {
            transaction,
            moment: self.clock.moment(),
            entropy: self.entropy,
            recent: Arc::clone(&self.recent),
            last_id: opened.last_id.into(),
            changed: false.into(),
            number: self.changes.begin(),
            changes: Arc::clone(&self.changes),
            taken: Vec::new().into(),
        })
    }

    /// Opens the log of the database with this lineage and number, or begins one; what the database lacks of it.
    fn open_log(&self, lineage: Lineage, number: u64, is_backup: bool) -> std::io::Result<(Log, Option<Lacks>)> {
        let why = match self.files.open_revocations()? {
            None => "it is missing",
            Some(storage) => match Log::open(storage, lineage, number)? {
                Standing::InStep(log) => return Ok((log, is_backup.then(|| Lacks::These(Vec::new())))),
                Standing::Behind(log, revocations) => return Ok((log, Some(Lacks::These(revocations)))),
                Standing::Unknown(why) => why,
            },
        };
        let (storage, aside) = self.files.new_revocations()?;
        if let Some(aside) = aside {
            tracing::warn!(why, kept = %aside.display(), "another log of revocations is begun");
        }
        // Of a database from which nothing was ever taken, nothing is missing.
        let lacks = (number > 0 || is_backup).then_some(Lacks::Unknown { why, is_backup });
        Ok((Log::begin(storage, lineage, number)?, lacks))
    }

    /// Makes the tables of a new database, gives one of an earlier format this program's, refuses one of an unknown
    /// format, and reads where it stands.
    fn prepare(&self, database: &Database) -> Result<Prepared, Prepare> {
        let is_new = {
            let transaction = database.begin_read()?;
            transaction.list_tables()?.next().is_none()
        };
        let path = self.files.database_path();
        if is_new {
            tracing::info!(file = %path.display(), "a new database");
            let transaction = database.begin_write()?;
            transaction.open_table(META.definition)?.insert(&b"format"[..], &tables::FORMAT.to_be_bytes()[..])?;
            transaction.commit()?;
        }
        let transaction = database.begin_read()?;
        let meta = transaction.open_table(META.definition)?;
        let format =
            meta.get(&b"format"[..])?.and_then(|value| Some(u32::from_be_bytes(value.value().try_into().ok()?)));
        match format {
            Some(tables::FORMAT) => {}
            Some(from @ 1) => {
                let cannot = |source| Prepare::Migration { from, source };
                migrate::copy_beside(&path, from).map_err(|error| cannot(error.into()))?;
                migrate::from_format_1(database).map_err(|error| cannot(error.into()))?;
            }
            other => return Err(Prepare::Format(other.unwrap_or(0))),
        }
        drop(meta);
        let transaction = database.begin_read()?;
        let present: std::collections::HashSet<String> =
            transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
        let meta = transaction.open_table(META.definition)?;
        let lineage: Option<Lineage> = meta.get(LINEAGE)?.and_then(|value| value.value().try_into().ok());
        // A table that came with a newer version is made when that version first opens the database.
        if lineage.is_none() || tables::ALL.iter().any(|table| !present.contains(table.definition.name())) {
            let transaction = database.begin_write()?;
            for table in tables::ALL {
                transaction.open_table(table.definition)?;
            }
            if lineage.is_none() {
                transaction.open_table(META.definition)?.insert(LINEAGE, &self.entropy.bytes::<16>()[..])?;
            }
            transaction.commit()?;
        }
        let meta = database.begin_read()?.open_table(META.definition)?;
        let lineage = meta.get(LINEAGE)?.and_then(|value| value.value().try_into().ok());
        let number = meta.get(REVOCATIONS)?.and_then(|value| Some(u64::from_be_bytes(value.value().try_into().ok()?)));
        let last_id =
            meta.get(&b"last_id"[..])?.and_then(|value| Some(u128::from_be_bytes(value.value().try_into().ok()?)));
        Ok(Prepared {
            lineage: lineage.unwrap_or_default(),
            number: number.unwrap_or(0),
            last_id: last_id.unwrap_or(0),
            time: meta.get(clock::TIME)?.and_then(|value| clock::decode(value.value())),
            is_backup: meta.get(BACKUP)?.is_some(),
        })
    }
}

impl Opened {
    /// Commits a transaction. What it takes away is in the log before, so that no backup from before can give it back.
    ///
    /// After an error the database must be opened again: whether it has the changes is not known.
    pub fn commit(&mut self, transaction: WriteTx) -> Result<(), Unavailable> {
        let last_id = transaction.last_id.get();
        transaction.put(META, b"last_id", &last_id.to_be_bytes())?;
        clock::put(&transaction)?;
        let revocations = transaction.taken.take();
        if !revocations.is_empty() {
            self.log.append(revocations).map_err(redb::Error::Io)?;
        }
        let number = self.log.number();
        if number != self.number {
            transaction.put(META, REVOCATIONS, &number.to_be_bytes())?;
        }
        transaction.transaction.commit()?;
        if number != self.number {
            // The next batch says it, too; and if there is none, the next start finds out.
            self.log.committed().map_err(redb::Error::Io)?;
        }
        (self.last_id, self.number) = (last_id, number);
        Ok(())
    }
}

/// Where a database stands.
struct Prepared {
    lineage: Lineage,
    number: u64,
    last_id: u128,
    /// When it was last written.
    time: Option<Timestamp>,
    /// Whether it was never opened since it was copied.
    is_backup: bool,
}

enum Prepare {
    Format(u32),
    Migration { from: u32, source: Box<dyn std::error::Error + Send + Sync> },
    Failed(Box<redb::Error>),
}

impl<E: Into<redb::Error>> From<E> for Prepare {
    fn from(error: E) -> Self {
        Self::Failed(Box::new(error.into()))
    }
}
