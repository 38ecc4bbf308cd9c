//! The newest state of the database, which its readers share: to begin a read costs no transaction, and no table is
//! opened for it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use redb::{Database, ReadOnlyTable, ReadableDatabase as _};

use super::{
    memo::{Kept, Memo},
    tables::{self, Table},
};
use crate::service::error::Unavailable;

/// A table of a snapshot.
pub type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The database as one commit has left it, with all its tables open. Its pages stay until it is dropped.
pub struct Snapshot {
    rows: Vec<Rows>,
    kept: Option<Kept>,
}

impl Snapshot {
    pub fn of(database: &Database) -> Result<Self, Unavailable> {
        let transaction = database.begin_read()?;
        let open = |table: &Table| transaction.open_table(table.definition);
        Ok(Self { rows: tables::ALL.iter().map(open).collect::<Result<_, _>>()?, kept: None })
    }

    /// The rows of a table.
    pub fn rows(&self, table: Table) -> &Rows {
        &self.rows[table.place]
    }

    /// What is kept of what was read before, if it is known which commit has left this.
    pub const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }
}

/// Where the newest snapshot is found.
pub struct Snapshots {
    /// `None` while it is being opened again, and at the end.
    database: ArcSwapOption<Database>,
    newest: ArcSwapOption<Snapshot>,
    memo: Arc<Memo>,
}

impl Snapshots {
    /// Of a database that has all tables.
    pub fn new(database: Arc<Database>, memo: Memo) -> Self {
        let memo = Arc::new(memo);
        let snapshots = Self { database: ArcSwapOption::empty(), newest: ArcSwapOption::empty(), memo };
        snapshots.open(database);
        snapshots
    }

    /// From now on of this database.
    pub fn open(&self, database: Arc<Database>) {
        self.database.store(Some(database));
        self.publish(self.memo.begin_anew());
    }

    /// What is kept of what was read.
    pub fn memo(&self) -> &Memo {
        &self.memo
    }

    /// The database itself; `None` while it is not open.
    pub fn database(&self) -> Option<Arc<Database>> {
        self.database.load_full()
    }

    /// The state that the newest published commit has left.
    pub fn newest(&self) -> Result<Arc<Snapshot>, Unavailable> {
        if let Some(snapshot) = self.newest.load_full() {
            return Ok(snapshot);
        }
        let database = self.database.load_full().ok_or(Unavailable::Closed)?;
        Snapshot::of(&database).map(Arc::new)
    }

    /// Lets everyone who begins to read see what the transaction with this number has committed. To be called after each commit and before anybody
    /// hears of it: an older snapshot would show what was taken away as if it were still there. Where it cannot be
    /// opened there is none, and each reader tries for itself.
    pub fn publish(&self, number: u64) {
        let newest = self.database.load_full().map(|database| Snapshot::of(&database)).transpose();
        let kept = Some(Kept::of(Arc::clone(&self.memo), number));
        let newest = newest.map(|newest| newest.map(|newest| Snapshot { kept, ..newest }));
        let newest = newest.inspect_err(|failure| {
            tracing::error!(error = failure as &dyn std::error::Error, "what was committed cannot be read");
        });
        self.newest.store(newest.ok().flatten().map(Arc::new));
    }

    /// Keeps neither a snapshot nor the database any longer.
    pub fn close(&self) {
        self.newest.store(None);
        self.database.store(None);
    }
}
