//! People who can sign in.

use serde::{Deserialize, Serialize};

use super::{email::Email, id::UserId, name::Name, password::PasswordHash, timestamp::Timestamp};

/// A person with an email and a password. What they may do stands in their memberships.
#[derive(Clone, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The email they sign in with; no two users share one.
    pub email: Email,
    /// What they are called.
    pub display_name: Name,
    /// What is kept of the password.
    pub password_hash: PasswordHash,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the password was last set.
    pub password_changed_at: Timestamp,
}
