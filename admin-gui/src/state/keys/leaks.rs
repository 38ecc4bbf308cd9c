//! Keys that stand where they should not: a text in which they are looked for, and what is done about them.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{Findings, Key, Revoked, Standing};
use crate::state::{
    Console, Dialog, Screen, State,
    change::{Pending, Sending, What},
    exchange::{Change, Command},
    failure::{Failure, FailureKind},
    secret::Secret,
};

/// Where keys are looked for.
pub enum Suspect {
    /// In a text that was pasted.
    Text(Secret),
    /// In files.
    Files(Vec<PathBuf>),
}

/// A text in which keys are looked for.
#[derive(Default)]
pub struct LeakForm {
    /// What was just pasted.
    pub pasted: Option<Secret>,
    /// How far it is.
    pub search: Search,
    /// Which search this is: what comes of an earlier one is dropped.
    run: u64,
}

/// How far a search is.
#[derive(Default)]
pub enum Search {
    /// Not begun.
    #[default]
    Nothing,
    /// It has begun, then.
    On(Timestamp),
    /// All that was found.
    Done(Findings),
    /// It failed.
    Failed(Failure),
}

impl LeakForm {
    /// Since when it is searched.
    pub(in crate::state) fn since(&self) -> Option<Timestamp> {
        match self.search {
            Search::On(since) => Some(since),
            _ => None,
        }
    }

    /// What was found, if it was.
    pub fn findings(&mut self) -> Option<&mut Findings> {
        match &mut self.search {
            Search::Done(findings) => Some(findings),
            _ => None,
        }
    }

    /// Takes why what was sent under `ticket` was refused; whether it was sent from here.
    pub(in crate::state) fn hear_refusal(&mut self, ticket: u64, failure: &Failure) -> bool {
        let sendings = self.findings().into_iter().flat_map(Findings::sendings);
        let mut heard = false;
        for sending in sendings.filter(|sending| sending.is(ticket)) {
            *sending = Sending::refused(failure.clone());
            heard = true;
        }
        heard
    }
}

/// Why a key is revoked that was found.
const REASON: &str = "Found in a text";

impl Console {
    /// Takes that what was sent under `ticket` is done, if it was sent for something that was found.
    pub(in crate::state) fn hear_ended(&mut self, ticket: u64) {
        let Some(Dialog::Leak(form)) = &mut self.dialog else { return };
        let Some(findings) = form.findings() else { return };
        for found in findings.keys.iter_mut().filter(|found| found.sending.is(ticket)) {
            found.sending = Sending::default();
        }
        for other in findings.others.iter_mut().filter(|other| other.sending.is(ticket)) {
            (other.reported, other.sending) = (true, Sending::default());
        }
    }
}

impl State {
    /// Asks for a text in which keys may stand.
    pub(in crate::state) fn ask_leak(&mut self) {
        match self.console().and_then(|console| console.club.as_ref()) {
            Some(club) if !club.security_settings => {
                let text = "API keys need the Coach plan or above, and so does looking for them in a text. A key can be \
                            revoked and a secret reported on every plan.";
                self.complain(text.to_owned());
            }
            _ => self.open_dialog(Dialog::Leak(Box::default())),
        }
    }

    /// Looks for keys in what was pasted.
    pub(in crate::state) fn search_pasted(&mut self) {
        let Some(Dialog::Leak(form)) = self.dialog() else { return };
        if let Some(text) = form.pasted.take() {
            self.look_for_keys(Suspect::Text(text));
        }
    }

    /// Looks for keys in files that were dropped on the window, or chosen.
    pub(in crate::state) fn search_files(&mut self, files: Vec<PathBuf>) {
        if self.takes_files() {
            self.ask_leak();
            self.look_for_keys(Suspect::Files(files));
        }
    }

    /// Takes the files that the system's dialog named.
    pub(in crate::state) fn hear_files_to_search(&mut self, files: Vec<PathBuf>) {
        if !files.is_empty() && matches!(self.dialog(), Some(Dialog::Leak(_))) {
            self.look_for_keys(Suspect::Files(files));
        }
    }

    fn look_for_keys(&mut self, suspect: Suspect) {
        let (now, run, organization) = (self.clock.now, self.next_load(), self.organization());
        let Some(Dialog::Leak(form)) = self.dialog() else { return };
        form.search = Search::On(now);
        form.run = run;
        self.ask(Command::FindKeys { organization, suspect, run });
    }

    /// Says that what is on the clipboard cannot be searched.
    pub(in crate::state) fn refuse_picture(&mut self) {
        let title = "A picture cannot be searched.";
        let failure = Failure::new(FailureKind::Local, title, "Copy the text itself, and paste it here.");
        if let Some(Dialog::Leak(form)) = self.dialog() {
            form.search = Search::Failed(failure);
        }
    }

    /// Takes what was found, or why it could not be looked for.
    pub(in crate::state) fn hear_findings(&mut self, run: u64, result: Result<Findings, Failure>) {
        let asked = result.as_ref().map_or(true, |findings| findings.asked);
        let failure = result.as_ref().err().cloned();
        if let Self { screen: Screen::Console(console), clock, pending, .. } = self
            && let Console { dialog: Some(Dialog::Leak(form)), keys, .. } = &mut **console
            && form.run == run
        {
            form.search = match result {
                Ok(mut findings) => {
                    for found in &mut findings.keys {
                        // It was read before what was done meanwhile, or is being done.
                        let newer = |known: &Key| known.revoked.is_some() && found.read.revoked.is_none();
                        if !keys.list.get(&found.read.id).is_some_and(newer) {
                            keys.put(found.read.clone());
                        }
                        let about = |(_, pending): &(&u64, &Pending)| match &pending.what {
                            What::RevokeKey { before } | What::EndPreviousSecret { before } => {
                                before.id == found.read.id
                            }
                            _ => false,
                        };
                        if let Some((ticket, pending)) = pending.iter().find(about) {
                            found.sending = Sending::under(*ticket, pending.sent_at);
                        }
                    }
                    keys.arrange(clock);
                    Search::Done(findings)
                }
                Err(failure) => Search::Failed(failure),
            };
        }
        // Whoever was not asked has not answered.
        if asked {
            self.after(failure);
        }
    }

    /// Revokes a key that was found, or ends its old secret if that is what was found.
    pub(in crate::state) fn end_found(&mut self, at: usize) {
        let Self { screen: Screen::Console(console), clock, .. } = self else { return };
        let Console { dialog: Some(Dialog::Leak(form)), keys, person, .. } = &mut **console else { return };
        let Some(found) = form.findings().and_then(|findings| findings.keys.get(at)) else { return };
        let standing = found.standing(keys, clock);
        let before = found.key(keys).clone();
        if found.sending.is_on() || before.revoking || !standing.works() {
            return;
        }
        let (id, now) = (before.id.clone(), clock.now);
        let ticket = if standing == Standing::StillWorks {
            self.ask_change(What::EndPreviousSecret { before }, Change::EndPreviousSecret { id })
        } else {
            let reason = Some(REASON.to_owned());
            let revoked = Revoked { at: now, by: person.name.clone(), reason: reason.clone() };
            keys.update(Key { revoked: Some(revoked), revoking: true, ..before.clone() }, clock);
            self.ask_change(What::RevokeKey { before }, Change::RevokeKey { id, reason })
        };
        if let Some(Dialog::Leak(form)) = self.dialog()
            && let Some(found) = form.findings().and_then(|findings| findings.keys.get_mut(at))
        {
            found.sending = Sending::under(ticket, now);
        }
    }

    /// Reports a secret that is not the club's, so that it ends wherever it belongs.
    pub(in crate::state) fn report_found(&mut self, at: usize) {
        let Some(Dialog::Leak(form)) = self.dialog() else { return };
        let Some(other) = form.findings().and_then(|findings| findings.others.get_mut(at)) else { return };
        if other.reported || other.sending.is_on() {
            return;
        }
        let secret = other.secret.share();
        let ticket = self.ask_change(What::ReportSecret, Change::ReportSecret { secret });
        let now = self.clock.now;
        if let Some(Dialog::Leak(form)) = self.dialog()
            && let Some(other) = form.findings().and_then(|findings| findings.others.get_mut(at))
        {
            other.sending = Sending::under(ticket, now);
        }
    }

    /// Whether files that are dropped now are searched.
    pub fn takes_files(&self) -> bool {
        let is_free = |dialog: &Option<Dialog>| dialog.as_ref().is_none_or(|dialog| matches!(dialog, Dialog::Leak(_)));
        !self.shortcuts
            && self.console().is_some_and(|console| console.has_security_settings() && is_free(&console.dialog))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::state::{
        Action, Connection, SHOW_WAIT, View,
        club::{Club, Plan},
        desk::{Desk, clock, club, failure, key, start},
        exchange::{Changed, Event},
        keys::{
            FoundKey, PreviousSecret,
            found::tests::{findings, found},
        },
    };

    /// A desk on which this was found in a text.
    fn desk_with(keys: Vec<FoundKey>) -> Desk {
        let known = keys.iter().map(|found| found.read.clone()).collect();
        let mut desk = Desk::of(&["org_a"], known);
        desk.act(Action::AskLeak);
        if let Some(Dialog::Leak(form)) = &mut desk.console().dialog {
            form.pasted = Some(Secret::new("a log".into()));
        }
        desk.act(Action::SearchPasted);
        let run = run(&desk);
        desk.hear(Event::Findings { run, result: Box::new(Ok(findings(keys))) });
        desk
    }

    fn run(desk: &Desk) -> u64 {
        match desk.asked.last() {
            Some(Command::FindKeys { run, .. }) => *run,
            _ => panic!("it is looked for"),
        }
    }

    fn found_in(desk: &mut Desk) -> &mut Findings {
        match &mut desk.console().dialog {
            Some(Dialog::Leak(form)) => form.findings().expect("found"),
            _ => panic!("the dialog is open"),
        }
    }

    /// What each secret that was found is now.
    fn standings(desk: &mut Desk) -> Vec<Standing> {
        let console = desk.console();
        let Some(Dialog::Leak(form)) = &mut console.dialog else { panic!("the dialog is open") };
        let findings = form.findings().expect("found");
        findings.keys.iter().map(|found| found.standing(&console.keys, &clock())).collect()
    }

    /// A key of which two secrets were found: the old one, and the present one.
    fn both_secrets() -> Desk {
        let ends_at = start() + SignedDuration::from_hours(1);
        let previous = PreviousSecret { hint: "astral_live_old…old".into(), ends_at, last_used_at: None };
        let rotated = Key { previous_secret: Some(previous), ..key("key_1", "Sync") };
        desk_with(vec![FoundKey { hint: "astral_live_old…old".into(), ..found(rotated.clone()) }, found(rotated)])
    }

    #[test]
    fn a_key_that_was_found_is_revoked_with_one_act() {
        let mut desk = desk_with(vec![found(key("key_1", "Sync"))]);
        assert_eq!(standings(&mut desk), [Standing::Works]);
        desk.act(Action::EndFound(0));
        desk.act(Action::EndFound(0));
        let sent = desk.asked.iter().filter(|command| matches!(command, Command::Change { .. })).count();
        assert_eq!(sent, 1, "once, however often it is pressed");
        assert!(desk.names().is_empty(), "the list shows it at once");
        assert!(found_in(&mut desk).keys[0].sending.is_on(), "what was found waits for the answer");
        assert_eq!(standings(&mut desk), [Standing::Works]);
        desk.answer(desk.ticket(), Ok(Changed::Done));
        assert!(!found_in(&mut desk).keys[0].sending.is_on());
        assert_eq!(standings(&mut desk), [Standing::Revoked]);
        let revoked = desk.console().keys.get("key_1").expect("listed").revoked.clone();
        assert_eq!(revoked.expect("revoked").reason.as_deref(), Some("Found in a text"));
    }

    #[test]
    fn a_refusal_stands_beside_what_was_found() {
        let mut desk = desk_with(vec![found(key("key_1", "Sync"))]);
        desk.act(Action::EndFound(0));
        desk.answer(desk.ticket(), Err(failure(FailureKind::Unreachable)));
        assert_eq!(standings(&mut desk), [Standing::Works]);
        let sending = &found_in(&mut desk).keys[0].sending;
        assert!(sending.failure.is_some() && !sending.is_on());
        assert_eq!(desk.names(), ["Sync"]);
        assert!(desk.state.notices.is_empty(), "and is not said twice");
        // It was done all the same, as the server says once it answers.
        let revoked = Revoked { at: start(), by: "Ana".into(), reason: None };
        let read = Key { revoked: Some(revoked), ..key("key_1", "Sync") };
        desk.hear(Event::Key { organization: "org_a".into(), id: "key_1".into(), result: Box::new(Ok((read, None))) });
        assert_eq!(standings(&mut desk), [Standing::Revoked]);
    }

    #[test]
    fn an_old_secret_that_was_found_ends_alone() {
        let mut desk = both_secrets();
        assert_eq!(standings(&mut desk), [Standing::StillWorks, Standing::Works]);
        desk.act(Action::EndFound(0));
        let change = desk.asked.last();
        assert!(matches!(change, Some(Command::Change { change: Change::EndPreviousSecret { .. }, .. })));
        desk.answer(desk.ticket(), Ok(Changed::Done));
        assert_eq!(standings(&mut desk), [Standing::Ended, Standing::Works], "the new one goes on");
    }

    /// The answer to the one said "Revoked" of both, and then the other was refused.
    #[test]
    fn each_answer_is_for_its_own_secret() {
        let mut desk = both_secrets();
        desk.act(Action::EndFound(1));
        let revoking = desk.ticket();
        desk.act(Action::EndFound(0));
        assert_eq!(desk.ticket(), revoking, "it ends with its key");
        desk.answer(revoking, Err(failure(FailureKind::Unreachable)));
        assert_eq!(standings(&mut desk), [Standing::StillWorks, Standing::Works]);
        desk.act(Action::EndFound(0));
        desk.answer(desk.ticket(), Ok(Changed::Done));
        assert_eq!(standings(&mut desk), [Standing::Ended, Standing::Works]);
    }

    /// The text was pasted once more while the key was being revoked, and was read before that was done.
    #[test]
    fn a_search_on_its_way_does_not_undo_a_revocation() {
        let again = |desk: &mut Desk| {
            desk.act(Action::SearchFiles(vec!["chat.txt".into()]));
            run(desk)
        };
        for answered_first in [true, false] {
            let mut desk = desk_with(vec![found(key("key_1", "Sync"))]);
            desk.act(Action::EndFound(0));
            let (revoking, run) = (desk.ticket(), again(&mut desk));
            if answered_first {
                desk.answer(revoking, Ok(Changed::Done));
            }
            desk.hear(Event::Findings { run, result: Box::new(Ok(findings(vec![found(key("key_1", "Sync"))]))) });
            assert_eq!(found_in(&mut desk).keys[0].sending.is_on(), !answered_first);
            if !answered_first {
                desk.answer(revoking, Ok(Changed::Done));
            }
            assert_eq!(standings(&mut desk), [Standing::Revoked]);
            assert!(desk.names().is_empty());
        }
    }

    /// Nothing that could be a key stood in the text, and the console took that for a sign of the server.
    #[test]
    fn a_search_that_asks_nobody_says_nothing_of_the_server() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::Refresh);
        let load = desk.load_of_keys();
        desk.hear(Event::Keys { load, page: Err(failure(FailureKind::Unreachable)) });
        desk.act(Action::SearchFiles(vec!["chat.txt".into()]));
        let nothing = Findings { asked: false, others: Vec::new(), ..findings(Vec::new()) };
        let run = run(&desk);
        desk.hear(Event::Findings { run, result: Box::new(Ok(nothing)) });
        assert!(matches!(desk.console().connection, Connection::Offline { .. }));
    }

    #[test]
    fn a_search_that_takes_its_time_is_shown() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::SearchFiles(vec!["chat.txt".into()]));
        assert_eq!(desk.state.next_tick(), Some(desk.state.clock.now + SHOW_WAIT));
    }

    #[test]
    fn another_secret_is_reported_once() {
        let mut desk = desk_with(Vec::new());
        desk.act(Action::ReportFound(0));
        desk.act(Action::ReportFound(0));
        let sent = desk.asked.iter().filter(|command| matches!(command, Command::Change { .. })).count();
        assert_eq!(sent, 1);
        desk.answer(desk.ticket(), Ok(Changed::Done));
        assert!(found_in(&mut desk).others[0].reported);
    }

    #[test]
    fn what_comes_of_an_earlier_text_is_dropped() {
        let mut desk = desk_with(Vec::new());
        desk.act(Action::SearchFiles(vec!["chat.txt".into()]));
        let first = run(&desk);
        desk.act(Action::SearchFiles(vec!["log.txt".into()]));
        desk.hear(Event::Findings { run: first, result: Box::new(Ok(findings(Vec::new()))) });
        let waits = matches!(&desk.console().dialog, Some(Dialog::Leak(form)) if matches!(form.search, Search::On(_)));
        assert!(waits, "for the second");
    }

    #[test]
    fn files_are_taken_where_nothing_else_is_asked() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        assert!(desk.state.takes_files());
        desk.act(Action::AskRevoke("key_1".into()));
        assert!(!desk.state.takes_files());
        desk.act(Action::SearchFiles(vec!["chat.txt".into()]));
        assert!(matches!(desk.console().dialog, Some(Dialog::Revoke(_))));
        desk.act(Action::Close);
        desk.act(Action::ToggleShortcuts);
        assert!(!desk.state.takes_files());
        desk.act(Action::ToggleShortcuts);
        desk.act(Action::Show(View::Members));
        desk.act(Action::SearchFiles(vec!["chat.txt".into()]));
        assert!(matches!(desk.console().dialog, Some(Dialog::Leak(_))) && desk.state.takes_files());
    }

    #[test]
    fn a_plan_without_keys_is_told() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.hear_club(Ok(Club { plan: Plan::Free, security_settings: false, ..club("org_a") }));
        desk.act(Action::AskLeak);
        assert!(desk.console().dialog.is_none());
        assert!(desk.state.notices.iter().any(|notice| notice.text.contains("Coach plan")));
    }

    /// What was found holds secrets: somebody else may sign in.
    #[test]
    fn what_was_found_is_gone_with_the_session() {
        let mut desk = desk_with(Vec::new());
        desk.hear_club(Err(failure(FailureKind::SignedOut)));
        let kept = desk.state.interrupted.as_ref().expect("kept");
        assert!(kept.1.dialog.is_none());
    }
}
