//! The audit chains: one for each organization, and one for the server.
//!
//! The hash of an event is SHA-256 over its predecessor's hash (32 zero bytes for the first) and its
//! own JSON, exactly as stored. So whoever changes, moves, adds or takes away an event would have to write all
//! that follow anew, and the head of the chain: heads that are kept elsewhere show that.

use std::{
    collections::{BTreeSet, HashMap},
    ops::{Bound, ControlFlow},
};

use sha2::{Digest as _, Sha256};

use super::{
    Read, WriteTx, after_prefix,
    tables::{AUDIT_EVENTS, AUDIT_HEADS, META, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        audit_event::{AuditEvent, EventFilter, EventHash, Head},
        id::{Id as _, OrganizationId},
        timestamp::Timestamp,
    },
};

/// In the server's own chain: that heads of others were recorded.
pub const RECORD_HEADS: &str = "audit.record_heads";
/// When heads were last recorded.
const RECORDED: &[u8] = b"heads_recorded";

/// An event, its place in its chain, and what proves it.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Its place in the chain, from 0 on.
    pub number: u64,
    /// Over the hash before it and `content`.
    pub hash: EventHash,
    /// Its JSON, as it is hashed.
    pub content: String,
    /// What that says.
    pub event: AuditEvent,
}

/// The bytes that name a chain; the server's own is all zero, which no id is.
fn chain(organization_id: Option<OrganizationId>) -> [u8; 16] {
    organization_id.map_or([0; 16], |id| id.to_bytes())
}

fn organization_of(chain: [u8; 16]) -> Option<OrganizationId> {
    if chain == [0; 16] { None } else { OrganizationId::from_bytes(&chain) }
}

fn hash(previous: &[u8], content: &[u8]) -> EventHash {
    EventHash(Sha256::new().chain_update(previous).chain_update(content).finalize().into())
}

fn read_head(bytes: &[u8]) -> Option<(u64, EventHash)> {
    let (number, hash) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), EventHash(hash.try_into().ok()?)))
}

/// Appends an event to the chain of the organization, or to the server's.
pub fn append(tx: &WriteTx, organization_id: Option<OrganizationId>, event: &AuditEvent) -> Result<(), Unavailable> {
    let chain = chain(organization_id);
    let (number, previous) = match tx.get(AUDIT_HEADS, &chain, read_head)? {
        Some(Some((number, hash))) => (number + 1, hash.0),
        Some(None) => return Err(Unavailable::Corrupt("audit head")),
        // A head that was taken away must not make the next event overwrite the first.
        None => last_event(tx, &chain)?.map_or((0, [0; 32]), |(number, hash)| (number + 1, hash)),
    };
    let json = serde_json::to_vec(event).map_err(|_| Unavailable::Corrupt("audit event"))?;
    let hash = hash(&previous, &json);
    tx.put(AUDIT_EVENTS, &key(&[&chain, &number.to_be_bytes()]), &key(&[&hash.0, &json]))?;
    tx.put(AUDIT_HEADS, &chain, &key(&[&number.to_be_bytes(), &hash.0]))
}

/// The number and hash of the last event of a chain, whatever its head says.
fn last_event(tx: &impl Read, chain: &[u8; 16]) -> Result<Option<(u64, [u8; 32])>, Unavailable> {
    let (end, mut last) = (after_prefix(chain), None);
    let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    tx.scan(AUDIT_EVENTS, (Bound::Included(chain), to), true, |place, bytes| {
        let number = place.get(16..).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
        last = number.zip(bytes.first_chunk::<32>().copied());
        Ok(ControlFlow::Break(()))
    })?;
    Ok(last)
}

fn read_event(number: u64, bytes: &[u8]) -> Option<StoredEvent> {
    let (hash, content) = bytes.split_first_chunk::<32>()?;
    let event = serde_json::from_slice(content).ok()?;
    Some(StoredEvent { number, hash: EventHash(*hash), content: String::from_utf8(content.to_vec()).ok()?, event })
}

/// The event with this number in a chain.
pub fn get(
    tx: &impl Read,
    organization_id: Option<OrganizationId>,
    number: u64,
) -> Result<Option<StoredEvent>, Unavailable> {
    let place = key(&[&chain(organization_id), &number.to_be_bytes()]);
    let event = tx.get(AUDIT_EVENTS, &place, |bytes| read_event(number, bytes))?;
    event.map(|event| event.ok_or(Unavailable::Corrupt("audit event"))).transpose()
}

/// The head of a chain; `None` if it is empty.
pub fn head(tx: &impl Read, organization_id: Option<OrganizationId>) -> Result<Option<Head>, Unavailable> {
    let head = tx.get(AUDIT_HEADS, &chain(organization_id), read_head)?;
    head.map(|head| head.ok_or(Unavailable::Corrupt("audit head")))
        .transpose()
        .map(|head| head.map(|(number, hash)| Head { organization_id, number, hash }))
}

/// The heads of all chains.
pub fn heads(tx: &impl Read) -> Result<Vec<Head>, Unavailable> {
    let mut heads = Vec::new();
    tx.scan_prefix(AUDIT_HEADS, b"", |place, bytes| {
        let place = place.try_into().map_err(|_| Unavailable::Corrupt("audit head"))?;
        let (number, hash) = read_head(bytes).ok_or(Unavailable::Corrupt("audit head"))?;
        heads.push(Head { organization_id: organization_of(place), number, hash });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(heads)
}

/// A page of a chain's events, newest first, and where the next begins. Examines at most `examine` of them.
pub fn page(
    tx: &impl Read,
    organization_id: OrganizationId,
    filter: &EventFilter,
    limit: usize,
    examine: usize,
    position: Option<u64>,
) -> Result<(Vec<StoredEvent>, Option<u64>), Unavailable> {
    let Some(head) = head(tx, Some(organization_id))? else { return Ok((Vec::new(), None)) };
    let below = match filter.until {
        Some(until) => first_from(tx, organization_id, until, head.number + 1)?,
        None => head.number + 1,
    };
    let below = position.map_or(below, |position| position.min(below));
    let chain = chain(Some(organization_id));
    let (from, to) = (key(&[&chain]), key(&[&chain, &below.to_be_bytes()]));
    let (mut events, mut examined, mut next) = (Vec::new(), 0, None);
    tx.scan(AUDIT_EVENTS, (Bound::Included(&from), Bound::Excluded(&to)), true, |place, bytes| {
        let number = place.get(16..).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
        let number = number.ok_or(Unavailable::Corrupt("audit event"))?;
        if events.len() == limit || examined == examine {
            next = Some(number + 1);
            return Ok(ControlFlow::Break(()));
        }
        examined += 1;
        let event = read_event(number, bytes).ok_or(Unavailable::Corrupt("audit event"))?;
        // Ids never run backwards, so that nothing before can be of later.
        if filter.since.is_some_and(|since| event.event.id.made_at() < since) {
            return Ok(ControlFlow::Break(()));
        }
        if filter.takes(&event.event) {
            events.push(event);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((events, next))
}

/// The number of the first event that was made at `at` or later, of those below `end`.
fn first_from(tx: &impl Read, organization_id: OrganizationId, at: Timestamp, end: u64) -> Result<u64, Unavailable> {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let event = get(tx, Some(organization_id), middle)?.ok_or(Unavailable::Corrupt("audit event"))?;
        if event.event.id.made_at() < at { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

/// When heads were last recorded in the server's chain.
pub fn heads_recorded(tx: &impl Read) -> Result<Option<Timestamp>, Unavailable> {
    let at = tx.get(META, RECORDED, |bytes| bytes.try_into().ok().map(i64::from_be_bytes))?.flatten();
    Ok(at.map(Timestamp::from_millis))
}

/// Notes that heads are recorded now.
pub fn put_heads_recorded(tx: &WriteTx) -> Result<(), Unavailable> {
    tx.put(META, RECORDED, &tx.now().as_millis().to_be_bytes())
}

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

/// The heads of other chains that the server's chain has recorded, oldest first: each of them counts, since a chain that
/// was cut is recorded as it is the day after.
pub fn recorded_heads(tx: &impl Read) -> Result<Vec<Head>, Unavailable> {
    let mut recorded: Vec<Head> = Vec::new();
    tx.scan_prefix(AUDIT_EVENTS, &chain(None), |_, bytes| {
        let event = bytes.get(32..).and_then(|content| serde_json::from_slice::<AuditEvent>(content).ok());
        if let Some(event) = event.filter(|event| event.action == RECORD_HEADS) {
            let heads: Vec<Head> = serde_json::from_value(event.changes["heads"].clone()).unwrap_or_default();
            recorded.extend(heads);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(recorded)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use chrono::TimeDelta;
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::service::{
        clock::{Clock, Entropy},
        error::Error,
        model::{audit_event::Actor, id::EventId},
        store::Store,
    };

    fn store(folder: &std::path::Path, clock: Clock) -> Store {
        Store::open(folder, 1 << 20, clock, Entropy::system(), Arc::default()).expect("opens")
    }

    async fn write(store: &Store, organization_id: Option<OrganizationId>, target: impl ToString) {
        let target = target.to_string();
        let append_one = move |tx: &WriteTx| {
            let event = AuditEvent {
                id: tx.new_id::<EventId>(),
                at: tx.now(),
                actor: Actor::Operator,
                action: "organization.set_plan".to_owned(),
                target: target.clone(),
                address: None,
                request_id: None,
                changes: serde_json::json!({ "plan": "coach" }),
            };
            Ok(append(tx, organization_id, &event)?)
        };
        store.write(append_one).await.expect("written");
    }

    #[tokio::test]
    async fn each_event_carries_the_hash_of_all_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path(), Clock::system());
        for number in 0..3 {
            write(&store, None, number).await;
        }
        let (mut previous, mut count) = (vec![0; 32], 0u64);
        let walk = store.read(|tx| {
            tx.scan_prefix(AUDIT_EVENTS, &[0; 16], |place, value| {
                let (hash, json) = value.split_at(32);
                assert_eq!(place[16..], count.to_be_bytes());
                assert_eq!(hash, &Sha256::digest([&previous, json].concat())[..]);
                (previous, count) = (hash.to_vec(), count + 1);
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(tx.get(AUDIT_HEADS, &[0; 16], <[u8]>::to_vec)?.expect("a head"))
        });
        assert_eq!(walk.expect("read"), [&2u64.to_be_bytes()[..], &previous].concat());
        assert_eq!(count, 3);
        assert_eq!(store.read(|tx| Ok(verify(tx, None, &[])?)).expect("read"), Ok(3));
    }

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
                transaction: store.database.begin_write().expect("begun"),
                now: store.clock.now(),
                entropy: Entropy::system(),
                recent: Arc::default(),
                last_id: std::cell::Cell::new(0),
                changed: std::cell::Cell::new(false),
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

    #[tokio::test]
    async fn pages_are_found_by_time_without_walking_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::fixed(chrono::DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let store = store(folder.path(), clock.clone());
        let id = OrganizationId::from_bits(7);
        let start = clock.now();
        for number in 0..20 {
            write(&store, Some(id), number).await;
            clock.advance(TimeDelta::hours(1));
        }
        let at = |hours: i64| Some(start.plus(TimeDelta::hours(hours)));
        let list = |since, until, limit: usize, examine: usize, position| {
            let filter = EventFilter { since, until, ..EventFilter::default() };
            let page = store.read(|tx| Ok(page(tx, id, &filter, limit, examine, position)?)).expect("read");
            (page.0.iter().map(|event| event.number).collect::<Vec<_>>(), page.1)
        };
        assert_eq!(list(None, None, 3, 100, None), (vec![19, 18, 17], Some(17)));
        assert_eq!(list(None, None, 3, 100, Some(17)), (vec![16, 15, 14], Some(14)));
        assert_eq!(list(None, None, 3, 100, Some(2)), (vec![1, 0], None));
        assert_eq!(list(None, at(5), 10, 100, None), (vec![4, 3, 2, 1, 0], None));
        assert_eq!(list(at(3), at(6), 10, 100, None), (vec![5, 4, 3], None));
        assert_eq!(list(at(3), at(6), 10, 2, None), (vec![5, 4], Some(4)), "no more are examined");
        assert_eq!(list(at(30), None, 10, 100, None), (vec![], None));
        assert_eq!(list(None, at(-1), 10, 100, None), (vec![], None));
    }
}
