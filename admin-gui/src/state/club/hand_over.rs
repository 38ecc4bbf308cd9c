//! The head coach's role, being handed over.

use crate::state::{
    Dialog, State,
    change::{Sending, What},
    exchange::Change,
    listing::Progress,
    secret::Typed,
};

/// The head coach's role, being handed over.
#[derive(Default)]
pub struct HandOverForm {
    /// Who is to have it.
    pub member_id: Option<String>,
    /// The present head coach's password.
    pub password: Typed,
    /// Whether it can be read.
    pub shown: bool,
    /// How the sending goes.
    pub sending: Sending,
}

impl State {
    /// Asks who is to have the role.
    pub(in crate::state) fn ask_hand_over(&mut self) {
        self.open_dialog(Dialog::HandOver(Box::default()));
        // Who can have it stands in the roster.
        match self.console().map(|console| &console.members.list.progress) {
            Some(Progress::Loading(_) | Progress::Complete) | None => {}
            Some(Progress::Nothing) => self.load_members(false),
            Some(Progress::Stopped | Progress::Failed(_)) => self.load_members(true),
        }
    }

    /// Sends the form that hands it over.
    pub(in crate::state) fn hand_over(&mut self) {
        if let Some(Dialog::HandOver(form)) = self.dialog()
            && !form.sending.is_on()
            && let Some(member_id) = form.member_id.clone()
            && !form.password.text().is_empty()
        {
            let change = Change::HandOver { member_id, password: form.password.secret() };
            self.send(What::HandOver, change);
        }
    }

    /// The person heads one club fewer.
    pub(in crate::state) fn handed_over(&mut self) {
        let Some(console) = self.console_mut() else { return };
        let (id, name) = (console.membership.organization_id.clone(), console.membership.organization_name.clone());
        console.dialog = None;
        console.clubs.retain(|known| known.organization_id != id);
        match console.clubs.first().cloned() {
            Some(next) => {
                self.say(format!("You have handed {name} over."));
                self.open_club(next);
            }
            None => {
                let person = console.person.name.clone();
                self.show_outsider(person, vec![name.clone()], vec![(id, name)]);
            }
        }
    }
}
