//! Members: list, read, add, change, remove.

use serde_json::json;

use super::{EXAMINED_A_PAGE, require};
use crate::service::{
    authority::{RosterEditor, RosterReader, Sight},
    error::{Conflict, Error, FieldError, Forbidden, Result},
    model::{
        api_key::Reach,
        email::Email,
        id::{MemberId, OrganizationId},
        member::{Member, MemberFilter},
        name::{ExternalId, Label, Name},
        revision::{Expected, Revised},
        role::{MemberStatus, Role},
    },
    store::{
        self, Read, WriteTx,
        members::PageFrame,
        memo::{MemberPage, PageKey},
    },
};

/// What a new member is to be. Its role is coach or athlete.
#[derive(Debug, Clone)]
pub struct NewMember {
    /// What it is in the club.
    pub role: Role,
    /// Whether it counts.
    pub status: MemberStatus,
    /// What it is called.
    pub display_name: Name,
    /// Where to reach it.
    pub email: Option<Email>,
    /// By which it is grouped; sorted, each once.
    pub labels: Vec<Label>,
    /// Its id elsewhere.
    pub external_id: Option<ExternalId>,
    /// For an athlete: its coach.
    pub coach_id: Option<MemberId>,
}

/// What is to change of a member; what is `None` stays, `Some(None)` empties.
#[derive(Debug, Clone, Default)]
pub struct MemberChange {
    /// Coach or athlete.
    pub role: Option<Role>,
    /// Whether it counts.
    pub status: Option<MemberStatus>,
    /// What it is called.
    pub display_name: Option<Name>,
    /// Where to reach it.
    pub email: Option<Option<Email>>,
    /// By which it is grouped.
    pub labels: Option<Vec<Label>>,
    /// Its id elsewhere.
    pub external_id: Option<Option<ExternalId>>,
    /// For an athlete: its coach.
    pub coach_id: Option<Option<MemberId>>,
}

fn find(tx: &impl Read, organization_id: OrganizationId, reach: Reach, id: MemberId) -> Result<(Member, u64)> {
    let Reach::Everything = reach;
    store::members::get(tx, organization_id, id)?.ok_or(Error::NotFound)
}

impl<T: Read> RosterReader<'_, T> {
    /// A page of the members that match `filter`: as JSON with commas between them, in the frame that `frame` makes.
    ///
    /// # Errors
    /// [`Forbidden::CoachRequired`] for an athlete.
    pub fn members(
        &self,
        filter: &MemberFilter,
        limit: usize,
        position: Option<Vec<u8>>,
        frame: &impl PageFrame,
    ) -> Result<MemberPage> {
        let Sight::Roster(reach) = self.sight else { return Err(Forbidden::CoachRequired.into()) };
        let (organization_id, filter, examine) = (self.organization_id, filter.clone(), EXAMINED_A_PAGE);
        let key = PageKey { organization_id, reach, filter, limit, examine, position };
        Ok(store::members::framed_page(self.tx, &key, frame)?)
    }

    /// The member with this id. An athlete finds itself alone.
    pub fn member(&self, id: MemberId) -> Result<Revised<Member>> {
        let reach = match self.sight {
            Sight::Roster(reach) => reach,
            Sight::Itself(own) if own == id => Reach::Everything,
            Sight::Itself(_) => return Err(Error::NotFound),
        };
        let (record, revision) = find(self.tx, self.organization_id, reach, id)?;
        Ok(Revised { record, revision })
    }
}

impl RosterEditor<'_, WriteTx> {
    /// Adds a member.
    ///
    /// # Errors
    /// [`Forbidden::HeadCoachRequired`] if it is a coach and the caller is not the head coach;
    /// [`Conflict`] if its email or external id is taken; [`Error::Invalid`] if its coach is none.
    pub fn add_member(&self, new: NewMember) -> Result<Member> {
        self.require_right_over(new.role)?;
        let now = self.tx.now();
        let member = Member {
            id: self.tx.new_id(),
            organization_id: self.organization_id,
            user_id: None,
            role: new.role,
            status: new.status,
            display_name: new.display_name,
            email: new.email,
            labels: new.labels,
            external_id: new.external_id,
            coach_id: new.coach_id,
            created_at: now,
            updated_at: now,
        };
        self.check(&member)?;
        store::members::put(self.tx, None, &member)?;
        self.audit.record(
            self.tx,
            Some(self.organization_id),
            "member.create",
            member.id,
            json!({ "display_name": member.display_name, "role": member.role }),
        )?;
        Ok(member)
    }

    /// Changes a member that has an expected revision.
    ///
    /// # Errors
    /// As [`RosterEditor::add_member`]; [`Conflict::RevisionMismatch`]; [`Conflict::HeadCoachMustStay`] for the head coach's role and
    /// status; [`Conflict::NotAccepted`] if a member who has not accepted is to become coach.
    pub fn change_member(&self, id: MemberId, expected: &Expected, change: MemberChange) -> Result<Revised<Member>> {
        let (before, revision) = find(self.tx, self.organization_id, self.reach, id)?;
        self.require_right_over(before.role)?;
        self.require_right_over(change.role.unwrap_or(before.role))?;
        require(expected, revision)?;
        let mut after = before.clone();
        let mut changes = serde_json::Map::new();
        macro_rules! apply {
            ($($field:ident),+) => {$(
                if let Some(value) = change.$field.filter(|value| *value != before.$field) {
                    changes.insert(stringify!($field).to_owned(), json!(value));
                    after.$field = value;
                }
            )+};
        }
        apply!(role, status, display_name, email, labels, external_id, coach_id);
        if changes.is_empty() {
            return Ok(Revised { record: before, revision });
        }
        if before.role == Role::HeadCoach && (after.role != before.role || after.status != MemberStatus::Active) {
            return Err(Conflict::HeadCoachMustStay.into());
        }
        if after.role == Role::Coach && before.role == Role::Athlete {
            if before.user_id.is_none() {
                return Err(Conflict::NotAccepted.into());
            }
            // An athlete's coach does not follow it into its new role, unless the request insists, if only on the present one.
            if before.coach_id.is_some() && change.coach_id.is_none() {
                after.coach_id = None;
                changes.insert("coach_id".to_owned(), json!(null));
            }
        }
        self.check(&after)?;
        after.updated_at = self.tx.now();
        if before.role == Role::Coach && after.role == Role::Athlete {
            changes.insert("athletes_released".to_owned(), json!(release_athletes(self.tx, self.organization_id, id)?));
        }
        store::members::put(self.tx, Some((&before, revision)), &after)?;
        self.audit.record(self.tx, Some(self.organization_id), "member.change", id, changes.into())?;
        Ok(Revised { record: after, revision: revision + 1 })
    }

    /// Removes a member. The athletes of a coach are left without one; the person behind it keeps their
    /// account, and loses this club.
    ///
    /// # Errors
    /// [`Conflict::RevisionMismatch`]; [`Conflict::HeadCoachMustStay`].
    pub fn remove_member(&self, id: MemberId, expected: &Expected) -> Result<()> {
        let (member, revision) = find(self.tx, self.organization_id, self.reach, id)?;
        self.require_right_over(member.role)?;
        require(expected, revision)?;
        if member.role == Role::HeadCoach {
            return Err(Conflict::HeadCoachMustStay.into());
        }
        let released = release_athletes(self.tx, self.organization_id, id)?;
        store::invitations::delete_of(self.tx, self.organization_id, id)?;
        store::members::delete(self.tx, &member)?;
        let changes =
            json!({ "display_name": member.display_name, "role": member.role, "athletes_released": released });
        self.audit.record(self.tx, Some(self.organization_id), "member.remove", id, changes)
    }

    /// What must hold between a member and the rest of the club.
    fn check(&self, member: &Member) -> Result<()> {
        let other = |found: Option<MemberId>| found.filter(|found| *found != member.id);
        // First what an integration recognizes its own rows by.
        if let Some(external_id) = &member.external_id
            && let Some(by) = other(store::members::with_external_id(self.tx, self.organization_id, external_id)?)
        {
            return Err(Conflict::ExternalIdTaken { by }.into());
        }
        if let Some(email) = &member.email
            && let Some(by) = other(store::members::with_email(self.tx, self.organization_id, email)?)
        {
            return Err(Conflict::EmailTaken { by }.into());
        }
        if let Some(coach_id) = member.coach_id {
            if member.role != Role::Athlete {
                return Err(FieldError::new("coach_id", "only an athlete is assigned to a coach").into());
            }
            let coach = store::members::head(self.tx, self.organization_id, coach_id)?;
            if coach_id == member.id || coach.is_none_or(|coach| coach.role == Role::Athlete) {
                return Err(FieldError::new("coach_id", "must be the id of a coach of this organization").into());
            }
        }
        Ok(())
    }
}

/// Leaves the athletes of a coach without one; how many there were.
pub(in crate::service) fn release_athletes(
    tx: &WriteTx,
    organization_id: OrganizationId,
    coach_id: MemberId,
) -> Result<usize> {
    let athletes = store::members::athletes_of(tx, organization_id, coach_id)?;
    for id in &athletes {
        let (before, revision) = store::members::get(tx, organization_id, *id)?.ok_or(Error::NotFound)?;
        let after = Member { coach_id: None, updated_at: tx.now(), ..before.clone() };
        store::members::put(tx, Some((&before, revision)), &after)?;
    }
    Ok(athletes.len())
}
