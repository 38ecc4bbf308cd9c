//! Conditional requests (RFC 9110, section 13): an `ETag` is a record's revision.

use std::str::FromStr;

use crate::service::{Expected, Invalid};

/// What names one state of a record: its revision, and, where the answer holds a count of other things, that
/// count, which changes without the record.
#[derive(Debug, Clone, Copy)]
pub struct EntityTag {
    /// How often the record was changed.
    pub revision: u64,
    /// What is counted beside it.
    pub count: Option<u32>,
}

impl std::fmt::Display for EntityTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.count {
            Some(count) => write!(f, "\"{}.{count}\"", self.revision),
            None => write!(f, "\"{}\"", self.revision),
        }
    }
}

impl From<u64> for EntityTag {
    fn from(revision: u64) -> Self {
        Self { revision, count: None }
    }
}

/// The tags of a list (RFC 9110, section 8.8.3), each with whether it is weak, and without its quotation marks;
/// `None` if it is no such list.
fn tags(text: &str) -> Option<Vec<(bool, &str)>> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let (weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (opaque, after) = tag.strip_prefix('"')?.split_once('"')?;
        found.push((weak, opaque));
        let after = after.trim_start();
        // A list may have empty elements, which mean nothing (section 5.6.1).
        rest = after.trim_start_matches([',', ' ', '\t']);
        if !after.is_empty() && !after.starts_with(',') {
            return None;
        }
    }
    Some(found).filter(|found| !found.is_empty())
}

/// What `If-Match` asks for.
#[derive(Debug, Clone)]
pub struct IfMatch(pub Expected);

impl IfMatch {
    /// The most characters.
    pub const MAX_LENGTH: usize = 1000;

    /// What a request expects, with the header or without.
    pub fn expected(header: Option<Self>) -> Expected {
        header.map_or(Expected::Any, |IfMatch(expected)| expected)
    }
}

impl FromStr for IfMatch {
    type Err = Invalid;

    /// Weak tags, and those that no record of ours has, match nothing. A count beside the revision does not
    /// matter to a change.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.trim() == "*" {
            return Ok(Self(Expected::Any));
        }
        let Some(tags) = tags(text).filter(|_| text.len() <= Self::MAX_LENGTH) else {
            let message = "must be the ETag of an earlier answer, with its quotation marks, such as \"3\", or *";
            return Err(Invalid(message.into()));
        };
        let number = |text: &str| text.parse().ok().filter(|number: &u64| number.to_string() == text);
        let revision = |opaque: &str| match opaque.split_once('.') {
            Some((revision, count)) => number(count).and(number(revision)),
            None => number(opaque),
        };
        let strong = tags.into_iter().filter(|(weak, _)| !weak);
        Ok(Self(Expected::OneOf(strong.filter_map(|(_, opaque)| revision(opaque)).collect())))
    }
}

/// What `If-None-Match` says that the client has. Whatever it is, it can be compared.
#[derive(Debug, Clone)]
pub struct IfNoneMatch(String);

impl IfNoneMatch {
    /// Whether the client has what `etag` stands for; weak tags count here.
    pub fn has(&self, etag: &str) -> bool {
        let known = |(_, opaque): &(bool, &str)| etag.trim_matches('"') == *opaque;
        self.0.trim() == "*" || tags(&self.0).is_some_and(|tags| tags.iter().any(known))
    }
}

impl FromStr for IfNoneMatch {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(header: &str, revision: u64) -> bool {
        header.parse::<IfMatch>().expect("valid").0.admits(revision)
    }

    #[test]
    fn a_change_is_meant_for_the_revisions_that_if_match_names() {
        for same in ["\"3\"", "\"2\", \"3\"", "*", "\"a,b\",\"3\"", "\"3\",", "\"1\",, \"3\"", "\"3.7\""] {
            assert!(admits(same, 3), "{same}");
        }
        for other in ["\"4\"", "W/\"3\"", "\"03\"", "\"+3\"", "\"\"", "\"x\"", "\"3.x\"", "\"a,3\""] {
            assert!(!admits(other, 3), "{other}");
        }
        for invalid in ["3", "", "\"3", "3\"", ",", "\"3\" \"4\"", "\"a\"b\""] {
            assert!(invalid.parse::<IfMatch>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn what_the_client_has_need_not_be_sent_again() {
        let has = |header: &str| header.parse::<IfNoneMatch>().expect("any").has("\"3\"");
        assert!(has("\"3\"") && has("W/\"3\"") && has("\"2\" , \"3\"") && has("*"));
        assert!(!has("\"33\"") && !has("3") && !has(""));
    }
}
