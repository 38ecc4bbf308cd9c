//! Why an action was refused. No status codes: those are in `http/problem.rs`.

use super::model::{scope::Scope, timestamp::Timestamp};

/// Why an action was refused. Whatever is not in here succeeded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable credential.
    #[error("not authenticated: {0}")]
    Unauthenticated(#[from] Unauthenticated),
    /// Known, but without the right to do this.
    #[error("forbidden: {0}")]
    Forbidden(#[from] Forbidden),
    /// Does not exist, or the caller may not know that it does.
    #[error("not found")]
    NotFound,
    /// In the way of something that is already there.
    #[error("conflict: {0}")]
    Conflict(#[from] Conflict),
    /// Well-formed, but wrong when held against what is stored. Each with the field it is about.
    #[error("invalid: {0:?}")]
    Invalid(Vec<FieldError>),
    /// Too often; worth another try after that long.
    #[error("too many attempts; try again in {retry_after_seconds} s")]
    TooManyAttempts {
        /// Whole seconds, at least 1.
        retry_after_seconds: u64,
    },
    /// The database or the machine failed; nothing was changed that was not acknowledged.
    #[error("unavailable")]
    Unavailable(#[from] Unavailable),
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field's name, with its path if it is nested: `labels[2]`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl FieldError {
    /// `field` is wrong for the reason in `message`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Invalid(vec![error])
    }
}

/// Why a credential does not count. Whoever holds a secret is told what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// There is none.
    #[error("no credential")]
    Missing,
    /// Not a secret of Astral's, or one that was never issued here.
    #[error("unknown credential")]
    Unknown,
    /// The session was ended or has expired.
    #[error("session over")]
    SessionOver,
    /// The key's time has come.
    #[error("key expired")]
    KeyExpired {
        /// When it did.
        at: Timestamp,
    },
    /// The key was revoked.
    #[error("key revoked")]
    KeyRevoked {
        /// When it was.
        at: Timestamp,
    },
    /// The key lives, but this secret of it was replaced.
    #[error("secret replaced")]
    SecretReplaced,
    /// Email and password do not belong together.
    #[error("wrong email or password")]
    WrongPassword,
    /// Not the code of this start of the server.
    #[error("wrong setup code")]
    WrongSetupCode,
    /// Unknown, used, replaced or too old.
    #[error("invalid invitation")]
    WrongInvitation,
}

/// Why a known caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Only the head coach may.
    #[error("head coach required")]
    HeadCoachRequired,
    /// Only coaches may.
    #[error("coach required")]
    CoachRequired,
    /// Only a signed-in person may, never a key.
    #[error("session required")]
    SessionRequired,
    /// The key lacks this scope.
    #[error("scope {0} required")]
    ScopeRequired(Scope),
    /// The club's plan does not include it.
    #[error("plan required")]
    PlanRequired,
    /// The key is held since a backup was restored.
    #[error("key held")]
    KeyHeld,
    /// The key is bound to other addresses.
    #[error("address {0} not allowed")]
    AddressNotAllowed(std::net::IpAddr),
    /// The password given to confirm the act is wrong.
    #[error("wrong password")]
    PasswordIncorrect,
}

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// There is an organization.
    #[error("already set up")]
    AlreadySetUp,
    /// The key is expired or revoked, which is final.
    #[error("key not active")]
    KeyNotActive,
    /// The key was rotated, and its old secret works still.
    #[error("rotation in progress until {until}")]
    RotationInProgress {
        /// Until when.
        until: Timestamp,
    },
    /// The club has as many active keys as it may.
    #[error("at most {0} active keys")]
    KeyLimit(usize),
    /// Another member of the club has this email.
    #[error("email taken")]
    EmailTaken {
        /// Whose it is.
        by: super::model::id::MemberId,
    },
    /// Another member of the club has this external id.
    #[error("external id taken")]
    ExternalIdTaken {
        /// Whose it is.
        by: super::model::id::MemberId,
    },
    /// The club must keep its head coach.
    #[error("head coach must stay")]
    HeadCoachMustStay,
    /// The member has not accepted an invitation.
    #[error("member has not accepted")]
    NotAccepted,
    /// The member has accepted an invitation.
    #[error("member has accepted")]
    AlreadyAccepted,
    /// The person is a member of the club already, as somebody else.
    #[error("already a member")]
    AlreadyMember,
    /// The member is not an active coach.
    #[error("not an active coach")]
    NotActiveCoach,
    /// A user with this email exists.
    #[error("user exists")]
    UserExists,
    /// The record has another revision than the change is meant for.
    #[error("another revision")]
    RevisionMismatch,
    /// The request is running already.
    #[error("in progress")]
    InProgress,
    /// The request's name stands for another request.
    #[error("idempotency key reused")]
    IdempotencyKeyReused,
    /// The request has gone through, and what it answered held a secret, which is not kept.
    #[error("already created")]
    AlreadyCreated {
        /// What it created.
        id: String,
    },
}

/// What of the machine failed.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Reading or writing the database failed.
    #[error("the database failed")]
    Storage(#[source] Box<redb::Error>),
    /// A stored record cannot be read.
    #[error("a record of {0} cannot be read")]
    Corrupt(&'static str),
    /// The commit failed, and with it every write of its batch.
    #[error("the commit failed")]
    CommitFailed,
    /// The disk has failed, and the database is being opened again.
    #[error("the database is closed")]
    Closed,
    /// So little of the disk is free that nothing more is written.
    #[error("the disk is nearly full")]
    DiskFull,
    /// The server is stopping.
    #[error("stopping")]
    Stopping,
    /// An action of ours panicked; its changes were dropped.
    #[error("an action panicked")]
    Panicked,
}

impl<E: Into<redb::Error>> From<E> for Unavailable {
    fn from(error: E) -> Self {
        Self::Storage(Box::new(error.into()))
    }
}

/// What an action comes to.
pub type Result<T, E = Error> = std::result::Result<T, E>;
