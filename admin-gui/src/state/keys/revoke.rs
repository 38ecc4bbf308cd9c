//! A key that is to be revoked.

use jiff::Timestamp;

use super::Key;
use crate::{
    rules::{Invalid, Reason},
    state::{SHOW_WAIT, form::Field, time::Clock},
};

/// A key that is to be revoked.
#[derive(Debug, Clone)]
pub struct RevokeForm {
    /// The key.
    pub key: Key,
    /// Whether the server has said by now when it was last used.
    pub last_use: LastUse,
    /// Its name once more, if something uses it.
    pub typed_name: Field,
    /// Why, if the person says so.
    pub reason: Field,
    /// Whether the keyboard was put where it belongs.
    pub placed: bool,
}

/// What is known of a key's last use: the list may be a minute old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastUse {
    /// The server was asked, then.
    Asked(Timestamp),
    /// It has said.
    Known,
    /// It could not.
    Unknown,
}

impl RevokeForm {
    /// Asks about `key`.
    pub fn of(key: &Key, clock: &Clock) -> Self {
        Self {
            key: key.clone(),
            last_use: LastUse::Asked(clock.now),
            typed_name: Field::default(),
            reason: Field::default(),
            placed: false,
        }
    }

    /// Takes what the server says of the key.
    pub fn hear(&mut self, key: Option<&Key>) {
        match key {
            Some(key) => (self.key, self.last_use) = (key.clone(), LastUse::Known),
            None => self.last_use = LastUse::Unknown,
        }
    }

    /// Since when the server is asked.
    pub fn asked_since(&self) -> Option<Timestamp> {
        match self.last_use {
            LastUse::Asked(since) => Some(since),
            LastUse::Known | LastUse::Unknown => None,
        }
    }

    /// Whether the key's name is asked for: something uses it, or nobody can say.
    pub fn asks_name(&self, clock: &Clock) -> bool {
        self.key.in_use(clock)
            || match self.last_use {
                LastUse::Known => false,
                LastUse::Unknown => true,
                LastUse::Asked(since) => clock.now.duration_since(since) >= SHOW_WAIT,
            }
    }

    /// The reason.
    pub fn reason(&self) -> Result<Option<Reason>, Invalid> {
        self.reason.optional()
    }

    /// Whether the person has shown that they mean this key: by its name, unless it is known that nothing uses it.
    pub fn is_meant(&self, clock: &Clock) -> bool {
        let unused = self.last_use == LastUse::Known && !self.key.in_use(clock);
        unused || self.typed_name.text.trim() == self.key.name.trim()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{clock, key},
        *,
    };

    #[test]
    fn a_key_in_use_is_revoked_by_its_name_only() {
        let clock = clock();
        let key = key("key_1", "Roster sync");
        let mut form = RevokeForm::of(&key, &clock);
        form.hear(Some(&key));
        assert!(form.asks_name(&clock) && !form.is_meant(&clock));
        form.typed_name = Field::of("roster sync");
        assert!(!form.is_meant(&clock));
        form.typed_name = Field::of("Roster sync ");
        assert!(form.is_meant(&clock));
        form.typed_name = Field::default();
        form.hear(Some(&Key { last_used_at: None, ..key }));
        assert!(!form.asks_name(&clock) && form.is_meant(&clock), "nothing uses it");
    }

    /// A list from a minute ago called a key unused that a program had begun to use since.
    #[test]
    fn a_key_is_not_revoked_without_its_name_while_its_last_use_is_unknown() {
        let mut clock = clock();
        let unused = Key { last_used_at: None, ..key("key_1", "Roster sync") };
        let mut form = RevokeForm::of(&unused, &clock);
        assert!(!form.asks_name(&clock) && !form.is_meant(&clock), "the answer is awaited");
        clock.now += SHOW_WAIT;
        assert!(form.asks_name(&clock), "it takes its time");
        form.hear(None);
        assert!(form.asks_name(&clock) && !form.is_meant(&clock), "nobody can say");
        form.typed_name = Field::of("Roster sync");
        assert!(form.is_meant(&clock));
    }
}
