//! What is known, and what follows from it: plain data, no egui, no network, no clock of its own.
//!
//! [`State::act`] takes what the person did, [`State::hear`] what the worker says, [`State::tick`] that time has passed.
//! Each changes the state and says what is to be done outside of it.

mod act;
pub mod address;
pub mod audit;
pub mod change;
pub mod clipboard;
pub mod club;
mod connection;
#[cfg(test)]
pub(crate) mod desk;
mod dialog;
pub mod exchange;
pub mod failure;
pub mod form;
mod hear;
pub mod invitation;
pub mod keys;
pub mod listing;
pub mod members;
mod navigation;
mod notices;
pub mod number;
pub mod outsider;
pub mod password;
pub mod preferences;
pub mod secret;
pub mod selection;
pub mod session;
pub mod sign_in;
mod tick;
pub mod time;

use std::{collections::BTreeMap, path::PathBuf};

use jiff::{SignedDuration, Timestamp};

pub use self::{act::Action, connection::Connection, dialog::Dialog, notices::Notice};
use self::{
    address::Address,
    audit::Audit,
    change::Pending,
    club::{Club, ClubForm},
    exchange::{Command, Effect, Keyring},
    failure::Failure,
    keys::Keys,
    members::{Batch, Members},
    outsider::Outsider,
    preferences::Preferences,
    secret::Secret,
    session::{Membership, Person},
    sign_in::SignIn,
    time::Clock,
};

/// From when on a wait is shown.
pub const SHOW_WAIT: SignedDuration = SignedDuration::from_millis(300);

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
    /// What is to be done outside: gathered while something is taken in, and empty before and after.
    effects: Vec<Effect>,
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
    /// Where files are put, until another folder is chosen.
    export_folder: PathBuf,
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
    /// Who did what in it.
    pub audit: Audit,
    /// Which view is open.
    pub view: View,
    /// The dialog over it.
    pub dialog: Option<Dialog>,
    /// The form in the view of the club.
    pub club_form: Option<ClubForm>,
    /// A new key or member that was half typed when Escape closed its dialog; it is there when it is wanted again.
    pub draft: Option<Dialog>,
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
    /// Who did what.
    Audit,
    /// The club.
    Club,
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
            effects: Vec::new(),
            pending: BTreeMap::new(),
            batches: BTreeMap::new(),
            last_ticket: 0,
            seed,
            on_clipboard: None,
            era: 0,
            last_load: 0,
            keyring: None,
            export_folder: PathBuf::new(),
            interrupted: None,
        };
        (state, vec![Effect::ask(Command::Resume { server })])
    }

    /// Puts files into `folder`, until another is chosen.
    pub fn export_into(&mut self, folder: PathBuf) {
        self.export_folder = folder;
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
        self.in_console(|console| console.members.settle());
    }

    /// Does something in the console, if somebody is signed in who heads a club.
    fn in_console(&mut self, change: impl FnOnce(&mut Console)) {
        if let Some(console) = self.console_mut() {
            change(console);
        }
    }

    /// The id of the club that is open; empty if none is.
    fn organization(&self) -> String {
        self.console().map(|console| console.membership.organization_id.clone()).unwrap_or_default()
    }

    /// A number for the load of a list, greater than all before it.
    fn next_load(&mut self) -> u64 {
        self.last_load += 1;
        self.last_load
    }

    /// Has the worker do this.
    fn ask(&mut self, command: Command) {
        self.effects.push(Effect::ask(command));
    }

    /// What is to be done outside, which whoever changed the state does.
    fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}
