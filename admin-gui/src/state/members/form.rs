//! A member that is being added, or changed.

use super::{Member, MemberWish, Role, Standing};
use crate::{
    rules::{Email, ExternalId, Invalid, Label, MAX_LABELS, Name},
    state::{
        change::{Once, Sending},
        failure::Failure,
        form::Field,
    },
};

/// A member that is being added or changed.
#[derive(Debug, Clone)]
pub struct MemberForm {
    /// The member that is changed; none for a new one.
    pub member: Option<Member>,
    /// What it is called.
    pub name: Field,
    /// Where to reach it.
    pub email: Field,
    /// Its id in the tool that the roster is synced from.
    pub external_id: Field,
    /// What it is in the club.
    pub role: Role,
    /// Whether it counts.
    pub status: Standing,
    /// Words by which it is grouped, between commas.
    pub labels: Field,
    /// For an athlete: the coach.
    pub coach_id: Option<String>,
    /// So that it is added once, however often it is sent.
    pub once: Once<MemberWish>,
    /// How the sending goes.
    pub sending: Sending,
}

impl Default for MemberForm {
    /// An empty form for an athlete.
    fn default() -> Self {
        Self {
            member: None,
            name: Field::default(),
            email: Field::default(),
            external_id: Field::default(),
            role: Role::Athlete,
            status: Standing::Active,
            labels: Field::default(),
            coach_id: None,
            once: Once::default(),
            sending: Sending::default(),
        }
    }
}

impl MemberForm {
    /// The form of a member that there is.
    pub fn of(member: &Member) -> Self {
        Self {
            name: Field::of(&member.name),
            email: Field::of(member.email.clone().unwrap_or_default()),
            external_id: Field::of(member.external_id.clone().unwrap_or_default()),
            role: member.role,
            status: member.status,
            labels: Field::of(member.labels.join(", ")),
            coach_id: member.coach_id.clone(),
            member: Some(member.clone()),
            ..Self::default()
        }
    }

    /// The name.
    pub fn name(&self) -> Result<Name, Invalid> {
        self.name.value()
    }

    /// The email.
    pub fn email(&self) -> Result<Option<Email>, Invalid> {
        self.email.optional()
    }

    /// The external id.
    pub fn external_id(&self) -> Result<Option<ExternalId>, Invalid> {
        self.external_id.optional()
    }

    /// The labels, sorted, each once.
    pub fn labels(&self) -> Result<Vec<String>, Invalid> {
        let mut labels = Vec::new();
        for label in self.labels.text.split([',', '\n']).map(str::trim).filter(|label| !label.is_empty()) {
            let label: Label =
                label.parse().map_err(|invalid: Invalid| Invalid(format!("'{label}' {}", invalid.0).into()))?;
            labels.push(label.as_str().to_owned());
        }
        labels.sort();
        labels.dedup();
        if labels.len() > MAX_LABELS {
            return Err(Invalid(format!("must have at most {MAX_LABELS} labels, has {}", labels.len()).into()));
        }
        Ok(labels)
    }

    /// What the member is to be, if all that was typed can be sent.
    pub(super) fn wish(&self) -> Result<MemberWish, Invalid> {
        Ok(MemberWish {
            name: self.name()?.as_str().to_owned(),
            email: self.email()?.map(|email| email.as_str().to_owned()),
            external_id: self.external_id()?.map(|id| id.as_str().to_owned()),
            role: self.role,
            status: self.status,
            labels: self.labels()?,
            coach_id: self.coach_id.clone().filter(|_| self.role == Role::Athlete),
        })
    }

    /// Whether all that was typed can be sent.
    pub fn is_ready(&self) -> bool {
        self.wish().is_ok()
    }

    /// Marks every field as left, so that each says what is wrong with it.
    pub fn leave_all(&mut self) {
        for field in [&mut self.name, &mut self.email, &mut self.external_id, &mut self.labels] {
            field.left = true;
        }
    }

    /// Takes what the server said of single fields.
    pub fn hear(&mut self, failure: &Failure) {
        self.name.hear("display_name", failure);
        self.email.hear("email", failure);
        self.external_id.hear("external_id", failure);
        self.labels.hear("labels", failure);
        if failure.is("email_taken") {
            self.email.refused = Some("belongs to another member of the club".into());
        }
        if failure.is("external_id_taken") {
            self.external_id.refused = Some("belongs to another member of the club".into());
        }
    }
}
