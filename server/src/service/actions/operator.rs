//! What the operator does from a shell on the server.

use serde_json::json;

use super::{
    api_keys,
    organizations::{self, NewHeadCoach},
};
use crate::service::{
    authority::Operator,
    error::{Conflict, Error, Result},
    model::{
        api_key::{ApiKey, KeyState, Person},
        email::Email,
        id::{ApiKeyId, OrganizationId, UserId},
        member::Member,
        name::{Name, Reason},
        organization::Organization,
        password::PasswordHash,
        plan::Plan,
        role::{MemberStatus, Role},
        user::User,
    },
    store::{self, Read, WriteTx},
};

/// What was ended, how many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Sessions.
    pub sessions: usize,
    /// Invitations.
    pub invitations: usize,
    /// Secrets of keys that another had replaced.
    pub secrets: usize,
}

/// An organization, its head coach, and the account behind them.
pub type HeadedOrganization = (Organization, Option<(Member, User)>);

impl<T: Read> Operator<'_, T> {
    /// Every organization, with its head coach.
    pub fn organizations(&self) -> Result<Vec<HeadedOrganization>> {
        let with_head_coach =
            |organization: Organization| Ok((organization.clone(), self.head_coach(organization.id)?));
        store::organizations::all(self.tx)?.into_iter().map(with_head_coach).collect()
    }

    fn head_coach(&self, id: OrganizationId) -> Result<Option<(Member, User)>> {
        let Some(member_id) = store::members::head_coach(self.tx, id)? else { return Ok(None) };
        let Some((member, _)) = store::members::get(self.tx, id, member_id)? else { return Ok(None) };
        let user = member.user_id.map(|user_id| store::users::get(self.tx, user_id)).transpose()?.flatten();
        Ok(user.map(|user| (member, user)))
    }

    /// Every user.
    pub fn users(&self) -> Result<Vec<User>> {
        Ok(store::users::all(self.tx)?)
    }

    /// Every key of an organization, newest first.
    pub fn api_keys(&self, organization_id: OrganizationId) -> Result<Vec<ApiKey>> {
        self.organization(organization_id)?;
        Ok(store::api_keys::page(self.tx, organization_id, None, usize::MAX, usize::MAX, None)?.0)
    }

    fn organization(&self, id: OrganizationId) -> Result<Organization> {
        store::organizations::get(self.tx, id)?.ok_or(Error::NotFound)
    }
}

impl Operator<'_, WriteTx> {
    /// Makes an organization and its head coach; `first` insists that it is the first.
    ///
    /// # Errors
    /// [`Conflict::UserExists`], [`Conflict::AlreadySetUp`].
    pub fn create_organization(
        &self,
        name: Name,
        plan: Plan,
        head_coach: NewHeadCoach,
        first: bool,
    ) -> Result<(Organization, User)> {
        if first && store::organizations::exist(self.tx)? {
            return Err(Conflict::AlreadySetUp.into());
        }
        organizations::found(self.tx, name, plan, head_coach, self.audit)
    }

    /// Puts an organization on a plan.
    pub fn set_plan(&self, id: OrganizationId, plan: Plan) -> Result<Organization> {
        let before = self.organization(id)?;
        let after = Organization { plan, revision: before.revision + 1, updated_at: self.tx.now(), ..before.clone() };
        if before.plan == plan {
            return Ok(before);
        }
        store::organizations::put(self.tx, &after)?;
        self.audit.record(self.tx, Some(id), "organization.set_plan", id, json!({ "plan": plan }))?;
        Ok(after)
    }

    /// Makes the person with this email, an active member of the organization, its head coach; with `admit` also one who
    /// is no member of it, or not an active one.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such organization, user or member; [`Conflict::NotActiveCoach`] if
    /// the member is not active.
    pub fn set_head_coach(&self, id: OrganizationId, email: &Email, admit: bool) -> Result<Member> {
        let organization = self.organization(id)?;
        let user = store::users::by_email(self.tx, email)?.ok_or(Error::NotFound)?;
        if admit {
            self.admit(id, &user)?;
        }
        let (member_id, _) = store::members::of_user(self.tx, user.id, id)?.ok_or(Error::NotFound)?;
        let (before, revision) = store::members::get(self.tx, id, member_id)?.ok_or(Error::NotFound)?;
        if before.status != MemberStatus::Active {
            return Err(Conflict::NotActiveCoach.into());
        }
        if before.role == Role::Athlete {
            let coach = Member { role: Role::Coach, coach_id: None, ..before.clone() };
            store::members::put(self.tx, Some((&before, revision)), &coach)?;
            let changes = json!({ "role": coach.role, "coach_id": coach.coach_id });
            self.audit.record(self.tx, Some(id), "member.change", member_id, changes)?;
        }
        organizations::hand_over(self.tx, &organization, member_id, self.audit)?;
        store::members::get(self.tx, id, member_id)?.map(|(member, _)| member).ok_or(Error::NotFound)
    }

    /// Has the person be an active member of the organization: the one that has their email and that nobody has accepted
    /// for, else a new one.
    fn admit(&self, id: OrganizationId, user: &User) -> Result<()> {
        let now = self.tx.now();
        let status = MemberStatus::Active;
        if let Some((member_id, _)) = store::members::of_user(self.tx, user.id, id)? {
            let (before, revision) = store::members::get(self.tx, id, member_id)?.ok_or(Error::NotFound)?;
            if before.status == status {
                return Ok(());
            }
            let after = Member { status, updated_at: now, ..before.clone() };
            store::members::put(self.tx, Some((&before, revision)), &after)?;
            return self.audit.record(self.tx, Some(id), "member.change", member_id, json!({ "status": status }));
        }
        let with_email = store::members::with_email(self.tx, id, &user.email)?;
        let listed = with_email.map(|member_id| store::members::get(self.tx, id, member_id)).transpose()?.flatten();
        if let Some((before, revision)) = &listed
            && before.user_id.is_none()
        {
            let after = Member { user_id: Some(user.id), status, updated_at: now, ..before.clone() };
            store::invitations::delete_of(self.tx, id, before.id)?;
            store::members::put(self.tx, Some((before, *revision)), &after)?;
            let changes = json!({ "user": user.id, "status": status });
            return self.audit.record(self.tx, Some(id), "member.change", before.id, changes);
        }
        let member = Member {
            id: self.tx.new_id(),
            organization_id: id,
            user_id: Some(user.id),
            role: Role::Coach,
            status,
            display_name: user.display_name.clone(),
            // It is another member's, who signs in with another.
            email: listed.is_none().then(|| user.email.clone()),
            labels: Vec::new(),
            external_id: None,
            coach_id: None,
            created_at: now,
            updated_at: now,
        };
        store::members::put(self.tx, None, &member)?;
        let changes = json!({ "display_name": member.display_name, "role": member.role, "user": user.id });
        self.audit.record(self.tx, Some(id), "member.create", member.id, changes)
    }

    /// Makes an account, which belongs to no organization yet.
    ///
    /// # Errors
    /// [`Conflict::UserExists`].
    pub fn create_user(&self, email: Email, display_name: Name, password_hash: PasswordHash) -> Result<User> {
        if store::users::by_email(self.tx, &email)?.is_some() {
            return Err(Conflict::UserExists.into());
        }
        let now = self.tx.now();
        let id = self.tx.new_id::<UserId>();
        let user = User { id, email, display_name, password_hash, created_at: now, password_changed_at: now };
        store::users::put(self.tx, &user)?;
        self.audit.record(self.tx, None, "user.create", user.id, json!({ "email": user.email }))?;
        Ok(user)
    }

    /// Writes down that a user may try again at once who has mistyped the password too often. That is in memory, and
    /// forgotten by [`Service::forgive`](crate::service::Service::forgive).
    pub fn unlock_user(&self, email: &Email) -> Result<()> {
        let user = store::users::by_email(self.tx, email)?.ok_or(Error::NotFound)?;
        self.audit.record(self.tx, None, "user.unlock", user.id, json!({}))
    }

    /// Sets a user's password and ends all their sessions; how many there were.
    pub fn reset_password(&self, email: &Email, password_hash: PasswordHash) -> Result<usize> {
        let mut user = store::users::by_email(self.tx, email)?.ok_or(Error::NotFound)?;
        user.password_hash = password_hash;
        user.password_changed_at = self.tx.now();
        store::users::put(self.tx, &user)?;
        let ended = store::sessions::delete_others(self.tx, user.id, None)?;
        self.audit.record(self.tx, None, "user.reset_password", user.id, json!({ "sessions_ended": ended }))?;
        Ok(ended)
    }

    /// Revokes a key, finally.
    pub fn revoke_key(&self, organization_id: OrganizationId, id: ApiKeyId, reason: Option<Reason>) -> Result<()> {
        let before = store::api_keys::get(self.tx, organization_id, id)?.ok_or(Error::NotFound)?;
        let by = Person { id: None, display_name: "operator".to_owned() };
        api_keys::revoke(self.tx, &before, by, reason, self.audit)
    }

    /// Takes the present clock as true where the database knew a later time: ends what that time has begun, which would
    /// else last until it has come and longer. Sessions, invitations, and secrets that were replaced. How many of each.
    pub fn accept_clock(&self) -> Result<Ended> {
        let now = self.tx.now();
        let sessions = store::sessions::begun_after(self.tx, now)?;
        for (user_id, hash) in &sessions {
            store::sessions::end(self.tx, *user_id, hash)?;
        }
        let invitations = store::invitations::made_after(self.tx, now)?;
        for (organization_id, member_id) in &invitations {
            store::invitations::delete_of(self.tx, *organization_id, *member_id)?;
        }
        let mut organizations = Vec::new();
        store::organizations::each_id(self.tx, |id| {
            organizations.push(id);
            Ok(())
        })?;
        let mut secrets = 0;
        for organization_id in organizations {
            for id in store::api_keys::ids(self.tx, organization_id)? {
                let before = api_keys::find(self.tx, organization_id, id)?;
                if before.current_secret().is_none_or(|current| current.created_at <= now) {
                    continue;
                }
                if let Some(previous) = store::api_keys::overlap(self.tx, &before, now)? {
                    api_keys::end_previous(self.tx, &before, &previous, None, self.audit)?;
                    secrets += 1;
                }
            }
        }
        let ended = Ended { sessions: sessions.len(), invitations: invitations.len(), secrets };
        let changes = json!({
            "clock": now, "sessions_ended": ended.sessions, "invitations_withdrawn": ended.invitations, "secrets_ended": secrets,
        });
        self.audit.record(self.tx, None, "server.accept_clock", "server", changes)?;
        Ok(ended)
    }

    /// Lets keys work again that are held since a backup was restored: one, or all of the organization; how many there were.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such organization or key.
    pub fn release_keys(&self, organization_id: OrganizationId, only: Option<ApiKeyId>) -> Result<usize> {
        self.organization(organization_id)?;
        let ids = match only {
            Some(id) => vec![id],
            None => store::api_keys::ids(self.tx, organization_id)?,
        };
        let mut released = 0;
        for id in ids {
            let before = api_keys::find(self.tx, organization_id, id)?;
            if matches!(before.state, KeyState::Held) {
                let after = ApiKey { state: KeyState::Usable, revision: before.revision + 1, ..before.clone() };
                store::api_keys::put(self.tx, Some(&before), &after)?;
                self.audit.record(self.tx, Some(organization_id), "api_key.release", id, json!({}))?;
                released += 1;
            }
        }
        Ok(released)
    }
}
