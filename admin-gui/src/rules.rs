//! What a value must be, and the words for what is wrong with it: the server's own rules, compiled from the
//! server's source, so that what is checked while typing is what the server would say.

#![expect(dead_code, reason = "each file is the server's whole; the console types only some of it")]

#[path = "../../server/src/service/model/email.rs"]
mod email;
#[path = "../../server/src/service/model/found_secret.rs"]
mod found_secret;
#[path = "../../server/src/service/model/ip_range.rs"]
mod ip_range;
#[path = "../../server/src/service/model/name.rs"]
mod name;
#[path = "../../server/src/service/model/password.rs"]
mod password;
#[path = "../../server/src/service/model/search.rs"]
mod search;
#[path = "../../server/src/service/model/secret.rs"]
mod secret;
#[path = "../../server/src/service/model/words.rs"]
mod words;

#[cfg(test)]
pub use self::secret::Secret;
use self::words::words;
pub use self::{
    email::Email,
    found_secret::{FoundSecret, find_secrets},
    ip_range::IpRange,
    name::{Description, ExternalId, Label, Name, Reason},
    password::Password,
    search::{Search, fold, fold_words},
    secret::SecretKind,
};

/// Why a text is not a value of the type it was meant for, in words for whoever typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub std::borrow::Cow<'static, str>);

impl Invalid {
    fn new(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

/// How many addresses or ranges a key can be bound to.
pub const MAX_ALLOWED_IPS: usize = 50;
/// How many labels a member can have.
pub const MAX_LABELS: usize = 20;
