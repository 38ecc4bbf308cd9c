//! What the person does with the club.

use super::ClubForm;
use crate::state::{
    State,
    change::{Sending, What},
    exchange::Change,
};

impl State {
    /// Sends the form of the club; the change shows at once.
    pub(in crate::state) fn save_club(&mut self) {
        let now = self.clock.now;
        let Some(console) = self.console_mut() else { return };
        let (Some(form), Some(club)) = (&mut console.club_form, &mut console.club) else { return };
        let (Ok(name), Ok(description), Ok(longest), Ok(usual)) =
            (form.name(), form.description(), form.longest(), form.usual())
        else {
            for field in [&mut form.name, &mut form.description, &mut form.longest, &mut form.usual] {
                field.left = true;
            }
            return;
        };
        if form.sending.is_on() {
            return;
        }
        let before = Box::new(club.clone());
        club.name = name.as_str().to_owned();
        club.description = description.map(|description| description.as_str().to_owned());
        (club.longest_key_days, club.usual_key_days) = (longest, usual);
        let change = Change::UpdateClub { club: Box::new(club.clone()), etag: form.club.etag.clone() };
        let ticket = self.ask_change(What::UpdateClub { before }, change);
        self.in_club_form(|form| form.sending = Sending::under(ticket, now));
    }

    /// Takes back what was typed into the form of the club.
    pub(in crate::state) fn reset_club(&mut self) {
        self.in_console(|console| console.club_form = console.club.as_ref().map(ClubForm::of));
    }

    /// Does something in the form of the club, if there is one.
    pub(super) fn in_club_form(&mut self, change: impl FnOnce(&mut ClubForm)) {
        if let Some(form) = self.console_mut().and_then(|console| console.club_form.as_mut()) {
            change(form);
        }
    }
}
