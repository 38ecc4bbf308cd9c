//! What the state asks for, and what it hears of it.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{
    address::Address,
    audit::{self, Exported, Query},
    club::Club,
    failure::Failure,
    keys::{Findings, Impact, Key, KeyFacts, PlannedAction, Rotation, Suspect, Usage},
    listing::Page,
    members::{Member, MemberEdit, MemberWish},
    secret::Secret,
    session::SignedIn,
};

/// What is to be done outside the state.
pub enum Effect {
    /// Ask the server, or the keyring.
    Ask(Box<Command>),
    /// Put a text on the clipboard.
    Copy(String),
    /// Put a secret on the clipboard.
    CopySecret(Secret),
    /// Take a secret off the clipboard, if it still holds it.
    ClearClipboard(Secret),
    /// Free what is shown no more, elsewhere than where frames are built: with 100,000 members that takes longer than one.
    Discard(Box<dyn std::any::Any + Send>),
}

impl Effect {
    /// Ask for this.
    pub(super) fn ask(command: Command) -> Self {
        Self::Ask(Box::new(command))
    }
}

/// What the worker is asked to do. What needs a session is not answered if that is over.
pub enum Command {
    /// Find out whether the system has a keyring, and sign in with the session that it keeps for `server`.
    Resume {
        /// Where; none if no server was ever used.
        server: Option<Address>,
    },
    /// Sign in.
    SignIn {
        /// Where.
        server: Address,
        /// Who.
        email: String,
        /// With what.
        password: Secret,
        /// Whether to keep the session in the keyring.
        keep: bool,
    },
    /// Set a new server up, and be signed in.
    SetUp {
        /// Where.
        server: Address,
        /// What the server printed.
        setup_code: Secret,
        /// What the club is called.
        organization_name: String,
        /// What the head coach is called.
        display_name: String,
        /// What they will sign in with.
        email: String,
        /// And their password.
        password: Secret,
        /// Whether to keep the session in the keyring.
        keep: bool,
    },
    /// End the session, and forget it.
    SignOut,
    /// End all of the person's sessions, and forget this one.
    SignOutEverywhere {
        /// Answered with it.
        ticket: u64,
    },
    /// Forget the session without a word to the server, which has ended it.
    Forget,
    /// Ask whether the server answers, and where the person belongs now.
    Probe,
    /// Find out who heads these clubs: id and name.
    FindHeadCoaches(Vec<(String, String)>),
    /// Read a club.
    LoadClub {
        /// Which.
        organization: String,
    },
    /// Read a club's keys, page by page.
    LoadKeys {
        /// Of which club.
        organization: String,
        /// With those that work no more.
        with_ended: bool,
        /// Said again with each page.
        load: u64,
    },
    /// Read a club's members, page by page.
    LoadMembers {
        /// Of which club.
        organization: String,
        /// Where to go on; from the start if none.
        cursor: Option<String>,
        /// Said again with each page.
        load: u64,
    },
    /// Stop reading members.
    StopMembers,
    /// Read one key, with its revision.
    LoadKey {
        /// Of which club.
        organization: String,
        /// Which.
        key: String,
    },
    /// Read how a key is used.
    LoadUsage {
        /// Of which club.
        organization: String,
        /// Which.
        key: String,
    },
    /// Read what an act on a key would break.
    LoadImpact {
        /// Of which club.
        organization: String,
        /// Which.
        key: String,
        /// What would be done.
        action: PlannedAction,
    },
    /// Look for secrets in a text or files, and find out which are of the club's keys.
    FindKeys {
        /// Of which club.
        organization: String,
        /// Where to look.
        suspect: Suspect,
        /// Said again with what is found.
        run: u64,
    },
    /// Have the system's dialog ask for files to look into.
    ChooseFilesToSearch,
    /// Read a page of a club's events.
    LoadEvents {
        /// Of which club.
        organization: String,
        /// Which.
        query: Query,
        /// Where to go on; from the newest if none.
        cursor: Option<String>,
        /// Said again with the page.
        load: u64,
    },
    /// Put a club's events into a file.
    Export {
        /// Of which club.
        organization: String,
        /// Which.
        query: Query,
        /// As what.
        format: audit::Format,
        /// Into which file.
        file: PathBuf,
        /// Whether a file that is there may be replaced.
        replace: bool,
        /// Said again with what comes of it.
        run: u64,
    },
    /// Give that up.
    StopExport,
    /// Have the system's dialog ask for a file; this one is proposed.
    ChooseFileToWrite {
        /// Which.
        file: PathBuf,
    },
    /// Read one member.
    LoadMember {
        /// Of which club.
        organization: String,
        /// Which.
        member: String,
    },
    /// Change something.
    Change {
        /// Of which club.
        organization: String,
        /// Answered with it.
        ticket: u64,
        /// What.
        change: Change,
    },
}

impl Command {
    /// Whether it is one of many of its kind, which wait for each other.
    pub fn is_of_many(&self) -> bool {
        let of_many = |change: &Change| matches!(change, Change::UpdateMember { .. } | Change::RemoveMember { .. });
        matches!(self, Self::Change { change, .. } if of_many(change))
    }
}

/// A change of the club or what belongs to it.
pub enum Change {
    /// Create a key.
    CreateKey {
        /// What it is to be.
        key: KeyFacts,
        /// So that it is created once, however often it is sent.
        idempotency_key: String,
    },
    /// Change a key.
    UpdateKey {
        /// Which.
        id: String,
        /// The revision that the change is meant for.
        etag: Option<String>,
        /// What it is to be.
        key: KeyFacts,
    },
    /// Give a key a new secret.
    RotateKey {
        /// Which.
        id: String,
        /// How.
        rotation: Rotation,
        /// So that it is done once, however often it is sent.
        idempotency_key: String,
    },
    /// End the old secret of a key.
    EndPreviousSecret {
        /// Of which.
        id: String,
    },
    /// Report a secret that stands where it should not: what it opens ends.
    ReportSecret {
        /// All of it.
        secret: Secret,
    },
    /// Revoke a key.
    RevokeKey {
        /// Which.
        id: String,
        /// Why.
        reason: Option<String>,
    },
    /// Add a member.
    CreateMember {
        /// What it is to be.
        member: MemberWish,
        /// So that it is added once, however often it is sent.
        idempotency_key: String,
    },
    /// Change a member.
    UpdateMember {
        /// Which.
        id: String,
        /// What is to change.
        edit: MemberEdit,
    },
    /// Remove a member.
    RemoveMember {
        /// Which.
        id: String,
    },
    /// Invite a member, who can then sign in.
    Invite {
        /// Whom.
        id: String,
        /// The email of the account that it opens.
        email: String,
        /// So that it is done once, however often it is sent.
        idempotency_key: String,
    },
    /// Change the club.
    UpdateClub {
        /// As it is to be.
        club: Box<Club>,
        /// The revision that the change is meant for.
        etag: Option<String>,
    },
    /// Hand the head coach's role over.
    HandOver {
        /// To whom.
        member_id: String,
        /// The present head coach's password.
        password: Secret,
    },
    /// Change the password of the person who is signed in.
    ChangePassword {
        /// The present one.
        current: Secret,
        /// The one to be.
        new: Secret,
    },
}

/// Whether sessions can be kept between one start and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyring {
    /// The system has a keyring.
    There,
    /// It has none.
    Missing,
    /// The person does not want it to be used.
    Unwanted,
}

/// What the worker says.
pub enum Event {
    /// Whether sessions can be kept.
    Keyring(Keyring),
    /// What came of the session that the keyring kept; none if it kept none.
    Resumed(Option<Result<SignedIn, Failure>>),
    /// What came of signing in or setting up.
    SignedIn(Result<SignedIn, Failure>),
    /// The keyring did not take the session; why.
    NotKept(String),
    /// The server answered: where the person belongs now.
    Reached(SignedIn),
    /// The server did not.
    NotReached(Failure),
    /// Who heads the clubs that were asked about: club and head coach.
    HeadCoaches(Vec<(String, Option<String>)>),
    /// A club.
    Club {
        /// Which.
        organization: String,
        /// The club, or why it did not come.
        result: Box<Result<Club, Failure>>,
    },
    /// A page of keys of a load.
    Keys {
        /// Which load.
        load: u64,
        /// The page, or why it did not come.
        page: Result<Page<Key>, Failure>,
    },
    /// A member.
    Member {
        /// Of which club.
        organization: String,
        /// Which.
        id: String,
        /// The member, or why it did not come.
        result: Box<Result<Member, Failure>>,
    },
    /// A page of events of a load.
    Events {
        /// Which load.
        load: u64,
        /// The page, or why it did not come.
        page: Result<Page<audit::Event>, Failure>,
    },
    /// How far an export is.
    Exported {
        /// Which.
        run: u64,
        /// So far.
        exported: Exported,
    },
    /// What secrets were found.
    Findings {
        /// In which search.
        run: u64,
        /// They, or why there was none to be made.
        result: Box<Result<Findings, Failure>>,
    },
    /// The files that the system's dialog named for a search; none if it was closed.
    FilesToSearch(Vec<PathBuf>),
    /// The file that the system's dialog named; none if it was closed.
    FileToWrite(Option<PathBuf>),
    /// A page of members of a load.
    Members {
        /// Which load.
        load: u64,
        /// The page, or why it did not come.
        page: Result<Page<Member>, Failure>,
    },
    /// The session is forgotten here; what the server said to that.
    SignedOut(Result<(), Failure>),
    /// One key, with its revision.
    Key {
        /// Of which club.
        organization: String,
        /// Which was asked for.
        id: String,
        /// The key, or why it did not come.
        result: Box<Result<(Key, Option<String>), Failure>>,
    },
    /// How a key is used.
    Usage {
        /// Of which club.
        organization: String,
        /// Which key.
        id: String,
        /// Its usage, or why it did not come.
        result: Box<Result<Usage, Failure>>,
    },
    /// What an act on a key would break.
    Impact {
        /// Of which club.
        organization: String,
        /// Which key.
        id: String,
        /// What would be done.
        action: PlannedAction,
        /// What it would break, or why that did not come.
        result: Box<Result<Impact, Failure>>,
    },
    /// What came of a change.
    Changed {
        /// Under which it was asked for.
        ticket: u64,
        /// What is there now, or why not.
        result: Box<Result<Changed, Failure>>,
    },
}

/// What there is after a change.
pub enum Changed {
    /// A new key, and its secret, this once.
    Created(Key, Secret),
    /// A key as it is now.
    Key(Key),
    /// Nothing that was not known: a key is revoked, a member removed, a password changed.
    Done,
    /// A member as it is now.
    Member(Member),
    /// An invitation: its link, this once, and until when it works.
    Invited {
        /// The link.
        link: Secret,
        /// Until then.
        expires_at: Timestamp,
    },
    /// The club as it is now.
    Club(Club),
}
