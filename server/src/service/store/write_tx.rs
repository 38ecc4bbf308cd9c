//! The writer's transaction, and its tables: whatever is written is noted, so that nothing that is kept outlives it.

use std::{
    cell::{Cell, RefCell},
    ops::{ControlFlow, Deref},
    sync::Arc,
};

use redb::{TableError, WriteTransaction};

use super::{Read, memo::Changes, tables::Table};
use crate::service::{
    clock::{Entropy, Moment},
    error::Unavailable,
    model::{
        id::{Id, next_bits},
        revocation::Revocation,
    },
    recent::RecentUse,
};

/// The writer's transaction, as one action sees it.
pub struct WriteTx {
    pub(super) transaction: WriteTransaction,
    pub(super) moment: Moment,
    pub(super) entropy: Entropy,
    pub(super) recent: Arc<RecentUse>,
    pub(super) last_id: Cell<u128>,
    pub(super) changed: Cell<bool>,
    pub(super) changes: Arc<Changes>,
    /// Under which what it changes is noted there.
    pub(super) number: u64,
    pub(super) taken: RefCell<Vec<Revocation>>,
}

/// A table that is open for writing.
pub struct Opened<'tx> {
    rows: redb::Table<'tx, &'static [u8], &'static [u8]>,
    table: Table,
    tx: &'tx WriteTx,
}

impl<'tx> Deref for Opened<'tx> {
    type Target = redb::Table<'tx, &'static [u8], &'static [u8]>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl Opened<'_> {
    /// Writes `value` under `key`.
    pub(in crate::service) fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), Unavailable> {
        self.note(key);
        self.rows.insert(key, value)?;
        Ok(())
    }

    /// Removes what is under `key`; `false` if nothing was.
    pub(in crate::service) fn remove(&mut self, key: &[u8]) -> Result<bool, Unavailable> {
        self.note(key);
        Ok(self.rows.remove(key)?.is_some())
    }

    fn note(&self, key: &[u8]) {
        self.tx.changed.set(true);
        self.tx.changes.note(self.table, key, self.tx.number);
    }
}

impl Read for WriteTx {
    fn is_late(&self) -> bool {
        true
    }

    type Rows<'tx> = Opened<'tx>;

    // redb refuses to open a table twice at once: whoever opens one copies plain values out and lets go.
    fn rows(&self, table: Table) -> Result<Self::Rows<'_>, TableError> {
        Ok(Opened { rows: self.transaction.open_table(table.definition)?, table, tx: self })
    }

    fn moment(&self) -> Moment {
        self.moment
    }

    fn recent(&self) -> &RecentUse {
        &self.recent
    }
}

impl WriteTx {
    /// A new id, greater than every one before it.
    pub(in crate::service) fn new_id<I: Id>(&self) -> I {
        let bits = next_bits(self.last_id.get(), self.moment.now, u128::from_be_bytes(self.entropy.bytes()));
        self.last_id.set(bits);
        I::from_bits(bits)
    }

    /// Notes that what is being written takes power away, or moves it. It is in the log before the changes are committed.
    pub(super) fn took_away(&self, revocation: Revocation) {
        self.changed.set(true);
        self.taken.borrow_mut().push(revocation);
    }

    /// Writes `value` under `key`.
    pub(in crate::service) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<(), Unavailable> {
        self.rows(table)?.insert(key, value)
    }

    /// Removes what is under `key`; `false` if nothing was.
    pub(in crate::service) fn delete(&self, table: Table, key: &[u8]) -> Result<bool, Unavailable> {
        self.rows(table)?.remove(key)
    }

    /// The keys that begin with `prefix`.
    pub(in crate::service) fn keys(&self, table: Table, prefix: &[u8]) -> Result<Vec<Vec<u8>>, Unavailable> {
        let mut keys = Vec::new();
        self.scan_prefix(table, prefix, |key, _| {
            keys.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(keys)
    }
}
