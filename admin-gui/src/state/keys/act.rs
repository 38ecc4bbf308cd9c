//! What the person does with keys.

use super::{AdvisedAction, Column, Filter, KeyForm};
use crate::state::{Dialog, Screen, State, change::What, exchange::Change};

impl State {
    /// Shows other keys.
    pub(in crate::state) fn filter_keys(&mut self, filter: Filter) {
        let Self { screen: Screen::Console(console), clock, .. } = self else { return };
        self.preferences.key_filter = filter;
        console.keys.filter = filter;
        console.keys.arrange(clock);
        if filter.needs_ended() && !console.keys.has_ended {
            console.keys.with_ended = true;
            self.load_keys();
        }
    }

    /// Sorts the keys by a column; by the same again, the other way round.
    pub(in crate::state) fn sort_keys(&mut self, column: Column) {
        let Self { screen: Screen::Console(console), clock, .. } = self else { return };
        let (known, reversed) = console.keys.sort;
        console.keys.sort = (column, known == column && !reversed);
        self.preferences.key_sort = console.keys.sort;
        console.keys.arrange(clock);
    }

    /// Searches the keys for what was typed.
    pub(in crate::state) fn search_keys(&mut self) {
        let Self { screen: Screen::Console(console), clock, .. } = self else { return };
        console.keys.arrange(clock);
    }

    /// Opens the page of a key.
    pub(in crate::state) fn open_key(&mut self, id: String) {
        self.in_console(|console| {
            console.keys.open = console.keys.list.get(&id).cloned();
            console.keys.choose(id.clone());
        });
        self.load_key(id.clone());
        self.load_usage(id);
    }

    /// Asks what a new key is to be, if the club can have keys.
    pub(in crate::state) fn new_key(&mut self) {
        let club =
            self.console().filter(|console| console.has_security_settings()).and_then(|console| console.club.as_ref());
        if let Some(form) = club.map(KeyForm::in_club) {
            self.open_draft_or(Dialog::Key(Box::new(form)));
        }
    }

    /// Asks what a key is to be.
    pub(in crate::state) fn edit_key(&mut self, id: String) {
        let Some(key) = self.console().and_then(|console| console.keys.get(&id)) else { return };
        let longest = self.console().and_then(|console| console.club.as_ref()).and_then(|club| club.longest_key_days);
        let form = KeyForm { longest_days: longest.map(i64::from), ..KeyForm::of(key, None, &self.clock) };
        self.open_dialog(Dialog::Key(Box::new(form)));
        self.load_key(id);
    }

    /// Asks what a key is to be, with no more than the scopes that it is advised to keep.
    pub(in crate::state) fn narrow_key(&mut self, id: String) {
        let usage = self.console().and_then(|console| console.keys.usage.as_ref()).filter(|(known, _)| *known == id);
        let advice = usage.and_then(|(_, usage)| usage.as_ref().ok()).and_then(|usage| {
            usage
                .advice
                .iter()
                .find(|advice| advice.action == AdvisedAction::Narrow)
                .map(|advice| advice.scopes.clone())
        });
        self.edit_key(id);
        if let (Some(Dialog::Key(form)), Some(scopes)) = (self.dialog(), advice) {
            form.scopes = scopes;
            self.foretell_narrowing();
        }
    }

    /// Sends the form of a key; a change shows at once.
    pub(in crate::state) fn save_key(&mut self) {
        let fresh = self.idempotency_key();
        let clock = self.clock.clone();
        let Some(Dialog::Key(form)) = self.dialog() else { return };
        if form.sending.is_on() {
            return;
        }
        if form.is_awaited() {
            // Whatever became of the first try.
            return self.load_key_of_form();
        }
        let Ok(facts) = form.facts(&clock) else {
            form.leave_all();
            return;
        };
        match form.key.clone() {
            None => {
                let idempotency_key = form.once.key_for(&facts, fresh);
                self.send(What::CreateKey, Change::CreateKey { key: facts, idempotency_key });
            }
            Some(before) => {
                let (id, etag, after) = (before.id.clone(), form.etag.clone(), before.with(&facts));
                self.send(What::UpdateKey { before }, Change::UpdateKey { id, etag, key: facts });
                self.in_console(|console| console.keys.update(after, &clock));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action,
        desk::{Desk, key},
        exchange::{Change, Command, Event},
        keys::{Key, Scope},
    };

    /// The form was filled in from an old list, and saving it took back what somebody else had changed.
    #[test]
    fn a_form_shows_the_revision_that_it_changes() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::EditKey("key_1".into()));
        desk.name_key("Sync, renamed");
        desk.asked.clear();
        desk.act(Action::SaveKey);
        assert!(
            matches!(&desk.asked[..], [Command::LoadKey { .. }]),
            "not before it knows what is there, which it asks for once more"
        );

        let narrowed = Key { scopes: vec![Scope::MembersRead], ..key("key_1", "Sync") };
        let answer = Ok((narrowed, Some("\"5\"".to_owned())));
        desk.hear(Event::Key { organization: "org_a".into(), id: "key_1".into(), result: Box::new(answer) });
        desk.act(Action::SaveKey);
        let Some(Command::Change { change: Change::UpdateKey { etag, key, .. }, .. }) = desk.asked.last() else {
            panic!("it is sent")
        };
        assert_eq!((etag.as_deref(), key.name.as_str()), (Some("\"5\""), "Sync, renamed"));
        assert_eq!(key.scopes, [Scope::MembersRead], "what was not touched is as it is now");
    }
}
