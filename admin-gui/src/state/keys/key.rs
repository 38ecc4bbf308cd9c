//! An API key: what it may do, what it is now, why it wants a look.

use jiff::Timestamp;

use crate::{
    rules::fold,
    state::{listing::Record, time::Clock},
};

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Stays for life.
    pub id: String,
    /// By which the coach knows it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// By which its secret is recognized.
    pub hint: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// From where it may be used; from anywhere if empty.
    pub allowed_ips: Vec<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Refused from then on.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// The secret before the present one, while both work.
    pub previous_secret: Option<PreviousSecret>,
    /// How it was revoked.
    pub revoked: Option<Revoked>,
    /// Whether it stands in a backup that was restored, and was not released yet.
    pub held: bool,
    /// A revocation that was sent and is not confirmed.
    pub revoking: bool,
}

/// A secret that was replaced and still works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// By which it is recognized.
    pub hint: String,
    /// Refused from then on.
    pub ends_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// How a key was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

impl Record for Key {
    fn id(&self) -> &str {
        &self.id
    }
}

/// What can be said of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in Key")]
pub struct KeyFacts {
    pub name: String,
    pub description: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub scopes: Vec<Scope>,
    pub allowed_ips: Vec<String>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read the club's name, plan and description.
    OrganizationRead,
    /// Read the roster.
    MembersRead,
    /// Add, change and remove athletes.
    MembersWrite,
}

impl Scope {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::OrganizationRead, Self::MembersRead, Self::MembersWrite];

    /// The API's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OrganizationRead => "organization:read",
            Self::MembersRead => "members:read",
            Self::MembersWrite => "members:write",
        }
    }

    /// What it allows, to a coach.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OrganizationRead => "Read the club's name, plan and description",
            Self::MembersRead => "Read the members",
            Self::MembersWrite => "Add, change and remove athletes",
        }
    }
}

/// Scopes in a word or two, for a table.
pub fn scopes_in_short(scopes: &[Scope]) -> &'static str {
    let has = |scope| scopes.contains(&scope);
    match (has(Scope::OrganizationRead), has(Scope::MembersRead), has(Scope::MembersWrite)) {
        (true, true, true) => "Everything",
        (true, true, false) => "Read only",
        (false, true, true) => "Read, write members",
        (false, true, false) => "Read members",
        (true, false, true) => "Read club, write members",
        (false, false, true) => "Write members",
        (true, false, false) => "Read club",
        (false, false, false) => "Nothing",
    }
}

/// What a key is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Works.
    Active,
    /// Its time has come.
    Expired,
    /// Taken back.
    Revoked,
    /// Works again once whoever runs the server releases it.
    Held,
}

/// Why a key wants a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Expires within [`EXPIRING_DAYS`].
    Expiring,
    /// Was not used in [`IDLE_DAYS`].
    Idle,
    /// Was never used since it was created more than [`NEVER_USED_DAYS`] ago.
    NeverUsed,
}

/// A key that expires within so many days is pointed out.
pub const EXPIRING_DAYS: i64 = 30;
/// A key that was not used for so many days is pointed out.
pub const IDLE_DAYS: i64 = 90;
/// A key that was never used is pointed out after so many days: before, its program is being set up.
pub const NEVER_USED_DAYS: i64 = 7;

impl Key {
    /// The key as it would be.
    pub fn with(&self, facts: &KeyFacts) -> Self {
        let KeyFacts { name, description, expires_at, scopes, allowed_ips } = facts.clone();
        Self { name, description, expires_at, scopes, allowed_ips, ..self.clone() }
    }

    /// What it is now; what the server would say.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.revoked.is_some() {
            Status::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            Status::Expired
        } else if self.held {
            Status::Held
        } else {
            Status::Active
        }
    }

    /// Why it wants a look, the most pressing first.
    pub fn attention(&self, clock: &Clock) -> Option<Attention> {
        if self.status(clock.now) != Status::Active {
            return None;
        }
        if self.expires_at.is_some_and(|end| clock.days_until(end) <= EXPIRING_DAYS) {
            return Some(Attention::Expiring);
        }
        match self.last_used_at {
            None if clock.days_since(self.created_at) >= NEVER_USED_DAYS => Some(Attention::NeverUsed),
            Some(used) if clock.days_since(used) >= IDLE_DAYS => Some(Attention::Idle),
            _ => None,
        }
    }

    /// Whether it works, and will until somebody revokes it.
    pub fn is_endless(&self, now: Timestamp) -> bool {
        self.status(now) == Status::Active && self.expires_at.is_none()
    }

    /// Whether something uses it: used within 30 days.
    pub fn in_use(&self, clock: &Clock) -> bool {
        self.last_used_at.is_some_and(|used| clock.days_since(used) < 30)
    }

    pub(super) fn contains(&self, folded: &str) -> bool {
        [Some(&self.name), self.description.as_ref(), Some(&self.id), Some(&self.hint)]
            .into_iter()
            .flatten()
            .any(|text| fold(text).contains(folded))
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;
    use crate::state::desk::{clock, key};

    #[test]
    fn what_wants_attention_is_pointed_out() {
        let clock = clock();
        let now = clock.now;
        let healthy = key("key_1", "Sync");
        assert_eq!(healthy.attention(&clock), None);
        let expiring = Key { expires_at: Some(now + (29 * 24).hours()), ..healthy.clone() };
        assert_eq!(expiring.attention(&clock), Some(Attention::Expiring));
        let later = Key { expires_at: Some(now + (31 * 24).hours()), ..healthy.clone() };
        assert_eq!(later.attention(&clock), None);
        let idle = Key { last_used_at: Some(now - (90 * 24).hours()), ..healthy.clone() };
        assert_eq!(idle.attention(&clock), Some(Attention::Idle));
        let unused = Key { last_used_at: None, ..healthy.clone() };
        assert_eq!(unused.attention(&clock), Some(Attention::NeverUsed));
        let new = Key { created_at: now - 2.hours(), ..unused };
        assert_eq!(new.attention(&clock), None, "its program is being set up");
        let expired = Key { expires_at: Some(now), ..healthy };
        assert_eq!((expired.status(now), expired.attention(&clock)), (Status::Expired, None));
    }
}
