//! The audit chains: one for each organization, and one for the server.
//!
//! The hash of an event is SHA-256 over its predecessor's hash (32 zero bytes for the first) and its
//! own JSON, exactly as stored. So whoever changes, moves, adds or takes away an event would have to write all
//! that follow anew, and the head of the chain: heads that are kept elsewhere show that.

mod verify;

use std::ops::{Bound, ControlFlow};

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

pub use self::verify::{Broken, chains, verify};

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

pub(super) fn read_head(bytes: &[u8]) -> Option<(u64, EventHash)> {
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

pub(super) fn read_event(number: u64, bytes: &[u8]) -> Option<StoredEvent> {
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

/// The heads of other chains that the server's chain has recorded, oldest first: each of them counts, since a chain that
/// was cut is recorded as it is the day after.
pub fn recorded_heads(tx: &impl Read) -> Result<Vec<Head>, Unavailable> {
    let mut recorded = Vec::new();
    each_recorded_head(tx, |head| recorded.push(head))?;
    Ok(recorded)
}

/// The same, one after the other: there are as many as clubs each day.
pub fn each_recorded_head(tx: &impl Read, mut visit: impl FnMut(Head)) -> Result<(), Unavailable> {
    tx.scan_prefix(AUDIT_EVENTS, &chain(None), |_, bytes| {
        let event = bytes.get(32..).and_then(|content| serde_json::from_slice::<AuditEvent>(content).ok());
        if let Some(event) = event.filter(|event| event.action == RECORD_HEADS) {
            let heads: Vec<Head> = serde_json::from_value(event.changes["heads"].clone()).unwrap_or_default();
            heads.into_iter().for_each(&mut visit);
        }
        Ok(ControlFlow::Continue(()))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::service::{
        clock::Clock,
        model::{audit_event::Actor, id::EventId},
        store::Store,
    };

    pub(super) fn store(folder: &std::path::Path, clock: Clock) -> Store {
        Store::of_test(folder, clock).expect("opens")
    }

    pub(super) async fn write(store: &Store, organization_id: Option<OrganizationId>, target: impl ToString) {
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
