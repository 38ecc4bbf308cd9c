//! Texts that people write: names, descriptions, labels. Trimmed, bounded, free of control characters.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, found_secret::find_secrets};

/// Trims `text` and checks its length in characters.
fn parse(text: &str, least: usize, most: usize, lines: bool) -> Result<String, Invalid> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t' | '\r'))) {
        return Err(Invalid::new("must not contain control characters"));
    }
    // Overrides of the direction of writing make a text read as another; the rest shows nothing at all.
    if text.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err(Invalid::new("must not contain characters that change the direction of writing"));
    }
    let invisible = |c: char| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}')
    };
    let length = if text.chars().all(invisible) { 0 } else { text.chars().count() };
    if length < least {
        return Err(Invalid::new("must not be empty"));
    }
    if length > most {
        return Err(Invalid::new(format!("must have at most {most} characters, has {length}")));
    }
    Ok(text.to_owned())
}

/// Refuses what would put a secret where everybody reads it: names stand in lists, events, logs and backups.
fn without_secret(text: &str) -> Result<(), Invalid> {
    match find_secrets(text.as_bytes()).next() {
        None => Ok(()),
        Some(_) => Err(Invalid::new("must not contain a key or another secret: whoever reads this could use it")),
    }
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
                without_secret(text)?;
                parse(text, $least, $most, $lines).map(Self)
            }
        }

        // As it was written: a rule that came later does not make a record unreadable.
        impl TryFrom<String> for $name {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                parse(&text, $least, $most, $lines).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_something_and_reads_as_it_is_written() {
        for right in ["Ana", " Ana ", "李小龍", "אנה", "👩‍🚀", "1"] {
            assert_eq!(right.parse::<Name>().expect("a name").as_str(), right.trim());
        }
        for wrong in
            ["", "  ", "\u{200b}", "\u{feff}\u{2060}", "a\u{0}b", "a\nb", "abc\u{202e}txt.exe", &"x".repeat(101)]
        {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
        let secret = "sync astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr";
        assert!(secret.parse::<Name>().is_err() && Name::try_from(secret.to_owned()).is_ok(), "what is stored is read");
        assert_eq!("two\nlines".parse::<Description>().expect("a description").as_str(), "two\nlines");
    }
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
