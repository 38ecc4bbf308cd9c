//! What is written down of every change.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{
    Invalid,
    id::{ApiKeyId, EventId, OrganizationId, UserId},
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

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { id } => id.fmt(f),
            Self::ApiKey { id } => id.fmt(f),
            Self::Operator => f.write_str("operator"),
            Self::Server => f.write_str("server"),
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
    /// The server itself, in time.
    Server,
    /// Somebody who had not signed in.
    Anonymous,
}

/// Where a chain stands: the number of its newest event, from 0 on, and the hash over it and all before it.
///
/// Kept elsewhere, it proves later that nothing up to it was changed or taken away. Written as
/// `org_… 41 9f86d0…`; the server's own chain is called `server`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whose chain; the server's own if none.
    pub organization_id: Option<OrganizationId>,
    /// Of its newest event.
    pub number: u64,
    /// SHA-256.
    pub hash: EventHash,
}

/// The SHA-256 over an event and, by its predecessor's, over all before it. Written in lowercase hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventHash(pub [u8; 32]);

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EventHash {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(Invalid::new("must be 64 hexadecimal digits in lowercase"))
    }
}

impl Serialize for EventHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.organization_id {
            Some(id) => write!(f, "{id}")?,
            None => f.write_str(SERVER_CHAIN)?,
        }
        write!(f, " {} {}", self.number, self.hash)
    }
}

impl FromStr for Head {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong =
            || Invalid::new("must be a chain, the number of an event and its hash, as 'audit heads' prints them");
        let mut words = text.split_whitespace();
        let (Some(chain), Some(number), Some(hash), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(wrong());
        };
        let organization_id = if chain == SERVER_CHAIN { None } else { Some(chain.parse().map_err(|_| wrong())?) };
        let (number, hash) = (number.parse().map_err(|_| wrong())?, hash.parse().map_err(|_| wrong())?);
        Ok(Self { organization_id, number, hash })
    }
}

/// What the server's own chain is called.
const SERVER_CHAIN: &str = "server";

/// Which events to list; all of them if nothing is said.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this actor, as it is written: an id, `operator`, `server` or `anonymous`.
    pub actor: Option<String>,
    /// With this action, or of this noun: `api_key.create`, `api_key`.
    pub action: Option<String>,
    /// Done to what has this id.
    pub target: Option<String>,
    /// Not before this instant.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

impl EventFilter {
    /// Whether the event is one of them.
    pub fn takes(&self, event: &AuditEvent) -> bool {
        let of_noun = |action: &str| event.action.strip_prefix(action).is_some_and(|rest| rest.starts_with('.'));
        self.actor.as_ref().is_none_or(|actor| *actor == event.actor.to_string())
            && self.action.as_ref().is_none_or(|action| *action == event.action || of_noun(action))
            && self.target.as_ref().is_none_or(|target| *target == event.target)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }
}
