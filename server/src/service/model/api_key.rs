//! API keys: who may call the club's API, with what power, until when.

use std::net::IpAddr;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    Invalid,
    id::{ApiKeyId, OrganizationId, UserId},
    ip_range::IpRange,
    name::{Description, Name, Reason},
    scope::Scopes,
    secret::SecretHash,
    timestamp::Timestamp,
    words,
};

/// An API key. Its id stays; its secrets come and go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Since when it may do just that.
    pub scopes_since: Timestamp,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reach {
    /// Every member of the club.
    Everything,
}

/// A person as they were called when they acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user, or nobody that the API knows: the operator, or whoever has reported a leak.
    pub id: Option<UserId>,
    /// What they were called then.
    pub display_name: String,
}

/// What the head coach has made of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Stands in a backup that was restored where nobody knew what was taken away since. Works when the operator releases
    /// it.
    Held,
}

/// One secret of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySecret {
    /// What is stored of it.
    pub hash: SecretHash,
    /// What may be shown of it.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Refused from this instant on, at the latest; the current one has no end of its own.
    pub ends_at: Option<Timestamp>,
    /// Refused sooner if it was not used for so many hours, once the current one was.
    pub retire_when_idle_hours: Option<u16>,
}

impl KeySecret {
    /// A secret that was made at `now`, and has no end yet.
    pub fn new(hash: SecretHash, hint: String, now: Timestamp) -> Self {
        Self { hash, hint, created_at: now, ends_at: None, retire_when_idle_hours: None }
    }
}

/// How long a secret that is replaced goes on working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// At most so many seconds.
    pub seconds: u32,
    /// Until it was idle for so many hours, if that comes sooner.
    pub retire_when_idle_hours: Option<u16>,
}

/// The secret before the current one, while both work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// By which it is found.
    pub hash: SecretHash,
    /// What may be shown of it.
    pub hint: String,
    /// Refused from this instant on, as things stand.
    pub ends_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// When the secrets of a key were used, as far as its overlap depends on it.
#[derive(Debug, Clone, Copy, Default)]
pub struct OverlapUse {
    /// When the replaced secret was last used.
    pub previous: Option<Timestamp>,
    /// Whether it is on disk that the current one was used.
    pub current_is_used: bool,
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
        /// Restored from a backup, and not released yet.
        Held = "held",
    }
);

words!(
    /// What a secret of a key is at an instant.
    SecretStanding {
        /// It was handed out last; works as long as the key does.
        Current = "current",
        /// It was replaced, and works for a while.
        Previous = "previous",
        /// It was replaced, and works no more.
        Ended = "ended",
    }
);

impl SecretStanding {
    /// What the secret with this hash is to its key, given the key's current one and its overlap.
    pub fn of(hash: &SecretHash, current: Option<&SecretHash>, overlap: Option<&PreviousSecret>) -> Self {
        if current == Some(hash) {
            Self::Current
        } else if overlap.is_some_and(|previous| previous.hash == *hash) {
            Self::Previous
        } else {
            Self::Ended
        }
    }
}

impl ApiKey {
    /// How many addresses or ranges a key can be bound to.
    pub const MAX_ALLOWED_IPS: usize = 50;

    /// What it is at `now`. Revoked wins over expired: it is what a person decided.
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        match self.state {
            KeyState::Revoked { .. } => KeyStatus::Revoked,
            _ if self.expires_at.is_some_and(|end| now >= end) => KeyStatus::Expired,
            KeyState::Usable => KeyStatus::Active,
            KeyState::Held => KeyStatus::Held,
        }
    }

    /// The secret that was handed out last.
    pub fn current_secret(&self) -> Option<&KeySecret> {
        self.secrets.last()
    }

    /// The secret that was replaced last and could work still, and its place; uses may have ended it.
    pub fn replaced_secret(&self, now: Timestamp) -> Option<(usize, &KeySecret)> {
        let (_, earlier) = self.secrets.split_last()?;
        earlier.iter().enumerate().rfind(|(_, secret)| secret.ends_at.is_some_and(|end| now < end))
    }

    /// The overlap of a rotation at `now`, given when the secrets were used.
    pub fn overlap(&self, now: Timestamp, uses: OverlapUse) -> Option<PreviousSecret> {
        let (place, secret) = self.replaced_secret(now)?;
        let mut ends_at = secret.ends_at?;
        if let Some(hours) = secret.retire_when_idle_hours.filter(|_| uses.current_is_used) {
            // Idle since its last use, and not before it was replaced.
            let replaced_at = self.secrets.get(place + 1).map_or(self.created_at, |next| next.created_at);
            let idle_since = uses.previous.map_or(replaced_at, |used| used.max(replaced_at));
            ends_at = ends_at.min(idle_since.plus(TimeDelta::hours(i64::from(hours))));
        }
        (now < ends_at).then(|| PreviousSecret {
            hash: secret.hash,
            hint: secret.hint.clone(),
            ends_at,
            last_used_at: uses.previous,
        })
    }

    /// Gives the key a new secret at `now`. If it is in an overlap already, the newer of its secrets ends at once, and the
    /// older keeps its end.
    pub fn rotate(&mut self, now: Timestamp, secret: KeySecret, overlap: Overlap, in_overlap: bool) {
        if let Some(current) = self.secrets.last_mut() {
            let seconds = if in_overlap { 0 } else { i64::from(overlap.seconds) };
            current.ends_at = Some(now.plus(TimeDelta::seconds(seconds)));
            current.retire_when_idle_hours = overlap.retire_when_idle_hours.filter(|_| !in_overlap);
        }
        // One that has ended by idleness must not outlive the overlap that begins.
        if !in_overlap || overlap.seconds == 0 {
            self.end_earlier_secrets(now);
        }
        self.secrets.push(secret);
    }

    /// Ends all secrets but the current one at `now`.
    pub fn end_earlier_secrets(&mut self, now: Timestamp) {
        if let Some((_, earlier)) = self.secrets.split_last_mut() {
            for secret in earlier {
                secret.ends_at = secret.ends_at.map(|end| end.min(now)).or(Some(now));
            }
        }
    }

    /// Whether it may be used from `address`.
    pub fn allows(&self, address: IpAddr) -> bool {
        IpRange::allow(&self.allowed_ips, address)
    }
}
