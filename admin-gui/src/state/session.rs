//! Who is signed in, from when they come to when they leave.

use super::{
    Connection, Console, Dialog, Screen, State, View,
    change::What,
    exchange::{Command, Effect},
    failure::{Failure, FailureKind},
    keys::Keys,
    members::{Members, Role},
};

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Stays for life.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// What they sign in with.
    pub email: String,
}

/// A club that the person belongs to, as far as signing in tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The club.
    pub organization_id: String,
    /// What it is called.
    pub organization_name: String,
    /// The person's row in its roster.
    pub member_id: String,
    /// What they are there.
    pub role: Role,
}

/// What signing in gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub person: Person,
    /// Where they belong.
    pub memberships: Vec<Membership>,
}

impl Membership {
    /// Whether it is the head coach's.
    fn is_head(&self) -> bool {
        self.role == Role::HeadCoach
    }
}

impl SignedIn {
    /// Whether the person heads that club.
    fn heads(&self, organization: &str) -> bool {
        self.memberships.iter().any(|membership| membership.is_head() && membership.organization_id == organization)
    }
}

impl State {
    /// Takes what came of the session that the keyring kept.
    pub(super) fn resumed(&mut self, session: Option<Result<SignedIn, Failure>>) {
        if !matches!(self.screen, Screen::Starting(_)) {
            return;
        }
        let mut asking = self.asking(None);
        match session {
            Some(Ok(signed_in)) => return self.signed_in(signed_in),
            Some(Err(failure)) if failure.kind == FailureKind::SignedOut => {
                asking.notice = Some("Your last session is over. Sign in again.".to_owned());
            }
            Some(Err(failure)) => {
                asking.failure = Some(failure);
                asking.resumable = true;
            }
            None => {}
        }
        self.screen = Screen::SignIn(Box::new(asking));
    }

    /// Shows a person their club, or what they were at when their session ended.
    pub(super) fn signed_in(&mut self, signed_in: SignedIn) {
        self.preferences.email.clone_from(&signed_in.person.email);
        if let Some((server, mut console)) = self.interrupted.take()
            && server == self.preferences.server
            && console.person.id == signed_in.person.id
            && signed_in.heads(&console.membership.organization_id)
        {
            console.connection = Connection::Online;
            self.screen = Screen::Console(console);
            self.refresh();
            return self.load_key_of_form();
        }
        let SignedIn { person, memberships } = signed_in;
        let (headed, others): (Vec<Membership>, Vec<Membership>) =
            memberships.into_iter().partition(Membership::is_head);
        let remembered = self.preferences.organization_id.as_ref();
        let wanted = headed.iter().find(|club| Some(&club.organization_id) == remembered);
        let Some(membership) = wanted.or(headed.first()).cloned() else {
            let coaches = others.iter().filter(|membership| membership.role == Role::Coach);
            let asked = coaches.map(|club| (club.organization_id.clone(), club.organization_name.clone())).collect();
            let clubs = others.into_iter().map(|membership| membership.organization_name).collect();
            return self.show_outsider(person.name, clubs, asked);
        };
        self.screen = Screen::Console(Box::new(Console {
            person,
            clubs: headed,
            membership: membership.clone(),
            club: None,
            club_failure: None,
            keys: Keys::default(),
            members: Members::default(),
            audit: super::audit::Audit::default(),
            view: View::Keys,
            dialog: None,
            club_form: None,
            draft: None,
            connection: Connection::Online,
        }));
        self.open_club(membership);
    }

    /// Says that the session lives no longer than the window.
    pub(super) fn not_kept(&mut self, reason: &str) {
        self.complain(format!("You stay signed in until you close this window: the keyring said \"{reason}\""));
    }

    /// Where the person belongs now: the head coach's role may have gone to somebody else.
    pub(super) fn belongs(&mut self, signed_in: SignedIn) {
        let Some(console) = self.console_mut() else { return };
        if !signed_in.heads(&console.membership.organization_id) {
            let name = console.membership.organization_name.clone();
            self.signed_in(signed_in);
            self.complain(format!("You are not the head coach of {name} any more."));
            return;
        }
        console.clubs.retain(|club| signed_in.heads(&club.organization_id));
        self.reached();
    }

    /// The session is over: elsewhere, or by time. What the person was at is kept for when they are back.
    pub(super) fn session_ended(&mut self) {
        let mut notice =
            "Your session has ended: it was signed out elsewhere, or has expired. Sign in again to go on.".to_owned();
        let server = self.preferences.server.clone();
        let now = self.clock.now;
        if let Screen::Console(mut console) = std::mem::replace(&mut self.screen, Screen::Starting(now)) {
            // The last change first, so that what was there before the first is there again.
            let mut removed = Vec::new();
            for pending in std::mem::take(&mut self.pending).into_values().rev() {
                match pending.what {
                    _ if pending.organization != console.membership.organization_id => {}
                    What::RemoveMember { before, .. } => removed.push(*before),
                    // All of it is read again once the person is back.
                    what => drop(what.take_back(&mut console)),
                }
            }
            console.members.restore(removed);
            console.keys.arrange(&self.clock);
            console.interrupt();
            if let Some(Dialog::Secret(once)) = &console.dialog {
                notice.push_str(&format!(" The new key \"{}\" is shown again then, to be stored.", once.key.name));
            }
            self.interrupted = Some((server, console));
        }
        self.leave(Some(notice));
        self.ask(Command::Forget);
    }

    /// Ends the session at the person's wish. Nobody waits for the answer: it is forgotten here at once.
    pub(super) fn sign_out(&mut self) {
        if !matches!(self.screen, Screen::SignIn(_)) {
            self.interrupted = None;
            self.leave(None);
            self.ask(Command::SignOut);
        }
    }

    /// Takes what the server said to the end of the session.
    pub(super) fn hear_signed_out(&mut self, result: Result<(), Failure>) {
        if let (Err(failure), Screen::SignIn(sign_in)) = (result, &mut self.screen) {
            sign_in.notice = Some(format!(
                "This computer has forgotten your session, but the server could not be told: {} There it ends by itself. \
                 To be sure, sign in and sign out everywhere, under Club.",
                failure.title
            ));
        }
    }

    /// Ends all sessions of the person.
    pub(super) fn sign_out_everywhere(&mut self) {
        let Some(Dialog::SignOutEverywhere(sending)) = self.dialog() else { return };
        if !sending.is_on() {
            let ticket = self.ticket(What::SignOutEverywhere);
            self.wait_in_dialog(ticket);
            self.ask(Command::SignOutEverywhere { ticket });
        }
    }

    /// All sessions of the person have ended.
    pub(super) fn signed_out_everywhere(&mut self) {
        self.interrupted = None;
        self.leave(Some("You are signed out everywhere.".to_owned()));
    }

    /// Goes back to asking who is there.
    fn leave(&mut self, notice: Option<String>) {
        self.era += 1;
        self.pending.clear();
        self.batches.clear();
        self.notices.clear();
        let asking = Screen::SignIn(Box::new(self.asking(notice)));
        if let Screen::Console(console) = std::mem::replace(&mut self.screen, asking) {
            self.effects.push(Effect::Discard(Box::new(console.members)));
        }
    }
}

impl Console {
    /// Waits for nothing any more, and shows nothing that somebody else may not see.
    fn interrupt(&mut self) {
        self.keys.list.interrupt();
        self.members.list.interrupt();
        if let Some(form) = &mut self.club_form {
            form.sending.ticket = None;
        }
        if let Some(sending) = self.sending() {
            sending.ticket = None;
        }
        if let Some(Dialog::Export(form)) = &mut self.dialog {
            form.interrupt();
        }
        // A link, a password or a found secret is not left behind a sign-in that somebody else may pass. The secret of a key is, since
        // nobody could show it again; only the person who made it gets there.
        if matches!(
            self.dialog,
            Some(Dialog::Invitation(_) | Dialog::Password(_) | Dialog::HandOver(_) | Dialog::Leak(_))
        ) {
            self.dialog = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action, Dialog, Screen, View,
        desk::{Desk, failure, key, signed_in},
        exchange::{Command, Event},
        failure::FailureKind,
        form::Field,
        listing::Progress,
    };

    /// A late 401 of the old session threw the new one away.
    #[test]
    fn what_comes_of_an_ended_session_is_dropped() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        let old = desk.state.era();
        desk.hear_club(Err(failure(FailureKind::SignedOut)));
        assert!(matches!(desk.state.screen, Screen::SignIn(_)));
        if let Screen::SignIn(form) = &mut desk.state.screen {
            form.password.text_mut().push_str("half typed");
        }
        desk.hear_of(old, Event::Keys { load: 1, page: Err(failure(FailureKind::SignedOut)) });
        assert!(matches!(&desk.state.screen, Screen::SignIn(form) if form.password.text() == "half typed"));

        desk.hear(Event::SignedIn(Ok(signed_in(&["org_a"]))));
        desk.hear_of(old, Event::Members { load: 1, page: Err(failure(FailureKind::SignedOut)) });
        assert!(matches!(desk.state.screen, Screen::Console(_)));
        assert_eq!(desk.names(), ["Sync"], "the person finds what they were at");
    }

    #[test]
    fn who_lost_the_role_elsewhere_is_told() {
        let mut desk = Desk::of(&["org_a", "org_b"], vec![key("key_1", "Sync")]);
        desk.act(Action::Refresh);
        let load = desk.load_of_keys();
        let refused = failure(FailureKind::Refused("head_coach_required".into()));
        desk.hear(Event::Keys { load, page: Err(refused) });
        assert!(matches!(desk.asked.last(), Some(Command::Probe)));
        desk.hear(Event::Reached(signed_in(&["org_b"])));
        assert_eq!(desk.console().membership.organization_id, "org_b");
        assert!(desk.state.notices.iter().any(|notice| notice.text.contains("Club org_a")));
    }

    /// The window closed over a secret, unasked, since it stood behind the sign-in.
    #[test]
    fn a_secret_waits_for_the_person_whose_session_has_ended() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.create_key();
        desk.hear_club(Err(failure(FailureKind::SignedOut)));
        let Screen::SignIn(form) = &desk.state.screen else { panic!("it asks who is there") };
        assert!(form.notice.as_ref().is_some_and(|notice| notice.contains("is shown again then")));
        assert!(desk.state.keeps_open(), "closing asks once");
        desk.hear(Event::SignedIn(Ok(signed_in(&["org_a"]))));
        assert!(matches!(desk.console().dialog, Some(Dialog::Secret(_))));
    }

    #[test]
    fn a_session_that_ends_leaves_nothing_waiting() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::Show(View::Club));
        if let Some(form) = &mut desk.console().club_form {
            form.name = Field::of("Renamed");
        }
        desk.act(Action::SaveClub);
        desk.answer(desk.ticket(), Err(failure(FailureKind::SignedOut)));
        desk.hear(Event::SignedIn(Ok(signed_in(&["org_a"]))));
        let console = desk.console();
        let form = console.club_form.as_ref().expect("the form is there");
        assert_eq!(
            (form.name.text.as_str(), form.sending.is_on()),
            ("Renamed", false),
            "what was typed is still there"
        );
        assert_eq!(console.membership.organization_name, "Club org_a", "what was not done is taken back");
        assert_eq!(console.members.list.progress, Progress::Nothing, "and what was loading is asked for anew");
    }
}
