//! Sessions, by the hash of their token and by user.

use std::ops::ControlFlow;

use super::{
    Read, WriteTx, record,
    tables::{SESSIONS, USER_SESSIONS, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        id::{Id as _, UserId},
        revocation::Revocation,
        secret::SecretHash,
        session::{LONGEST_LIFETIME, Session},
        timestamp::Timestamp,
    },
};

pub fn get(tx: &impl Read, hash: &SecretHash) -> Result<Option<Session>, Unavailable> {
    tx.get(SESSIONS, hash.as_bytes(), record::decode)?.transpose()
}

pub fn put(tx: &WriteTx, hash: &SecretHash, session: &Session) -> Result<(), Unavailable> {
    tx.put(USER_SESSIONS, &key(&[&session.user_id.to_bytes(), hash.as_bytes()]), &[])?;
    tx.put(SESSIONS, hash.as_bytes(), &record::encode(session)?)
}

/// Ends a session; whether there was one.
pub fn end(tx: &WriteTx, user_id: UserId, hash: &SecretHash) -> Result<bool, Unavailable> {
    let was_there = delete(tx, user_id, hash.as_bytes())?;
    if was_there {
        tx.took_away(Revocation::Session { user_id, hash: *hash });
    }
    Ok(was_there)
}

fn delete(tx: &WriteTx, user_id: UserId, hash: &[u8]) -> Result<bool, Unavailable> {
    tx.delete(USER_SESSIONS, &key(&[&user_id.to_bytes(), hash]))?;
    tx.delete(SESSIONS, hash)
}

/// Whose sessions there are, each once.
pub fn users(tx: &WriteTx) -> Result<Vec<UserId>, Unavailable> {
    let mut users = Vec::new();
    tx.scan_prefix(USER_SESSIONS, b"", |session, _| {
        let user = session.get(..16).and_then(UserId::from_bytes).ok_or(Unavailable::Corrupt("user session"))?;
        if users.last() != Some(&user) {
            users.push(user);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(users)
}

/// The sessions that began later than `at`, and whose they are.
pub fn begun_after(tx: &impl Read, at: Timestamp) -> Result<Vec<(UserId, SecretHash)>, Unavailable> {
    let mut begun = Vec::new();
    tx.scan_prefix(SESSIONS, b"", |hash, value| {
        let session: Session = record::decode(value)?;
        if session.created_at > at {
            let hash = hash.try_into().map(SecretHash::of_digest).map_err(|_| Unavailable::Corrupt("session"))?;
            begun.push((session.user_id, hash));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(begun)
}

/// Removes the sessions of the user that no use can prolong any more.
pub fn delete_expired(tx: &WriteTx, user_id: UserId) -> Result<(), Unavailable> {
    for session in tx.keys(USER_SESSIONS, &user_id.to_bytes())? {
        let hash = &session[16..];
        let stored: Option<Session> = tx.get(SESSIONS, hash, record::decode)?.transpose()?;
        let longest = stored.map(|session| session.created_at.plus(LONGEST_LIFETIME));
        if longest.is_none_or(|end| tx.now() >= end) {
            delete(tx, user_id, hash)?;
        }
    }
    Ok(())
}

/// Ends every session of the user but the one to `keep`; how many were ended.
pub fn delete_others(tx: &WriteTx, user_id: UserId, keep: Option<&SecretHash>) -> Result<usize, Unavailable> {
    let mut ended = 0;
    for session in tx.keys(USER_SESSIONS, &user_id.to_bytes())? {
        let hash = session[16..].try_into().map(SecretHash::of_digest);
        let hash = hash.map_err(|_| Unavailable::Corrupt("user session"))?;
        if keep != Some(&hash) {
            end(tx, user_id, &hash)?;
            ended += 1;
        }
    }
    Ok(ended)
}
