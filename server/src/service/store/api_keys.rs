//! API keys, their indexes, the hashes of their secrets, and when each was last used.

pub(super) mod form;
pub(super) mod last_use;

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    Read, WriteTx, after_prefix, record,
    tables::{API_KEY_INDEX, API_KEY_SECRETS, API_KEY_USE, API_KEYS, META, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        api_key::{ApiKey, KeyState, KeyStatus, OverlapUse, PreviousSecret, Reach},
        id::{ApiKeyId, Id as _, OrganizationId},
        ip_range::IpRange,
        revocation::{KeyAuthority, Revocation},
        scope::Scopes,
        secret::SecretHash,
        timestamp::Timestamp,
        usage::LastUse,
    },
};

/// Which index of keys; each lists keys of one organization.
#[derive(Clone, Copy)]
enum Index {
    /// Not revoked, by id.
    Usable = 1,
    /// Revoked, by id.
    Revoked = 2,
    /// Not revoked, by expiry and id.
    Expiry = 3,
}

fn index_prefix(organization_id: OrganizationId, index: Index) -> Vec<u8> {
    key(&[&organization_id.to_bytes(), &[index as u8]])
}

/// The instant at which a key ends, as bytes that sort; the greatest for one that never does.
fn expiry_bytes(expires_at: Option<Timestamp>) -> [u8; 8] {
    expires_at.map_or([0xff; 8], Timestamp::to_bytes)
}

pub(super) fn index_keys(api_key: &ApiKey) -> Vec<Vec<u8>> {
    let id = api_key.id.to_bytes();
    let entry = |index, value: &[u8]| key(&[&index_prefix(api_key.organization_id, index), value, &id]);
    match api_key.state {
        KeyState::Usable | KeyState::Held => {
            vec![entry(Index::Usable, &[]), entry(Index::Expiry, &expiry_bytes(api_key.expires_at))]
        }
        KeyState::Revoked { .. } => vec![entry(Index::Revoked, &[])],
    }
}

pub fn get(tx: &impl Read, organization_id: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKey>, Unavailable> {
    tx.get(API_KEYS, &key(&[&organization_id.to_bytes(), &id.to_bytes()]), form::decode)?.transpose()
}

/// The same for whoever only looks at it.
pub fn shared(
    tx: &impl Read,
    organization_id: OrganizationId,
    id: ApiKeyId,
) -> Result<Option<Arc<ApiKey>>, Unavailable> {
    let read = || get(tx, organization_id, id).map(|api_key| api_key.map(Arc::new));
    let api_key = match tx.kept() {
        Some(kept) => kept.api_key(id, read)?,
        None => read()?,
    };
    Ok(api_key.filter(|api_key| api_key.organization_id == organization_id))
}

/// What the current secret of a key opens that was not revoked: of the key, as much as it takes to let a request in.
///
/// Kept beside the secret, so that the key itself is read only where a request is refused or there is an overlap.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    pub scopes: Scopes,
    pub reach: Reach,
    pub allowed_ips: Vec<IpRange>,
    pub expires_at: Option<Timestamp>,
}

/// The hash of the secret that has a pass, and that.
pub(super) fn pass_of(api_key: &ApiKey) -> Option<(SecretHash, Pass)> {
    let current = api_key.current_secret().filter(|_| matches!(api_key.state, KeyState::Usable))?;
    let ApiKey { scopes, reach, allowed_ips, expires_at, .. } = api_key.clone();
    Some((current.hash, Pass { scopes, reach, allowed_ips, expires_at }))
}

/// Where the key is that a secret belongs to, by the bytes of its row, and what else they hold.
fn split_place(row: &[u8]) -> Option<(OrganizationId, ApiKeyId, &[u8])> {
    let (organization_id, rest) = row.split_at_checked(16)?;
    let (id, pass) = rest.split_at_checked(16)?;
    Some((OrganizationId::from_bytes(organization_id)?, ApiKeyId::from_bytes(id)?, pass))
}

/// The key that has, or ever had, a secret, and the secret's pass.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    pub organization_id: OrganizationId,
    pub id: ApiKeyId,
    pub pass: Option<Pass>,
}

/// The key that has, or ever had, the secret with this hash, and the secret's pass.
pub fn place(tx: &impl Read, hash: &SecretHash) -> Result<Option<Arc<Place>>, Unavailable> {
    let read = || {
        let place = tx.get(API_KEY_SECRETS, hash.as_bytes(), |row| {
            let (organization_id, id, pass) = split_place(row).ok_or(Unavailable::Corrupt("api key secret"))?;
            let pass = if pass.is_empty() { None } else { Some(record::decode(pass)?) };
            Ok(Arc::new(Place { organization_id, id, pass }))
        });
        place?.transpose()
    };
    match tx.kept() {
        Some(kept) => kept.place(hash, read),
        None => read(),
    }
}

/// The organization and id of the key that has, or ever had, the secret with this hash.
pub fn place_of_secret(tx: &impl Read, hash: &SecretHash) -> Result<Option<(OrganizationId, ApiKeyId)>, Unavailable> {
    let place = tx.get(API_KEY_SECRETS, hash.as_bytes(), |row| split_place(row).map(|(club, id, _)| (club, id)))?;
    place.map(|place| place.ok_or(Unavailable::Corrupt("api key secret"))).transpose()
}

/// The key that has, or ever had, the secret with this hash.
pub fn by_secret(tx: &impl Read, hash: &SecretHash) -> Result<Option<ApiKey>, Unavailable> {
    let Some((organization_id, id)) = place_of_secret(tx, hash)? else { return Ok(None) };
    get(tx, organization_id, id)
}

/// Adds or changes a key; `before` is what was stored of it.
pub fn put(tx: &WriteTx, before: Option<&ApiKey>, api_key: &ApiKey) -> Result<(), Unavailable> {
    let place = key(&[&api_key.organization_id.to_bytes(), &api_key.id.to_bytes()]);
    let authority = KeyAuthority::of(api_key);
    if before.is_some_and(|before| KeyAuthority::of(before) != authority) {
        tx.took_away(Revocation::ApiKey(authority));
    }
    let (was_held, is_held) = (before.is_some_and(is_held), is_held(api_key));
    if was_held != is_held {
        let held = count_held(tx)?;
        put_held(tx, if is_held { held + 1 } else { held.saturating_sub(1) })?;
    }
    let (old, new) = (before.map(index_keys).unwrap_or_default(), index_keys(api_key));
    for gone in old.iter().filter(|entry| !new.contains(entry)) {
        tx.delete(API_KEY_INDEX, gone)?;
    }
    for added in new.iter().filter(|entry| !old.contains(entry)) {
        tx.put(API_KEY_INDEX, added, &[])?;
    }
    let (passed, passes) = (before.and_then(pass_of), pass_of(api_key));
    if let Some((hash, pass)) = passes.as_ref().filter(|_| passes != passed) {
        tx.put(API_KEY_SECRETS, hash.as_bytes(), &key(&[&place, &record::encode(pass)?]))?;
    }
    let passes = passes.map(|(hash, _)| hash);
    for hash in api_key.secrets.iter().map(|secret| secret.hash).filter(|hash| passes != Some(*hash)) {
        let has_passed = passed.as_ref().is_some_and(|(passed, _)| *passed == hash);
        if has_passed || !tx.has(API_KEY_SECRETS, hash.as_bytes())? {
            tx.put(API_KEY_SECRETS, hash.as_bytes(), &place)?;
        }
    }
    tx.put(API_KEYS, &place, &form::encode(api_key)?)
}

/// The ids of all keys of the organization.
pub fn ids(tx: &impl Read, organization_id: OrganizationId) -> Result<Vec<ApiKeyId>, Unavailable> {
    let mut ids = Vec::new();
    tx.scan_prefix(API_KEYS, &organization_id.to_bytes(), |place, _| {
        ids.extend(place.get(16..).and_then(ApiKeyId::from_bytes));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(ids)
}

/// How many keys of the organization are active at `now`, counting no further than `most`.
pub fn count_active(
    tx: &impl Read,
    organization_id: OrganizationId,
    now: Timestamp,
    most: usize,
) -> Result<usize, Unavailable> {
    let prefix = index_prefix(organization_id, Index::Expiry);
    // A key is refused from the instant of its expiry on, so it counts while that lies after `now`.
    let from = key(&[&prefix, &Timestamp::from_millis(now.as_millis() + 1).to_bytes()]);
    let to = after_prefix(&prefix);
    let mut count = 0;
    tx.scan(
        API_KEY_INDEX,
        (Bound::Included(&from), to.as_deref().map_or(Bound::Unbounded, Bound::Excluded)),
        false,
        |_, _| {
            count += 1;
            Ok(if count < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        },
    )?;
    Ok(count)
}

/// How many keys there are in all that are not revoked, and how many that are.
pub fn count(tx: &impl Read) -> Result<(u64, u64), Unavailable> {
    let (keys, entries) = (tx.length(API_KEYS)?, tx.length(API_KEY_INDEX)?);
    // One that is revoked has one entry in the index, and every other has two: `index_keys`.
    let usable = entries.saturating_sub(keys);
    Ok((usable, keys.saturating_sub(usable)))
}

/// How many keys are held.
const HELD: &[u8] = b"held_keys";

const fn is_held(api_key: &ApiKey) -> bool {
    matches!(api_key.state, KeyState::Held)
}

/// How many keys there are in all that are held, expired ones among them.
pub fn count_held(tx: &impl Read) -> Result<u64, Unavailable> {
    let count = tx.get(META, HELD, |bytes| bytes.try_into().ok().map(u64::from_be_bytes))?;
    count.map_or(Ok(0), |count| count.ok_or(Unavailable::Corrupt("count of held keys")))
}

fn put_held(tx: &WriteTx, count: u64) -> Result<(), Unavailable> {
    tx.put(META, HELD, &count.to_be_bytes())
}

/// Whether the key is held that this row of the index of expiries is about.
pub fn is_held_in(tx: &impl Read, row: &[u8]) -> Result<bool, Unavailable> {
    let place = row.first_chunk::<16>().zip(row.last_chunk::<16>());
    let (organization_id, id) = place.ok_or(Unavailable::Corrupt("api key index"))?;
    let api_key = tx.get(API_KEYS, &key(&[organization_id, id]), form::decode)?.transpose()?;
    Ok(is_held(&api_key.ok_or(Unavailable::Corrupt("api key index"))?))
}

/// When the key ends that this row of the index is about, if the index is that of expiries.
pub fn expiry_in(row: &[u8]) -> Option<Timestamp> {
    let (index, end) = row.get(16..)?.split_first_chunk::<1>()?;
    let end = end.first_chunk::<8>().filter(|_| *index == [Index::Expiry as u8])?;
    Some(Timestamp::from_millis(i64::try_from(u64::from_be_bytes(*end)).unwrap_or(i64::MAX)))
}

/// Where the expiries of the club begin that this row of the index is of, if they come after it.
pub fn first_expiry_after(row: &[u8]) -> Option<Vec<u8>> {
    let first = key(&[row.get(..16)?, &[Index::Expiry as u8]]);
    (first.as_slice() > row).then_some(first)
}

/// The keys of the organization, not revoked, that end after the first of two instants and not after the second.
pub fn ending_between(
    tx: &impl Read,
    organization_id: OrganizationId,
    (after, until): (Timestamp, Timestamp),
) -> Result<Vec<(ApiKeyId, Timestamp)>, Unavailable> {
    let prefix = index_prefix(organization_id, Index::Expiry);
    let place = |at: Timestamp| key(&[&prefix, &Timestamp::from_millis(at.as_millis() + 1).to_bytes()]);
    let mut found = Vec::new();
    tx.scan(API_KEY_INDEX, (Bound::Included(&place(after)), Bound::Excluded(&place(until))), false, |entry, _| {
        let entry = entry.get(prefix.len()..).and_then(<[u8]>::split_first_chunk::<8>);
        let (end, id) = entry.ok_or(Unavailable::Corrupt("api key index"))?;
        let millis = i64::try_from(u64::from_be_bytes(*end)).unwrap_or(i64::MAX);
        found.extend(ApiKeyId::from_bytes(id).map(|id| (id, Timestamp::from_millis(millis))));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

/// Until when it was looked which keys come near their end.
const EXPIRIES_TOLD: &[u8] = b"expiries_told";

/// Until when it was looked which keys come near their end; `None` if it never was.
pub fn expiries_told(tx: &impl Read) -> Result<Option<Timestamp>, Unavailable> {
    let at = tx.get(META, EXPIRIES_TOLD, |bytes| bytes.try_into().ok().map(i64::from_be_bytes))?.flatten();
    Ok(at.map(Timestamp::from_millis))
}

/// Notes until when it was looked.
pub fn put_expiries_told(tx: &WriteTx, until: Timestamp) -> Result<(), Unavailable> {
    tx.put(META, EXPIRIES_TOLD, &until.as_millis().to_be_bytes())
}

/// A page of keys, newest first: those with `status`, or all, that come after `position`.
///
/// Examines at most `examine` entries. The second value is where the next page begins, `None` at the end.
pub fn page(
    tx: &impl Read,
    organization_id: OrganizationId,
    status: Option<KeyStatus>,
    limit: usize,
    examine: usize,
    position: Option<ApiKeyId>,
) -> Result<(Vec<ApiKey>, Option<ApiKeyId>), Unavailable> {
    let (table, prefix) = match status {
        None => (API_KEYS, organization_id.to_bytes().to_vec()),
        Some(KeyStatus::Active | KeyStatus::Expired | KeyStatus::Held) => {
            (API_KEY_INDEX, index_prefix(organization_id, Index::Usable))
        }
        Some(KeyStatus::Revoked) => (API_KEY_INDEX, index_prefix(organization_id, Index::Revoked)),
    };
    let end = match position {
        Some(id) => Some(key(&[&prefix, &id.to_bytes()])),
        None => after_prefix(&prefix),
    };
    let mut ids = Vec::new();
    tx.scan(
        table,
        (Bound::Included(&prefix), end.as_deref().map_or(Bound::Unbounded, Bound::Excluded)),
        true,
        |entry, _| {
            ids.extend(ApiKeyId::from_bytes(&entry[prefix.len()..]));
            Ok(if ids.len() <= examine { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        },
    )?;
    let (mut keys, mut last) = (Vec::new(), None);
    for (examined, id) in ids.into_iter().enumerate() {
        if keys.len() == limit || examined == examine {
            return Ok((keys, last));
        }
        last = Some(id);
        let api_key = get(tx, organization_id, id)?.ok_or(Unavailable::Corrupt("api key index"))?;
        if status.is_none_or(|status| api_key.status(tx.judged_at()) == status) {
            keys.push(api_key);
        }
    }
    Ok((keys, None))
}

/// The overlap that a rotation of the key has left, if the secret before the current one still works at `at`.
pub fn overlap(tx: &impl Read, api_key: &ApiKey, at: Timestamp) -> Result<Option<PreviousSecret>, Unavailable> {
    let Some((_, replaced)) = api_key.replaced_secret(at) else { return Ok(None) };
    let current = api_key.current_secret().ok_or(Unavailable::Corrupt("api key"))?;
    let uses = OverlapUse {
        previous: last_used_at(tx, &replaced.hash)?,
        // What is in memory alone could be lost, and the secret that it has ended would be back.
        current_is_used: tx.has(API_KEY_USE, current.hash.as_bytes())?,
    };
    Ok(api_key.overlap(at, uses))
}

/// When the secret with this hash was last used, flushed or not.
pub fn last_used_at(tx: &impl Read, hash: &SecretHash) -> Result<Option<Timestamp>, Unavailable> {
    let written = tx.get(API_KEY_USE, hash.as_bytes(), last_use::decode)?.transpose()?;
    Ok(written.map(|last| last.at).max(tx.recent().last(hash)))
}

/// The last use of the secret with this hash, flushed or not.
pub fn last_use(tx: &impl Read, hash: &SecretHash) -> Result<Option<LastUse>, Unavailable> {
    let written = tx.get(API_KEY_USE, hash.as_bytes(), last_use::decode)?.transpose()?;
    Ok(written.into_iter().chain(tx.recent().last_use(hash)).max_by_key(|last| last.at))
}

/// Writes the last use of a secret. Never moves backwards.
pub fn put_last_use(tx: &WriteTx, hash: &SecretHash, last: &LastUse) -> Result<(), Unavailable> {
    let written = tx.get(API_KEY_USE, hash.as_bytes(), last_use::decode)?.transpose()?;
    if written.is_none_or(|written| written.at < last.at) {
        tx.put(API_KEY_USE, hash.as_bytes(), &last_use::encode(last)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{
        clock::Clock,
        model::api_key::{KeySecret, Overlap, Person},
        store::Store,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn secret(number: u8) -> KeySecret {
        KeySecret::new(SecretHash::of_digest([number; 32]), String::new(), at(0))
    }

    /// Whatever is done to a key: its current secret passes with what the key has now, and no other secret passes.
    #[tokio::test]
    async fn the_current_secret_of_a_usable_key_passes_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::of_test(folder.path(), Clock::system()).expect("opens");
        let somebody = || Person { id: None, display_name: "Ana".to_owned() };
        let mut key = ApiKey {
            id: ApiKeyId::from_bits(5),
            organization_id: OrganizationId::from_bits(1),
            name: "Sync".parse().expect("a name"),
            description: None,
            scopes: Scopes::all(),
            scopes_since: at(0),
            reach: Reach::Everything,
            allowed_ips: Vec::new(),
            state: KeyState::Usable,
            secrets: vec![secret(0)],
            created_at: at(0),
            created_by: somebody(),
            expires_at: None,
            revision: 1,
        };
        let mut before: Option<ApiKey> = None;
        type Change = fn(&mut ApiKey);
        let changes: [Change; 8] = [
            |_| {},
            |key| key.name = "Another".parse().expect("a name"),
            |key| key.expires_at = Some(at(1_000)),
            |key| key.allowed_ips = vec!["203.0.113.0/24".parse().expect("a range")],
            |key| key.rotate(at(1), secret(1), Overlap { seconds: 60, retire_when_idle_hours: None }, false),
            |key| key.end_earlier_secrets(at(2)),
            |key| key.scopes = Scopes::new(vec![crate::service::Scope::MembersRead]).expect("one"),
            |key| {
                let by = Person { id: None, display_name: "Ana".to_owned() };
                key.state = KeyState::Revoked { at: at(3), by, reason: None };
            },
        ];
        for (number, change) in changes.into_iter().enumerate() {
            change(&mut key);
            let (was, is) = (before.clone(), key.clone());
            store.write(move |tx| Ok(put(tx, was.as_ref(), &is)?)).await.expect("written");
            before = Some(key.clone());
            for secret in &key.secrets {
                let found = store.read(|tx| Ok(place(tx, &secret.hash)?)).expect("read").expect("known");
                let wanted = pass_of(&key).filter(|(hash, _)| *hash == secret.hash).map(|(_, pass)| pass);
                let wanted = Place { organization_id: key.organization_id, id: key.id, pass: wanted };
                assert_eq!(*found, wanted, "after change {number}");
            }
        }
    }
}
