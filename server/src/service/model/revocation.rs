//! Power that was taken away: what a backup from before must not give back.

use serde::{Deserialize, Serialize};

use super::{
    api_key::{ApiKey, KeySecret, KeyState},
    id::{ApiKeyId, MemberId, OrganizationId, UserId},
    ip_range::IpRange,
    password::PasswordHash,
    plan::Plan,
    role::{MemberStatus, Role},
    scope::Scopes,
    secret::SecretHash,
    timestamp::Timestamp,
};

/// A change that took power away, or moved it, with what there was of it afterwards.
///
/// Kept outside the database, in the log of revocations, as postcard: what is changed here is appended, and what is
/// appended to `KeyState` or to a word is read here too.
#[derive(Clone, Serialize, Deserialize)]
pub enum Revocation {
    /// A key was revoked, rotated or bounded.
    ApiKey(KeyAuthority),
    /// A session was ended.
    Session {
        /// Whose it was.
        user_id: UserId,
        /// Of its token.
        hash: SecretHash,
    },
    /// A password was replaced.
    Password {
        /// Whose.
        user_id: UserId,
        /// What is kept of the new one.
        password_hash: PasswordHash,
        /// When.
        changed_at: Timestamp,
    },
    /// A member got another role or status.
    Member {
        /// Of which club.
        organization_id: OrganizationId,
        /// Which.
        id: MemberId,
        /// Its role from then on.
        role: Role,
        /// Its status from then on.
        status: MemberStatus,
    },
    /// A member was removed.
    MemberRemoved {
        /// Of which club.
        organization_id: OrganizationId,
        /// Which.
        id: MemberId,
    },
    /// An invitation was used, replaced or withdrawn.
    Invitation {
        /// To which club.
        organization_id: OrganizationId,
        /// For which member.
        member_id: MemberId,
        /// Of its code.
        hash: SecretHash,
    },
    /// An organization was put on another plan.
    Plan {
        /// Which.
        organization_id: OrganizationId,
        /// The plan from then on.
        plan: Plan,
    },
    /// The first organization was made, and the setup code counts no more.
    SetUp,
}

/// What a key may do, and by which secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAuthority {
    /// The club whose key it is.
    pub organization_id: OrganizationId,
    /// Which key.
    pub id: ApiKeyId,
    /// As in [`ApiKey`], and what follows too.
    pub state: KeyState,
    pub secrets: Vec<KeySecret>,
    pub scopes: Scopes,
    pub scopes_since: Timestamp,
    pub allowed_ips: Vec<IpRange>,
    pub expires_at: Option<Timestamp>,
}

impl KeyAuthority {
    /// That of a key.
    pub fn of(api_key: &ApiKey) -> Self {
        let ApiKey { organization_id, id, state, secrets, scopes, scopes_since, allowed_ips, expires_at, .. } =
            api_key.clone();
        Self { organization_id, id, state, secrets, scopes, scopes_since, allowed_ips, expires_at }
    }

    /// The key with this authority.
    pub fn given_to(self, api_key: ApiKey) -> ApiKey {
        let Self { state, secrets, scopes, scopes_since, allowed_ips, expires_at, .. } = self;
        ApiKey { state, secrets, scopes, scopes_since, allowed_ips, expires_at, ..api_key }
    }
}
