//! Conditional requests (RFC 9110, section 13): an `ETag` is a record's revision.

use std::str::FromStr;

use poem::http::HeaderValue;

use crate::service::{Expected, Invalid};

/// The `ETag` of a record with this revision.
pub fn etag(revision: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// What `If-Match` asks for.
#[derive(Debug, Clone)]
pub struct IfMatch(pub Expected);

impl IfMatch {
    /// What a request expects, with the header or without.
    pub fn expected(header: Option<Self>) -> Expected {
        header.map_or(Expected::Any, |IfMatch(expected)| expected)
    }
}

impl FromStr for IfMatch {
    type Err = Invalid;

    /// Weak tags, and those that no record of ours has, match nothing.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.trim() == "*" {
            return Ok(Self(Expected::Any));
        }
        let mut revisions = Vec::new();
        for tag in text.split(',').map(str::trim) {
            let (strong, tag) = tag.strip_prefix("W/").map_or((true, tag), |tag| (false, tag));
            let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let Some(opaque) = opaque.filter(|opaque| !opaque.contains('"')) else {
                let message = "must be the ETag of an earlier answer, with its quotation marks, such as \"3\", or *";
                return Err(Invalid(message.into()));
            };
            let revision = opaque.parse().ok().filter(|revision: &u64| strong && revision.to_string() == opaque);
            revisions.extend(revision);
        }
        Ok(Self(Expected::OneOf(revisions)))
    }
}

/// What `If-None-Match` says that the client has. Whatever it is, it can be compared.
#[derive(Debug, Clone)]
pub struct IfNoneMatch(String);

impl IfNoneMatch {
    /// Whether the client has what `etag` stands for; weak tags count here.
    pub fn has(&self, etag: &str) -> bool {
        self.0.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
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
        assert!(admits("\"3\"", 3) && admits("\"2\", \"3\"", 3) && admits("*", 3));
        for other in ["\"4\"", "W/\"3\"", "\"03\"", "\"+3\"", "\"\"", "\"x\""] {
            assert!(!admits(other, 3), "{other}");
        }
        for invalid in ["3", "", "\"3", "3\"", "\"3\",", "\"a\"b\""] {
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
