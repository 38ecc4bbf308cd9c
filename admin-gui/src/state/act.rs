//! What the person did, and what follows from it.

use std::path::PathBuf;

use super::{
    Dialog, State, View,
    change::Sending,
    exchange::{Command, Effect},
    keys::{self, Example},
    members::{self, MemberEdit, Standing},
    selection::Move,
};

/// Something that the person did.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sent what stands in the view that asks who is there.
    SignIn,
    /// Went over to setting a new server up, or back.
    ToggleSetUp,
    /// Wants the session that the keyring keeps to be tried again.
    Resume,
    /// Does not wait for the session that the keyring keeps.
    SkipResume,
    /// Signed out.
    SignOut,
    /// Opened a view.
    Show(View),
    /// Opened another of their clubs.
    Switch(String),
    /// Asked for what is on screen anew.
    Refresh,
    /// Chose which keys are shown.
    FilterKeys(keys::Filter),
    /// Chose by what keys are sorted; twice for the other way round.
    SortKeys(keys::Column),
    /// Typed into the search of keys, which stands in the state already.
    SearchKeys,
    /// Moved through the table of keys.
    SelectKey(Move),
    /// Wants a new key.
    NewKey,
    /// Wants to change a key.
    EditKey(String),
    /// Sent the form of a key.
    SaveKey,
    /// Has found a key somewhere.
    AskLeak,
    /// Pasted a text in which keys may stand, which is in the state already.
    SearchPasted,
    /// Pasted a picture where a text is wanted.
    RefusePicture,
    /// Dropped files in which keys may stand.
    SearchFiles(Vec<PathBuf>),
    /// Wants to choose such files.
    ChooseFilesToSearch,
    /// Wants what was found to end: the key, or its old secret, by its place.
    EndFound(usize),
    /// Wants what was found to be reported, by its place.
    ReportFound(usize),
    /// Wants to rotate a key.
    AskRotate(String),
    /// Wants to take from a key what it does not use.
    NarrowKey(String),
    /// Chose other scopes in the form of a key.
    ChooseScopes,
    /// Wants to see other events.
    FilterAudit,
    /// Searches the events for what was typed.
    SearchAudit,
    /// Moved within the events.
    SelectEvent(Move),
    /// Wants to see all that is known of an event.
    ShowEvent(String),
    /// Wants older events too.
    LoadMoreEvents,
    /// Wants events put into a file.
    AskExport,
    /// Wants the system to ask for the file.
    Browse,
    /// Sent the form that exports.
    Export,
    /// Gives the export up.
    StopExport,
    /// Sent the form that rotates.
    Rotate,
    /// Wants to end a key's old secret.
    AskEndPreviousSecret(String),
    /// Said yes to that.
    EndPreviousSecret,
    /// Wants to revoke a key.
    AskRevoke(String),
    /// Sent the form that revokes.
    Revoke,
    /// Copied a text that everybody may see.
    Copy(String),
    /// Copied the secret in the open dialog.
    CopySecret,
    /// Copied the example in the dialog of a secret, which holds the secret.
    CopyExample,
    /// Copied what they had marked in the dialog of a secret, which may hold it.
    CopyMarked,
    /// Chose an example in the dialog of a secret.
    ShowExample(Example),
    /// Has stored the secret in the open dialog.
    Stored,
    /// Wants the dialog gone.
    Close,
    /// Wants the dialog gone, and what was typed into it.
    Cancel,
    /// Chose which members are shown; the filter stands in the state already.
    FilterMembers,
    /// Chose by what members are sorted; twice for the other way round.
    SortMembers(members::Column),
    /// Moved through the table of members.
    SelectMember(Move),
    /// Marked a member for an act on several, or took the mark away.
    Mark(String),
    /// Marked all that are shown, or took all marks away.
    MarkAll(bool),
    /// Wants no more members to be loaded.
    StopMembers,
    /// Wants the rest of the members.
    LoadMembers,
    /// Wants a new member.
    NewMember,
    /// Wants to change a member.
    EditMember(String),
    /// Sent the form of a member.
    SaveMember,
    /// Wants to remove members.
    AskRemove(Vec<String>),
    /// Sent the form that removes.
    Remove,
    /// Wants to give members a label, or take one away.
    AskLabel(Vec<String>, bool),
    /// Sent the form of a label.
    Label,
    /// Wants to give members a coach.
    AskCoach(Vec<String>),
    /// Sent the form of a coach.
    Coach,
    /// Gave members a status.
    SetStatus(Vec<String>, Standing),
    /// Wants to invite a member.
    Invite(String),
    /// Sent the form of the invitation.
    SendInvitation,
    /// Sent the form of the club.
    SaveClub,
    /// Took back what was typed into the form of the club.
    ResetClub,
    /// Wants to change the password.
    AskPassword,
    /// Sent the form of the password.
    ChangePassword,
    /// Wants to hand the head coach's role over.
    AskHandOver,
    /// Sent the form that hands it over.
    HandOver,
    /// Wants to sign out everywhere.
    AskSignOutEverywhere,
    /// Said yes to that.
    SignOutEverywhere,
    /// Opened or closed the list of shortcuts.
    ToggleShortcuts,
    /// Took a notice away, by its place.
    Dismiss(usize),
    /// Wants the server to be tried now.
    Retry,
}

impl State {
    /// Takes that the person did something.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::SignIn => self.sign_in(),
            Action::ToggleSetUp => self.toggle_set_up(),
            Action::Resume => self.resume(),
            Action::SkipResume => self.skip_resume(),
            Action::SignOut => self.sign_out(),
            Action::Show(view) => self.show(view),
            Action::Switch(organization) => self.switch_club(&organization),
            Action::Refresh => self.refresh(),
            Action::FilterKeys(filter) => self.filter_keys(filter),
            Action::SortKeys(column) => self.sort_keys(column),
            Action::SearchKeys => self.search_keys(),
            Action::SelectKey(to) => self.in_console(|console| console.keys.select(to)),
            Action::NewKey => self.new_key(),
            Action::EditKey(id) => self.edit_key(id),
            Action::SaveKey => self.save_key(),
            Action::AskRotate(id) => self.ask_rotate(id),
            Action::NarrowKey(id) => self.narrow_key(id),
            Action::FilterAudit => self.filter_audit(),
            Action::SearchAudit => self.search_audit(),
            Action::SelectEvent(to) => self.in_console(|console| console.audit.select(to)),
            Action::ShowEvent(id) => self.show_event(&id),
            Action::LoadMoreEvents => self.load_audit(true),
            Action::AskExport => self.ask_export(),
            Action::Browse => self.browse(),
            Action::Export => self.export(),
            Action::StopExport => self.stop_export(),
            Action::ChooseScopes => self.foretell_narrowing(),
            Action::AskLeak => self.ask_leak(),
            Action::SearchPasted => self.search_pasted(),
            Action::RefusePicture => self.refuse_picture(),
            Action::SearchFiles(files) => self.search_files(files),
            Action::ChooseFilesToSearch => self.ask(Command::ChooseFilesToSearch),
            Action::EndFound(at) => self.end_found(at),
            Action::ReportFound(at) => self.report_found(at),
            Action::Rotate => self.rotate(),
            Action::AskEndPreviousSecret(id) => self.ask_end_previous_secret(id),
            Action::EndPreviousSecret => self.end_previous_secret(),
            Action::AskRevoke(id) => self.ask_revoke(id),
            Action::Revoke => self.revoke(),
            Action::Copy(text) => self.copy(text),
            Action::CopySecret => self.copy_secret(),
            Action::CopyExample => self.copy_example(),
            Action::CopyMarked => self.clear_clipboard_later(),
            Action::ShowExample(example) => self.show_example(example),
            Action::Stored => self.stored(),
            Action::Close => self.close_dialog(),
            Action::Cancel => self.cancel_dialog(),
            Action::FilterMembers => self.filter_members(),
            Action::SortMembers(column) => self.sort_members(column),
            Action::SelectMember(to) => self.in_console(|console| console.members.select(to)),
            Action::Mark(id) => self.in_console(|console| console.members.mark(id)),
            Action::MarkAll(all) => self.in_console(|console| console.members.mark_all(all)),
            Action::StopMembers => self.stop_members(),
            Action::LoadMembers => self.load_members(true),
            Action::NewMember => self.open_draft_or(Dialog::Member(Box::default())),
            Action::EditMember(id) => self.edit_member(&id),
            Action::SaveMember => self.save_member(),
            Action::AskRemove(ids) => self.ask_remove(&ids),
            Action::Remove => self.remove_members(),
            Action::AskLabel(ids, give) => self.ask_label(ids, give),
            Action::Label => self.label_members(),
            Action::AskCoach(ids) => self.ask_coach(ids),
            Action::Coach => self.assign_coach(),
            Action::SetStatus(ids, status) => self.edit_members(ids, &MemberEdit::Status(status)),
            Action::Invite(id) => self.invite(&id),
            Action::SendInvitation => self.send_invitation(),
            Action::SaveClub => self.save_club(),
            Action::ResetClub => self.reset_club(),
            Action::AskPassword => self.open_dialog(Dialog::Password(Box::default())),
            Action::ChangePassword => self.change_password(),
            Action::AskHandOver => self.ask_hand_over(),
            Action::HandOver => self.hand_over(),
            Action::AskSignOutEverywhere => self.open_dialog(Dialog::SignOutEverywhere(Sending::default())),
            Action::SignOutEverywhere => self.sign_out_everywhere(),
            Action::ToggleShortcuts => self.shortcuts = !self.shortcuts,
            Action::Dismiss(place) => self.dismiss(place),
            Action::Retry => self.retry(),
        }
        self.take_effects()
    }
}
