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
    /// How the sending goes.
    pub sending: Sending,
}

impl ClubForm {
    /// Takes what the club is now: what was not touched shows it.
    pub fn rebase(&mut self, club: &Club) {
        let (before, after) = (Self::of(&self.club), Self::of(club));
        self.name.rebase(before.name, after.name);
        self.description.rebase(before.description, after.description);
        self.club = club.clone();
    }

    /// Takes what the server said of single fields.
    pub fn hear(&mut self, failure: &Failure) {
        self.name.hear("name", failure);
        self.description.hear("description", failure);
    }

    /// Whether anything was touched.
    pub fn is_changed(&self) -> bool {
        let before = Self::of(&self.club);
        self.name.text.trim() != before.name.text || self.description.text.trim() != before.description.text
    }

    /// The form of a club.
    pub fn of(club: &Club) -> Self {
        Self {
            club: club.clone(),
            name: Field::of(&club.name),
            description: Field::of(club.description.clone().unwrap_or_default()),
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
}
