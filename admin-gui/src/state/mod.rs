//! What is known, and what follows from it: plain data, no egui, no network, no clock of its own.
//!
//! [`State::act`] takes what the person did, [`State::hear`] what the worker says, [`State::tick`] that time has passed.
//! Each changes the state and says what is to be done outside of it.

mod act;
pub mod address;
pub mod change;
pub mod club;
pub mod exchange;
pub mod failure;
pub mod form;
mod hear;
pub mod invitation;
pub mod keys;
pub mod listing;
pub mod members;
pub mod number;
pub mod password;
pub mod preferences;
pub mod secret;
pub mod selection;
pub mod sign_in;
#[cfg(test)]
mod tests;
pub mod time;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

pub use self::act::Action;
use self::{
    address::Address,
    change::Sending,
    club::{Club, ClubForm, HandOverForm, Membership, Person},
    exchange::{Command, Effect, Keyring},
    failure::Failure,
    invitation::InvitationOnce,
    keys::{Key, KeyForm, Keys, RevokeForm, SecretOnce},
    members::{CoachForm, LabelForm, Member, MemberForm, Members, RemoveForm},
    password::PasswordForm,
    preferences::Preferences,
    secret::Secret,
    sign_in::{Outsider, SignIn},
    time::Clock,
};

/// All that the console knows.
pub struct State {
    /// When and where the coach is.
    pub clock: Clock,
    /// What is remembered from one start to the next.
    pub preferences: Preferences,
    /// What is on screen.
    pub screen: Screen,
    /// What is said in passing.
    pub notices: Vec<Notice>,
    /// Whether the list of shortcuts is open.
    pub shortcuts: bool,
    /// Changes that are on their way.
    pending: BTreeMap<u64, Pending>,
    /// What has come of changes of several members.
    batches: BTreeMap<u64, Batch>,
    /// The ticket of the last change.
    last_ticket: u64,
    /// Makes keys of idempotency unlike those of any other console.
    seed: u128,
    /// A secret that is on the clipboard, and until when.
    on_clipboard: Option<(Secret, Timestamp)>,
    /// The session, counted from the start: what comes of an earlier one is dropped.
    era: u64,
    /// The load of a list that began last.
    last_load: u64,
    /// Whether sessions can be kept; unknown until the system was asked.
    keyring: Option<Keyring>,
    /// What the person was at when their session ended; they find it again when they sign in.
    interrupted: Option<(String, Box<Console>)>,
}

/// What is on screen.
pub enum Screen {
    /// The keyring is asked for a session, and the server whether it counts, since then.
    Starting(Timestamp),
    /// Asks who is there.
    SignIn(Box<SignIn>),
    /// Somebody is there who heads no club.
    Outsider(Outsider),
    /// The console itself.
    Console(Box<Console>),
}

/// The console of a person who heads a club.
pub struct Console {
    /// Who.
    pub person: Person,
    /// The clubs that they head.
    pub clubs: Vec<Membership>,
    /// The one that is open.
    pub membership: Membership,
    /// What is known of it; none until it is loaded.
    pub club: Option<Club>,
    /// Why it could not be loaded.
    pub club_failure: Option<Failure>,
    /// Its keys.
    pub keys: Keys,
    /// Its members.
    pub members: Members,
    /// Which view is open.
    pub view: View,
    /// The dialog over it.
    pub dialog: Option<Dialog>,
    /// The form in the view of the club.
    pub club_form: Option<ClubForm>,
    /// Whether the server answers.
    pub connection: Connection,
}

/// A view of the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// The table of keys.
    Keys,
    /// The page of one key, by its id.
    Key(String),
    /// The roster.
    Members,
    /// The club.
    Club,
}

/// What lies over a view and wants an answer.
pub enum Dialog {
    /// A new key, or a change of one.
    Key(Box<KeyForm>),
    /// A secret, this once.
    Secret(Box<SecretOnce>),
    /// Whether to revoke a key.
    Revoke(Box<RevokeForm>),
    /// A new member, or a change of one.
    Member(Box<MemberForm>),
    /// Whether to remove members.
    Remove(RemoveForm),
    /// Labels for several members.
    Label(LabelForm),
    /// A coach for several members.
    Coach(CoachForm),
    /// An invitation's link, this once.
    Invitation(Box<InvitationOnce>),
    /// The password.
    Password(Box<PasswordForm>),
    /// The head coach's role.
    HandOver(Box<HandOverForm>),
    /// Whether to sign out everywhere.
    SignOutEverywhere(Sending),
}

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

/// Something said in passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub text: String,
    /// Whether it is bad news, which stays until it is taken away.
    pub bad: bool,
    /// When it was said.
    pub at: Timestamp,
}

/// How long good news stays.
const NOTICE_STAYS: SignedDuration = SignedDuration::from_secs(6);
/// How long a secret stays on the clipboard.
pub const CLIPBOARD_KEEPS: SignedDuration = SignedDuration::from_secs(60);
/// From when on a wait is shown.
pub const SHOW_WAIT: SignedDuration = SignedDuration::from_millis(300);
/// How often what is on screen is read again.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);

/// A change on its way, and how to take it back.
struct Pending {
    /// Of which club.
    organization: String,
    what: What,
    sent_at: Timestamp,
}

/// What has come of a change of several members.
#[derive(Default)]
struct Batch {
    done: usize,
    refused: Vec<String>,
    why: Option<String>,
}

/// What was asked for.
enum What {
    CreateKey,
    UpdateKey { before: Key },
    RevokeKey { before: Key },
    CreateMember,
    UpdateMember { before: Member, batch: Option<u64> },
    RemoveMember { at: usize, before: Box<Member>, batch: Option<u64> },
    Invite,
    UpdateClub { before: Box<Club> },
    HandOver,
    ChangePassword,
    SignOutEverywhere,
}

impl State {
    /// The state at the start. `seed` is random, and unlike that of any other start.
    pub fn new(preferences: Preferences, clock: Clock, seed: u128) -> (Self, Vec<Effect>) {
        let mut preferences = preferences;
        let server: Option<Address> = preferences.server.parse().ok();
        if let Some(server) = &server {
            server.as_str().clone_into(&mut preferences.server);
        }
        let state = Self {
            screen: Screen::Starting(clock.now),
            clock,
            preferences,
            notices: Vec::new(),
            shortcuts: false,
            pending: BTreeMap::new(),
            batches: BTreeMap::new(),
            last_ticket: 0,
            seed,
            on_clipboard: None,
            era: 0,
            last_load: 0,
            keyring: None,
            interrupted: None,
        };
        (state, vec![Effect::ask(Command::Resume { server })])
    }

    /// The console, if somebody is signed in who heads a club.
    pub fn console(&self) -> Option<&Console> {
        match &self.screen {
            Screen::Console(console) => Some(console),
            _ => None,
        }
    }

    pub(crate) fn console_mut(&mut self) -> Option<&mut Console> {
        match &mut self.screen {
            Screen::Console(console) => Some(console),
            _ => None,
        }
    }

    /// The session, counted from the start: said with each command, and heard again with each event.
    pub fn era(&self) -> u64 {
        self.era
    }

    /// Finds anew what is shown of lists that have changed; before each frame.
    pub fn settle(&mut self) {
        if let Some(console) = self.console_mut() {
            console.members.settle();
        }
    }

    /// Whether the window must not be closed yet: it shows what nobody can show again. Asked once more, it may.
    pub fn keeps_open(&mut self) -> bool {
        match self.console_mut().and_then(|console| console.dialog.as_mut()) {
            Some(Dialog::Secret(once)) => !std::mem::replace(&mut once.insisted, true),
            _ => false,
        }
    }

    fn ticket(&mut self, what: What) -> u64 {
        self.last_ticket += 1;
        let organization = self.console().map(|console| console.membership.organization_id.clone()).unwrap_or_default();
        self.pending.insert(self.last_ticket, Pending { organization, what, sent_at: self.clock.now });
        self.last_ticket
    }

    fn load_keys(&mut self) -> Vec<Effect> {
        let now = self.clock.now;
        self.last_load += 1;
        let load = self.last_load;
        let Some(console) = self.console_mut() else { return Vec::new() };
        if !console.club.as_ref().is_some_and(|club| club.security_settings) {
            return Vec::new();
        }
        console.keys.list.begin(load, now, false);
        let organization = console.membership.organization_id.clone();
        let with_ended = console.keys.with_ended;
        vec![Effect::ask(Command::LoadKeys { organization, with_ended, load })]
    }

    /// Loads the members: on from where they end, or from the start.
    fn load_members(&mut self, on: bool) -> Vec<Effect> {
        let now = self.clock.now;
        self.last_load += 1;
        let load = self.last_load;
        let Some(console) = self.console_mut() else { return Vec::new() };
        let cursor = console.members.list.begin(load, now, on);
        let organization = console.membership.organization_id.clone();
        vec![Effect::ask(Command::LoadMembers { organization, cursor, load })]
    }

    fn idempotency_key(&mut self) -> String {
        self.last_ticket += 1;
        format!("{:032x}-{}", self.seed, self.last_ticket)
    }

    fn say(&mut self, text: impl Into<String>) {
        self.notices.push(Notice { text: text.into(), bad: false, at: self.clock.now });
    }

    fn complain(&mut self, text: impl Into<String>) {
        let text = text.into();
        self.notices.retain(|notice| notice.text != text);
        self.notices.push(Notice { text, bad: true, at: self.clock.now });
    }

    /// The secret that is on the clipboard, to be taken off it now.
    pub fn take_from_clipboard(&mut self) -> Option<Secret> {
        self.on_clipboard.take().map(|(secret, _)| secret)
    }

    /// Whether a change is on its way for so long that it should be shown.
    pub fn is_waiting(&self) -> bool {
        self.pending.values().any(|pending| self.clock.now.duration_since(pending.sent_at) >= SHOW_WAIT)
    }

    /// How many changes are on their way.
    pub fn changes_on_their_way(&self) -> usize {
        self.pending.len()
    }

    /// Takes that it is `now`.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Effect> {
        let minute = now.as_second() / 60 != self.clock.now.as_second() / 60;
        self.clock.now = now;
        self.notices.retain(|notice| notice.bad || now.duration_since(notice.at) < NOTICE_STAYS);
        let mut effects = Vec::new();
        if let Some((_, until)) = &self.on_clipboard
            && *until <= now
            && let Some((secret, _)) = self.on_clipboard.take()
        {
            effects.push(Effect::ClearClipboard(secret));
        }
        let clock = self.clock.clone();
        let Some(console) = self.console_mut() else { return effects };
        if minute {
            // Keys expire, and come to want attention, without anyone doing anything.
            console.keys.arrange(&clock);
        }
        let refresh = console.refresh_at().is_some_and(|at| at <= now);
        match &mut console.connection {
            Connection::Offline { retry_at, trying, .. } if *retry_at <= now && !*trying => {
                *trying = true;
                effects.push(Effect::ask(Command::Probe));
            }
            Connection::Online if refresh => effects.extend(self.load_keys()),
            _ => {}
        }
        effects
    }

    /// When [`State::tick`] has something to do next, or what is on screen changes by time alone.
    pub fn next_tick(&self) -> Option<Timestamp> {
        let now = self.clock.now;
        let mut next: Option<Timestamp> = None;
        let mut at = |instant: Timestamp| next = Some(next.map_or(instant, |known| known.min(instant)));
        for notice in self.notices.iter().filter(|notice| !notice.bad) {
            at(notice.at + NOTICE_STAYS);
        }
        if let Some((_, until)) = &self.on_clipboard {
            at(*until);
        }
        for pending in self.pending.values() {
            if now.duration_since(pending.sent_at) < SHOW_WAIT {
                at(pending.sent_at + SHOW_WAIT);
            }
        }
        match &self.screen {
            Screen::SignIn(sign_in) => {
                if let Some(since) = sign_in.sending
                    && now.duration_since(since) < SHOW_WAIT
                {
                    at(since + SHOW_WAIT);
                }
            }
            Screen::Console(console) => {
                let asked = match &console.dialog {
                    Some(Dialog::Revoke(form)) => form.asked_since(),
                    _ => None,
                };
                for since in [console.keys.list.progress.since(), console.members.list.progress.since(), asked] {
                    if let Some(since) = since
                        && now.duration_since(since) < SHOW_WAIT
                    {
                        at(since + SHOW_WAIT);
                    }
                }
                match &console.connection {
                    Connection::Offline { retry_at, trying: false, .. } => {
                        // It counts the seconds down.
                        at((*retry_at).min(now + SignedDuration::from_secs(1)));
                    }
                    Connection::Online => {
                        if let Some(refresh_at) = console.refresh_at() {
                            at(refresh_at);
                        }
                    }
                    Connection::Offline { .. } => {}
                }
                // Distances in time are told in minutes.
                at(now + SignedDuration::from_secs(60 - now.as_second().rem_euclid(60)));
            }
            Screen::Starting(since) => {
                if now.duration_since(*since) < SHOW_WAIT {
                    at(*since + SHOW_WAIT);
                }
            }
            Screen::Outsider(_) => {}
        }
        next
    }
}

impl Console {
    /// When the keys should be read again by themselves.
    fn refresh_at(&self) -> Option<Timestamp> {
        let lists_keys = self.club.as_ref().is_some_and(|club| club.security_settings);
        let seen = matches!(self.view, View::Keys | View::Key(_));
        self.keys.list.refresh_at(REFRESH).filter(|_| lists_keys && seen)
    }

    fn load_club(&self) -> Effect {
        Effect::ask(Command::LoadClub { organization: self.membership.organization_id.clone() })
    }

    /// Closes the dialog that waits for what was sent under `ticket`, and no other.
    fn close(&mut self, ticket: u64) {
        if self.sending().is_some_and(|sending| sending.is(ticket)) {
            self.dialog = None;
        }
    }

    /// How the sending of the open dialog goes.
    fn sending(&mut self) -> Option<&mut Sending> {
        match self.dialog.as_mut()? {
            Dialog::Key(form) => Some(&mut form.sending),
            Dialog::Member(form) => Some(&mut form.sending),
            Dialog::Invitation(form) => Some(&mut form.sending),
            Dialog::Password(form) => Some(&mut form.sending),
            Dialog::HandOver(form) => Some(&mut form.sending),
            Dialog::SignOutEverywhere(sending) => Some(sending),
            Dialog::Secret(_) | Dialog::Revoke(_) | Dialog::Remove(_) | Dialog::Label(_) | Dialog::Coach(_) => None,
        }
    }
}
