//! Whether a new secret has had its first call.

use jiff::{SignedDuration, Timestamp};

use super::{Key, LastUse, Status};
use crate::state::{Connection, Console, Dialog, Screen, State, View};

/// A new secret, whose first call is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The key.
    pub id: String,
    /// By which the secret is recognized.
    pub hint: String,
    /// Since when.
    pub since: Timestamp,
    /// The call, once it came.
    pub first_use: Option<FirstUse>,
    /// When the secret was last seen unused.
    unused_at: Timestamp,
    asked_at: Timestamp,
    /// Whether the answer is awaited.
    asking: bool,
}

/// The call that was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstUse {
    /// The call.
    pub call: LastUse,
    /// Whether somebody looked all the time, so that none came before it.
    pub watched: bool,
}

/// How often is asked whether a new secret was used.
const ASK_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// For how long.
const ASK_FOR: SignedDuration = SignedDuration::from_hours(1);

impl State {
    /// Asks again whether the new secret that is in sight was used, if it is time.
    pub(in crate::state) fn wait_for_first_use(&mut self) {
        let Self { screen: Screen::Console(console), clock, .. } = self else { return };
        if console.asks_for_first_use_at(clock.now).is_some_and(|at| at <= clock.now)
            && let Some(activation) = &mut console.keys.activation
        {
            (activation.asking, activation.asked_at) = (true, clock.now);
            let id = activation.id.clone();
            self.load_usage(id);
        }
    }
}

impl Console {
    /// When to ask again whether the new secret that is in sight was used.
    pub(in crate::state) fn asks_for_first_use_at(&self, now: Timestamp) -> Option<Timestamp> {
        let activation = self.keys.activation.as_ref()?;
        let waits = activation.first_use.is_none() && now.duration_since(activation.since) < ASK_FOR;
        let in_sight = match &self.dialog {
            Some(Dialog::Secret(once)) => once.key.id == activation.id,
            _ => self.view == View::Key(activation.id.clone()),
        };
        let reachable = matches!(self.connection, Connection::Online);
        let works = self.keys.get(&activation.id).is_some_and(|key| key.status(now) == Status::Active);
        // An answer that never comes is not waited for for ever.
        let pause = if activation.asking { ASK_EVERY * 30 } else { ASK_EVERY };
        (waits && in_sight && reachable && works).then(|| activation.asked_at + pause)
    }
}

impl Activation {
    /// Waits for the first call with the present secret of `key`.
    pub(in crate::state) fn of(key: &Key, now: Timestamp) -> Self {
        let (id, hint) = (key.id.clone(), key.hint.clone());
        Self { id, hint, since: now, first_use: None, unused_at: now, asked_at: now, asking: false }
    }

    /// Takes whether the secret was used.
    pub(super) fn hear(&mut self, last: Option<&LastUse>, now: Timestamp) {
        (self.asking, self.asked_at) = (false, now);
        match last {
            None => self.unused_at = now,
            Some(last) if self.first_use.is_none() => {
                // After a while in which nobody looked it may be any.
                let watched = now.duration_since(self.unused_at) <= ASK_EVERY * 5;
                self.first_use = Some(FirstUse { call: last.clone(), watched });
            }
            Some(_) => {}
        }
    }

    /// Whether it is still asked for.
    pub fn is_awaited(&self, now: Timestamp) -> bool {
        self.first_use.is_none() && now.duration_since(self.since) < ASK_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{
        Action,
        desk::{Desk, key, start, usage},
        exchange::{Changed, Command, Event},
        keys::{SecretUsage, Usage},
        secret::Secret,
    };

    fn used(hint: &str) -> Usage {
        let last_use = LastUse {
            at: start(),
            address: Some("203.0.113.7".to_owned()),
            user_agent: None,
            operation: Some("list_members".to_owned()),
        };
        Usage { secrets: vec![SecretUsage { hint: hint.to_owned(), last_use: Some(last_use) }], ..usage() }
    }

    fn asked_for_usage(desk: &mut Desk) -> usize {
        let asked = desk.asked.iter().filter(|command| matches!(command, Command::LoadUsage { .. })).count();
        desk.asked.clear();
        asked
    }

    #[test]
    fn a_new_keys_first_call_is_waited_for_while_it_is_in_sight() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::NewKey);
        desk.name_key("Sync");
        desk.act(Action::SaveKey);
        let made = key("key_1", "Sync");
        let (hint, secret) = (made.hint.clone(), Secret::new("astral_live_new".into()));
        desk.answer(desk.ticket(), Ok(Changed::Created(made, secret)));
        asked_for_usage(&mut desk);
        desk.wait(SignedDuration::from_secs(1));
        assert_eq!(asked_for_usage(&mut desk), 0);
        desk.wait(SignedDuration::from_secs(1));
        assert_eq!(asked_for_usage(&mut desk), 1);
        desk.wait(SignedDuration::from_secs(4));
        assert_eq!(asked_for_usage(&mut desk), 0, "the answer is awaited");
        let result = Box::new(Ok(usage()));
        desk.hear(Event::Usage { organization: "org_a".into(), id: "key_1".into(), result });
        desk.act(Action::Stored);
        assert_eq!(desk.console().view, View::Key("key_1".into()), "and there it goes on");
        asked_for_usage(&mut desk);
        desk.wait(SignedDuration::from_secs(2));
        assert_eq!(asked_for_usage(&mut desk), 1);
        desk.act(Action::Show(View::Members));
        asked_for_usage(&mut desk);
        desk.wait(SignedDuration::from_secs(10));
        assert_eq!(asked_for_usage(&mut desk), 0, "nobody would see it");
        desk.act(Action::Show(View::Key("key_1".into())));
        let result = Box::new(Ok(used(&hint)));
        desk.hear(Event::Usage { organization: "org_a".into(), id: "key_1".into(), result });
        let first = desk.console().keys.activation.as_ref().and_then(|activation| activation.first_use.clone());
        assert_eq!(first.expect("it came").call.address.as_deref(), Some("203.0.113.7"));
        asked_for_usage(&mut desk);
        desk.wait(SignedDuration::from_secs(10));
        assert_eq!(asked_for_usage(&mut desk), 0, "it is known");
    }

    /// Of a key that was rotated the old secret was used, and the console said that the new one works.
    #[test]
    fn a_call_with_the_old_secret_is_not_the_first_with_the_new_one() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::AskRotate("key_1".into()));
        desk.act(Action::Rotate);
        let rotated = Key { hint: "astral_live_new…new".into(), ..key("key_1", "Sync") };
        desk.answer(desk.ticket(), Ok(Changed::Created(rotated, Secret::new("astral_live_new".into()))));
        let result = Box::new(Ok(used("astral_live_old…old")));
        desk.hear(Event::Usage { organization: "org_a".into(), id: "key_1".into(), result });
        let activation = desk.console().keys.activation.clone().expect("waited for");
        assert_eq!(activation.first_use, None);
    }
}
