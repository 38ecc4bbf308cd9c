//! Invitations: invite a member, accept.

use serde_json::json;

use super::sessions;
use crate::service::{
    authority::{HeadCoach, Visitor},
    error::{Conflict, Error, FieldError, Result, Unauthenticated},
    model::{
        audit_event::Actor,
        email::Email,
        id::{MemberId, UserId},
        invitation::{self, Invitation},
        member::Member,
        password::PasswordHash,
        role::Role,
        secret::SecretHash,
        session::Session,
        timestamp::Timestamp,
        user::User,
    },
    store::{self, Read, WriteTx},
};

/// What accepting an invitation comes to: the account that was taken or made, and its session.
pub struct Accepted {
    /// The person.
    pub user: User,
    /// Their session.
    pub session: Session,
}

/// How the password that came with an invitation was dealt with.
#[derive(Clone)]
pub enum Proven {
    /// It belongs to this account, whose hash was this.
    Existing(UserId, PasswordHash),
    /// There is no account with that email; this is to be its hash.
    New(PasswordHash),
}

impl HeadCoach<'_, WriteTx> {
    /// Invites a member who has not accepted yet, under `email` or else its contact email. Replaces the
    /// invitation it may have.
    ///
    /// # Errors
    /// [`Conflict::AlreadyAccepted`]; [`Error::Invalid`] if there is no email at all.
    pub fn invite(&self, member_id: MemberId, email: Option<Email>, code: SecretHash) -> Result<Invitation> {
        let (member, _) = store::members::get(self.tx, self.organization.id, member_id)?.ok_or(Error::NotFound)?;
        if member.user_id.is_some() {
            return Err(Conflict::AlreadyAccepted.into());
        }
        let Some(email) = email.or(member.email) else {
            return Err(FieldError::new("email", "is needed, since the member has no email of its own").into());
        };
        let invitation = Invitation {
            id: self.tx.new_id(),
            organization_id: self.organization.id,
            member_id,
            email,
            hash: code,
            created_at: self.tx.now(),
            expires_at: self.tx.now().plus(invitation::LIFETIME),
        };
        store::invitations::put(self.tx, &invitation)?;
        let changes =
            json!({ "invitation": invitation.id, "email": invitation.email, "expires_at": invitation.expires_at });
        self.audit.record(self.tx, Some(self.organization.id), "member.invite", member_id, changes)?;
        Ok(invitation)
    }
}

impl<T: Read> Visitor<'_, T> {
    /// The invitation with this code, and the account that has its email.
    ///
    /// # Errors
    /// [`Unauthenticated::WrongInvitation`] if it is unknown, used, replaced or too old.
    pub fn invitation(&self, code: &SecretHash) -> Result<(Invitation, Option<User>)> {
        let invitation = self.invitation_at(code, self.tx.judged_at())?;
        let user = store::users::by_email(self.tx, &invitation.email)?;
        Ok((invitation, user))
    }

    /// The invitation with this code, if it is not too old at `at`.
    pub(in crate::service) fn invitation_at(&self, code: &SecretHash, at: Timestamp) -> Result<Invitation> {
        let invitation = store::invitations::get(self.tx, code)?;
        Ok(invitation.filter(|invitation| at < invitation.expires_at).ok_or(Unauthenticated::WrongInvitation)?)
    }

    /// The user with this email.
    pub fn user_by_email(&self, email: &Email) -> Result<Option<User>> {
        Ok(store::users::by_email(self.tx, email)?)
    }
}

impl Visitor<'_, WriteTx> {
    /// Accepts the invitation with this code: its member is the person from now on, who is signed in.
    ///
    /// # Errors
    /// As [`Visitor::invitation`]; [`Conflict::AlreadyMember`]; [`Unauthenticated::WrongPassword`] if
    /// the account was made or its password changed meanwhile.
    pub fn accept(&self, code: &SecretHash, proven: &Proven, token: &SecretHash) -> Result<Accepted> {
        let (invitation, account) = self.invitation(code)?;
        let organization_id = invitation.organization_id;
        let (before, revision) = store::members::get(self.tx, organization_id, invitation.member_id)?
            .ok_or(Unauthenticated::WrongInvitation)?;
        let user = match (account, proven) {
            (Some(user), Proven::Existing(id, hash)) if user.id == *id && user.password_hash == *hash => user,
            (None, Proven::New(password_hash)) => User {
                id: self.tx.new_id(),
                email: invitation.email.clone(),
                display_name: before.display_name.clone(),
                password_hash: password_hash.clone(),
                created_at: self.tx.now(),
                password_changed_at: self.tx.now(),
            },
            _ => return Err(Unauthenticated::WrongPassword.into()),
        };
        if store::members::of_user(self.tx, user.id, organization_id)?.is_some() {
            return Err(Conflict::AlreadyMember.into());
        }
        let actor = Actor::User { id: user.id };
        if matches!(proven, Proven::New(_)) {
            store::users::put(self.tx, &user)?;
            self.audit.by(actor).record(self.tx, None, "user.create", user.id, json!({ "email": user.email }))?;
        }
        let after = Member { user_id: Some(user.id), updated_at: self.tx.now(), ..before.clone() };
        store::members::put(self.tx, Some((&before, revision)), &after)?;
        store::invitations::delete_of(self.tx, organization_id, before.id)?;
        let session = sessions::begin(self.tx, user.id, token)?;
        let changes = json!({ "invitation": invitation.id, "user": user.id, "role": Role::as_str(after.role) });
        self.audit.by(actor).record(self.tx, Some(organization_id), "member.accept", after.id, changes)?;
        Ok(Accepted { user, session })
    }
}
