//! How a member of the roster becomes a person who can sign in.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    email::Email,
    id::{InvitationId, MemberId, OrganizationId},
    secret::SecretHash,
    timestamp::Timestamp,
};

/// How long an invitation can be accepted.
pub const LIFETIME: TimeDelta = TimeDelta::days(14);

/// An invitation for one member, made by the head coach. Its code is kept as a hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The club it is for.
    pub organization_id: OrganizationId,
    /// The member it is for.
    pub member_id: MemberId,
    /// The email of the account that accepts it.
    pub email: Email,
    /// The hash of the code in the link.
    pub hash: SecretHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// Refused from this instant on.
    pub expires_at: Timestamp,
}
