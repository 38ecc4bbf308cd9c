//! Users, and the emails they sign in with.

use std::ops::ControlFlow;

use super::{
    Read, WriteTx, record,
    tables::{USER_EMAILS, USERS},
};
use crate::service::{
    error::Unavailable,
    model::{
        email::Email,
        id::{Id as _, UserId},
        revocation::Revocation,
        user::User,
    },
};

pub fn get(tx: &impl Read, id: UserId) -> Result<Option<User>, Unavailable> {
    tx.get(USERS, &id.to_bytes(), record::decode)?.transpose()
}

pub fn by_email(tx: &impl Read, email: &Email) -> Result<Option<User>, Unavailable> {
    match tx.get(USER_EMAILS, email.key().as_bytes(), UserId::from_bytes)?.flatten() {
        Some(id) => get(tx, id),
        None => Ok(None),
    }
}

/// Adds or changes a user. An email never changes once it is there.
pub fn put(tx: &WriteTx, user: &User) -> Result<(), Unavailable> {
    // One that was only hashed anew is the same password.
    if get(tx, user.id)?.is_some_and(|before| before.password_changed_at != user.password_changed_at) {
        tx.took_away(Revocation::Password {
            user_id: user.id,
            password_hash: user.password_hash.clone(),
            changed_at: user.password_changed_at,
        });
    }
    tx.put(USER_EMAILS, user.email.key().as_bytes(), &user.id.to_bytes())?;
    tx.put(USERS, &user.id.to_bytes(), &record::encode(user)?)
}

/// All of them, by id. For the operator.
pub fn all(tx: &impl Read) -> Result<Vec<User>, Unavailable> {
    let mut users = Vec::new();
    tx.scan_prefix(USERS, b"", |_, value| {
        users.push(record::decode(value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(users)
}
