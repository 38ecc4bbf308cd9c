//! What the person does with members, one at a time.

use super::{Column, MemberEdit, MemberForm};
use crate::state::{
    Dialog, Screen, State,
    change::What,
    exchange::{Change, Command},
};

impl State {
    /// Shows other members, by the filter that stands in the state already.
    pub(in crate::state) fn filter_members(&mut self) {
        let Screen::Console(console) = &mut self.screen else { return };
        self.preferences.member_filter = console.members.filter.clone();
        console.members.arrange();
    }

    /// Sorts the members by a column; by the same again, the other way round.
    pub(in crate::state) fn sort_members(&mut self, column: Column) {
        let Screen::Console(console) = &mut self.screen else { return };
        let (known, reversed) = console.members.sort;
        console.members.sort = (column, known == column && !reversed);
        self.preferences.member_sort = console.members.sort;
        console.members.arrange();
    }

    /// Has no more members loaded.
    pub(in crate::state) fn stop_members(&mut self) {
        let Some(console) = self.console_mut() else { return };
        console.members.list.stop();
        console.members.unarranged = true;
        self.discard_replaced_members();
        self.ask(Command::StopMembers);
    }

    /// Asks what a member is to be.
    pub(in crate::state) fn edit_member(&mut self, id: &str) {
        let Some(member) = self.console().and_then(|console| console.members.get(id)) else { return };
        let form = MemberForm::of(member);
        self.open_dialog(Dialog::Member(Box::new(form)));
    }

    /// Sends the form of a member; a change shows at once.
    pub(in crate::state) fn save_member(&mut self) {
        let fresh = self.idempotency_key();
        let Some(Dialog::Member(form)) = self.dialog() else { return };
        if form.sending.is_on() {
            return;
        }
        let Ok(wish) = form.wish() else {
            form.leave_all();
            return;
        };
        let Some(before) = form.member.clone() else {
            let idempotency_key = form.once.key_for(&wish, fresh);
            return self.send(What::CreateMember, Change::CreateMember { member: wish, idempotency_key });
        };
        let from = before.wish();
        if from == wish {
            return self.in_console(|console| console.dialog = None);
        }
        let (id, after) = (before.id.clone(), before.with(&wish));
        let edit = MemberEdit::All { from: Box::new(from), to: Box::new(wish) };
        self.send(What::UpdateMember { before, batch: None }, Change::UpdateMember { id, edit });
        self.in_console(|console| console.members.put(after));
    }
}
