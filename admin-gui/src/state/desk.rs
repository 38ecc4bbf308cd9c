//! For tests: a console without a window and without a server.

use jiff::{SignedDuration, Timestamp, ToSpan as _, tz::TimeZone};

use super::{
    Action, Console, Dialog, State, View, audit,
    club::{Club, Plan},
    exchange::{Changed, Command, Effect, Event, Keyring},
    failure::{Failure, FailureKind},
    form::Field,
    keys::{Key, Scope, Usage},
    listing::Page,
    members::{Member, Role, Standing},
    preferences::Preferences,
    secret::Secret,
    session::{Membership, Person, SignedIn},
    time::Clock,
};

/// A key that nobody has used, of which much is kept.
pub fn usage() -> Usage {
    let until = start().to_zoned(TimeZone::UTC).date();
    Usage {
        since: until.saturating_sub(89.days()),
        until,
        calls: 0,
        refused: 0,
        last_refused: None,
        secrets: Vec::new(),
        days: Vec::new(),
        advice: Vec::new(),
    }
}

pub fn start() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("an instant")
}

pub fn clock() -> Clock {
    Clock { now: start(), zone: TimeZone::UTC }
}

pub fn membership(club: &str) -> Membership {
    Membership {
        organization_id: club.to_owned(),
        organization_name: format!("Club {club}"),
        member_id: "mem_ana".to_owned(),
        role: Role::HeadCoach,
    }
}

pub fn signed_in(clubs: &[&str]) -> SignedIn {
    SignedIn {
        person: Person { id: "usr_ana".into(), name: "Ana Ruiz".into(), email: "ana@club.example".into() },
        memberships: clubs.iter().map(|club| membership(club)).collect(),
    }
}

pub fn club(id: &str) -> Club {
    Club {
        id: id.to_owned(),
        name: format!("Club {id}"),
        description: None,
        plan: Plan::Coach,
        security_settings: true,
        active_keys: Some(1),
        longest_key_days: None,
        usual_key_days: None,
        created_at: start(),
        etag: Some("\"1\"".into()),
    }
}

pub fn key(id: &str, name: &str) -> Key {
    let now = start();
    Key {
        id: id.to_owned(),
        name: name.to_owned(),
        description: None,
        hint: "astral_live_abc…xyz".to_owned(),
        scopes: Scope::ALL.to_vec(),
        allowed_ips: Vec::new(),
        created_at: now - 2400.hours(),
        created_by: "Ana Ruiz".to_owned(),
        expires_at: None,
        last_used_at: Some(now - 2.hours()),
        previous_secret: None,
        revoked: None,
        held: false,
        revoking: false,
    }
}

/// That Ana has created a key; its number tells it from others.
pub fn audit_event(number: i64) -> audit::Event {
    audit::Event {
        id: format!("evt_{number}"),
        at: start(),
        actor_id: "usr_1".to_owned(),
        actor_name: Some("Ana Ruiz".to_owned()),
        action: "api_key.create".to_owned(),
        target_id: format!("key_{number}"),
        target_name: Some(format!("Key {number}")),
        address: Some("203.0.113.7".to_owned()),
        request_id: None,
        changes: vec![("name".to_owned(), format!("Key {number}"))],
        number,
        hash: "00".to_owned(),
    }
}

pub fn member(id: &str, name: &str) -> Member {
    Member {
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
}

pub fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "No.", "")
}

/// A console, and what it has asked for so far.
pub struct Desk {
    pub state: State,
    pub asked: Vec<Command>,
}

impl Desk {
    /// One that has just been started.
    pub fn starting() -> Self {
        let (state, effects) = State::new(Preferences::default(), clock(), 7);
        let mut desk = Self { state, asked: Vec::new() };
        desk.take(effects);
        desk
    }

    /// One in which Ana has signed in, who heads these clubs; the first is open, with these keys.
    pub fn of(clubs: &[&str], keys: Vec<Key>) -> Self {
        let mut desk = Self::starting();
        desk.hear(Event::Keyring(Keyring::There));
        desk.hear(Event::Resumed(Some(Ok(signed_in(clubs)))));
        desk.hear_club(Ok(club(clubs[0])));
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

    pub fn act(&mut self, action: Action) {
        let effects = self.state.act(action);
        self.take(effects);
        self.state.settle();
    }

    /// Types a name into the form of a key.
    pub fn name_key(&mut self, name: &str) {
        if let Some(Dialog::Key(form)) = &mut self.console().dialog {
            form.name = Field::of(name);
        }
    }

    /// Creates a key called "Sync", whose secret is then on screen.
    pub fn create_key(&mut self) {
        self.act(Action::NewKey);
        self.name_key("Sync");
        self.act(Action::SaveKey);
        let created = Changed::Created(key("key_1", "Sync"), Secret::new("astral_live_x".into()));
        self.answer(self.ticket(), Ok(created));
    }

    /// Revokes a key, whose name they type as something may use it.
    pub fn revoke(&mut self, id: &str, name: &str) {
        self.act(Action::AskRevoke(id.to_owned()));
        if let Some(Dialog::Revoke(form)) = &mut self.console().dialog {
            form.typed_name = Field::of(name);
        }
        self.act(Action::Revoke);
    }

    pub fn hear(&mut self, event: Event) {
        self.hear_of(self.state.era(), event);
    }

    pub fn hear_of(&mut self, era: u64, event: Event) {
        let effects = self.state.hear(era, event);
        self.take(effects);
        self.state.settle();
    }

    pub fn wait(&mut self, time: SignedDuration) {
        let now = self.state.clock.now + time;
        let effects = self.state.tick(now);
        self.take(effects);
    }

    /// The load of keys that was asked for last.
    pub fn load_of_keys(&self) -> u64 {
        let mut loads = self.asked.iter().rev().filter_map(|command| match command {
            Command::LoadKeys { load, .. } => Some(*load),
            _ => None,
        });
        loads.next().expect("keys were asked for")
    }

    /// The load of members that was asked for last.
    pub fn load_of_members(&self) -> u64 {
        let mut loads = self.asked.iter().rev().filter_map(|command| match command {
            Command::LoadMembers { load, .. } => Some(*load),
            _ => None,
        });
        loads.next().expect("members were asked for")
    }

    /// One that shows these members of a club.
    pub fn with_members(members: Vec<Member>) -> Self {
        let mut desk = Self::of(&["org_a"], vec![]);
        desk.act(Action::Show(View::Members));
        desk.hear_members(members);
        desk
    }

    /// Hears of the club that is open.
    pub fn hear_club(&mut self, result: Result<Club, Failure>) {
        let organization = self.console().membership.organization_id.clone();
        self.hear(Event::Club { organization, result: Box::new(result) });
    }

    pub fn hear_keys(&mut self, items: Vec<Key>) {
        let load = self.load_of_keys();
        self.hear(Event::Keys { load, page: Ok(Page { items, next: None }) });
    }

    pub fn hear_members(&mut self, items: Vec<Member>) {
        let load = self.load_of_members();
        self.hear(Event::Members { load, page: Ok(Page { items, next: None }) });
    }

    /// The ticket of the change that was asked for last.
    pub fn ticket(&self) -> u64 {
        let mut tickets = self.asked.iter().rev().filter_map(|command| match command {
            Command::Change { ticket, .. } => Some(*ticket),
            _ => None,
        });
        tickets.next().expect("a change was asked for")
    }

    /// The worker says what came of a change.
    pub fn answer(&mut self, ticket: u64, result: Result<Changed, Failure>) {
        self.hear(Event::Changed { ticket, result: Box::new(result) });
    }

    pub fn console(&mut self) -> &mut Console {
        self.state.console_mut().expect("signed in")
    }

    /// The names of the keys that are shown.
    pub fn names(&self) -> Vec<String> {
        let keys = &self.state.console().expect("signed in").keys;
        keys.rows.iter().map(|&at| keys.list.items[at].name.clone()).collect()
    }
}
