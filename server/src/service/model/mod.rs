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
pub mod role;
pub mod scope;
pub mod search;
pub mod secret;
pub mod session;
pub mod timestamp;
pub mod usage;
pub mod user;

/// Why a text is not a value of the type it was meant for, in words for whoever typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub std::borrow::Cow<'static, str>);

impl Invalid {
    pub(crate) fn new(message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

/// An enum whose values are words: one spelling for JSON, command line, logs and messages.
///
/// The order of the values is their form on disk: append, never insert or remove.
macro_rules! words {
    ($(#[doc = $about:expr])+ $name:ident { $($(#[doc = $meaning:expr])+ $value:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $meaning])+ #[serde(rename = $word)] $value,)+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// What the type is about, and what each word of it means.
            pub const MEANING: (&str, &[(&str, &str)]) =
                (concat!($($about),+), &[$(($word, concat!($($meaning),+))),+]);

            /// The word for this value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::service::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let words = [$($word),+];
                    $crate::service::Invalid::new(format!("must be one of: {}", words.join(", ")))
                })
            }
        }
    };
}
pub(crate) use words;
