//! Sessions, by the hash of their token and by user.

use super::{
    Read, WriteTx, record,
    tables::{SESSIONS, USER_SESSIONS, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        id::{Id as _, UserId},
        secret::SecretHash,
        session::{LONGEST_LIFETIME, Session},
    },
};

pub fn get(tx: &impl Read, hash: &SecretHash) -> Result<Option<Session>, Unavailable> {
    tx.get(SESSIONS, hash.as_bytes(), record::decode)?.transpose()
}

pub fn put(tx: &WriteTx, hash: &SecretHash, session: &Session) -> Result<(), Unavailable> {
    tx.put(USER_SESSIONS, &key(&[&session.user_id.to_bytes(), hash.as_bytes()]), &[])?;
    tx.put(SESSIONS, hash.as_bytes(), &record::encode(session)?)
}

pub fn delete(tx: &WriteTx, user_id: UserId, hash: &[u8]) -> Result<(), Unavailable> {
    tx.delete(USER_SESSIONS, &key(&[&user_id.to_bytes(), hash]))?;
    tx.delete(SESSIONS, hash)?;
    Ok(())
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
        let hash = &session[16..];
        if keep.is_none_or(|keep| keep.as_bytes() != hash) {
            delete(tx, user_id, hash)?;
            ended += 1;
        }
    }
    Ok(ended)
}
