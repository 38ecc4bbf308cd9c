//! What was used since the last flush: kept in memory, so that a request that reads never writes.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::model::{secret::SecretHash, timestamp::Timestamp};

type Uses = HashMap<SecretHash, Timestamp>;

/// When each secret and session was last used, since the last flush.
///
/// Its size is bounded by the number of different credentials used between two flushes.
#[derive(Debug, Default)]
pub struct RecentUse(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    /// Not written yet.
    pending: Uses,
    /// Written by the last flush; kept until the next, for readers whose snapshot is older than it.
    written: Uses,
}

impl RecentUse {
    /// Notes that the secret with this hash was used at `now`. Never moves backwards.
    pub fn note(&self, hash: SecretHash, now: Timestamp) {
        let mut generations = self.lock();
        let last = generations.pending.entry(hash).or_insert(now);
        *last = now.max(*last);
    }

    /// When it was last used, if since the last flush but one.
    pub fn last(&self, hash: &SecretHash) -> Option<Timestamp> {
        let generations = self.lock();
        generations.pending.get(hash).max(generations.written.get(hash)).copied()
    }

    /// A copy of what is to be written.
    pub fn pending(&self) -> Uses {
        self.lock().pending.clone()
    }

    /// Moves on what has been written, unless it was used again since.
    pub fn wrote(&self, written: &Uses) {
        let mut generations = self.lock();
        generations.pending.retain(|hash, last| written.get(hash).is_none_or(|written| *written < *last));
        generations.written = written.clone();
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
