//! A member: what is known of it, what can be changed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::listing::Record;

/// A row of the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Stays for life.
    pub id: String,
    /// What it is in the club.
    pub role: Role,
    /// Whether it counts.
    pub status: Standing,
    /// What it is called.
    pub name: String,
    /// Where to reach it.
    pub email: Option<String>,
    /// Words by which it is grouped.
    pub labels: Vec<String>,
    /// Its id in the tool that the roster is synced from.
    pub external_id: Option<String>,
    /// For an athlete: the coach.
    pub coach_id: Option<String>,
    /// Whether a person has accepted the invitation.
    pub accepted: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a member is in the club.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Heads it.
    HeadCoach,
    /// Coaches.
    Coach,
    /// Is coached.
    Athlete,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::HeadCoach, Self::Coach, Self::Athlete];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::HeadCoach => "Head coach",
            Self::Coach => "Coach",
            Self::Athlete => "Athlete",
        }
    }
}

/// Whether a member counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Standing {
    /// Takes part.
    Active,
    /// Is away.
    Inactive,
    /// Is shut out.
    Suspended,
}

impl Standing {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Suspended];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
            Self::Suspended => "Suspended",
        }
    }
}

/// What a member is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in Member")]
pub struct MemberWish {
    pub name: String,
    pub email: Option<String>,
    pub external_id: Option<String>,
    pub role: Role,
    pub status: Standing,
    pub labels: Vec<String>,
    pub coach_id: Option<String>,
}

/// What is to change of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberEdit {
    /// Everything that differs from what it was.
    All {
        /// What it was when the person began to type.
        from: Box<MemberWish>,
        /// What it is to be.
        to: Box<MemberWish>,
    },
    /// Its status.
    Status(Standing),
    /// Its coach; none to take the coach away.
    Coach(Option<String>),
    /// One label more.
    AddLabel(String),
    /// One label less.
    RemoveLabel(String),
}

impl Record for Member {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Member {
    /// What can be changed of it.
    pub fn wish(&self) -> MemberWish {
        MemberWish {
            name: self.name.clone(),
            email: self.email.clone(),
            external_id: self.external_id.clone(),
            role: self.role,
            status: self.status,
            labels: self.labels.clone(),
            coach_id: self.coach_id.clone(),
        }
    }

    /// The member as it would be.
    pub fn with(&self, wish: &MemberWish) -> Self {
        let MemberWish { name, email, external_id, role, status, labels, coach_id } = wish.clone();
        Self { name, email, external_id, role, status, labels, coach_id, ..self.clone() }
    }

    /// The member as it would be after an edit.
    pub fn edited(&self, edit: &MemberEdit) -> Self {
        let mut after = self.clone();
        match edit {
            MemberEdit::All { to, .. } => return self.with(to),
            MemberEdit::Status(status) => after.status = *status,
            MemberEdit::Coach(coach) => after.coach_id.clone_from(coach),
            MemberEdit::AddLabel(label) => {
                after.labels.push(label.clone());
                after.labels.sort();
                after.labels.dedup();
            }
            MemberEdit::RemoveLabel(label) => after.labels.retain(|known| known != label),
        }
        after
    }
}
