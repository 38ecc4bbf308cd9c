//! Which view of which club is open.

use super::{
    Screen, State, View, audit::Audit, club::ClubForm, exchange::Effect, keys::Keys, listing::Progress,
    members::Members, preferences::Place, session::Membership,
};

impl State {
    /// Opens a view.
    pub(super) fn show(&mut self, view: View) {
        let Screen::Console(console) = &mut self.screen else { return };
        console.view = view.clone();
        self.preferences.view = match &view {
            View::Keys | View::Key(_) => Place::Keys,
            View::Members => Place::Members,
            View::Audit => Place::Audit,
            View::Club => Place::Club,
        };
        match view {
            View::Keys if console.keys.list.is_outdated() => self.load_keys(),
            View::Keys => {}
            View::Key(id) => self.open_key(id),
            View::Members => self.want_members(),
            View::Audit => self.load_audit(false),
            View::Club => {
                if console.club_form.is_none() {
                    console.club_form = console.club.as_ref().map(ClubForm::of);
                }
                self.load_club();
                // Handing over needs to know the coaches.
                self.want_members();
            }
        }
    }

    /// Reads the members, unless they were read or are being read.
    fn want_members(&mut self) {
        let wanted = |members: &Members| members.list.progress == Progress::Nothing || members.list.is_outdated();
        if self.console().is_some_and(|console| wanted(&console.members)) {
            self.load_members(false);
        }
    }

    /// Reads what is on screen anew.
    pub(super) fn refresh(&mut self) {
        let Some(view) = self.console().map(|console| console.view.clone()) else { return };
        self.load_club();
        match view {
            View::Keys => self.load_keys(),
            View::Key(id) => {
                self.load_keys();
                // One that has ended need not be in the list.
                self.load_key(id.clone());
                self.load_usage(id);
            }
            View::Members => self.load_members(false),
            View::Audit => self.load_audit(false),
            View::Club => {}
        }
    }

    /// Opens another of the person's clubs.
    pub(super) fn switch_club(&mut self, organization: &str) {
        let Some(console) = self.console() else { return };
        let wanted = console.clubs.iter().find(|club| club.organization_id == organization).cloned();
        if let Some(membership) = wanted {
            self.open_club(membership);
        }
    }

    /// Opens a club of the person's.
    pub(super) fn open_club(&mut self, membership: Membership) {
        let known = self.preferences.organization_id.replace(membership.organization_id.clone());
        let same_club = known.is_none_or(|known| known == membership.organization_id);
        if !same_club {
            // Labels and coaches are of a club.
            self.preferences.member_filter.label = None;
            self.preferences.member_filter.coach_id = None;
        }
        let preferences = self.preferences.clone();
        let Some(console) = self.console_mut() else { return };
        console.membership = membership;
        console.club = None;
        console.club_failure = None;
        console.club_form = None;
        console.dialog = None;
        console.draft = None;
        console.audit = Audit::default();
        console.keys = Keys::shown_as(preferences.key_filter, preferences.key_sort);
        let members = Members::shown_as(preferences.member_filter, preferences.member_sort);
        let replaced = std::mem::replace(&mut console.members, members);
        console.view = match preferences.view {
            Place::Keys => View::Keys,
            Place::Members => View::Members,
            Place::Audit => View::Audit,
            Place::Club => View::Club,
        };
        self.effects.push(Effect::Discard(Box::new(replaced)));
        self.load_club();
        match preferences.view {
            Place::Keys => {}
            Place::Members | Place::Club => self.load_members(false),
            Place::Audit => self.load_audit(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action, View,
        desk::{Desk, failure, key, member},
        exchange::Event,
        failure::FailureKind,
        listing::Page,
    };

    /// The roster of one club was still coming in when another was opened, and its people were shown there.
    #[test]
    fn what_comes_of_one_club_is_not_shown_in_another() {
        let mut desk = Desk::of(&["org_a", "org_b"], vec![key("key_1", "Of A")]);
        desk.revoke("key_1", "Of A");
        let revoking = desk.ticket();
        desk.act(Action::Show(View::Members));
        let load = desk.load_of_members();

        desk.act(Action::Switch("org_b".into()));
        let page = Page { items: vec![member("mem_a", "Of A")], next: None };
        desk.hear(Event::Members { load, page: Ok(page) });
        assert!(desk.console().members.list.items.is_empty());

        desk.answer(revoking, Err(failure(FailureKind::Refused("not_found".into()))));
        assert!(desk.console().keys.list.items.is_empty());
        assert!(desk.state.notices.iter().any(|notice| notice.text.contains("Of A")), "but it is said");

        let result = Box::new(Err(failure(FailureKind::Broken)));
        desk.hear(Event::Club { organization: "org_a".into(), result });
        assert_eq!(desk.console().club_failure, None);
    }

    #[test]
    fn a_filter_by_what_another_club_has_is_not_kept() {
        let mut desk = Desk::of(&["org_a", "org_b"], vec![]);
        desk.act(Action::Show(View::Members));
        desk.console().members.filter.label = Some("u16".into());
        desk.act(Action::FilterMembers);
        desk.act(Action::Switch("org_b".into()));
        assert_eq!(desk.console().members.filter.label, None);
        assert_eq!(desk.state.preferences.member_filter.label, None, "nor at the next start");
    }
}
