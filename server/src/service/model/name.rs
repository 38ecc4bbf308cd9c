//! Texts that people write: names, descriptions, labels. Trimmed, bounded, free of control characters.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// Trims `text` and checks its length in characters.
fn parse(text: &str, least: usize, most: usize, lines: bool) -> Result<String, Invalid> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t' | '\r'))) {
        return Err(Invalid::new("must not contain control characters"));
    }
    let length = text.chars().count();
    if length < least {
        return Err(Invalid::new("must not be empty"));
    }
    if length > most {
        return Err(Invalid::new(format!("must have at most {most} characters, has {length}")));
    }
    Ok(text.to_owned())
}

macro_rules! text {
    ($(#[$meta:meta])* $name:ident, $least:literal to $most:literal, lines: $lines:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The fewest and the most characters, after trimming.
            pub const LENGTH: (usize, usize) = ($least, $most);

            /// The text, trimmed.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                parse(text, $least, $most, $lines).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// The name of an organization, a person or an API key.
    Name, 1 to 100, lines: false
);
text!(
    /// What something is for, in a few lines.
    Description, 1 to 1000, lines: true
);
text!(
    /// Why a key was revoked.
    Reason, 1 to 200, lines: false
);
text!(
    /// A word by which members are grouped.
    Label, 1 to 50, lines: false
);
text!(
    /// A member's id in the tool that the roster is synced from.
    ExternalId, 1 to 100, lines: false
);
