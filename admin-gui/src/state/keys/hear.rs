//! What is heard of keys.

use super::{Activation, Key, SecretOnce};
use crate::state::{
    Console, Dialog, Screen, State, View,
    exchange::Command,
    failure::Failure,
    listing::{Heard, Page, Progress},
    secret::Secret,
};

impl Console {
    /// Whether the club's plan includes keys, as far as it is known.
    pub(in crate::state) fn has_security_settings(&self) -> bool {
        self.club.as_ref().is_some_and(|club| club.security_settings)
    }
}

impl State {
    /// Reads the keys, if the club can have some.
    pub(in crate::state) fn load_keys(&mut self) {
        let (now, load) = (self.clock.now, self.next_load());
        let Some(console) = self.console_mut() else { return };
        if console.has_security_settings() {
            console.keys.list.begin(load, now, false);
            let organization = console.membership.organization_id.clone();
            let with_ended = console.keys.with_ended;
            self.ask(Command::LoadKeys { organization, with_ended, load });
        }
    }

    /// Reads one key.
    pub(in crate::state) fn load_key(&mut self, key: String) {
        let organization = self.organization();
        self.ask(Command::LoadKey { organization, key });
    }

    /// Reads the key that is being changed, at the revision that it has now.
    pub(in crate::state) fn load_key_of_form(&mut self) {
        if let Some(Dialog::Key(form)) = self.dialog()
            && let Some(key) = &form.key
        {
            let id = key.id.clone();
            self.load_key(id);
        }
    }

    /// Takes a page of keys, or why it did not come.
    pub(in crate::state) fn hear_keys(&mut self, load: u64, page: Result<Page<Key>, Failure>) {
        let failure = page.as_ref().err().cloned();
        if let Self { screen: Screen::Console(console), clock, .. } = self {
            let keys = &mut console.keys;
            let heard = keys.list.hear(load, clock.now, page);
            drop(keys.list.take_replaced());
            match heard {
                Heard::Nothing => {}
                Heard::Changed => {
                    let complete = keys.list.progress == Progress::Complete;
                    if complete {
                        keys.has_ended = keys.with_ended;
                    }
                    keys.arrange(clock);
                    // Whether there never was a key, or all have ended, is told apart by the ended ones.
                    if complete && keys.list.items.is_empty() && !keys.with_ended {
                        keys.with_ended = true;
                        self.load_keys();
                    }
                }
                Heard::Again => self.load_keys(),
            }
        }
        self.after(failure);
    }

    /// Takes a key and its revision, or why they did not come.
    pub(in crate::state) fn hear_key(
        &mut self,
        organization: &str,
        id: String,
        result: Result<(Key, Option<String>), Failure>,
    ) {
        let failure = result.as_ref().err().cloned();
        let mut already = None;
        if let Self { screen: Screen::Console(console), clock, .. } = self {
            match result {
                Ok((key, etag)) if console.membership.organization_id == organization => {
                    match &mut console.dialog {
                        Some(Dialog::Key(form)) if form.is_of(&id) && !form.sending.is_on() => {
                            form.rebase(key.clone(), etag, clock);
                        }
                        Some(Dialog::Revoke(form)) if form.key.id == id && key.revoked.is_some() => {
                            console.dialog = None;
                            let by = key.revoked.as_ref().map(|revoked| revoked.by.as_str()).unwrap_or_default();
                            already = Some(format!("\"{}\" was revoked already, by {by}.", key.name));
                        }
                        Some(Dialog::Revoke(form)) if form.key.id == id => form.hear(Some(&key)),
                        Some(Dialog::Rotate(form)) if form.key.id == id && !form.sending.is_on() => {
                            form.key = key.clone();
                        }
                        Some(Dialog::EndPreviousSecret(form)) if form.key.id == id && !form.sending.is_on() => {
                            match &key.previous_secret {
                                Some(previous) => form.previous = previous.clone(),
                                None => {
                                    console.dialog = None;
                                    already = Some(format!("The old secret of \"{}\" has ended already.", key.name));
                                }
                            }
                        }
                        _ => {}
                    }
                    if console.keys.list.get(&id).is_some_and(|known| !known.revoking) {
                        console.keys.update(key, clock);
                    } else if console.view == View::Key(id) {
                        console.keys.open = Some(key);
                    }
                }
                Ok(_) => {}
                Err(failure) => match &mut console.dialog {
                    Some(Dialog::Revoke(form)) if form.key.id == id => form.hear(None),
                    Some(Dialog::Key(form)) if form.is_of(&id) && form.is_awaited() => {
                        form.sending.failure = Some(failure);
                    }
                    _ => {}
                },
            }
        }
        if let Some(already) = already {
            self.say(already);
        }
        self.after(failure);
    }

    /// A key was created or rotated: its secret is shown, this once.
    pub(in crate::state) fn key_created(&mut self, ticket: u64, key: Key, secret: Secret) {
        let Self { screen: Screen::Console(console), clock, preferences, .. } = self else { return };
        console.close(ticket);
        console.keys.update(key.clone(), clock);
        console.keys.choose(key.id.clone());
        console.keys.activation = Some(Activation::of(&key, clock.now));
        let organization_id = console.membership.organization_id.clone();
        let once = SecretOnce::of(key, secret, preferences.server.clone(), organization_id);
        console.dialog = Some(Dialog::Secret(Box::new(once)));
    }

    /// A key was changed.
    pub(in crate::state) fn key_updated(&mut self, ticket: u64, key: Key) {
        let text = format!("Saved \"{}\"", key.name);
        if let Self { screen: Screen::Console(console), clock, .. } = self {
            console.keys.update(key, clock);
            console.close(ticket);
        }
        self.say(text);
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use crate::state::{
        Action, Dialog, View,
        desk::{Desk, failure, key, signed_in, start},
        exchange::{Changed, Command, Event},
        failure::FailureKind,
        keys::{Filter, Key, Revoked},
        listing::Page,
    };

    /// The key was shown as active again for a minute, beside the words that it is revoked.
    #[test]
    fn a_refresh_on_its_way_does_not_undo_a_revocation() {
        let mut desk = Desk::of(&["org_a"], vec![Key { last_used_at: None, ..key("key_1", "Sync") }]);
        desk.act(Action::Refresh);
        let load = desk.load_of_keys();
        desk.revoke("key_1", "Sync");
        let ticket = desk.ticket();
        desk.hear(Event::Keys { load, page: Ok(Page { items: vec![key("key_1", "Sync")], next: None }) });
        assert!(desk.names().is_empty());
        assert!(desk.load_of_keys() > load, "it is read once more");
        desk.answer(ticket, Ok(Changed::Done));
        assert!(desk.names().is_empty());
        assert!(desk.console().keys.list.items[0].revoked.is_some());
    }

    /// The page of a key said "not here" a minute after the key was revoked on it.
    #[test]
    fn the_page_of_a_key_stays_when_the_list_comes_without_it() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync"), key("key_2", "Other")]);
        desk.act(Action::Show(View::Key("key_1".into())));
        desk.wait(SignedDuration::from_secs(60));
        desk.hear_keys(vec![key("key_2", "Other")]);
        assert!(desk.console().keys.get("key_1").is_some());
    }

    /// "Save" did nothing, and nothing said why.
    #[test]
    fn a_key_that_could_not_be_read_for_a_change_is_told_and_read_again() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::EditKey("key_1".into()));
        let hear = |desk: &mut Desk, result| {
            desk.hear(Event::Key { organization: "org_a".into(), id: "key_1".into(), result: Box::new(result) });
        };
        hear(&mut desk, Err(failure(FailureKind::Unreachable)));
        let failed = |desk: &mut Desk| match &desk.console().dialog {
            Some(Dialog::Key(form)) => form.sending.failure.is_some(),
            _ => panic!("the form is open"),
        };
        assert!(failed(&mut desk));
        desk.asked.clear();
        desk.hear(Event::Reached(signed_in(&["org_a"])));
        assert!(desk.asked.iter().any(|command| matches!(command, Command::LoadKey { .. })), "it is tried again");
        hear(&mut desk, Ok((key("key_1", "Sync"), Some("\"1\"".into()))));
        assert!(!failed(&mut desk));
    }

    #[test]
    fn no_key_yet_is_told_from_none_any_more() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::Refresh);
        desk.hear_keys(vec![]);
        assert!(!desk.console().keys.has_ended, "whether there ever was one is not known yet");
        let revoked = Revoked { at: start(), by: "Ana".into(), reason: None };
        desk.hear_keys(vec![Key { revoked: Some(revoked), ..key("key_1", "Sync") }]);
        let keys = &desk.console().keys;
        assert!(keys.has_ended && !keys.list.items.is_empty() && keys.rows.is_empty());
        assert_eq!(keys.count(Filter::Revoked), Some(1));
    }
}
