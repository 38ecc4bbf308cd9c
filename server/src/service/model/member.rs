//! A row of a club's roster.

use serde::{Deserialize, Serialize};

use super::{
    email::Email,
    id::{MemberId, OrganizationId, UserId},
    name::{ExternalId, Label, Name},
    role::{MemberStatus, Role},
    search::{Search, fold, fold_words},
    timestamp::Timestamp,
};

/// A member. Serialized it is the body of an answer: the store keeps it in exactly this form
/// (`docs/decisions/0003-member-records-are-json.md`), so the order of its fields is the API's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// The club it belongs to.
    pub organization_id: OrganizationId,
    /// The person behind it, once they accepted an invitation.
    pub user_id: Option<UserId>,
    /// What it is in the club.
    pub role: Role,
    /// Whether it counts.
    pub status: MemberStatus,
    /// What it is called.
    pub display_name: Name,
    /// Where to reach it; unique in the club; not the email that a user signs in with.
    pub email: Option<Email>,
    /// Words by which it is grouped; at most [`Member::MAX_LABELS`], sorted, each once.
    pub labels: Vec<Label>,
    /// Its id in the tool that the roster is synced from; unique in the club.
    pub external_id: Option<ExternalId>,
    /// For an athlete: the coach it is assigned to.
    pub coach_id: Option<MemberId>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Member {
    /// How many labels a member can have.
    pub const MAX_LABELS: usize = 20;

    /// The folded words of its name and email, sorted, each once: what a search looks through.
    pub fn words(&self) -> Vec<String> {
        Self::words_of(self.display_name.as_str(), self.email.as_ref().map(Email::as_str))
    }

    /// The same of a member with this name and email.
    pub fn words_of(display_name: &str, email: Option<&str>) -> Vec<String> {
        let mut words = fold_words(display_name);
        if let Some(email) = email {
            words.push(fold(email));
            words.extend(fold_words(email));
        }
        words.sort_unstable();
        words.dedup();
        words
    }
}

/// Which members to list; all of these at once.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub struct MemberFilter {
    /// With this role.
    pub role: Option<Role>,
    /// With this status.
    pub status: Option<MemberStatus>,
    /// With this label.
    pub label: Option<Label>,
    /// Assigned to this coach.
    pub coach_id: Option<MemberId>,
    /// Found by a search.
    pub search: Option<Search>,
}
