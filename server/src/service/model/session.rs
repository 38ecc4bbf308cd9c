//! What a person gets by signing in.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{id::UserId, timestamp::Timestamp};

/// How long a session lives after its last use.
pub const IDLE_LIFETIME: TimeDelta = TimeDelta::days(30);
/// How long a session lives at most, however often it is used.
pub const LONGEST_LIFETIME: TimeDelta = TimeDelta::days(90);

/// A signed-in person. Found by the hash of its token, which is not part of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Whose it is.
    pub user_id: UserId,
    /// When they signed in.
    pub created_at: Timestamp,
    /// Refused from this instant on; moves with use.
    pub expires_at: Timestamp,
}

impl Session {
    /// A session that begins now.
    pub fn begin(user_id: UserId, now: Timestamp) -> Self {
        Self { user_id, created_at: now, expires_at: now.plus(IDLE_LIFETIME) }
    }

    /// When it ends if it was last used at `used_at`. Never earlier than it already does.
    pub fn expiry_after_use(&self, used_at: Timestamp) -> Timestamp {
        let slid = used_at.plus(IDLE_LIFETIME).min(self.created_at.plus(LONGEST_LIFETIME));
        slid.max(self.expires_at)
    }
}
