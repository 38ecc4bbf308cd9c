//! A key that is to be given a new secret, and the end of its old one.

use super::{Foretold, Key, PlannedAction, PreviousSecret};
use crate::state::{
    Dialog, Screen, State,
    change::{Once, Sending, What},
    exchange::Change,
};

/// How long the old secret goes on working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "names")]
pub enum Overlap {
    None,
    Hour,
    Day,
    Week,
    Month,
}

impl Overlap {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::None, Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::None => "Ends at once",
            Self::Hour => "1 hour",
            Self::Day => "1 day",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    const fn seconds(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
        }
    }
}

/// After how many hours without use the old secret ends, if it is to end by itself.
pub const IDLE_HOURS: u16 = 24;

/// How a key is rotated, as the server is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the API")]
pub struct Rotation {
    pub overlap_seconds: i32,
    pub retire_when_idle_hours: Option<u16>,
    pub replace: bool,
}

/// A key that is to be given a new secret.
#[derive(Debug, Clone)]
pub struct RotateForm {
    /// The key.
    pub key: Key,
    /// How long the old secret goes on working.
    pub overlap: Overlap,
    /// Whether it ends sooner, once nothing uses it any more.
    pub retire_when_idle: bool,
    /// What comes with the present secret, and must be given the new one.
    pub foretold: Foretold,
    /// So that it is done once, however often it is sent.
    pub once: Once<Rotation>,
    /// How the sending goes.
    pub sending: Sending,
}

impl RotateForm {
    /// Asks about `key`; proposes a week, and the old secret's end once nothing uses it.
    fn of(key: Key) -> Self {
        Self {
            key,
            overlap: Overlap::Week,
            retire_when_idle: true,
            foretold: Foretold { action: PlannedAction::Rotate, impact: None },
            once: Once::default(),
            sending: Sending::default(),
        }
    }

    /// What is sent. Within an overlap the newer secret is given up, and the older keeps its end.
    pub fn rotation(&self) -> Rotation {
        let lasts = self.overlap != Overlap::None;
        Rotation {
            overlap_seconds: self.overlap.seconds(),
            retire_when_idle_hours: (lasts && self.retire_when_idle).then_some(IDLE_HOURS),
            replace: self.key.previous_secret.is_some(),
        }
    }
}

/// An old secret that is to end now.
#[derive(Debug, Clone)]
pub struct EndPreviousSecretForm {
    /// Its key.
    pub key: Key,
    /// The secret.
    pub previous: PreviousSecret,
    /// How the sending goes.
    pub sending: Sending,
}

impl State {
    /// Asks how a key is to be rotated.
    pub(in crate::state) fn ask_rotate(&mut self, id: String) {
        let Some(key) = self.console().and_then(|console| console.keys.get(&id)).cloned() else { return };
        if key.revoked.is_none() {
            self.open_dialog(Dialog::Rotate(Box::new(RotateForm::of(key))));
            self.load_impact(id.clone(), PlannedAction::Rotate);
            // It may have been rotated since the list was read.
            self.load_key(id);
        }
    }

    /// Has a key rotated; the answer brings its new secret.
    pub(in crate::state) fn rotate(&mut self) {
        let fresh = self.idempotency_key();
        let Some(Dialog::Rotate(form)) = self.dialog() else { return };
        if form.sending.is_on() {
            return;
        }
        let (before, rotation) = (form.key.clone(), form.rotation());
        let idempotency_key = form.once.key_for(&rotation, fresh);
        let id = before.id.clone();
        self.send(What::RotateKey { before }, Change::RotateKey { id, rotation, idempotency_key });
    }

    /// Asks whether to end the old secret of a key.
    pub(in crate::state) fn ask_end_previous_secret(&mut self, id: String) {
        let Some(key) = self.console().and_then(|console| console.keys.get(&id)).cloned() else { return };
        if let Some(previous) = key.previous_secret.clone() {
            let form = EndPreviousSecretForm { key, previous, sending: Sending::default() };
            self.open_dialog(Dialog::EndPreviousSecret(Box::new(form)));
            // It may have been used since.
            self.load_key(id.clone());
            self.load_usage(id);
        }
    }

    /// Ends the old secret of a key.
    pub(in crate::state) fn end_previous_secret(&mut self) {
        let Some(Dialog::EndPreviousSecret(form)) = self.dialog() else { return };
        if form.sending.is_on() {
            return;
        }
        let before = form.key.clone();
        let id = before.id.clone();
        self.send(What::EndPreviousSecret { before }, Change::EndPreviousSecret { id });
    }

    /// The old secret of a key has ended.
    pub(in crate::state) fn previous_secret_ended(&mut self, ticket: u64, before: &Key) {
        if let Self { screen: Screen::Console(console), clock, .. } = self {
            if let Some(shown) = console.keys.get(&before.id).cloned() {
                console.keys.update(Key { previous_secret: None, ..shown }, clock);
            }
            console.close(ticket);
        }
        self.say(format!("The old secret of \"{}\" has ended. Whatever used it is refused now.", before.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{
        Action,
        desk::{Desk, failure, key, start},
        exchange::{Changed, Command, Event},
        failure::FailureKind,
        secret::Secret,
    };

    fn asked(desk: &Desk) -> (Rotation, String) {
        match desk.asked.last() {
            Some(Command::Change { change: Change::RotateKey { rotation, idempotency_key, .. }, .. }) => {
                (rotation.clone(), idempotency_key.clone())
            }
            _ => panic!("it is sent"),
        }
    }

    #[test]
    fn a_key_is_rotated_once_however_often_it_is_sent_and_its_secret_shown() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::AskRotate("key_1".into()));
        desk.act(Action::Rotate);
        let (rotation, sent_under) = asked(&desk);
        let week = Rotation { overlap_seconds: 604_800, retire_when_idle_hours: Some(24), replace: false };
        assert_eq!(rotation, week);
        desk.answer(desk.ticket(), Err(failure(FailureKind::Unreachable)));
        desk.act(Action::Rotate);
        assert_eq!(asked(&desk).1, sent_under);
        let previous = PreviousSecret { hint: "astral_live_old…old".into(), ends_at: start(), last_used_at: None };
        let rotated = Key { previous_secret: Some(previous), ..key("key_1", "Sync") };
        desk.answer(desk.ticket(), Ok(Changed::Created(rotated, Secret::new("astral_live_new".into()))));
        assert!(
            matches!(&desk.console().dialog, Some(Dialog::Secret(once)) if once.secret.reveal() == "astral_live_new")
        );
        assert_eq!(desk.console().keys.list.items.len(), 1, "one key, as before");
    }

    /// Somebody else had rotated it a moment before.
    #[test]
    fn within_an_overlap_the_newer_secret_is_given_up() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::AskRotate("key_1".into()));
        let previous = PreviousSecret { hint: "astral_live_old…old".into(), ends_at: start(), last_used_at: None };
        let rotated = Key { previous_secret: Some(previous), ..key("key_1", "Sync") };
        let result = Box::new(Ok((rotated, None)));
        desk.hear(Event::Key { organization: "org_a".into(), id: "key_1".into(), result });
        desk.act(Action::Rotate);
        assert!(asked(&desk).0.replace);
    }
}
