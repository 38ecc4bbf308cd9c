//! The club, without its keys or members.

mod act;
mod form;
mod hand_over;
mod hear;

use jiff::Timestamp;

pub use self::{form::ClubForm, hand_over::HandOverForm};

/// A club of which the person is head coach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Club {
    /// Stays for life.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// What it pays for.
    pub plan: Plan,
    /// Whether the plan includes API keys.
    pub security_settings: bool,
    /// How many keys work; also where the plan does not let them be listed.
    pub active_keys: Option<u64>,
    /// For how many days a key may last; as long as one likes if none.
    pub longest_key_days: Option<u16>,
    /// For how many days a key lasts where nothing is said; the longest time if none.
    pub usual_key_days: Option<u16>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The revision that a change is meant for.
    pub etag: Option<String>,
}

/// What a club pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "names")]
pub enum Plan {
    Free,
    Coach,
    Club,
    Enterprise,
}

impl Plan {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Free => "Free",
            Self::Coach => "Coach",
            Self::Club => "Club",
            Self::Enterprise => "Enterprise",
        }
    }
}
