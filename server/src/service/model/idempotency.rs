//! Requests that can be sent again without being done again (draft-ietf-httpapi-idempotency-key-header).

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Invalid, timestamp::Timestamp};

/// How long the answer to a request is remembered.
pub const REMEMBERED: TimeDelta = TimeDelta::hours(24);

/// What a client made up to name one request: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The most characters.
    pub const MAX_LENGTH: usize = 255;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for IdempotencyKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > Self::MAX_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Invalid::new("must have 1 to 255 visible ASCII characters, such as a random UUID"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What tells a request from another: a hash over its target and its body, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a request to `target` with this body.
    pub fn of(target: &str, body: &[u8]) -> Self {
        Self(Sha256::new().chain_update(target).chain_update([0]).chain_update(body).finalize().into())
    }
}

/// What is kept of a request that went through.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Remembered {
    /// Which request it was.
    pub fingerprint: Fingerprint,
    /// When it went through.
    pub at: Timestamp,
    /// The id of what it created.
    pub resource_id: String,
    /// The body of its answer; `None` where that held a secret.
    pub answer: Option<Vec<u8>>,
}
