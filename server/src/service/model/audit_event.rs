//! What is written down of every change.

use serde::{Deserialize, Serialize};

use super::{
    id::{ApiKeyId, EventId, UserId},
    timestamp::Timestamp,
};

/// One change: who did what to whom, when and from where. Its JSON is what is stored and hashed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Its id.
    pub id: EventId,
    /// When it was committed.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was done: a noun and a verb, as in `api_key.create`.
    pub action: String,
    /// The id of what it was done to.
    pub target: String,
    /// The client's address; `None` for the operator.
    pub address: Option<std::net::IpAddr>,
    /// The request's id; `None` for the operator.
    pub request_id: Option<String>,
    /// What changed: the new values, never a secret.
    pub changes: serde_json::Value,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User { id } => id.fmt(f),
            Self::ApiKey { id } => id.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// Who acted.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A signed-in person.
    User {
        /// Who.
        id: UserId,
    },
    /// A program with an API key.
    ApiKey {
        /// Which.
        id: ApiKeyId,
    },
    /// Whoever has a shell on the server.
    Operator,
    /// Somebody who had not signed in.
    Anonymous,
}
