//! Email addresses.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// An email address as it was typed, trimmed. Whether mail arrives there is not known; two that
/// differ only in case are the same ([`Email::key`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Email(String);

impl Email {
    /// The most characters of an address (RFC 5321, section 4.5.3.1.3, without its brackets).
    pub const MAX_LENGTH: usize = 254;

    /// The address as it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which it is found: lowercase.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl std::str::FromStr for Email {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.chars().count() > Self::MAX_LENGTH {
            return Err(Invalid::new("must have at most 254 characters"));
        }
        let valid = text.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && local.len() <= 64
                && !local.contains('@')
                && !domain.is_empty()
                && domain.split('.').all(|part| !part.is_empty())
                && !text
                    .chars()
                    .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"'))
        });
        if !valid {
            return Err(Invalid::new("must be an email address, such as ana@club.example"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Email {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
