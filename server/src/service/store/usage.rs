//! The usage ledger: how each key was called on each of the last days.

use super::{
    Read, WriteTx, record,
    tables::{META, USAGE, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        id::{ApiKeyId, Id as _, OrganizationId},
        usage::{Calls, Day},
    },
};

/// The number of the newest generation of uses that is written, big-endian.
const GENERATION: &[u8] = b"usage_generation";
/// The first day of which the ledger tells.
const BEGUN: &[u8] = b"usage_begun";

fn place(day: Day, organization_id: OrganizationId, id: ApiKeyId) -> Vec<u8> {
    key(&[&day.to_bytes(), &organization_id.to_bytes(), &id.to_bytes()])
}

/// Adds calls to those that a key had on this day.
pub fn add(
    tx: &WriteTx,
    day: Day,
    organization_id: OrganizationId,
    id: ApiKeyId,
    further: impl IntoIterator<Item = Calls>,
) -> Result<(), Unavailable> {
    let place = place(day, organization_id, id);
    let mut calls: Vec<Calls> = tx.get(USAGE, &place, record::decode)?.transpose()?.unwrap_or_default();
    for further in further {
        Calls::add(&mut calls, further);
    }
    tx.put(USAGE, &place, &record::encode(&calls)?)
}

/// The calls that a key had on this day, as far as they are written.
pub fn on(tx: &impl Read, day: Day, organization_id: OrganizationId, id: ApiKeyId) -> Result<Vec<Calls>, Unavailable> {
    Ok(tx.get(USAGE, &place(day, organization_id, id), record::decode)?.transpose()?.unwrap_or_default())
}

/// The number of the newest generation of uses that is written.
pub fn generation(tx: &impl Read) -> Result<u64, Unavailable> {
    let number = tx.get(META, GENERATION, |bytes| bytes.try_into().ok().map(u64::from_be_bytes))?;
    Ok(number.flatten().unwrap_or_default())
}

/// Notes that the generation of uses with this number is written.
pub fn put_generation(tx: &WriteTx, number: u64) -> Result<(), Unavailable> {
    tx.put(META, GENERATION, &number.to_be_bytes())
}

/// The first day of which the ledger tells; `None` if it is empty.
pub fn begun(tx: &impl Read) -> Result<Option<Day>, Unavailable> {
    Ok(tx.get(META, BEGUN, Day::from_bytes)?.flatten())
}

/// Notes that the ledger tells of this day, if it is the first.
pub fn put_begun(tx: &WriteTx, day: Day) -> Result<(), Unavailable> {
    if begun(tx)?.is_none() { tx.put(META, BEGUN, &day.to_bytes()) } else { Ok(()) }
}

/// The places of what is too old to be kept, at most `most`.
fn over(tx: &impl Read, most: usize) -> Result<Vec<Vec<u8>>, Unavailable> {
    let first = Day::of(tx.now()).first_of(Day::KEPT).to_bytes();
    tx.keys_below(USAGE, &first, most)
}

/// Whether anything is too old to be kept.
pub fn any_over(tx: &impl Read) -> Result<bool, Unavailable> {
    Ok(!over(tx, 1)?.is_empty())
}

/// Forgets what is too old to be kept, at most `most` days of keys.
pub fn forget_over(tx: &WriteTx, most: usize) -> Result<(), Unavailable> {
    for place in over(tx, most)? {
        tx.delete(USAGE, &place)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use chrono::TimeDelta;

    use super::*;
    use crate::service::{
        clock::Clock,
        model::{secret::SecretHash, usage::SecretMark},
        store::Store,
    };

    /// What is too old is gone from the disk, and nothing else.
    #[tokio::test]
    async fn what_is_over_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::fixed(chrono::DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let store = Store::of_test(folder.path(), clock.clone()).expect("opens");
        let organization_id = OrganizationId::from_bits(1);
        for id in 0..3 {
            let put = store.write(move |tx| {
                let calls = Calls {
                    secret: SecretMark::from(&SecretHash::of_digest([1; 32])),
                    operation: "list_members".into(),
                    refused: None,
                    count: 1,
                    sources: Vec::new(),
                };
                Ok(add(tx, Day::of(tx.now()), organization_id, ApiKeyId::from_bits(id), [calls])?)
            });
            put.await.expect("written");
            clock.advance(TimeDelta::days(1));
        }
        let rows = || {
            let mut count = 0;
            let counted = store.read(|tx| {
                tx.scan_prefix(USAGE, b"", |_, _| {
                    count += 1;
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(any_over(tx)?)
            });
            (counted.expect("read"), count)
        };
        clock.advance(TimeDelta::days(86));
        assert_eq!(rows(), (false, 3), "ninety days, today included");
        clock.advance(TimeDelta::days(2));
        assert_eq!(rows(), (true, 3));
        for left in [(true, 2), (false, 1), (false, 1)] {
            store.write(|tx| Ok(forget_over(tx, 1)?)).await.expect("forgotten");
            assert_eq!(rows(), left);
        }
    }
}
