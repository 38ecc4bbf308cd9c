//! Plain values and their rules: no I/O, no clock, no HTTP.
//!
//! A value that exists is valid: what can be wrong about it was refused when it was parsed, with a
//! sentence that a person can act on ([`Invalid`]).

pub mod api_key;
pub mod audit_event;
pub mod email;
pub mod found_secret;
pub mod id;
pub mod idempotency;
pub mod invitation;
pub mod ip_range;
pub mod member;
pub mod name;
pub mod organization;
pub mod password;
pub mod plan;
pub mod revision;
pub mod revocation;
pub mod role;
pub mod scope;
pub mod search;
pub mod secret;
pub mod session;
pub mod timestamp;
pub mod usage;
pub mod user;
mod words;

pub(crate) use self::words::words;

/// Why a text is not a value of the type it was meant for, in words for whoever typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub std::borrow::Cow<'static, str>);

impl Invalid {
    pub(crate) fn new(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}
