//! Fields that a person fills in.

use std::str::FromStr;

use super::failure::Failure;
use crate::rules::Invalid;

/// A text being typed. What is wrong with it is said once the person has left it, or has tried to send it.
#[derive(Debug, Default, Clone)]
pub struct Field {
    /// What was typed.
    pub text: String,
    /// Whether the person has been here.
    pub visited: bool,
    /// Whether they have gone on.
    pub left: bool,
    /// What the server said of this very text.
    pub refused: Option<String>,
}

impl Field {
    /// A field that is filled in already.
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The value, if the text is one.
    pub fn value<T: FromStr<Err = Invalid>>(&self) -> Result<T, Invalid> {
        self.text.parse()
    }

    /// The value, none if nothing was typed.
    pub fn optional<T: FromStr<Err = Invalid>>(&self) -> Result<Option<T>, Invalid> {
        if self.text.trim().is_empty() { Ok(None) } else { self.text.parse().map(Some) }
    }

    /// What to say below the field: what the server said, else what `checked` found once the person has left it.
    pub fn problem<T>(&self, checked: &Result<T, Invalid>) -> Option<String> {
        if let Some(refused) = &self.refused {
            return Some(sentence(refused));
        }
        // Too long is said while it is typed: the person would type on in vain.
        match checked {
            Err(invalid) if self.left || invalid.0.contains("at most") => Some(sentence(&invalid.0)),
            _ => None,
        }
    }

    /// Shows `after` in place of `before`, unless the person has typed something else.
    pub fn rebase(&mut self, before: Self, after: Self) {
        if self.text == before.text {
            self.text = after.text;
        }
    }

    /// Takes what the server said of the field that it calls `name`, of a list's entries too.
    pub fn hear(&mut self, name: &str, failure: &Failure) {
        let of = |field: &str| field == name || field.strip_prefix(name).is_some_and(|rest| rest.starts_with('['));
        self.refused = failure.fields.iter().find(|(field, _)| of(field)).map(|(_, message)| message.clone());
    }
}

/// The server's words about a field, which begin in lower case as they follow its name, as a sentence.
pub fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if words.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Name;

    #[test]
    fn a_field_complains_only_once_it_was_left() {
        let mut field = Field::default();
        assert_eq!(field.problem(&field.value::<Name>()), None);
        field.left = true;
        assert_eq!(field.problem(&field.value::<Name>()).as_deref(), Some("Must not be empty."));
        let long = Field::of("x".repeat(101));
        assert_eq!(long.problem(&long.value::<Name>()).as_deref(), Some("Must have at most 100 characters, has 101."));
    }
}
