//! A change on its way: shown at once, confirmed or taken back by what comes of it.

use jiff::Timestamp;

use super::{
    Console, Dialog, SHOW_WAIT, Screen, State,
    club::Club,
    exchange::{Change, Changed, Command},
    failure::{Failure, FailureKind},
    keys::Key,
    members::{Member, Role},
};

/// A change on its way, and how to take it back.
pub(super) struct Pending {
    /// Of which club.
    pub(super) organization: String,
    pub(super) what: What,
    pub(super) sent_at: Timestamp,
}

/// What was asked for.
pub(super) enum What {
    CreateKey,
    UpdateKey { before: Key },
    RevokeKey { before: Key },
    RotateKey { before: Key },
    EndPreviousSecret { before: Key },
    ReportSecret,
    CreateMember,
    UpdateMember { before: Member, batch: Option<u64> },
    RemoveMember { before: Box<Member>, batch: Option<u64> },
    Invite,
    UpdateClub { before: Box<Club> },
    HandOver,
    ChangePassword,
    SignOutEverywhere,
}

/// What every dialog that sends something knows of its sending.
#[derive(Debug, Default, Clone)]
pub struct Sending {
    /// The ticket under which it was sent, and when.
    pub ticket: Option<(u64, Timestamp)>,
    /// Why it was refused.
    pub failure: Option<Failure>,
}

impl Sending {
    /// Sent under `ticket`, and not answered yet.
    pub(super) fn under(ticket: u64, now: Timestamp) -> Self {
        Self { ticket: Some((ticket, now)), failure: None }
    }

    /// Sent, and refused.
    pub(super) fn refused(failure: Failure) -> Self {
        Self { ticket: None, failure: Some(failure) }
    }

    /// Whether an answer is awaited.
    pub fn is_on(&self) -> bool {
        self.ticket.is_some()
    }

    /// Whether what was sent under `ticket` is awaited.
    pub fn is(&self, ticket: u64) -> bool {
        self.ticket.is_some_and(|(sent, _)| sent == ticket)
    }
}

/// The `Idempotency-Key` of something that is created: it stays as long as what is sent stays the same.
#[derive(Debug, Clone)]
pub struct Once<T>(Option<(T, String)>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Clone + PartialEq> Once<T> {
    /// The key under which `wish` is sent: that of the last try if it was the same, else `fresh`.
    pub fn key_for(&mut self, wish: &T, fresh: String) -> String {
        match &self.0 {
            Some((sent, key)) if sent == wish => key.clone(),
            _ => self.0.insert((wish.clone(), fresh)).1.clone(),
        }
    }
}

impl State {
    /// A ticket for a change of the club that is open, under which its answer is heard.
    pub(super) fn ticket(&mut self, what: What) -> u64 {
        self.last_ticket += 1;
        let pending = Pending { organization: self.organization(), what, sent_at: self.clock.now };
        self.pending.insert(self.last_ticket, pending);
        self.last_ticket
    }

    /// A key of idempotency that was never used.
    pub(super) fn idempotency_key(&mut self) -> String {
        self.last_ticket += 1;
        format!("{:032x}-{}", self.seed, self.last_ticket)
    }

    /// Asks for a change; the ticket under which it is answered.
    pub(super) fn ask_change(&mut self, what: What, change: Change) -> u64 {
        let ticket = self.ticket(what);
        let organization = self.organization();
        self.ask(Command::Change { organization, ticket, change });
        ticket
    }

    /// Sends the change of the open dialog, which waits for the answer.
    pub(super) fn send(&mut self, what: What, change: Change) {
        let ticket = self.ask_change(what, change);
        self.wait_in_dialog(ticket);
    }

    /// Has the open dialog wait for what was sent under `ticket`.
    pub(super) fn wait_in_dialog(&mut self, ticket: u64) {
        let now = self.clock.now;
        if let Some(sending) = self.console_mut().and_then(Console::sending) {
            *sending = Sending::under(ticket, now);
        }
    }

    /// Whether a change is on its way for so long that it should be shown.
    pub fn is_waiting(&self) -> bool {
        self.pending.values().any(|pending| self.clock.now.duration_since(pending.sent_at) >= SHOW_WAIT)
    }

    /// How many changes are on their way.
    pub fn changes_on_their_way(&self) -> usize {
        self.pending.len()
    }

    /// Takes what came of what was sent under `ticket`.
    pub(super) fn changed(&mut self, ticket: u64, result: Result<Changed, Failure>) {
        let Some(Pending { organization, what, .. }) = self.pending.remove(&ticket) else { return };
        if self.console().is_some_and(|console| console.membership.organization_id != organization) {
            // Another club is open: what that one shows is read when it is opened.
            match (what.batch(), result) {
                (Some(batch), Ok(_)) => self.batch(batch).done += 1,
                (Some(batch), Err(failure)) => self.batch(batch).refuse(what.name(), &failure),
                (None, Ok(_)) => {}
                (None, Err(failure)) => self.complain(format!("{}: {}", what.name(), failure.text())),
            }
            return self.finish_batch(what.batch());
        }
        match result {
            Ok(changed) => {
                self.done(ticket, what, changed);
                self.after(None);
            }
            Err(failure) => self.refused(ticket, what, failure),
        }
    }

    fn done(&mut self, ticket: u64, what: What, changed: Changed) {
        self.in_console(|console| console.hear_ended(ticket));
        let batch = what.batch();
        if let Some(batch) = batch {
            self.batch(batch).done += 1;
        }
        match (what, changed) {
            (What::CreateKey | What::RotateKey { .. }, Changed::Created(key, secret)) => {
                self.key_created(ticket, key, secret)
            }
            (What::UpdateKey { .. }, Changed::Key(key)) => self.key_updated(ticket, key),
            (What::EndPreviousSecret { before }, _) => self.previous_secret_ended(ticket, &before),
            (What::RevokeKey { before }, _) => self.key_revoked(&before),
            (What::CreateMember, Changed::Member(member)) => self.member_created(ticket, member),
            (What::UpdateMember { batch, .. }, Changed::Member(member)) => self.member_updated(ticket, member, batch),
            (What::RemoveMember { before, batch }, _) => self.member_removed(&before, batch),
            (What::Invite, Changed::Invited { link, expires_at }) => self.invited(ticket, link, expires_at),
            (What::UpdateClub { .. }, Changed::Club(club)) => self.club_updated(club),
            (What::HandOver, _) => self.handed_over(),
            (What::ChangePassword, _) => self.password_changed(ticket),
            (What::SignOutEverywhere, _) => self.signed_out_everywhere(),
            _ => {}
        }
        self.finish_batch(batch);
    }

    fn read_again(&mut self, doubt: Doubt) {
        match doubt {
            Doubt::None => {}
            Doubt::Key(id) => self.load_key(id),
            Doubt::Member(id) => self.load_member(id),
            Doubt::Members => self.load_members(false),
        }
    }

    fn refused(&mut self, ticket: u64, what: What, mut failure: Failure) {
        if failure.kind == FailureKind::SignedOut {
            // It is taken back in its turn, with the others that are on their way.
            let pending = Pending { organization: self.organization(), what, sent_at: self.clock.now };
            self.pending.insert(ticket, pending);
            return self.session_ended();
        }
        let (batch, name) = (what.batch(), what.name());
        if let Self { screen: Screen::Console(console), clock, .. } = self {
            what.explain(&mut failure);
            let in_form = console.hear_refusal(ticket, &failure) || matches!(what, What::UpdateClub { .. });
            match (batch, what) {
                // They are put back at once, and read again, after the last of them.
                (Some(batch), What::RemoveMember { before, .. }) => {
                    self.batches.entry(batch).or_default().keep(*before)
                }
                (Some(_), what) => drop(what.take_back(console)),
                (None, what) => {
                    let doubt = what.take_back(console);
                    if matches!(doubt, Doubt::Key(_)) {
                        console.keys.arrange(clock);
                    }
                    self.read_again(doubt);
                }
            }
            if ["already_created", "revision_mismatch", "key_not_active", "rotation_in_progress"]
                .iter()
                .any(|code| failure.is(code))
            {
                self.load_club();
                self.load_key_of_form();
                self.load_keys();
            }
            if let Some(batch) = batch {
                self.batch(batch).refuse(name, &failure);
            } else if !in_form {
                self.complain(format!("{name}: {}", failure.text()));
            }
        }
        self.finish_batch(batch);
        self.failed(&failure);
    }
}

impl Console {
    /// Takes why what was sent under `ticket` was refused; whether the open dialog says so.
    fn hear_refusal(&mut self, ticket: u64, failure: &Failure) -> bool {
        if let Some(form) = self.club_form.as_mut().filter(|form| form.sending.is(ticket)) {
            form.hear(failure);
            form.sending = Sending::refused(failure.clone());
        }
        if let Some(Dialog::Leak(form)) = &mut self.dialog {
            return form.hear_refusal(ticket, failure);
        }
        let Some(sending) = self.sending().filter(|sending| sending.is(ticket)) else { return false };
        *sending = Sending::refused(failure.clone());
        match &mut self.dialog {
            Some(Dialog::Key(form)) => form.hear(failure),
            Some(Dialog::Member(form)) => form.hear(failure),
            Some(Dialog::Invitation(form)) => form.hear(failure),
            _ => {}
        }
        true
    }
}

impl What {
    /// Of several members, which change.
    fn batch(&self) -> Option<u64> {
        match self {
            Self::UpdateMember { batch, .. } | Self::RemoveMember { batch, .. } => *batch,
            _ => None,
        }
    }

    /// Whether it is part of a change of several members.
    pub(super) fn is_of_several(&self) -> bool {
        self.batch().is_some()
    }

    /// Whether it is part of that change of several members.
    pub(super) fn is_of(&self, batch: u64) -> bool {
        self.batch() == Some(batch)
    }

    /// What it was about, for a message.
    fn name(&self) -> String {
        match self {
            Self::UpdateKey { before }
            | Self::RevokeKey { before }
            | Self::RotateKey { before }
            | Self::EndPreviousSecret { before } => format!("\"{}\"", before.name),
            Self::UpdateMember { before, .. } => before.name.clone(),
            Self::RemoveMember { before, .. } => before.name.clone(),
            Self::CreateKey => "The key".to_owned(),
            Self::ReportSecret => "The report".to_owned(),
            Self::CreateMember => "The member".to_owned(),
            Self::Invite => "The invitation".to_owned(),
            Self::UpdateClub { .. } => "The club".to_owned(),
            Self::HandOver => "The role".to_owned(),
            Self::ChangePassword => "The password".to_owned(),
            Self::SignOutEverywhere => "Signing out".to_owned(),
        }
    }

    /// The server's words name the API's ways, which are not the coach's.
    fn explain(&self, failure: &mut Failure) {
        if failure.is("already_created") && matches!(self, Self::CreateKey) {
            failure.title = "The key was created, but the answer with its secret was lost on the way.".to_owned();
            failure.advice =
                "Nobody can show the secret again: close this, revoke the key, and create another.".to_owned();
        } else if failure.is("already_created") && matches!(self, Self::RotateKey { .. }) {
            failure.title = "The new secret was made, but the answer with it was lost on the way.".to_owned();
            failure.advice =
                "Nobody can show it again. Close this and rotate once more: that gives up the lost secret, and \
                              the old one keeps its time."
                    .to_owned();
        } else if failure.is("revision_mismatch") {
            failure.title = "Somebody else has changed this meanwhile.".to_owned();
            failure.advice =
                "What you have not touched shows how it is now. Save again if yours is to stand.".to_owned();
        } else if failure.kind == FailureKind::Unreachable && !matches!(self, Self::ChangePassword | Self::HandOver) {
            failure
                .advice
                .push_str(" Whether it was done is not known: what you see is read again once the server answers.");
        }
    }

    /// Whether it changes the member of that id.
    pub(super) fn is_about(&self, member: &str) -> bool {
        match self {
            Self::UpdateMember { before, .. } => before.id == member,
            Self::RemoveMember { before, .. } => before.id == member,
            _ => false,
        }
    }

    /// Puts back what it had shown already, since it was not done; what may be otherwise on the server all the same.
    pub(super) fn take_back(self, console: &mut Console) -> Doubt {
        match self {
            Self::UpdateKey { before } | Self::RevokeKey { before } => {
                let id = before.id.clone();
                console.keys.put(before);
                return Doubt::Key(id);
            }
            Self::UpdateMember { before, .. } => {
                // It may have been removed here meanwhile.
                let Some(shown) = console.members.get(&before.id) else { return Doubt::None };
                let doubt = Doubt::of(&before, shown.role);
                console.members.put(before);
                return doubt;
            }
            Self::RemoveMember { before, .. } => {
                let doubt = Doubt::of(&before, Role::Athlete);
                console.members.put(*before);
                return doubt;
            }
            Self::UpdateClub { before } => console.club = Some(*before),
            Self::CreateKey
            | Self::RotateKey { .. }
            | Self::EndPreviousSecret { .. }
            | Self::ReportSecret
            | Self::CreateMember
            | Self::Invite
            | Self::HandOver
            | Self::ChangePassword
            | Self::SignOutEverywhere => {}
        }
        Doubt::None
    }
}

/// What is read again after a change of it was taken back: another one may have been done since.
pub(super) enum Doubt {
    /// Nothing.
    None,
    /// The key of that id.
    Key(String),
    /// The member of that id.
    Member(String),
    /// All members: the athletes of a coach who was to go had been left without one.
    Members,
}

impl Doubt {
    /// For a member that was shown in that role instead.
    fn of(before: &Member, shown: Role) -> Self {
        if before.role == Role::Coach && shown == Role::Athlete {
            Self::Members
        } else {
            Self::Member(before.id.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action,
        desk::{Desk, failure, key},
        exchange::{Change, Command},
        failure::FailureKind,
        keys::Key,
    };

    #[test]
    fn a_refused_change_goes_back_and_is_said() {
        let mut desk = Desk::of(&["org_a"], vec![Key { last_used_at: None, ..key("key_1", "Sync") }]);
        desk.revoke("key_1", "Sync");
        assert!(desk.names().is_empty(), "it is shown at once");
        desk.answer(desk.ticket(), Err(failure(FailureKind::Refused("not_found".into()))));
        assert_eq!(desk.names(), ["Sync"]);
        assert!(desk.state.notices.iter().any(|notice| notice.bad));
    }

    #[test]
    fn a_change_that_is_sent_again_unchanged_is_done_once() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::NewKey);
        let mut keys = Vec::new();
        for name in ["Sync", "Sync", "Another"] {
            desk.name_key(name);
            desk.act(Action::SaveKey);
            let Some(Command::Change { ticket, change: Change::CreateKey { idempotency_key, .. }, .. }) =
                desk.asked.pop()
            else {
                panic!("it is sent")
            };
            keys.push(idempotency_key);
            desk.answer(ticket, Err(failure(FailureKind::Unreachable)));
        }
        assert_eq!(keys[0], keys[1]);
        assert_ne!(keys[1], keys[2]);
    }
}
