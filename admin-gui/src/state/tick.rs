//! What follows from time alone.

use jiff::{SignedDuration, Timestamp};

use super::{
    Connection, Console, Dialog, SHOW_WAIT, Screen, State, View,
    exchange::{Command, Effect},
};

/// How often what is on screen is read again.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);

impl State {
    /// Takes that it is `now`.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Effect> {
        self.pass_to(now);
        self.take_effects()
    }

    pub(super) fn pass_to(&mut self, now: Timestamp) {
        let minute = now.as_second() / 60 != self.clock.now.as_second() / 60;
        self.clock.now = now;
        self.drop_old_notices();
        self.clear_clipboard();
        let Self { screen: Screen::Console(console), clock, .. } = self else { return };
        if minute {
            // Keys expire, and come to want attention, without anyone doing anything.
            console.keys.arrange(clock);
        }
        let refresh = console.refresh_at().is_some_and(|at| at <= now);
        match &mut console.connection {
            Connection::Offline { retry_at, trying, .. } if *retry_at <= now && !*trying => {
                *trying = true;
                self.ask(Command::Probe);
            }
            Connection::Online if refresh => {
                let open = match &console.view {
                    View::Key(id) => Some(id.clone()),
                    _ => None,
                };
                self.load_keys();
                if let Some(id) = open {
                    self.load_usage(id);
                }
            }
            _ => {}
        }
        self.wait_for_first_use();
    }

    /// When [`State::tick`] has something to do next, or what is on screen changes by time alone.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let now = self.clock.now;
        let notices = self.notices.iter().filter_map(|notice| notice.until());
        let clipboard = self.on_clipboard.iter().map(|(_, until)| *until);
        let changes = self.pending.values().filter_map(|pending| shown_at(pending.sent_at, now));
        let screen = match &self.screen {
            Screen::Starting(since) => shown_at(*since, now),
            Screen::SignIn(sign_in) => sign_in.sending.and_then(|since| shown_at(since, now)),
            Screen::Outsider(_) => None,
            Screen::Console(console) => Some(console.next_tick(now)),
        };
        notices.chain(clipboard).chain(changes).chain(screen).min()
    }
}

impl Console {
    fn next_tick(&self, now: Timestamp) -> Timestamp {
        // Distances in time are told in minutes.
        let minute = now + SignedDuration::from_secs(60 - now.as_second().rem_euclid(60));
        let connection = match &self.connection {
            // It counts the seconds down.
            Connection::Offline { retry_at, trying: false, .. } => {
                Some((*retry_at).min(now + SignedDuration::from_secs(1)))
            }
            Connection::Offline { .. } => None,
            Connection::Online => self.refresh_at(),
        };
        let asked = match &self.dialog {
            Some(Dialog::Revoke(form)) => form.asked_since(),
            Some(Dialog::Leak(form)) => form.since(),
            _ => None,
        };
        let lists = [&self.keys.list.progress, &self.members.list.progress, &self.audit.list.progress];
        let waits = lists.map(|progress| progress.since()).into_iter().chain([asked]);
        let waits = waits.flatten().filter_map(|since| shown_at(since, now));
        waits.chain(connection).chain(self.asks_for_first_use_at(now)).fold(minute, Timestamp::min)
    }

    /// When the keys should be read again by themselves.
    fn refresh_at(&self) -> Option<Timestamp> {
        let seen = matches!(self.view, View::Keys | View::Key(_));
        self.keys.list.refresh_at(REFRESH).filter(|_| seen && self.has_security_settings())
    }
}

/// When a wait since then is shown; none if it is shown already.
fn shown_at(since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    Some(since + SHOW_WAIT).filter(|shown| now < *shown)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use crate::state::{
        club::{Club, Plan},
        desk::{Desk, club, failure, key},
        exchange::Event,
        failure::FailureKind,
    };

    /// A refused refresh was asked for again at once, as fast as the server answered.
    #[test]
    fn a_refused_refresh_is_not_repeated_at_once() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.wait(SignedDuration::from_secs(60));
        let load = desk.load_of_keys();
        desk.asked.clear();
        let refused = failure(FailureKind::Refused("not_found".into()));
        desk.hear(Event::Keys { load, page: Err(refused) });
        for _ in 0..59 {
            desk.wait(SignedDuration::from_secs(1));
        }
        assert!(desk.asked.is_empty());
        let next = desk.state.next_tick().expect("it has something to do");
        assert!(next > desk.state.clock.now, "and sleeps until then");
        desk.wait(SignedDuration::from_secs(2));
        assert_eq!(desk.asked.len(), 1);
        assert_eq!(desk.names(), ["Sync"], "what was there stays");
    }

    #[test]
    fn a_plan_without_keys_asks_for_none() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        let free = Club { plan: Plan::Free, security_settings: false, ..club("org_a") };
        desk.hear_club(Ok(free));
        desk.wait(SignedDuration::from_secs(3600));
        assert!(desk.asked.is_empty());
        assert!(desk.state.next_tick().expect("minutes pass") > desk.state.clock.now);
    }
}
