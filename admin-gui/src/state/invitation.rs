//! An invitation, by which a member can sign in.

use jiff::Timestamp;

use super::{
    Dialog, State,
    change::{Sending, What},
    exchange::Change,
    failure::Failure,
    form::Field,
    members::Member,
    secret::Secret,
};
use crate::rules::{Email, Invalid};

/// An invitation that is being made.
pub struct InvitationOnce {
    /// For whom.
    pub member: Member,
    /// The email of the account that it opens: the member's own, or asked for.
    pub email: Field,
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

    /// Takes what the server said of single fields.
    pub fn hear(&mut self, failure: &Failure) {
        self.email.hear("email", failure);
    }
}

impl State {
    /// Invites a member: at once if it has an email, else it is asked for.
    pub(super) fn invite(&mut self, id: &str) {
        let Some(member) = self.console().and_then(|console| console.members.get(id)).cloned() else { return };
        let has_email = member.email.is_some();
        let email = Field::of(member.email.clone().unwrap_or_default());
        self.open_dialog(Dialog::Invitation(Box::new(InvitationOnce {
            member,
            email,
            link: None,
            copied_at: None,
            sending: Sending::default(),
        })));
        if has_email {
            self.send_invitation();
        }
    }

    /// Has the invitation made.
    pub(super) fn send_invitation(&mut self) {
        // A new one each time: the link of one whose answer was lost is lost, and a new invitation replaces it.
        let idempotency_key = self.idempotency_key();
        let Some(Dialog::Invitation(once)) = self.dialog() else { return };
        if once.sending.is_on() {
            return;
        }
        let Ok(email) = once.email() else {
            once.email.left = true;
            return;
        };
        let change = Change::Invite { id: once.member.id.clone(), email: email.as_str().to_owned(), idempotency_key };
        self.send(What::Invite, change);
    }

    /// The invitation is made: its link is shown, this once.
    pub(super) fn invited(&mut self, ticket: u64, link: Secret, expires_at: Timestamp) {
        if let Some(Dialog::Invitation(once)) = self.dialog()
            && once.sending.is(ticket)
        {
            once.link = Some((link, expires_at));
            once.sending.ticket = None;
        }
    }
}
