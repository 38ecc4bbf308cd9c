//! Organizations: read, change, hand over, set up.

use serde_json::json;

use super::require;
use crate::service::{
    audit::Audit,
    authority::{HeadCoach, Insider, SignedIn, Visitor},
    error::{Conflict, Error, FieldError, Forbidden, Result},
    model::{
        email::Email,
        id::{MemberId, OrganizationId, UserId},
        member::Member,
        name::{Description, Name},
        organization::{KeyDays, Organization},
        password::PasswordHash,
        plan::Plan,
        revision::Expected,
        role::{MemberStatus, Role},
        user::User,
    },
    store::{self, Read, WriteTx},
};

/// An organization as somebody sees it.
#[derive(Debug, Clone)]
pub struct OrganizationView {
    /// The organization.
    pub organization: Organization,
    /// How many keys of it are active; for its head coach alone.
    pub active_api_keys: Option<usize>,
}

/// What is to change of an organization; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct OrganizationChange {
    /// Its name.
    pub name: Option<Name>,
    /// Its description; `Some(None)` empties it.
    pub description: Option<Option<Description>>,
    /// For how many days a key may be made to last; `Some(None)` for as long as one likes.
    pub longest_key_days: Option<Option<KeyDays>>,
    /// For how many days a key lasts of which nothing is said; `Some(None)` for the longest time.
    pub usual_key_days: Option<Option<KeyDays>>,
}

/// A person who is to head a new organization, with a password that was hashed already.
#[derive(Clone)]
pub struct NewHeadCoach {
    /// The email to sign in with.
    pub email: Email,
    /// What they are called.
    pub display_name: Name,
    /// Of the password they chose.
    pub password_hash: PasswordHash,
}

fn view(tx: &impl Read, organization: Organization, is_head_coach: bool) -> Result<OrganizationView> {
    let active_api_keys = match is_head_coach {
        true => Some(store::api_keys::count_active(tx, organization.id, tx.judged_at(), usize::MAX)?),
        false => None,
    };
    Ok(OrganizationView { organization, active_api_keys })
}

impl<T: Read> Insider<'_, T> {
    /// The organization.
    pub fn organization(self) -> Result<OrganizationView> {
        view(self.tx, self.organization, self.is_head_coach)
    }
}

impl<T: Read> SignedIn<'_, T> {
    /// The organizations in which the person has an active membership.
    pub fn organizations(&self) -> Result<Vec<OrganizationView>> {
        let mut found = Vec::new();
        for (organization_id, member_id) in store::members::memberships(self.tx, self.user_id)? {
            let Some(head) = store::members::head(self.tx, organization_id, member_id)? else { continue };
            if head.status != MemberStatus::Active {
                continue;
            }
            if let Some(organization) = store::organizations::get(self.tx, organization_id)? {
                found.push(view(self.tx, organization, head.role == Role::HeadCoach)?);
            }
        }
        found.sort_by_key(|view| view.organization.id);
        Ok(found)
    }
}

impl HeadCoach<'_, WriteTx> {
    /// Changes name, description or how long keys last, if the organization has an expected revision.
    ///
    /// # Errors
    /// [`Conflict::RevisionMismatch`]; [`Error::Invalid`] if the usual time of a key would be longer than the longest.
    pub fn change_organization(self, expected: &Expected, change: OrganizationChange) -> Result<OrganizationView> {
        require(expected, self.organization.revision)?;
        let mut after = self.organization.clone();
        let mut changes = serde_json::Map::new();
        if let Some(name) = change.name.filter(|name| *name != after.name) {
            changes.insert("name".to_owned(), json!(name));
            after.name = name;
        }
        if let Some(description) = change.description.filter(|description| *description != after.description) {
            changes.insert("description".to_owned(), json!(description));
            after.description = description;
        }
        if let Some(days) = change.longest_key_days.filter(|days| *days != after.longest_key_days) {
            changes.insert("longest_key_days".to_owned(), json!(days));
            after.longest_key_days = days;
        }
        if let Some(days) = change.usual_key_days.filter(|days| *days != after.usual_key_days) {
            changes.insert("usual_key_days".to_owned(), json!(days));
            after.usual_key_days = days;
        }
        if let (Some(usual), Some(longest)) = (after.usual_key_days, after.longest_key_days)
            && usual > longest
        {
            let message = format!("must be at most longest_key_days, which is {}", longest.get());
            return Err(FieldError::new("usual_key_days", message).into());
        }
        if !changes.is_empty() {
            after.revision += 1;
            after.updated_at = self.tx.now();
            store::organizations::put(self.tx, &after)?;
            self.audit.record(self.tx, Some(after.id), "organization.change", after.id, changes.into())?;
        }
        view(self.tx, after, true)
    }

    /// Hands the role to another; the giver, whose password was verified against `verified`, becomes a
    /// coach.
    ///
    /// # Errors
    /// [`Conflict::NotActiveCoach`], [`Conflict::NotAccepted`]; [`Forbidden::PasswordIncorrect`] if the
    /// password was changed meanwhile.
    pub fn hand_over(self, to: MemberId, verified: &PasswordHash) -> Result<OrganizationView> {
        let user = store::users::get(self.tx, self.user_id)?.ok_or(Error::NotFound)?;
        if user.password_hash != *verified {
            return Err(Forbidden::PasswordIncorrect.into());
        }
        hand_over(self.tx, &self.organization, to, self.audit)?;
        let is_head_coach = self.member_id == to;
        view(self.tx, self.organization, is_head_coach)
    }
}

/// Makes `to` the head coach, and the present one a coach. What the head coach and the operator do alike.
pub(in crate::service) fn hand_over(
    tx: &WriteTx,
    organization: &Organization,
    to: MemberId,
    audit: Audit,
) -> Result<()> {
    let (next, next_revision) = store::members::get(tx, organization.id, to)?.ok_or(Error::NotFound)?;
    if next.role == Role::HeadCoach {
        return Ok(());
    }
    if next.role != Role::Coach || next.status != MemberStatus::Active {
        return Err(Conflict::NotActiveCoach.into());
    }
    if next.user_id.is_none() {
        return Err(Conflict::NotAccepted.into());
    }
    let present = match store::members::head_coach(tx, organization.id)? {
        Some(id) => store::members::get(tx, organization.id, id)?,
        None => None,
    };
    let from = present.as_ref().map(|(member, _)| member.id);
    if let Some((before, revision)) = present {
        let after = Member { role: Role::Coach, updated_at: tx.now(), ..before.clone() };
        store::members::put(tx, Some((&before, revision)), &after)?;
    }
    let after = Member { role: Role::HeadCoach, updated_at: tx.now(), ..next.clone() };
    store::members::put(tx, Some((&next, next_revision)), &after)?;
    audit.record(tx, Some(organization.id), "organization.hand_over", to, json!({ "from": from, "to": to }))
}

impl Visitor<'_, WriteTx> {
    /// Makes the first organization, whose plan is `plan`. Whoever calls this has checked the code.
    ///
    /// # Errors
    /// [`Conflict::AlreadySetUp`] if there is any organization.
    pub fn set_up(&self, name: Name, plan: Plan, head_coach: NewHeadCoach) -> Result<(Organization, User)> {
        if store::organizations::is_set_up(self.tx)? {
            return Err(Conflict::AlreadySetUp.into());
        }
        found(self.tx, name, plan, head_coach, self.audit)
    }
}

/// Makes an organization and its head coach. What set-up and the operator do alike.
///
/// # Errors
/// [`Conflict::UserExists`]: a person who has an account keeps its password; they are not given a club
/// by anybody's typing their email.
pub(in crate::service) fn found(
    tx: &WriteTx,
    name: Name,
    plan: Plan,
    head_coach: NewHeadCoach,
    audit: Audit,
) -> Result<(Organization, User)> {
    if store::users::by_email(tx, &head_coach.email)?.is_some() {
        return Err(Conflict::UserExists.into());
    }
    let now = tx.now();
    let organization = Organization {
        id: tx.new_id::<OrganizationId>(),
        name,
        description: None,
        plan,
        longest_key_days: None,
        usual_key_days: None,
        revision: 1,
        created_at: now,
        updated_at: now,
    };
    let user = User {
        id: tx.new_id::<UserId>(),
        email: head_coach.email.clone(),
        display_name: head_coach.display_name.clone(),
        password_hash: head_coach.password_hash,
        created_at: now,
        password_changed_at: now,
    };
    let member = Member {
        id: tx.new_id(),
        organization_id: organization.id,
        user_id: Some(user.id),
        role: Role::HeadCoach,
        status: MemberStatus::Active,
        display_name: head_coach.display_name,
        email: Some(head_coach.email),
        labels: Vec::new(),
        external_id: None,
        coach_id: None,
        created_at: now,
        updated_at: now,
    };
    if !store::organizations::is_set_up(tx)? {
        store::organizations::set_up(tx)?;
    }
    store::organizations::put(tx, &organization)?;
    store::users::put(tx, &user)?;
    store::members::put(tx, None, &member)?;
    let changes =
        json!({ "name": organization.name, "plan": organization.plan, "head_coach": member.id, "user": user.id });
    audit.record(tx, Some(organization.id), "organization.create", organization.id, changes)?;
    audit.record(tx, None, "user.create", user.id, json!({ "email": user.email }))?;
    Ok((organization, user))
}
