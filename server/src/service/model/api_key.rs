//! API keys: who may call the club's API, with what power, until when.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    id::{ApiKeyId, OrganizationId, UserId},
    ip_range::IpRange,
    name::{Description, Name, Reason},
    scope::Scopes,
    secret::SecretHash,
    timestamp::Timestamp,
    words,
};

/// An API key. Its id stays; its secrets come and go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The club whose data it opens.
    pub organization_id: OrganizationId,
    /// By which the head coach knows it; not unique.
    pub name: Name,
    /// What it is for.
    pub description: Option<Description>,
    /// What it may do.
    pub scopes: Scopes,
    /// Which members it may see.
    pub reach: Reach,
    /// From where it may be used; from anywhere if empty.
    pub allowed_ips: Vec<IpRange>,
    /// Whether its head coach has taken it back.
    pub state: KeyState,
    /// Every secret it ever had, oldest first; the last is the current one. Kept after their death, so
    /// that a late caller and a leaked text can still be named.
    pub secrets: Vec<KeySecret>,
    /// When it was created.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Person,
    /// Refused from this instant on.
    pub expires_at: Option<Timestamp>,
    /// Raised by each change, never by use or time.
    pub revision: u64,
}

/// Which members a caller may see. What lies outside is not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// Every member of the club.
    Everything,
}

/// A person as they were called when they acted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// The user, or nobody that the API knows: the operator.
    pub id: Option<UserId>,
    /// What they were called then.
    pub display_name: String,
}

/// What the head coach has made of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum KeyState {
    /// Works until it expires.
    Usable,
    /// Taken back, finally.
    Revoked {
        /// When.
        at: Timestamp,
        /// By whom.
        by: Person,
        /// Why, if they said so.
        reason: Option<Reason>,
    },
}

/// One secret of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeySecret {
    /// What is stored of it.
    pub hash: SecretHash,
    /// What may be shown of it.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Refused from this instant on; the current one has no end of its own.
    pub ends_at: Option<Timestamp>,
}

words!(
    /// What a key is at an instant.
    KeyStatus {
        /// Works.
        Active = "active",
        /// Its time has come.
        Expired = "expired",
        /// Taken back.
        Revoked = "revoked",
    }
);

impl ApiKey {
    /// How many addresses or ranges a key can be bound to.
    pub const MAX_ALLOWED_IPS: usize = 50;

    /// What it is at `now`. Revoked wins over expired: it is what a person decided.
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        match self.state {
            KeyState::Revoked { .. } => KeyStatus::Revoked,
            KeyState::Usable if self.expires_at.is_some_and(|end| now >= end) => KeyStatus::Expired,
            KeyState::Usable => KeyStatus::Active,
        }
    }

    /// The secret that was handed out last.
    pub fn current_secret(&self) -> Option<&KeySecret> {
        self.secrets.last()
    }

    /// The one before it, while both work.
    pub fn previous_secret(&self, now: Timestamp) -> Option<&KeySecret> {
        let (_, earlier) = self.secrets.split_last()?;
        earlier.iter().rev().find(|secret| secret.ends_at.is_some_and(|end| now < end))
    }

    /// Whether it may be used from `address`.
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allowed_ips.is_empty() || self.allowed_ips.iter().any(|range| range.contains(address))
    }
}
