//! Which rows have changed, and when.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::service::store::tables::{API_KEY_SECRETS, API_KEYS, MEMBER_BLOCKS, ORGANIZATIONS, Table};

/// The tables that what is kept is made of.
const TABLES: [Table; 4] = [API_KEY_SECRETS, API_KEYS, ORGANIZATIONS, MEMBER_BLOCKS];

/// Of how many parts the rows are, each of which has changed or has not. A power of two.
const PARTS: usize = 1 << 15;

/// How much of a row's key says in which part it is: an organization's id, or the beginning of a hash. Of a key, whose
/// organization's comes before its own, that is its own: the pages of its organization have not changed.
pub const PREFIX: usize = 16;

/// Which rows have changed, and when.
pub struct Changes {
    /// By part: the number of the newest commit that changes anything there.
    newest: Box<[AtomicU64]>,
    /// The number of the transaction that was begun last.
    begun: AtomicU64,
}

impl Default for Changes {
    fn default() -> Self {
        Self { newest: (0..PARTS).map(|_| AtomicU64::new(0)).collect(), begun: AtomicU64::new(0) }
    }
}

/// The part of the rows whose key begins with this.
fn part(prefix: &[u8; PREFIX]) -> usize {
    // Ids and hashes are random in their last bytes at least.
    let bits = u128::from_le_bytes(*prefix);
    let folded = (bits as u64) ^ (bits >> 64) as u64;
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - PARTS.trailing_zeros())) as usize
}

impl Changes {
    /// Begins a transaction; its number, which no other has.
    pub fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Notes that the transaction with this number changes the row. To be called before it is committed.
    pub fn note(&self, table: Table, key: &[u8], number: u64) {
        if TABLES.iter().any(|noted| noted.place == table.place) {
            let after = if table.place == API_KEYS.place { PREFIX } else { 0 };
            match key.get(after..).and_then(<[u8]>::first_chunk) {
                Some(prefix) => self.newest[part(prefix)].store(number, Ordering::Release),
                None => self.note_all(number),
            }
        }
    }

    /// The number of the newest transaction that changes anything in the part of the rows that begin with this.
    pub fn newest(&self, prefix: &[u8; PREFIX]) -> u64 {
        self.newest[part(prefix)].load(Ordering::Acquire)
    }

    /// Notes that everything may be different.
    pub fn note_all(&self, number: u64) {
        self.newest.iter().for_each(|newest| newest.store(number, Ordering::Release));
    }
}
