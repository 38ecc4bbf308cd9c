//! What is done to several members at once.

use super::{Member, MemberEdit, Role};
use crate::{
    rules::Label,
    state::{Dialog, State, change::What, exchange::Change, failure::Failure, form::Field, number::grouped},
};

/// How many members are named whose change was refused.
const NAMED: usize = 10;

/// Members that are to be removed.
pub struct RemoveForm {
    /// Their ids and names.
    pub members: Vec<(String, String)>,
}

/// A label for several members.
pub struct LabelForm {
    /// Whom.
    pub members: Vec<String>,
    /// Which.
    pub label: Field,
    /// Whether it is given, or taken away.
    pub give: bool,
}

/// A coach for several members.
pub struct CoachForm {
    /// Whom.
    pub members: Vec<String>,
    /// Which; none to take the coach away.
    pub coach_id: Option<String>,
    /// Which it is now, if they all have the same.
    pub before: Option<String>,
}

/// What has come of a change of several members.
#[derive(Default)]
pub(in crate::state) struct Batch {
    /// How many were changed.
    pub(in crate::state) done: usize,
    refused: Vec<String>,
    why: Option<String>,
    /// Members that were to be removed and were not.
    kept: Vec<Member>,
}

impl Batch {
    /// One was not changed.
    pub(in crate::state) fn refuse(&mut self, name: String, failure: &Failure) {
        self.refused.push(name);
        self.why = Some(failure.text());
    }

    /// One was not removed.
    pub(in crate::state) fn keep(&mut self, member: Member) {
        self.kept.push(member);
    }
}

impl State {
    /// Asks whether to remove members.
    pub(in crate::state) fn ask_remove(&mut self, ids: &[String]) {
        let Some(console) = self.console() else { return };
        let members: Vec<(String, String)> = ids
            .iter()
            .filter_map(|id| console.members.get(id))
            .filter(|member| member.role != Role::HeadCoach)
            .map(|member| (member.id.clone(), member.name.clone()))
            .collect();
        if !members.is_empty() {
            self.open_dialog(Dialog::Remove(RemoveForm { members }));
        } else if !ids.is_empty() {
            self.complain("The head coach stays. Hand the role over first, under Club.");
        }
    }

    /// Removes members; each goes at once, and comes back alone if that is refused.
    pub(in crate::state) fn remove_members(&mut self) {
        let Some(Dialog::Remove(form)) = self.dialog() else { return };
        let ids: Vec<String> = form.members.iter().map(|(id, _)| id.clone()).collect();
        self.in_console(|console| console.dialog = None);
        let batch = self.batch_of(&ids);
        let removed = self.console_mut().map(|console| console.members.remove(&ids)).unwrap_or_default();
        for before in removed {
            let id = before.id.clone();
            let before = Box::new(before);
            self.ask_change(What::RemoveMember { before, batch }, Change::RemoveMember { id });
        }
    }

    /// Asks which label to give members, or to take away.
    pub(in crate::state) fn ask_label(&mut self, members: Vec<String>, give: bool) {
        if !members.is_empty() {
            self.open_dialog(Dialog::Label(LabelForm { members, label: Field::default(), give }));
        }
    }

    /// Gives members the label, or takes it away.
    pub(in crate::state) fn label_members(&mut self) {
        let Some(Dialog::Label(form)) = self.dialog() else { return };
        let Ok(label) = form.label.value::<Label>() else {
            form.label.left = true;
            return;
        };
        let label = label.as_str().to_owned();
        let edit = if form.give { MemberEdit::AddLabel(label) } else { MemberEdit::RemoveLabel(label) };
        let ids = form.members.clone();
        self.in_console(|console| console.dialog = None);
        self.edit_members(ids, &edit);
    }

    /// Asks who is to coach the athletes among members.
    pub(in crate::state) fn ask_coach(&mut self, ids: Vec<String>) {
        let Some(console) = self.console() else { return };
        let is_athlete = |id: &String| console.members.get(id).is_some_and(|member| member.role == Role::Athlete);
        let members: Vec<String> = ids.into_iter().filter(is_athlete).collect();
        if members.is_empty() {
            return self.complain("Only athletes have a coach.");
        }
        let coach_of = |id: &String| console.members.get(id).and_then(|member| member.coach_id.clone());
        let first = members.first().and_then(coach_of);
        let before = first.filter(|first| members.iter().all(|id| coach_of(id).as_ref() == Some(first)));
        self.open_dialog(Dialog::Coach(CoachForm { members, coach_id: before.clone(), before }));
    }

    /// Gives members the coach.
    pub(in crate::state) fn assign_coach(&mut self) {
        let Some(Dialog::Coach(form)) = self.dialog() else { return };
        let (ids, edit) = (form.members.clone(), MemberEdit::Coach(form.coach_id.clone()));
        self.in_console(|console| console.dialog = None);
        self.edit_members(ids, &edit);
    }

    /// Changes members; each shows at once, and goes back alone if it is refused.
    pub(in crate::state) fn edit_members(&mut self, ids: Vec<String>, edit: &MemberEdit) {
        let batch = self.batch_of(&ids);
        for id in ids {
            let Some(before) = self.console().and_then(|console| console.members.get(&id)).cloned() else { continue };
            if before.role == Role::HeadCoach && matches!(edit, MemberEdit::Status(_) | MemberEdit::Coach(_)) {
                self.complain("The head coach stays as they are. Hand the role over first, under Club.");
                continue;
            }
            self.in_console(|console| console.members.put(before.edited(edit)));
            self.ask_change(What::UpdateMember { before, batch }, Change::UpdateMember { id, edit: edit.clone() });
        }
    }

    /// The number of a change of these members, if they are several.
    fn batch_of(&self, ids: &[String]) -> Option<u64> {
        (ids.len() > 1).then_some(self.last_ticket)
    }

    /// How far the changes of several members are that take their time: how many are answered, of how many.
    pub fn progress_of_several(&self) -> Option<(usize, usize)> {
        if self.batches.is_empty() && !self.is_waiting() {
            return None;
        }
        let on_their_way = self.pending.values().filter(|pending| pending.what.is_of_several()).count();
        let answered: usize = self.batches.values().map(|batch| batch.done + batch.refused.len()).sum();
        (on_their_way > 0).then_some((answered, answered + on_their_way))
    }

    /// What has come of a change of several members so far.
    pub(in crate::state) fn batch(&mut self, batch: u64) -> &mut Batch {
        self.batches.entry(batch).or_default()
    }

    /// Says what came of several changes, once the last is answered.
    pub(in crate::state) fn finish_batch(&mut self, batch: Option<u64>) {
        let Some(batch) = batch else { return };
        if self.pending.values().any(|pending| pending.what.is_of(batch)) {
            return;
        }
        let Some(Batch { done, refused, why, kept }) = self.batches.remove(&batch) else { return };
        let done = if done == 1 { "1 member".to_owned() } else { format!("{} members", grouped(done)) };
        if !kept.is_empty() {
            self.in_console(|console| console.members.restore(kept));
        }
        if refused.is_empty() {
            self.say(format!("Done for {done}"));
        } else {
            let names = refused.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = refused.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let why = why.unwrap_or_default();
            self.load_members(false);
            self.complain(format!("Done for {done}, not for {names}{more}. {why}"));
        }
    }
}
