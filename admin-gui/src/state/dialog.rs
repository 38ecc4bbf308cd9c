//! What lies over a view and wants an answer.

use super::{
    Console, Screen, State,
    audit::{Event, ExportForm},
    change::Sending,
    club::HandOverForm,
    form::Field,
    invitation::InvitationOnce,
    keys::{EndPreviousSecretForm, KeyForm, LeakForm, RevokeForm, RotateForm, SecretOnce},
    members::{CoachForm, LabelForm, MemberForm, RemoveForm},
    password::PasswordForm,
};

/// What lies over a view and wants an answer.
pub enum Dialog {
    /// A new key, or a change of one.
    Key(Box<KeyForm>),
    /// A secret, this once.
    Secret(Box<SecretOnce>),
    /// Whether to revoke a key.
    Revoke(Box<RevokeForm>),
    /// How to rotate a key.
    Rotate(Box<RotateForm>),
    /// Whether to end a key's old secret.
    EndPreviousSecret(Box<EndPreviousSecretForm>),
    /// A text in which keys may stand.
    Leak(Box<LeakForm>),
    /// A new member, or a change of one.
    Member(Box<MemberForm>),
    /// Whether to remove members.
    Remove(RemoveForm),
    /// Labels for several members.
    Label(LabelForm),
    /// A coach for several members.
    Coach(CoachForm),
    /// An invitation's link, this once.
    Invitation(Box<InvitationOnce>),
    /// The password.
    Password(Box<PasswordForm>),
    /// The head coach's role.
    HandOver(Box<HandOverForm>),
    /// Whether to sign out everywhere.
    SignOutEverywhere(Sending),
    /// All that is known of an event.
    Event(Box<Event>),
    /// Into which file events are to be put.
    Export(Box<ExportForm>),
}

impl State {
    /// The open dialog.
    pub(super) fn dialog(&mut self) -> Option<&mut Dialog> {
        self.console_mut()?.dialog.as_mut()
    }

    /// Opens a dialog, unless another is open.
    pub(super) fn open_dialog(&mut self, dialog: Dialog) {
        self.in_console(|console| {
            console.dialog.get_or_insert(dialog);
        });
    }

    /// Closes the open dialog at the person's wish, if it can be closed.
    pub(super) fn close_dialog(&mut self) {
        let Some(console) = self.console_mut() else { return };
        // What is on its way may bring a secret, which only this dialog can show.
        let waits = console.sending().is_some_and(|sending| sending.is_on());
        match &mut console.dialog {
            Some(Dialog::Secret(once)) => once.insisted = true,
            dialog if !waits => console.draft = dialog.take().filter(Dialog::is_draft).or(console.draft.take()),
            _ => {}
        }
    }

    /// Closes the open dialog, and what was typed into it is not wanted any more.
    pub(super) fn cancel_dialog(&mut self) {
        self.close_dialog();
        self.in_console(|console| console.draft = None);
    }

    /// Opens the dialog of a new key or member: with what was half typed, if it was one of this kind.
    pub(super) fn open_draft_or(&mut self, new: Dialog) {
        let Some(console) = self.console_mut() else { return };
        let same_kind = |draft: &Dialog| std::mem::discriminant(draft) == std::mem::discriminant(&new);
        let draft = if console.draft.as_ref().is_some_and(same_kind) { console.draft.take() } else { None };
        self.open_dialog(draft.unwrap_or(new));
    }

    /// Whether the window must not be closed yet: it shows what nobody can show again. Asked once more, it may.
    pub fn keeps_open(&mut self) -> bool {
        let interrupted = self.interrupted.as_mut().and_then(|(_, console)| console.dialog.as_mut());
        let open = match &mut self.screen {
            Screen::Console(console) => console.dialog.as_mut(),
            _ => None,
        };
        let Some(Dialog::Secret(once)) = interrupted.or(open) else { return false };
        once.insisted = true;
        !std::mem::replace(&mut once.asked_to_close, true)
    }
}

impl Dialog {
    /// Whether something new was half typed into it.
    fn is_draft(&self) -> bool {
        let typed = |fields: &[&Field]| fields.iter().any(|field| !field.text.trim().is_empty());
        match self {
            Self::Key(form) => form.key.is_none() && typed(&[&form.name, &form.description, &form.addresses]),
            Self::Member(form) => {
                form.member.is_none() && typed(&[&form.name, &form.email, &form.external_id, &form.labels])
            }
            _ => false,
        }
    }
}

impl Console {
    /// Closes the dialog that waits for what was sent under `ticket`, and no other.
    pub(super) fn close(&mut self, ticket: u64) {
        if self.sending().is_some_and(|sending| sending.is(ticket)) {
            self.dialog = None;
        }
    }

    /// How the sending of the open dialog goes.
    pub(super) fn sending(&mut self) -> Option<&mut Sending> {
        match self.dialog.as_mut()? {
            Dialog::Key(form) => Some(&mut form.sending),
            Dialog::Rotate(form) => Some(&mut form.sending),
            Dialog::EndPreviousSecret(form) => Some(&mut form.sending),
            Dialog::Member(form) => Some(&mut form.sending),
            Dialog::Invitation(form) => Some(&mut form.sending),
            Dialog::Password(form) => Some(&mut form.sending),
            Dialog::HandOver(form) => Some(&mut form.sending),
            Dialog::SignOutEverywhere(sending) => Some(sending),
            Dialog::Secret(_)
            | Dialog::Revoke(_)
            | Dialog::Leak(_)
            | Dialog::Remove(_)
            | Dialog::Label(_)
            | Dialog::Coach(_)
            | Dialog::Event(_)
            | Dialog::Export(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action, Dialog,
        desk::{Desk, member},
        exchange::Changed,
        members::Standing,
    };

    /// Ben was suspended on a slow line, and the answer closed the dialog with a new key's secret.
    #[test]
    fn an_answer_closes_no_dialog_but_its_own() {
        let mut desk = Desk::with_members(vec![member("mem_ben", "Ben")]);
        desk.act(Action::SetStatus(vec!["mem_ben".into()], Standing::Suspended));
        let suspending = desk.ticket();

        desk.create_key();
        assert!(matches!(desk.console().dialog, Some(Dialog::Secret(_))));

        let ben = Changed::Member(member("mem_ben", "Ben"));
        desk.answer(suspending, Ok(ben));
        desk.act(Action::Close);
        assert!(matches!(desk.console().dialog, Some(Dialog::Secret(_))), "only the word that it is stored closes it");
        assert!(desk.state.keeps_open(), "Escape was not asked about the window");
        desk.act(Action::Stored);
        assert!(desk.console().dialog.is_none());
    }

    /// Escape threw a half-filled form away.
    #[test]
    fn what_was_half_typed_is_there_again_unless_it_was_given_up() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        let name = |desk: &mut Desk| match &desk.console().dialog {
            Some(Dialog::Key(form)) => form.name.text.clone(),
            _ => panic!("the form is open"),
        };
        desk.act(Action::NewKey);
        desk.name_key("Half");
        desk.act(Action::Close);
        assert!(desk.console().dialog.is_none());
        desk.act(Action::NewMember);
        desk.act(Action::Close);
        desk.act(Action::NewKey);
        assert_eq!(name(&mut desk), "Half");
        desk.act(Action::Cancel);
        desk.act(Action::NewKey);
        assert_eq!(name(&mut desk), "");
    }

    #[test]
    fn the_window_does_not_close_over_a_secret_at_once() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        assert!(!desk.state.keeps_open());
        desk.create_key();
        assert!(desk.state.keeps_open(), "it asks whether the key is stored");
        assert!(!desk.state.keeps_open(), "then it closes");
    }
}
