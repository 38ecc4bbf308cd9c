//! What is said in passing.

use jiff::{SignedDuration, Timestamp};

use super::State;

/// How long good news stays.
const STAYS: SignedDuration = SignedDuration::from_secs(6);

/// Something said in passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub text: String,
    /// Whether it is bad news, which stays until it is taken away.
    pub bad: bool,
    /// When it was said.
    pub at: Timestamp,
}

impl Notice {
    /// Until when it stays; for ever if none.
    pub(super) fn until(&self) -> Option<Timestamp> {
        (!self.bad).then(|| self.at + STAYS)
    }
}

impl State {
    /// Says good news.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.notices.push(Notice { text: text.into(), bad: false, at: self.clock.now });
    }

    /// Says bad news, in place of the same said before.
    pub(super) fn complain(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.notices.retain(|notice| notice.text != text);
        self.notices.push(Notice { text, bad: true, at: self.clock.now });
    }

    /// Takes the notice in that place away.
    pub(super) fn dismiss(&mut self, place: usize) {
        if place < self.notices.len() {
            self.notices.remove(place);
        }
    }

    /// Takes away what has stayed long enough.
    pub(super) fn drop_old_notices(&mut self) {
        let now = self.clock.now;
        self.notices.retain(|notice| notice.until().is_none_or(|until| now < until));
    }
}
