//! What was used since the last flush: kept in memory, so that a request that reads never writes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::model::{secret::SecretHash, timestamp::Timestamp};

/// When each secret and session was last used, since the last flush.
///
/// Its size is bounded by the number of different credentials used between two flushes.
#[derive(Debug, Default)]
pub struct RecentUse(Mutex<HashMap<SecretHash, Timestamp>>);

impl RecentUse {
    /// Notes that the secret with this hash was used at `now`. Never moves backwards.
    pub fn note(&self, hash: SecretHash, now: Timestamp) {
        let mut uses = self.lock();
        let last = uses.entry(hash).or_insert(now);
        *last = now.max(*last);
    }

    /// When it was last used, if since the last flush.
    pub fn last(&self, hash: &SecretHash) -> Option<Timestamp> {
        self.lock().get(hash).copied()
    }

    /// A copy of all there is, to be written.
    pub fn snapshot(&self) -> HashMap<SecretHash, Timestamp> {
        self.lock().clone()
    }

    /// Forgets what has been written, unless it was used again since.
    pub fn forget(&self, written: &HashMap<SecretHash, Timestamp>) {
        self.lock().retain(|hash, last| written.get(hash).is_none_or(|written| *written < *last));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SecretHash, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
