//! The club's name and description, being changed.

use super::Club;
use crate::{
    rules::{Description, Invalid, Name},
    state::{change::Sending, failure::Failure, form::Field},
};

/// The club's name and description, being changed.
#[derive(Debug, Clone)]
pub struct ClubForm {
    /// The club that is changed, as it was when the untouched fields were filled in.
    pub club: Club,
    /// The name.
    pub name: Field,
    /// The description.
    pub description: Field,
    /// For how many days a key may last.
    pub longest: Field,
    /// For how many days a key lasts where nothing is said.
    pub usual: Field,
    /// How the sending goes.
    pub sending: Sending,
}

impl ClubForm {
    /// Takes what the club is now: what was not touched shows it.
    pub fn rebase(&mut self, club: &Club) {
        let (before, after) = (Self::of(&self.club), Self::of(club));
        self.name.rebase(before.name, after.name);
        self.description.rebase(before.description, after.description);
        self.longest.rebase(before.longest, after.longest);
        self.usual.rebase(before.usual, after.usual);
        self.club = club.clone();
    }

    /// Takes what the server said of single fields.
    pub fn hear(&mut self, failure: &Failure) {
        self.name.hear("name", failure);
        self.description.hear("description", failure);
        self.longest.hear("longest_key_days", failure);
        self.usual.hear("usual_key_days", failure);
    }

    /// Whether anything was touched.
    pub fn is_changed(&self) -> bool {
        let before = Self::of(&self.club);
        let is_other = |now: &Field, before: &Field| now.text.trim() != before.text;
        is_other(&self.name, &before.name)
            || is_other(&self.description, &before.description)
            || is_other(&self.longest, &before.longest)
            || is_other(&self.usual, &before.usual)
    }

    /// The form of a club.
    pub fn of(club: &Club) -> Self {
        Self {
            club: club.clone(),
            name: Field::of(&club.name),
            description: Field::of(club.description.clone().unwrap_or_default()),
            longest: Field::of(club.longest_key_days.map(|days| days.to_string()).unwrap_or_default()),
            usual: Field::of(club.usual_key_days.map(|days| days.to_string()).unwrap_or_default()),
            sending: Sending::default(),
        }
    }

    /// The name.
    pub fn name(&self) -> Result<Name, Invalid> {
        self.name.value()
    }

    /// The description.
    pub fn description(&self) -> Result<Option<Description>, Invalid> {
        self.description.optional()
    }

    /// For how many days a key may last.
    pub fn longest(&self) -> Result<Option<u16>, Invalid> {
        days(&self.longest)
    }

    /// For how many days a key lasts where nothing is said.
    pub fn usual(&self) -> Result<Option<u16>, Invalid> {
        let usual = days(&self.usual)?;
        match (usual, self.longest()) {
            (Some(usual), Ok(Some(longest))) if usual > longest => {
                Err(Invalid(format!("must be at most {longest}, the longest time").into()))
            }
            _ => Ok(usual),
        }
    }
}

/// A number of days; none where nothing is typed.
fn days(field: &Field) -> Result<Option<u16>, Invalid> {
    let text = field.text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let days = text.parse().ok().filter(|days| (1..=3650).contains(days));
    days.map(Some).ok_or_else(|| Invalid("must be a whole number of days, from 1 to 3650".into()))
}
