//! A row of a club's roster.

use serde::{Deserialize, Serialize};

use super::{
    Invalid,
    email::Email,
    id::{MemberId, OrganizationId, UserId},
    name::{ExternalId, Label, Name},
    role::{MemberStatus, Role},
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
        let mut words = fold_words(self.display_name.as_str());
        if let Some(email) = &self.email {
            words.push(fold(email.as_str()));
            words.extend(fold_words(email.as_str()));
        }
        words.sort_unstable();
        words.dedup();
        words
    }
}

/// Which members to list; all of these at once.
#[derive(Debug, Default, Clone)]
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

/// What was typed to find a member: each word of it begins a word of the member's name or email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(Vec<String>);

impl Search {
    /// How many characters can be typed.
    pub const MAX_LENGTH: usize = 100;

    /// The words, folded, the longest first.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// The longest word.
    pub fn longest(&self) -> &str {
        &self.0[0]
    }
}

impl std::fmt::Display for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl std::str::FromStr for Search {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > Self::MAX_LENGTH {
            return Err(Invalid::new("must have at most 100 characters"));
        }
        let piece = |piece: &str| if piece.contains('@') { vec![fold(piece)] } else { fold_words(piece) };
        let mut words: Vec<String> = text.split_whitespace().flat_map(piece).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        if words.is_empty() {
            return Err(Invalid::new("must contain a letter or a digit"));
        }
        Ok(Self(words))
    }
}

/// `text` without case and accents (Unicode case folding of its NFKD form without marks).
pub fn fold(text: &str) -> String {
    use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
    let bare: String = text.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    caseless::default_case_fold_str(&bare)
}

/// The words of `text`, folded.
pub fn fold_words(text: &str) -> Vec<String> {
    fold(text).split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_without_case_and_accents() {
        assert_eq!(fold_words("José ÅNGSTRÖM-Straße"), ["jose", "angstrom", "strasse"]);
        assert_eq!(fold_words("李小龍"), ["李小龍"]);
    }
}
