//! A key that is to be revoked.

use jiff::Timestamp;

use super::{Foretold, Key, PlannedAction, Revoked};
use crate::{
    rules::{Invalid, Reason},
    state::{Dialog, SHOW_WAIT, Screen, State, change::What, exchange::Change, form::Field, time::Clock},
};

/// A key that is to be revoked.
#[derive(Debug, Clone)]
pub struct RevokeForm {
    /// The key.
    pub key: Key,
    /// Whether the server has said by now when it was last used.
    pub last_use: Known,
    /// What would break.
    pub foretold: Foretold,
    /// Its name once more, if something uses it.
    pub typed_name: Field,
    /// Why, if the person says so.
    pub reason: Field,
    /// Whether the keyboard was put where it belongs.
    pub placed: bool,
    /// Whether its name was asked for once; then it is to the end.
    pub asked: bool,
}

/// What is known of a key's last use: the list may be a minute old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The server was asked, then.
    Asked(Timestamp),
    /// It has said.
    Said,
    /// It could not.
    Unknown,
}

impl RevokeForm {
    /// Asks about `key`.
    pub fn of(key: &Key, clock: &Clock) -> Self {
        Self {
            key: key.clone(),
            last_use: Known::Asked(clock.now),
            foretold: Foretold { action: PlannedAction::Revoke, impact: None },
            typed_name: Field::default(),
            reason: Field::default(),
            placed: false,
            asked: false,
        }
    }

    /// Takes what the server says of the key.
    pub fn hear(&mut self, key: Option<&Key>) {
        match key {
            Some(key) => (self.key, self.last_use) = (key.clone(), Known::Said),
            None => self.last_use = Known::Unknown,
        }
    }

    /// Since when the server is asked.
    pub fn asked_since(&self) -> Option<Timestamp> {
        match self.last_use {
            Known::Asked(since) => Some(since),
            Known::Said | Known::Unknown => None,
        }
    }

    /// Whether the key's name is asked for: something uses it, or nobody can say.
    pub fn asks_name(&self, clock: &Clock) -> bool {
        self.asked
            || self.key.in_use(clock)
            || match self.last_use {
                Known::Said => false,
                Known::Unknown => true,
                Known::Asked(since) => clock.now.duration_since(since) >= SHOW_WAIT,
            }
    }

    /// The reason.
    pub fn reason(&self) -> Result<Option<Reason>, Invalid> {
        self.reason.optional()
    }

    /// Whether the person has shown that they mean this key: by its name, unless it is known that nothing uses it.
    pub fn is_meant(&self, clock: &Clock) -> bool {
        let unused = self.last_use == Known::Said && !self.key.in_use(clock);
        unused && !self.asked || self.typed_name.text.trim() == self.key.name.trim()
    }
}

impl State {
    /// Asks whether to revoke a key.
    pub(in crate::state) fn ask_revoke(&mut self, id: String) {
        let Some(key) = self.console().and_then(|console| console.keys.get(&id)) else { return };
        if key.revoked.is_none() {
            let form = RevokeForm::of(key, &self.clock);
            self.open_dialog(Dialog::Revoke(Box::new(form)));
            // It may have been used since the list was read.
            self.load_impact(id.clone(), PlannedAction::Revoke);
            self.load_key(id);
        }
    }

    /// Revokes a key, which shows at once.
    pub(in crate::state) fn revoke(&mut self) {
        let Self { screen: Screen::Console(console), clock, .. } = self else { return };
        let Some(Dialog::Revoke(form)) = &mut console.dialog else { return };
        let Ok(reason) = form.reason() else {
            form.reason.left = true;
            return;
        };
        if !form.is_meant(clock) {
            form.typed_name.left = true;
            return;
        }
        let before = form.key.clone();
        let reason = reason.map(|reason| reason.as_str().to_owned());
        let revoked = Revoked { at: clock.now, by: console.person.name.clone(), reason: reason.clone() };
        console.dialog = None;
        console.keys.update(Key { revoked: Some(revoked), revoking: true, ..before.clone() }, clock);
        let id = before.id.clone();
        self.ask_change(What::RevokeKey { before }, Change::RevokeKey { id, reason });
    }

    /// A key was revoked.
    pub(in crate::state) fn key_revoked(&mut self, before: &Key) {
        if let Self { screen: Screen::Console(console), clock, .. } = self {
            let by = console.person.name.clone();
            let shown = console.keys.get(&before.id).unwrap_or(before).clone();
            let revoked = shown.revoked.clone().unwrap_or(Revoked { at: clock.now, by, reason: None });
            console.keys.update(Key { revoked: Some(revoked), revoking: false, ..shown }, clock);
        }
        self.say(format!("Revoked \"{}\". Whatever used it is refused now.", before.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::desk::{clock, key};

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
