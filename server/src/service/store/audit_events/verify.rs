//! Walking the audit chains: which events are not what was written.

use std::{
    collections::{BTreeSet, HashMap},
    ops::{Bound, ControlFlow},
};

use super::{chain, hash, organization_of, read_head};
use crate::service::{
    error::Unavailable,
    model::{
        audit_event::{EventHash, Head},
        id::OrganizationId,
    },
    store::{
        Read, after_prefix,
        tables::{AUDIT_EVENTS, AUDIT_HEADS},
    },
};

/// Where a chain is broken, and how that shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An event is gone, or one stands where none was written.
    #[error("event {number} is not there; one that is not in its place follows, or none")]
    Missing {
        /// Which.
        number: u64,
    },
    /// An event is not what it was, or does not follow on the one before it.
    #[error("event {number} is not what was written: its hash does not fit")]
    Altered {
        /// Which.
        number: u64,
    },
    /// The newest events are gone, or the head is not theirs.
    #[error("the chain ends at {last}, and its head says otherwise")]
    Head {
        /// The last event that there is.
        last: LastEvent,
    },
    /// A head that was kept elsewhere is not of this chain any more.
    #[error("event {number} was known by a head that was kept, and is gone or another now")]
    NotAsKept {
        /// Of the event.
        number: u64,
    },
}

/// The last event of a chain, if it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastEvent(pub Option<u64>);

impl std::fmt::Display for LastEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(number) => write!(f, "event {number}"),
            None => f.write_str("nothing"),
        }
    }
}

/// Walks a chain from its first event to its head, and through the heads of it that were kept; how many events it has.
pub fn verify(
    tx: &impl Read,
    organization_id: Option<OrganizationId>,
    kept: &[Head],
) -> Result<Result<u64, Broken>, Unavailable> {
    let chain = chain(organization_id);
    let (mut expected, mut previous, mut broken) = (0_u64, [0; 32], None);
    let mut kept: HashMap<u64, Vec<EventHash>> = kept
        .iter()
        .filter(|head| head.organization_id == organization_id)
        .fold(HashMap::new(), |mut by_number, head| {
            by_number.entry(head.number).or_insert_with(Vec::new).push(head.hash);
            by_number
        });
    tx.scan_prefix(AUDIT_EVENTS, &chain, |place, bytes| {
        let fault = match bytes.split_first_chunk::<32>() {
            _ if place[16..] != expected.to_be_bytes() => Some(Broken::Missing { number: expected }),
            Some((written, content)) if hash(&previous, content).0 == *written => {
                previous = *written;
                let kept = kept.remove(&expected).unwrap_or_default();
                kept.iter().any(|kept| kept.0 != previous).then_some(Broken::NotAsKept { number: expected })
            }
            _ => Some(Broken::Altered { number: expected }),
        };
        expected += u64::from(fault.is_none());
        broken = fault;
        Ok(if broken.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    if let Some(broken) = broken {
        return Ok(Err(broken));
    }
    let last = expected.checked_sub(1);
    let head = tx.get(AUDIT_HEADS, &chain, read_head)?;
    let fits = match (last, head) {
        (None, None) => true,
        (Some(last), Some(Some((number, hash)))) => (number, hash.0) == (last, previous),
        _ => false,
    };
    if !fits {
        return Ok(Err(Broken::Head { last: LastEvent(last) }));
    }
    Ok(match kept.into_keys().min() {
        Some(number) => Err(Broken::NotAsKept { number }),
        None => Ok(expected),
    })
}

/// Every chain of which there is an event or a head.
pub fn chains(tx: &impl Read) -> Result<Vec<Option<OrganizationId>>, Unavailable> {
    let mut chains = BTreeSet::new();
    for table in [AUDIT_HEADS, AUDIT_EVENTS] {
        let mut from = Some(Vec::new());
        while let Some(start) = from.take() {
            tx.scan(table, (Bound::Included(&start), Bound::Unbounded), false, |place, _| {
                let chain = place.first_chunk::<16>().ok_or(Unavailable::Corrupt("audit event"))?;
                chains.insert(*chain);
                from = after_prefix(chain);
                Ok(ControlFlow::Break(()))
            })?;
        }
    }
    Ok(chains.into_iter().map(organization_of).collect())
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::service::{
        clock::{Clock, Entropy},
        error::Error,
        model::id::Id as _,
        store::{
            WriteTx,
            audit_events::{
                heads,
                tests::{store, write},
            },
            tables::key,
        },
    };

    type Row = (Vec<u8>, Vec<u8>);

    fn rows(tx: &WriteTx, chain: [u8; 16]) -> Vec<Row> {
        let mut rows = Vec::new();
        tx.scan_prefix(AUDIT_EVENTS, &chain, |place, bytes| {
            rows.push((place.to_vec(), bytes.to_vec()));
            Ok(ControlFlow::Continue(()))
        })
        .expect("read");
        rows
    }

    /// Writes events as a chain that fits in itself: what an intruder would do who knows how.
    fn write_anew(tx: &WriteTx, chain: [u8; 16], contents: &[Vec<u8>]) {
        for (place, _) in rows(tx, chain) {
            tx.delete(AUDIT_EVENTS, &place).expect("written");
        }
        let mut previous = [0; 32];
        for (number, content) in contents.iter().enumerate() {
            previous = hash(&previous, content).0;
            let place = key(&[&chain, &(number as u64).to_be_bytes()]);
            tx.put(AUDIT_EVENTS, &place, &key(&[&previous, content])).expect("written");
        }
        let last = contents.len() as u64 - 1;
        tx.put(AUDIT_HEADS, &chain, &key(&[&last.to_be_bytes(), &previous])).expect("written");
    }

    /// Changes something at random; what, in words.
    fn tamper(tx: &WriteTx, chains: &[Option<OrganizationId>], random: &mut StdRng) -> &'static str {
        let of_chain = chain(chains[random.random_range(0..chains.len())]);
        let rows = rows(tx, of_chain);
        let any = random.random_range(0..rows.len());
        let other = (any + random.random_range(1..rows.len())) % rows.len();
        let (place, bytes) = rows[any].clone();
        let put = |place: &[u8], bytes: &[u8]| tx.put(AUDIT_EVENTS, place, bytes).expect("written");
        let contents = || rows.iter().map(|(_, bytes)| bytes[32..].to_vec()).collect::<Vec<_>>();
        match random.random_range(0..10) {
            0 => {
                let mut changed = bytes;
                let at = random.random_range(0..changed.len());
                changed[at] ^= 1 << random.random_range(0..8);
                put(&place, &changed);
                "a bit of an event"
            }
            1 => {
                put(&place, &bytes[..random.random_range(0..bytes.len())]);
                "an event cut short"
            }
            2 => {
                put(&place, &rows[other].1);
                put(&rows[other].0, &bytes);
                "two events swapped"
            }
            3 => {
                tx.delete(AUDIT_EVENTS, &place).expect("written");
                "an event removed"
            }
            4 => {
                put(&place, &rows[other].1);
                "an event in the place of another"
            }
            5 => {
                // Between two: those that follow move on by one.
                for (number, (_, bytes)) in rows.iter().enumerate().skip(any) {
                    put(&key(&[&of_chain, &(number as u64 + 1).to_be_bytes()]), bytes);
                }
                put(&place, &rows[other].1);
                "an event inserted"
            }
            6 => {
                put(&key(&[&of_chain, &(rows.len() as u64).to_be_bytes()]), &bytes);
                "an event added at the end"
            }
            7 => {
                let mut head = tx.get(AUDIT_HEADS, &of_chain, <[u8]>::to_vec).expect("read").expect("a head");
                let at = random.random_range(0..head.len());
                head[at] ^= 1 << random.random_range(0..8);
                tx.put(AUDIT_HEADS, &of_chain, &head).expect("written");
                "a bit of a head"
            }
            8 => {
                let mut fewer = contents();
                fewer.truncate(random.random_range(1..rows.len()));
                write_anew(tx, of_chain, &fewer);
                "the newest removed, and the chain written anew"
            }
            _ => {
                let mut others = contents();
                others[any] = others[other].clone();
                write_anew(tx, of_chain, &others);
                "an event replaced, and the chain written anew"
            }
        }
    }

    /// Whatever an intruder does to the rows of a chain: changes, swaps, insertions, removals. Each is made in a
    /// transaction that is then given up, so that the next begins with the whole database. Those who write the chain
    /// anew so that it fits in itself are found by the heads that were kept.
    #[tokio::test]
    async fn ten_thousand_random_changes_are_all_found() {
        const EVENTS: u64 = 40;
        const CHANGES: u64 = 10_000;
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path(), Clock::system());
        let all = [None, Some(OrganizationId::from_bits(7)), Some(OrganizationId::from_bits(8))];
        for number in 0..EVENTS {
            for organization_id in all {
                write(&store, organization_id, number).await;
            }
        }
        let kept = store.read(|tx| Ok(heads(tx)?)).expect("read");
        assert_eq!(kept.len(), 3);
        let whole = store.read(|tx| Ok(all.map(|chain| verify(tx, chain, &kept).expect("read"))));
        assert_eq!(whole.expect("read"), [Ok(EVENTS), Ok(EVENTS), Ok(EVENTS)]);

        let seed = u64::from_be_bytes(Entropy::system().bytes());
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for change in 0..CHANGES {
            let tx = WriteTx {
                transaction: store.snapshots.database().expect("open").begin_write().expect("begun"),
                moment: store.clock.moment(),
                entropy: Entropy::system(),
                recent: Arc::default(),
                last_id: std::cell::Cell::new(0),
                changed: std::cell::Cell::new(false),
                changes: Arc::default(),
                number: 1,
                taken: std::cell::RefCell::default(),
            };
            let kind = tamper(&tx, &all, &mut StdRng::seed_from_u64(seed.wrapping_add(change)));
            let kept = if kind.ends_with("written anew") { &kept[..] } else { &[] };
            let broken =
                chains(&tx).expect("read").into_iter().any(|chain| verify(&tx, chain, kept).expect("read").is_err());
            assert!(broken, "change {change} of seed {seed} was not found: {kind}");
            *found.entry(kind).or_default() += 1;
        }
        assert_eq!(found.len(), 10, "each kind was tried: {found:?}");
    }

    #[tokio::test]
    async fn the_first_broken_link_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path(), Clock::system());
        for number in 0..5 {
            write(&store, None, number).await;
        }
        let kept = store.read(|tx| Ok(heads(tx)?)).expect("read");
        let tampered = async |change: fn(&WriteTx), kept: &[Head]| {
            let outcome = Arc::new(std::sync::Mutex::new(None));
            let (kept, told) = (kept.to_vec(), Arc::clone(&outcome));
            let write = store.write(move |tx| {
                change(tx);
                *told.lock().expect("alone") = Some(verify(tx, None, &kept)?);
                // Refused after a change: nothing of it is kept.
                Err::<(), _>(Error::NotFound)
            });
            write.await.expect_err("given up");
            outcome.lock().expect("alone").take().expect("verified")
        };
        let place = |number: u64| key(&[&[0; 16], &number.to_be_bytes()]);
        let removed = tampered(|tx| drop(tx.delete(AUDIT_EVENTS, &key(&[&[0; 16], &2_u64.to_be_bytes()]))), &[]).await;
        assert_eq!(removed, Err(Broken::Missing { number: 2 }));
        let altered =
            tampered(|tx| tx.put(AUDIT_EVENTS, &key(&[&[0; 16], &3_u64.to_be_bytes()]), b"x").expect("put"), &[]);
        assert_eq!(altered.await, Err(Broken::Altered { number: 3 }));
        let last = tampered(|tx| drop(tx.delete(AUDIT_EVENTS, &key(&[&[0; 16], &4_u64.to_be_bytes()]))), &[]).await;
        assert_eq!(last, Err(Broken::Head { last: LastEvent(Some(3)) }));
        assert_eq!(last.expect_err("broken").to_string(), "the chain ends at event 3, and its head says otherwise");
        let shortened = tampered(
            |tx| {
                let contents: Vec<_> = rows(tx, [0; 16]).into_iter().map(|(_, bytes)| bytes[32..].to_vec()).collect();
                write_anew(tx, [0; 16], &contents[..3]);
            },
            &kept,
        );
        assert_eq!(shortened.await, Err(Broken::NotAsKept { number: 4 }));
        assert!(
            store.read(|tx| tx.has(AUDIT_EVENTS, &place(4)).map_err(Error::from)).expect("read"),
            "nothing was kept"
        );
    }
}
