//! What is heard of the club.

use super::{Club, ClubForm};
use crate::state::{State, View, exchange::Command, failure::Failure};

impl State {
    /// Reads the club.
    pub(in crate::state) fn load_club(&mut self) {
        let organization = self.organization();
        self.ask(Command::LoadClub { organization });
    }

    /// Takes the club, or why it did not come.
    pub(in crate::state) fn hear_club(&mut self, organization: &str, result: Result<Club, Failure>) {
        let Some(console) = self.console_mut() else { return };
        let is_open = console.membership.organization_id == organization;
        let club = match result {
            Ok(club) if is_open => club,
            Ok(_) => return,
            Err(failure) => {
                if is_open {
                    console.club_failure = Some(failure.clone());
                }
                return self.failed(&failure);
            }
        };
        let lists_keys = console.has_security_settings();
        console.membership.organization_name.clone_from(&club.name);
        for known in &mut console.clubs {
            if known.organization_id == club.id {
                known.organization_name.clone_from(&club.name);
            }
        }
        match &mut console.club_form {
            Some(form) if !form.sending.is_on() => form.rebase(&club),
            Some(_) => {}
            None if console.view == View::Club => console.club_form = Some(ClubForm::of(&club)),
            None => {}
        }
        console.club = Some(club);
        console.club_failure = None;
        if !lists_keys {
            self.load_keys();
        }
        self.reached();
    }

    /// The club was changed.
    pub(in crate::state) fn club_updated(&mut self, club: Club) {
        self.in_club_form(|form| *form = ClubForm::of(&club));
        self.hear_club(&self.organization(), Ok(club));
        self.say("Saved");
    }
}
