//! API keys, their indexes, the hashes of their secrets, and when each was last used.

pub(super) mod form;
pub(super) mod last_use;

use std::ops::{Bound, ControlFlow};

use super::{
    Read, WriteTx, after_prefix,
    tables::{API_KEY_INDEX, API_KEY_SECRETS, API_KEY_USE, API_KEYS, META, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        api_key::{ApiKey, KeyState, KeyStatus, OverlapUse, PreviousSecret},
        id::{ApiKeyId, Id as _, OrganizationId},
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

fn index_keys(api_key: &ApiKey) -> Vec<Vec<u8>> {
    let id = api_key.id.to_bytes();
    let entry = |index, value: &[u8]| key(&[&index_prefix(api_key.organization_id, index), value, &id]);
    match api_key.state {
        KeyState::Usable => vec![entry(Index::Usable, &[]), entry(Index::Expiry, &expiry_bytes(api_key.expires_at))],
        KeyState::Revoked { .. } => vec![entry(Index::Revoked, &[])],
    }
}

pub fn get(tx: &impl Read, organization_id: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKey>, Unavailable> {
    tx.get(API_KEYS, &key(&[&organization_id.to_bytes(), &id.to_bytes()]), form::decode)?.transpose()
}

/// The organization and id of the key that has, or ever had, the secret with this hash.
pub fn place_of_secret(tx: &impl Read, hash: &SecretHash) -> Result<Option<(OrganizationId, ApiKeyId)>, Unavailable> {
    let place = tx.get(API_KEY_SECRETS, hash.as_bytes(), |place| {
        let (organization_id, id) = place.split_at_checked(16)?;
        OrganizationId::from_bytes(organization_id).zip(ApiKeyId::from_bytes(id))
    })?;
    place.map(|place| place.ok_or(Unavailable::Corrupt("api key secret"))).transpose()
}

/// The key that has, or ever had, the secret with this hash.
pub fn by_secret(tx: &impl Read, hash: &SecretHash) -> Result<Option<ApiKey>, Unavailable> {
    let Some(place) = tx.get(API_KEY_SECRETS, hash.as_bytes(), <[u8]>::to_vec)? else { return Ok(None) };
    tx.get(API_KEYS, &place, form::decode)?.transpose()
}

/// Adds or changes a key; `before` is what was stored of it.
pub fn put(tx: &WriteTx, before: Option<&ApiKey>, api_key: &ApiKey) -> Result<(), Unavailable> {
    let place = key(&[&api_key.organization_id.to_bytes(), &api_key.id.to_bytes()]);
    let (old, new) = (before.map(index_keys).unwrap_or_default(), index_keys(api_key));
    for gone in old.iter().filter(|entry| !new.contains(entry)) {
        tx.delete(API_KEY_INDEX, gone)?;
    }
    for added in new.iter().filter(|entry| !old.contains(entry)) {
        tx.put(API_KEY_INDEX, added, &[])?;
    }
    for secret in &api_key.secrets {
        if !tx.has(API_KEY_SECRETS, secret.hash.as_bytes())? {
            tx.put(API_KEY_SECRETS, secret.hash.as_bytes(), &place)?;
        }
    }
    tx.put(API_KEYS, &place, &form::encode(api_key)?)
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
        Some(KeyStatus::Active | KeyStatus::Expired) => (API_KEY_INDEX, index_prefix(organization_id, Index::Usable)),
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
        if status.is_none_or(|status| api_key.status(tx.now()) == status) {
            keys.push(api_key);
        }
    }
    Ok((keys, None))
}

/// The overlap that a rotation of the key has left, if the secret before the current one still works.
pub fn overlap(tx: &impl Read, api_key: &ApiKey) -> Result<Option<PreviousSecret>, Unavailable> {
    let Some((_, replaced)) = api_key.replaced_secret(tx.now()) else { return Ok(None) };
    let current = api_key.current_secret().ok_or(Unavailable::Corrupt("api key"))?;
    let uses = OverlapUse {
        previous: last_used_at(tx, &replaced.hash)?,
        // What is in memory alone could be lost, and the secret that it has ended would be back.
        current_is_used: tx.has(API_KEY_USE, current.hash.as_bytes())?,
    };
    Ok(api_key.overlap(tx.now(), uses))
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
