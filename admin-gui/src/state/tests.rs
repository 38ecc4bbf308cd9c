//! The state as plain data: what the person did and what the worker said, and what follows from it.

use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};

use super::{
    Action, Connection, Console, Dialog, Screen, State, View,
    club::{Club, Plan},
    exchange::{Change, Changed, Command, Effect, Event, Keyring},
    failure::{Failure, FailureKind},
    keys::{Filter, Key, tests::key},
    listing::{Page, Progress},
    members::{Member, MemberFacts, Role, Standing},
    preferences::Preferences,
    secret::Secret,
    session::{Membership, Person, SignedIn},
    time::Clock,
};

fn start() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("an instant")
}

fn membership(club: &str) -> Membership {
    Membership {
        organization_id: club.to_owned(),
        organization_name: format!("Club {club}"),
        member_id: "mem_ana".to_owned(),
        role: Role::HeadCoach,
    }
}

fn signed_in(clubs: &[&str]) -> SignedIn {
    SignedIn {
        person: Person { id: "usr_ana".into(), name: "Ana Ruiz".into(), email: "ana@club.example".into() },
        memberships: clubs.iter().map(|club| membership(club)).collect(),
    }
}

fn club(id: &str) -> Club {
    Club {
        id: id.to_owned(),
        name: format!("Club {id}"),
        description: None,
        plan: Plan::Coach,
        security_settings: true,
        active_keys: Some(1),
        created_at: start(),
        etag: Some("\"1\"".into()),
    }
}

fn member(id: &str, name: &str) -> Member {
    MemberFacts {
        id: id.to_owned(),
        role: Role::Athlete,
        status: Standing::Active,
        name: name.to_owned(),
        email: None,
        labels: Vec::new(),
        external_id: None,
        coach_id: None,
        accepted: false,
        created_at: start(),
        updated_at: start(),
    }
    .into()
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "No.", "")
}

/// A console, and what it has asked for so far.
struct Desk {
    state: State,
    asked: Vec<Command>,
}

impl Desk {
    /// One that has just been started.
    fn starting() -> Self {
        let clock = Clock { now: start(), zone: TimeZone::UTC };
        let (state, effects) = State::new(Preferences::default(), clock, 7);
        let mut desk = Self { state, asked: Vec::new() };
        desk.take(effects);
        desk
    }

    /// One in which Ana has signed in, who heads these clubs; the first is open, with these keys.
    fn of(clubs: &[&str], keys: Vec<Key>) -> Self {
        let mut desk = Self::starting();
        desk.hear(Event::Keyring(Keyring::There));
        desk.hear(Event::Resumed(Some(Ok(signed_in(clubs)))));
        desk.hear(Event::Club(Box::new(Ok(club(clubs[0])))));
        desk.hear_keys(keys);
        desk.asked.clear();
        desk
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Ask(command) = effect {
                self.asked.push(*command);
            }
        }
    }

    fn act(&mut self, action: Action) {
        let effects = self.state.act(action);
        self.take(effects);
        self.state.settle();
    }

    /// Revokes a key, whose name they type as something may use it.
    fn revoke(&mut self, id: &str, name: &str) {
        self.act(Action::AskRevoke(id.to_owned()));
        if let Some(Dialog::Revoke(form)) = &mut self.console().dialog {
            form.typed_name = super::form::Field::of(name);
        }
        self.act(Action::Revoke);
    }

    fn hear(&mut self, event: Event) {
        self.hear_of(self.state.era(), event);
    }

    fn hear_of(&mut self, era: u64, event: Event) {
        let effects = self.state.hear(era, event);
        self.take(effects);
        self.state.settle();
    }

    fn wait(&mut self, time: SignedDuration) {
        let now = self.state.clock.now + time;
        let effects = self.state.tick(now);
        self.take(effects);
    }

    /// The load of keys that was asked for last.
    fn load_of_keys(&self) -> u64 {
        let mut loads = self.asked.iter().rev().filter_map(|command| match command {
            Command::LoadKeys { load, .. } => Some(*load),
            _ => None,
        });
        loads.next().expect("keys were asked for")
    }

    fn load_of_members(&self) -> u64 {
        let mut loads = self.asked.iter().rev().filter_map(|command| match command {
            Command::LoadMembers { load, .. } => Some(*load),
            _ => None,
        });
        loads.next().expect("members were asked for")
    }

    fn hear_keys(&mut self, items: Vec<Key>) {
        let load = self.load_of_keys();
        self.hear(Event::Keys { load, page: Ok(Page { items, next: None }) });
    }

    fn ticket(&self) -> u64 {
        let mut tickets = self.asked.iter().rev().filter_map(|command| match command {
            Command::Change { ticket, .. } => Some(*ticket),
            _ => None,
        });
        tickets.next().expect("a change was asked for")
    }

    fn console(&mut self) -> &mut Console {
        self.state.console_mut().expect("signed in")
    }

    fn names(&self) -> Vec<String> {
        let keys = &self.state.console().expect("signed in").keys;
        keys.rows.iter().map(|&at| keys.list.items[at].name.clone()).collect()
    }
}

/// Ben was suspended on a slow line, and the answer closed the dialog with a new key's secret.
#[test]
fn an_answer_closes_no_dialog_but_its_own() {
    let mut desk = Desk::of(&["org_a"], vec![]);
    desk.act(Action::Show(View::Members));
    let load = desk.load_of_members();
    desk.hear(Event::Members { load, page: Ok(Page { items: vec![member("mem_ben", "Ben")], next: None }) });
    desk.act(Action::SetStatus(vec!["mem_ben".into()], Standing::Suspended));
    let suspending = desk.ticket();

    desk.act(Action::NewKey);
    if let Some(Dialog::Key(form)) = &mut desk.console().dialog {
        form.name = super::form::Field::of("Sync");
    }
    desk.act(Action::SaveKey);
    let creating = desk.ticket();
    let created = Changed::Created(key("key_1", "Sync"), Secret::new("astral_live_x".into()));
    desk.hear(Event::Changed { ticket: creating, result: Box::new(Ok(created)) });
    assert!(matches!(desk.console().dialog, Some(Dialog::Secret(_))));

    let ben = Changed::Member(member("mem_ben", "Ben"));
    desk.hear(Event::Changed { ticket: suspending, result: Box::new(Ok(ben)) });
    desk.act(Action::Close);
    assert!(matches!(desk.console().dialog, Some(Dialog::Secret(_))), "only the word that it is stored closes it");
    assert!(!desk.state.keeps_open(), "closing the window was refused once by Escape already");
    desk.act(Action::Stored);
    assert!(desk.console().dialog.is_none());
}

#[test]
fn the_window_does_not_close_over_a_secret_at_once() {
    let mut desk = Desk::of(&["org_a"], vec![]);
    assert!(!desk.state.keeps_open());
    desk.act(Action::NewKey);
    if let Some(Dialog::Key(form)) = &mut desk.console().dialog {
        form.name = super::form::Field::of("Sync");
    }
    desk.act(Action::SaveKey);
    let created = Changed::Created(key("key_1", "Sync"), Secret::new("astral_live_x".into()));
    let ticket = desk.ticket();
    desk.hear(Event::Changed { ticket, result: Box::new(Ok(created)) });
    assert!(desk.state.keeps_open(), "it asks whether the key is stored");
    assert!(!desk.state.keeps_open(), "then it closes");
}

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
    desk.hear(Event::Club(Box::new(Ok(free))));
    desk.wait(SignedDuration::from_secs(3600));
    assert!(desk.asked.is_empty());
    assert!(desk.state.next_tick().expect("minutes pass") > desk.state.clock.now);
}

/// The roster of one club was still coming in when another was opened, and its people were shown there.
#[test]
fn what_comes_of_one_club_is_not_shown_in_another() {
    let mut desk = Desk::of(&["org_a", "org_b"], vec![key("key_1", "Of A")]);
    desk.revoke("key_1", "Of A");
    let revoking = desk.ticket();
    desk.act(Action::Show(View::Members));
    let load = desk.load_of_members();

    desk.act(Action::Switch("org_b".into()));
    let page = Page { items: vec![member("mem_a", "Of A")], next: None };
    desk.hear(Event::Members { load, page: Ok(page) });
    assert!(desk.console().members.list.items.is_empty());

    let refused = Err(failure(FailureKind::Refused("not_found".into())));
    desk.hear(Event::Changed { ticket: revoking, result: Box::new(refused) });
    assert!(desk.console().keys.list.items.is_empty());
    assert!(desk.state.notices.iter().any(|notice| notice.text.contains("Of A")), "but it is said");
}

/// A late 401 of the old session threw the new one away.
#[test]
fn what_comes_of_an_ended_session_is_dropped() {
    let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
    let old = desk.state.era();
    desk.hear(Event::Club(Box::new(Err(failure(FailureKind::SignedOut)))));
    assert!(matches!(desk.state.screen, Screen::SignIn(_)));
    if let Screen::SignIn(form) = &mut desk.state.screen {
        form.password.text_mut().push_str("half typed");
    }
    desk.hear_of(old, Event::Keys { load: 1, page: Err(failure(FailureKind::SignedOut)) });
    assert!(matches!(&desk.state.screen, Screen::SignIn(form) if form.password.text() == "half typed"));

    desk.hear(Event::SignedIn(Ok(signed_in(&["org_a"]))));
    desk.hear_of(old, Event::Club(Box::new(Err(failure(FailureKind::SignedOut)))));
    assert!(matches!(desk.state.screen, Screen::Console(_)));
    assert_eq!(desk.names(), ["Sync"], "the person finds what they were at");
}

/// The form was filled in from an old list, and saving it took back what somebody else had changed.
#[test]
fn a_form_shows_the_revision_that_it_changes() {
    let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
    desk.act(Action::EditKey("key_1".into()));
    if let Some(Dialog::Key(form)) = &mut desk.console().dialog {
        form.name = super::form::Field::of("Sync, renamed");
    }
    desk.asked.clear();
    desk.act(Action::SaveKey);
    assert!(desk.asked.is_empty(), "not before it knows what is there");

    let narrowed = Key { scopes: vec![super::keys::Scope::MembersRead], ..key("key_1", "Sync") };
    let answer = Ok((narrowed, Some("\"5\"".to_owned())));
    desk.hear(Event::Key { organization: "org_a".into(), id: "key_1".into(), result: Box::new(answer) });
    desk.act(Action::SaveKey);
    let Some(Command::Change { change: Change::UpdateKey { etag, key, .. }, .. }) = desk.asked.last() else {
        panic!("it is sent")
    };
    assert_eq!((etag.as_deref(), key.name.as_str()), (Some("\"5\""), "Sync, renamed"));
    assert_eq!(key.scopes, [super::keys::Scope::MembersRead], "what was not touched is as it is now");
}

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
    desk.hear(Event::Changed { ticket, result: Box::new(Ok(Changed::Done)) });
    assert!(desk.names().is_empty());
    assert!(desk.console().keys.list.items[0].revoked.is_some());
}

/// Members that were removed came back with the answer to an earlier change.
#[test]
fn an_answer_brings_nobody_back_who_was_removed() {
    let mut desk = Desk::of(&["org_a"], vec![]);
    desk.act(Action::Show(View::Members));
    let load = desk.load_of_members();
    desk.hear(Event::Members { load, page: Ok(Page { items: vec![member("mem_ben", "Ben")], next: None }) });
    desk.act(Action::SetStatus(vec!["mem_ben".into()], Standing::Inactive));
    let changing = desk.ticket();
    desk.act(Action::AskRemove(vec!["mem_ben".into()]));
    desk.act(Action::Remove);
    let ben = Changed::Member(member("mem_ben", "Ben"));
    desk.hear(Event::Changed { ticket: changing, result: Box::new(Ok(ben)) });
    assert!(desk.console().members.list.items.is_empty());
}

#[test]
fn a_refused_change_goes_back_and_is_said() {
    let mut desk = Desk::of(&["org_a"], vec![Key { last_used_at: None, ..key("key_1", "Sync") }]);
    desk.revoke("key_1", "Sync");
    assert!(desk.names().is_empty(), "it is shown at once");
    let ticket = desk.ticket();
    let refused = Err(failure(FailureKind::Refused("not_found".into())));
    desk.hear(Event::Changed { ticket, result: Box::new(refused) });
    assert_eq!(desk.names(), ["Sync"]);
    assert!(desk.state.notices.iter().any(|notice| notice.bad));
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

#[test]
fn no_key_yet_is_told_from_none_any_more() {
    let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
    desk.act(Action::Refresh);
    desk.hear_keys(vec![]);
    assert!(!desk.console().keys.has_ended, "whether there ever was one is not known yet");
    let revoked = super::keys::Revoked { at: start(), by: "Ana".into(), reason: None };
    desk.hear_keys(vec![Key { revoked: Some(revoked), ..key("key_1", "Sync") }]);
    let keys = &desk.console().keys;
    assert!(keys.has_ended && !keys.list.items.is_empty() && keys.rows.is_empty());
    assert_eq!(keys.count(Filter::Revoked), Some(1));
}

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

#[test]
fn who_lost_the_role_elsewhere_is_told() {
    let mut desk = Desk::of(&["org_a", "org_b"], vec![key("key_1", "Sync")]);
    desk.act(Action::Refresh);
    let load = desk.load_of_keys();
    let refused = failure(FailureKind::Refused("head_coach_required".into()));
    desk.hear(Event::Keys { load, page: Err(refused) });
    assert!(matches!(desk.asked.last(), Some(Command::Probe)));
    desk.hear(Event::Reached(signed_in(&["org_b"])));
    assert_eq!(desk.console().membership.organization_id, "org_b");
    assert!(desk.state.notices.iter().any(|notice| notice.text.contains("Club org_a")));
}

#[test]
fn a_session_that_ends_leaves_nothing_waiting() {
    let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
    desk.act(Action::Show(View::Club));
    if let Some(form) = &mut desk.console().club_form {
        form.name = super::form::Field::of("Renamed");
    }
    desk.act(Action::SaveClub);
    let ticket = desk.ticket();
    desk.hear(Event::Changed { ticket, result: Box::new(Err(failure(FailureKind::SignedOut))) });
    desk.hear(Event::SignedIn(Ok(signed_in(&["org_a"]))));
    let console = desk.console();
    let form = console.club_form.as_ref().expect("the form is there");
    assert_eq!((form.name.text.as_str(), form.sending.is_on()), ("Renamed", false), "what was typed is still there");
    assert_eq!(console.membership.organization_name, "Club org_a", "what was not done is taken back");
    assert_eq!(console.members.list.progress, Progress::Nothing, "and what was loading is asked for anew");
}

#[test]
fn a_secret_leaves_the_clipboard_after_a_minute() {
    let mut desk = Desk::of(&["org_a"], vec![]);
    desk.act(Action::NewKey);
    if let Some(Dialog::Key(form)) = &mut desk.console().dialog {
        form.name = super::form::Field::of("Sync");
    }
    desk.act(Action::SaveKey);
    let ticket = desk.ticket();
    let created = Changed::Created(key("key_1", "Sync"), Secret::new("astral_live_x".into()));
    desk.hear(Event::Changed { ticket, result: Box::new(Ok(created)) });
    let cleared = |effects: &[Effect]| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::ClearClipboard(secret) if secret.reveal() == "astral_live_x"))
    };
    for (copy, copied) in [
        (Action::CopySecret, Some("astral_live_x")),
        (Action::CopyExample, Some("Authorization: Bearer astral_live_x")),
        (Action::CopyMarked, None),
    ] {
        let effects = desk.state.act(copy.clone());
        match (&effects[..], copied) {
            ([Effect::CopySecret(text)], Some(copied)) => assert!(text.reveal().contains(copied)),
            ([], None) => {}
            _ => panic!("{copy:?} copies what it should"),
        }
        let now = desk.state.clock.now;
        assert!(!cleared(&desk.state.tick(now + 59.seconds())), "{copy:?}");
        assert!(cleared(&desk.state.tick(now + 60.seconds())), "{copy:?}");
    }
    desk.state.act(Action::CopySecret);
    desk.act(Action::Stored);
    assert!(cleared(&desk.state.tick(desk.state.clock.now + 60.seconds())), "also after the dialog is gone");
}

/// The box to stay signed in did not show to whom did not wait for the last session.
#[test]
fn whether_there_is_a_keyring_is_heard_also_after_the_last_session_was_not_waited_for() {
    let mut desk = Desk::starting();
    let era = desk.state.era();
    desk.act(Action::SkipResume);
    desk.state.hear(era, Event::Keyring(Keyring::There));
    desk.state.hear(era, Event::Resumed(Some(Ok(signed_in(&["org_a"])))));
    let Screen::SignIn(sign_in) = &desk.state.screen else { panic!("it asks who is there") };
    assert_eq!(sign_in.keyring, Some(Keyring::There));
}

#[test]
fn a_change_that_is_sent_again_unchanged_is_done_once() {
    let mut desk = Desk::of(&["org_a"], vec![]);
    desk.act(Action::NewKey);
    let mut keys = Vec::new();
    for name in ["Sync", "Sync", "Another"] {
        if let Some(Dialog::Key(form)) = &mut desk.console().dialog {
            form.name = super::form::Field::of(name);
        }
        desk.act(Action::SaveKey);
        let Some(Command::Change { ticket, change: Change::CreateKey { idempotency_key, .. }, .. }) = desk.asked.pop()
        else {
            panic!("it is sent")
        };
        keys.push(idempotency_key);
        desk.hear(Event::Changed { ticket, result: Box::new(Err(failure(FailureKind::Unreachable))) });
    }
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
}

#[test]
fn an_address_without_a_scheme_is_sent_with_one() {
    let preferences = Preferences { server: "club.example".into(), ..Preferences::default() };
    let clock = Clock { now: start(), zone: TimeZone::UTC };
    let (state, _) = State::new(preferences, clock, 7);
    assert_eq!(state.preferences.server, "https://club.example");
}
