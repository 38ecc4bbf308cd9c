//! Whether the server answers.

use jiff::{SignedDuration, Timestamp};

use super::{
    State,
    exchange::Command,
    failure::{Failure, FailureKind},
};

/// The longest pause between two tries to reach the server, in seconds.
const LONGEST_PAUSE: i64 = 30;

/// Whether the server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// It does.
    Online,
    /// It does not.
    Offline {
        /// Why.
        failure: Failure,
        /// How often it was tried in vain.
        tries: u32,
        /// When it is tried again.
        retry_at: Timestamp,
        /// Whether it is being tried.
        trying: bool,
    },
}

/// The pause after so many tries in vain.
fn pause(tries: u32) -> SignedDuration {
    SignedDuration::from_secs((1_i64 << tries.min(5)).min(LONGEST_PAUSE))
}

impl State {
    /// What every answer tells beside its content: whether the server answers, and whether the session lives.
    pub(super) fn after(&mut self, failure: Option<Failure>) {
        match failure {
            None => self.reached(),
            Some(failure) => self.failed(&failure),
        }
    }

    /// The server answers.
    pub(super) fn reached(&mut self) {
        let Some(console) = self.console_mut() else { return };
        if console.connection != Connection::Online {
            console.connection = Connection::Online;
            // What failed meanwhile is read again, and what was seen may be old.
            console.keys.list.stale = true;
            console.members.list.stale = true;
            self.refresh();
            self.load_key_of_form();
        }
    }

    /// A try to reach the server was in vain.
    pub(super) fn not_reached(&mut self, failure: &Failure) {
        if let Some(Connection::Offline { tries, .. }) = self.console_mut().map(|console| &mut console.connection) {
            *tries += 1;
        }
        self.failed(failure);
    }

    /// What follows from a failure, whatever was asked for.
    pub(super) fn failed(&mut self, failure: &Failure) {
        let now = self.clock.now;
        match &failure.kind {
            FailureKind::SignedOut => self.session_ended(),
            FailureKind::Unreachable | FailureKind::Untrusted => self.in_console(|console| {
                let tries = match &console.connection {
                    Connection::Offline { tries, .. } => *tries,
                    Connection::Online => 1,
                };
                let (failure, retry_at) = (failure.clone(), now + pause(tries));
                console.connection = Connection::Offline { failure, tries, retry_at, trying: false };
            }),
            FailureKind::Refused(code) if code == "head_coach_required" => self.ask(Command::Probe),
            // It answers, if with a refusal.
            FailureKind::Refused(_) => self.reached(),
            FailureKind::Local => {}
            FailureKind::Busy(_) | FailureKind::Broken | FailureKind::Incompatible => self.in_console(|console| {
                if let Connection::Offline { tries, retry_at, trying, .. } = &mut console.connection {
                    *trying = false;
                    *retry_at = now + pause(*tries);
                }
            }),
        }
    }

    /// Tries the server now, at the person's wish.
    pub(super) fn retry(&mut self) {
        let now = self.clock.now;
        let Some(console) = self.console_mut() else { return };
        if let Connection::Offline { retry_at, .. } = &mut console.connection {
            *retry_at = now;
        }
        self.pass_to(now);
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action, Connection,
        desk::{Desk, failure, key, signed_in},
        exchange::{Command, Event},
        failure::FailureKind,
    };

    #[test]
    fn offline_it_tries_again_ever_more_rarely_and_goes_on_by_itself() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::Refresh);
        let load = desk.load_of_keys();
        desk.asked.clear();
        desk.hear(Event::Keys { load, page: Err(failure(FailureKind::Unreachable)) });
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let Connection::Offline { retry_at, .. } = desk.console().connection.clone() else { panic!("offline") };
            let pause = retry_at.duration_since(desk.state.clock.now);
            pauses.push(pause.as_secs());
            desk.wait(pause);
            assert!(matches!(desk.asked.pop(), Some(Command::Probe)));
            desk.hear(Event::NotReached(failure(FailureKind::Unreachable)));
        }
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(desk.names(), ["Sync"], "what was seen stays");

        desk.hear(Event::NotReached(failure(FailureKind::Broken)));
        assert_ne!(desk.console().connection, Connection::Online, "a server that is starting up is not there yet");
        desk.hear(Event::Reached(signed_in(&["org_a"])));
        assert_eq!(desk.console().connection, Connection::Online);
        assert!(desk.console().keys.list.is_loading(), "what was seen is read again");
    }
}
