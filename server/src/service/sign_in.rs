//! What takes a password: its hashing lies between reading and writing, off the async threads.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::{
    Service,
    actions::{invitations::Proven, organizations::NewHeadCoach},
    authority::{Caller, Origin},
    clock::Entropy,
    error::{Error, FieldError, Forbidden, Result, Unauthenticated},
    model::{
        email::Email,
        id::{CROCKFORD, MemberId, OrganizationId},
        name::Name,
        organization::Organization,
        password::{Password, PasswordHash},
        secret::{Secret, SecretHash, SecretKind},
        session::Session,
        user::User,
    },
    passwords::Verdict,
};
use crate::service::actions::organizations::OrganizationView;

/// A session that has just begun, and its token.
pub struct SignedInAs {
    /// Whose it is.
    pub user: User,
    /// The session.
    pub session: Session,
    /// Its token, this once.
    pub token: Secret,
}

/// What set-up made.
pub struct SetUp {
    /// The first organization.
    pub organization: Organization,
    /// Its head coach, signed in.
    pub signed_in: SignedInAs,
}

/// How many characters a setup code has: 130 random bits in Crockford's alphabet.
const SETUP_CODE: usize = 26;

/// A new setup code.
pub(super) fn setup_code(entropy: &Entropy) -> String {
    entropy.bytes::<SETUP_CODE>().iter().map(|byte| char::from(CROCKFORD[usize::from(byte & 31)])).collect()
}

/// What is compared of a setup code. Case and hyphens do not matter to whoever types it.
pub(super) fn hash_setup_code(code: &str) -> SecretHash {
    let plain: String = code.chars().filter(|c| *c != '-' && !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    SecretHash::of_digest(Sha256::digest(plain.as_bytes()).into())
}

impl Service {
    /// Makes the first organization and signs its head coach in.
    ///
    /// # Errors
    /// [`super::Conflict::AlreadySetUp`] once there is any organization, whatever the code;
    /// [`Unauthenticated::WrongSetupCode`].
    pub async fn set_up(
        &self,
        code: &str,
        organization: Name,
        email: Email,
        display_name: Name,
        password: Password,
        origin: Origin,
    ) -> Result<SetUp> {
        if self.read(|tx| Ok(super::store::organizations::is_set_up(tx)?))? {
            return Err(super::Conflict::AlreadySetUp.into());
        }
        self.throttle.attempt("setup", origin.address, self.clock.monotonic())?;
        // Both sides are hashes: the time that comparing them takes says nothing about the code.
        if hash_setup_code(code) != self.setup_code {
            return Err(Unauthenticated::WrongSetupCode.into());
        }
        self.throttle.succeeded("setup", origin.address);
        let plan = self.settings.setup_plan;
        let head_coach = NewHeadCoach { email, display_name, password_hash: self.passwords.hash(password).await? };
        let token = self.new_secret(SecretKind::Session);
        let hash = token.hash();
        let (organization, user, session) = self
            .write(move |tx| {
                let visitor = tx.visitor(origin);
                let (organization, user) = visitor.set_up(organization.clone(), plan, head_coach.clone())?;
                let (user, session) = visitor.sign_in(user.id, &head_coach.password_hash, None, &hash)?;
                Ok((organization, user, session))
            })
            .await?;
        Ok(SetUp { organization, signed_in: SignedInAs { user, session, token } })
    }

    /// Signs a person in.
    ///
    /// # Errors
    /// [`Unauthenticated::WrongPassword`], after the same work, whether the email is unknown or the
    /// password wrong; [`Error::TooManyAttempts`].
    pub async fn sign_in(&self, email: &Email, password: Password, origin: Origin) -> Result<SignedInAs> {
        let user = self.read(|tx| tx.visitor(origin).user_by_email(email))?;
        let stored = user.as_ref().map(|user| &user.password_hash);
        let verdict = self.verify(&email.key(), origin.address, password, stored).await?;
        let (Some(user), Verdict::Right { rehashed }) = (user, verdict) else {
            tracing::info!(address = %origin.address, "a sign-in failed");
            return Err(Unauthenticated::WrongPassword.into());
        };
        let token = self.new_secret(SecretKind::Session);
        let hash = token.hash();
        let (user, session) = self
            .write(move |tx| tx.visitor(origin).sign_in(user.id, &user.password_hash, rehashed.clone(), &hash))
            .await?;
        Ok(SignedInAs { user, session, token })
    }

    /// Accepts the invitation with this code, by the password of the account that has its email, or by
    /// the first one of a new account.
    ///
    /// # Errors
    /// [`Unauthenticated::WrongInvitation`]; [`Unauthenticated::WrongPassword`]; [`Error::Invalid`] if
    /// the password of a new account does not keep the rules.
    pub async fn accept_invitation(&self, code: &Secret, password: Password, origin: Origin) -> Result<SignedInAs> {
        if code.kind() != SecretKind::Invitation {
            return Err(Unauthenticated::WrongInvitation.into());
        }
        let code = code.hash();
        let (invitation, user) = self.read(|tx| tx.visitor(origin).invitation(&code))?;
        let proven = match user {
            Some(user) => {
                match self.verify(&invitation.email.key(), origin.address, password, Some(&user.password_hash)).await? {
                    Verdict::Right { .. } => Proven::Existing(user.id, user.password_hash),
                    Verdict::Wrong => return Err(Unauthenticated::WrongPassword.into()),
                }
            }
            None => {
                let password =
                    password.fit_to_be_set().map_err(|invalid| FieldError::new("password", invalid.to_string()))?;
                Proven::New(self.passwords.hash(password).await?)
            }
        };
        let token = self.new_secret(SecretKind::Session);
        let hash = token.hash();
        let accepted = self.write(move |tx| tx.visitor(origin).accept(&code, &proven, &hash)).await?;
        Ok(SignedInAs { user: accepted.user, session: accepted.session, token })
    }

    /// Changes the caller's password and ends their other sessions.
    ///
    /// # Errors
    /// [`Forbidden::PasswordIncorrect`]; [`Forbidden::SessionRequired`].
    pub async fn change_password(
        &self,
        caller: Caller,
        current: Password,
        new: Password,
        origin: Origin,
    ) -> Result<()> {
        let verified = self.confirm(&caller, current, origin).await?;
        let new = self.passwords.hash(new).await?;
        self.write(move |tx| tx.signed_in(&caller)?.change_password(&verified, new.clone())).await
    }

    /// Hands the head coach's role of an organization to the member `to`.
    ///
    /// # Errors
    /// [`Forbidden::PasswordIncorrect`], and those of a head coach's proof.
    pub async fn hand_over(
        &self,
        caller: Caller,
        organization_id: OrganizationId,
        to: MemberId,
        password: Password,
        origin: Origin,
    ) -> Result<OrganizationView> {
        self.read(|tx| tx.head_coach(&caller, organization_id).map(|_| ()))?;
        let verified = self.confirm(&caller, password, origin).await?;
        self.write(move |tx| tx.head_coach(&caller, organization_id)?.hand_over(to, &verified)).await
    }

    /// What is to be kept of a new password: for the operator, who needs no other proof.
    pub async fn hash_password(&self, password: Password) -> Result<PasswordHash> {
        self.passwords.hash(password).await
    }

    /// Forgets the failed attempts on an account, which the operator has unlocked or whose password they have reset.
    pub fn forgive(&self, email: &Email) {
        self.throttle.forgive(&email.key());
    }

    /// The hash against which the caller's own password was verified.
    async fn confirm(&self, caller: &Caller, password: Password, origin: Origin) -> Result<PasswordHash> {
        let user = self.read(|tx| tx.signed_in(caller)?.user())?;
        match self.verify(&user.email.key(), origin.address, password, Some(&user.password_hash)).await? {
            Verdict::Right { .. } => Ok(user.password_hash),
            Verdict::Wrong => Err(Forbidden::PasswordIncorrect.into()),
        }
    }

    /// Verifies a password of `account`, no more often than the throttle lets `address`.
    async fn verify(
        &self,
        account: &str,
        address: IpAddr,
        password: Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Verdict, Error> {
        self.throttle.attempt(account, address, self.clock.monotonic())?;
        let verdict = self.passwords.verify(password, stored).await;
        match &verdict {
            Ok(Verdict::Right { .. }) => self.throttle.succeeded(account, address),
            Ok(Verdict::Wrong) => {}
            // Too busy to say: nobody's fault.
            Err(_) => self.throttle.withdraw(account, address),
        }
        verdict
    }
}
