//! Requests that went through and can be sent again, by who sent them under which name, and by time.

use std::ops::{Bound, ControlFlow};

use super::{
    Read, WriteTx, record,
    tables::{IDEMPOTENCY, IDEMPOTENCY_TIMES, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        idempotency::{REMEMBERED, Remembered},
        timestamp::Timestamp,
    },
};

/// Where a request is remembered: a hash over its caller and its name.
pub type Place = [u8; 32];

/// The request that is remembered here, unless its time is over.
pub fn get(tx: &impl Read, place: &Place) -> Result<Option<Remembered>, Unavailable> {
    let remembered: Option<Remembered> = tx.get(IDEMPOTENCY, place, record::decode)?.transpose()?;
    Ok(remembered.filter(|remembered| tx.now().since(remembered.at) < REMEMBERED))
}

/// Remembers a request in a place where none is, or none that still counts.
pub fn put(tx: &WriteTx, place: &Place, remembered: &Remembered) -> Result<(), Unavailable> {
    let stale: Option<Remembered> = tx.get(IDEMPOTENCY, place, record::decode)?.transpose()?;
    if let Some(stale) = stale {
        tx.delete(IDEMPOTENCY_TIMES, &key(&[&stale.at.to_bytes(), place]))?;
    }
    tx.put(IDEMPOTENCY_TIMES, &key(&[&remembered.at.to_bytes(), place]), &[])?;
    tx.put(IDEMPOTENCY, place, &record::encode(remembered)?)
}

/// The entries by time, at most `most`, whose time is over.
fn over(tx: &impl Read, most: usize) -> Result<Vec<Vec<u8>>, Unavailable> {
    let counts_from = Timestamp::from_millis(tx.now().as_millis() + 1).plus(-REMEMBERED).to_bytes();
    let mut entries = Vec::new();
    tx.scan(IDEMPOTENCY_TIMES, (Bound::Unbounded, Bound::Excluded(&counts_from)), false, |entry, _| {
        entries.push(entry.to_vec());
        Ok(if entries.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(entries)
}

/// Whether there is anything to forget.
pub fn any_over(tx: &impl Read) -> Result<bool, Unavailable> {
    Ok(!over(tx, 1)?.is_empty())
}

/// Forgets the requests whose time is over, at most `most` of them.
pub fn forget_over(tx: &WriteTx, most: usize) -> Result<(), Unavailable> {
    for entry in over(tx, most)? {
        tx.delete(IDEMPOTENCY, &entry[8..])?;
        tx.delete(IDEMPOTENCY_TIMES, &entry)?;
    }
    Ok(())
}
