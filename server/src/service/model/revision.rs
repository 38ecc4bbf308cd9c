//! Revisions: how often a record was changed, and which of them a change is meant for.

/// A record and its revision, which each change raises; use and time do not.
#[derive(Debug, Clone)]
pub struct Revised<T> {
    /// The record.
    pub record: T,
    /// How often it was written, the first time included.
    pub revision: u64,
}

/// The revisions that a change is meant for.
#[derive(Debug, Clone)]
pub enum Expected {
    /// Whichever is present.
    Any,
    /// One of these.
    OneOf(Vec<u64>),
}

impl Expected {
    /// Whether a change is meant for this revision.
    pub fn admits(&self, revision: u64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(revisions) => revisions.contains(&revision),
        }
    }
}
