//! Requests that went through and can be sent again, by who sent them under which name, and by time.

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
    tx.keys_below(IDEMPOTENCY_TIMES, &counts_from, most)
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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use chrono::TimeDelta;

    use super::*;
    use crate::service::{clock::Clock, model::idempotency::Fingerprint, store::Store};

    /// What a day has passed over is gone from the disk, and nothing else: it can hold a member's name.
    #[tokio::test]
    async fn what_is_over_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::fixed(chrono::DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let store = Store::of_test(folder.path(), clock.clone()).expect("opens");
        let put = |place: Place| {
            store.write(move |tx| {
                let (fingerprint, resource_id) = (Fingerprint::of("", b""), String::new());
                Ok(put(tx, &place, &Remembered { fingerprint, at: tx.now(), resource_id, answer: None })?)
            })
        };
        let rows = || {
            store.read(|tx| {
                let count = |table| {
                    let mut count = 0;
                    tx.scan_prefix(table, b"", |_, _| {
                        count += 1;
                        Ok(ControlFlow::Continue(()))
                    })?;
                    Ok::<_, Unavailable>(count)
                };
                Ok((count(IDEMPOTENCY)?, count(IDEMPOTENCY_TIMES)?))
            })
        };
        for place in 0..3 {
            put([place; 32]).await.expect("written");
        }
        clock.advance(TimeDelta::hours(12));
        put([3; 32]).await.expect("written");
        clock.advance(TimeDelta::hours(12));
        // One that is over and used again leaves nothing of its first time behind.
        put([0; 32]).await.expect("written");
        assert_eq!(rows().expect("read"), (4, 4));
        for left in [3, 2, 2] {
            store.write(|tx| Ok(forget_over(tx, 1)?)).await.expect("forgotten");
            assert_eq!(rows().expect("read"), (left, left));
        }
        assert!(!store.read(|tx| Ok(any_over(tx)?)).expect("read"));
    }
}
