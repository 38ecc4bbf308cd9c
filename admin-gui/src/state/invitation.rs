//! An invitation, by which a member can sign in.

use jiff::Timestamp;

use super::{change::Sending, form::Field, members::Member, secret::Secret};
use crate::rules::{Email, Invalid};

/// An invitation that is being made.
pub struct InvitationOnce {
    /// For whom.
    pub member: Member,
    /// The email of the account that it opens: the member's own, or asked for.
    pub email: Field,
    /// Sent with each try, so that it is made once.
    pub idempotency_key: String,
    /// Its link and until when it works, once it is there.
    pub link: Option<(Secret, Timestamp)>,
    /// When it was copied.
    pub copied_at: Option<Timestamp>,
    /// How the sending goes.
    pub sending: Sending,
}

impl InvitationOnce {
    /// The email.
    pub fn email(&self) -> Result<Email, Invalid> {
        self.email.value()
    }
}
