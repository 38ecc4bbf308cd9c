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

/// The user with this email. Where there is none, the one is looked up that nobody is: it must not be told by the time
/// whether an email has an account.
pub fn by_email(tx: &impl Read, email: &Email) -> Result<Option<User>, Unavailable> {
    let id = tx.get(USER_EMAILS, email.key().as_bytes(), UserId::from_bytes)?.flatten();
    get(tx, id.unwrap_or_else(|| UserId::from_bits(0)))
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
