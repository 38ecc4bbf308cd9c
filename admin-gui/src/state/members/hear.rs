//! What is heard of members.

use super::Member;
use crate::state::{
    State,
    exchange::{Command, Effect},
    failure::Failure,
    listing::{Heard, Page},
};

impl State {
    /// Reads the members: on from where they end, or from the start.
    pub(in crate::state) fn load_members(&mut self, on: bool) {
        let (now, load) = (self.clock.now, self.next_load());
        let Some(console) = self.console_mut() else { return };
        let cursor = console.members.list.begin(load, now, on);
        let organization = console.membership.organization_id.clone();
        self.discard_replaced_members();
        self.ask(Command::LoadMembers { organization, cursor, load });
    }

    /// Has what is shown no more freed, outside of the frame.
    pub(super) fn discard_replaced_members(&mut self) {
        if let Some(replaced) = self.console_mut().and_then(|console| console.members.list.take_replaced()) {
            self.effects.push(Effect::Discard(Box::new(replaced)));
        }
    }

    /// Takes a page of members, or why it did not come.
    pub(in crate::state) fn hear_members(&mut self, load: u64, page: Result<Page<Member>, Failure>) {
        let now = self.clock.now;
        let failure = page.as_ref().err().cloned();
        if let Some(console) = self.console_mut() {
            let members = &mut console.members;
            match members.list.hear(load, now, page) {
                Heard::Nothing => {}
                Heard::Changed => {
                    // Sorting after each of five hundred pages would be noticed; after each tenth more of them it is not.
                    let grown = members.list.items.len() > members.rows_of + members.rows_of / 10;
                    members.unarranged |= grown || !members.list.is_loading() || members.list.items.take_moved();
                }
                Heard::Again => self.load_members(false),
            }
        }
        self.discard_replaced_members();
        self.after(failure);
    }

    /// Reads one member.
    pub(in crate::state) fn load_member(&mut self, member: String) {
        let organization = self.organization();
        self.ask(Command::LoadMember { organization, member });
    }

    /// Takes a member as it is now, or why it did not come.
    pub(in crate::state) fn hear_member(&mut self, organization: &str, id: String, result: Result<Member, Failure>) {
        let failure = result.as_ref().err().cloned();
        // What was changed since it was asked for is answered in its turn.
        let changing = self.pending.values().any(|pending| pending.what.is_about(&id));
        if let Some(console) = self.console_mut()
            && console.membership.organization_id == organization
            && console.members.get(&id).is_some()
            && !changing
        {
            match result {
                Ok(member) => console.members.put(member),
                Err(failure) if failure.is("not_found") => drop(console.members.remove(&[id])),
                Err(_) => {}
            }
        }
        self.after(failure);
    }

    /// A member was added.
    pub(in crate::state) fn member_created(&mut self, ticket: u64, member: Member) {
        let text = format!("Added {}", member.name);
        self.in_console(|console| {
            console.members.choose(member.id.clone());
            console.members.put(member);
            console.close(ticket);
        });
        self.say(text);
    }

    /// A member was changed, alone or with several.
    pub(in crate::state) fn member_updated(&mut self, ticket: u64, member: Member, batch: Option<u64>) {
        let text = format!("Saved {}", member.name);
        self.in_console(|console| {
            // It may have been removed here meanwhile.
            if console.members.get(&member.id).is_some() {
                console.members.put(member);
            }
            console.close(ticket);
        });
        if batch.is_none() {
            self.say(text);
        }
    }

    /// A member was removed, alone or with several.
    pub(in crate::state) fn member_removed(&mut self, before: &Member, batch: Option<u64>) {
        // A page that was read before may have brought it back.
        self.in_console(|console| drop(console.members.remove(std::slice::from_ref(&before.id))));
        if batch.is_none() {
            self.say(format!("Removed {}", before.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action, Dialog, View,
        desk::{Desk, failure, member},
        exchange::{Changed, Command, Event},
        failure::FailureKind,
        form::Field,
        listing::Page,
        members::{Member, Role, Standing},
    };

    /// Members that were removed came back with the answer to an earlier change.
    #[test]
    fn an_answer_brings_nobody_back_who_was_removed() {
        let mut desk = Desk::with_members(vec![member("mem_ben", "Ben")]);
        desk.act(Action::SetStatus(vec!["mem_ben".into()], Standing::Inactive));
        let changing = desk.ticket();
        desk.act(Action::AskRemove(vec!["mem_ben".into()]));
        desk.act(Action::Remove);
        let ben = Changed::Member(member("mem_ben", "Ben"));
        desk.answer(changing, Ok(ben));
        assert!(desk.console().members.list.items.is_empty());
    }

    /// The same with a refusal, which puts back what was before.
    #[test]
    fn a_refusal_brings_nobody_back_who_was_removed() {
        let mut desk = Desk::with_members(vec![member("mem_ben", "Ben")]);
        desk.act(Action::SetStatus(vec!["mem_ben".into()], Standing::Inactive));
        let changing = desk.ticket();
        desk.act(Action::AskRemove(vec!["mem_ben".into()]));
        desk.act(Action::Remove);
        desk.answer(changing, Err(failure(FailureKind::Refused("email_taken".into()))));
        assert!(desk.console().members.list.items.is_empty());
    }

    /// Ben was removed and the roster read again before the server had done it: he stood there for good.
    #[test]
    fn a_page_from_before_brings_nobody_back_who_was_removed() {
        let mut desk = Desk::with_members(vec![member("mem_ana", "Ana"), member("mem_ben", "Ben")]);
        desk.act(Action::AskRemove(vec!["mem_ben".into()]));
        desk.act(Action::Remove);
        let removing = desk.ticket();
        desk.act(Action::Refresh);
        desk.hear_members(vec![member("mem_ana", "Ana"), member("mem_ben", "Ben")]);
        desk.answer(removing, Ok(Changed::Done));
        assert_eq!(desk.console().members.rows.len(), 1);
    }

    /// A member was added while the roster was loading; the next page moved it, and its row showed somebody else.
    #[test]
    fn rows_show_whom_they_mean_while_pages_come_in() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::Show(View::Members));
        let load = desk.load_of_members();
        let page = |from: usize, next: Option<&str>| {
            let items = (from..from + 20).map(|n| member(&format!("mem_{n:03}"), &format!("Athlete {n:03}")));
            Event::Members { load, page: Ok(Page { items: items.collect(), next: next.map(str::to_owned) }) }
        };
        desk.hear(page(0, Some("second")));
        desk.act(Action::NewMember);
        if let Some(Dialog::Member(form)) = &mut desk.console().dialog {
            form.name = Field::of("Zoë");
        }
        desk.act(Action::SaveMember);
        desk.answer(desk.ticket(), Ok(Changed::Member(member("mem_zzz", "Zoë"))));
        desk.hear(page(20, Some("third")));
        let members = &desk.console().members;
        let shown: Vec<&str> = members.rows.iter().map(|&at| members.list.items[at].name.as_str()).collect();
        assert!(shown.contains(&"Zoë"), "{shown:?}");
        let selected = members.selected.row().map(|row| shown[row]);
        assert_eq!((selected, members.selected.id()), (Some("Zoë"), Some("mem_zzz")));
    }

    /// A change that was refused took another with it that had been done since.
    #[test]
    fn a_member_whose_change_was_refused_is_read_again() {
        let mut desk = Desk::with_members(vec![member("mem_ben", "Ben")]);
        desk.act(Action::SetStatus(vec!["mem_ben".into()], Standing::Inactive));
        let changing = desk.ticket();
        desk.answer(changing, Err(failure(FailureKind::Refused("email_taken".into()))));
        assert!(matches!(desk.asked.last(), Some(Command::LoadMember { member, .. }) if member == "mem_ben"));
        let renamed = member("mem_ben", "Benjamin");
        let result = Box::new(Ok(renamed));
        desk.hear(Event::Member { organization: "org_a".into(), id: "mem_ben".into(), result });
        assert_eq!(desk.console().members.list.items[0].name, "Benjamin");
    }

    /// The athletes of a coach stood there without one, since the coach was to be removed and then was not.
    #[test]
    fn a_coach_who_stays_keeps_the_athletes() {
        let coach = Member { role: Role::Coach, ..member("mem_cora", "Cora") };
        let athlete = Member { coach_id: Some("mem_cora".into()), ..member("mem_dan", "Dan") };
        let mut desk = Desk::with_members(vec![coach.clone(), athlete.clone()]);
        desk.act(Action::AskRemove(vec!["mem_cora".into()]));
        desk.act(Action::Remove);
        assert_eq!(desk.console().members.list.items[0].coach_id, None, "it is shown at once");
        desk.answer(desk.ticket(), Err(failure(FailureKind::Unreachable)));
        desk.hear_members(vec![coach, athlete]);
        assert_eq!(desk.console().members.coach_name("mem_cora"), Some("Cora"));
        assert_eq!(desk.console().members.list.items[1].coach_id.as_deref(), Some("mem_cora"));
    }

    /// What came of changes of several members was never said if another club was opened meanwhile.
    #[test]
    fn what_came_of_several_is_said_also_in_another_club() {
        let mut desk = Desk::of(&["org_a", "org_b"], vec![]);
        desk.act(Action::Show(View::Members));
        desk.hear_members(vec![member("mem_ben", "Ben"), member("mem_dan", "Dan")]);
        desk.act(Action::SetStatus(vec!["mem_ben".into(), "mem_dan".into()], Standing::Inactive));
        let last = desk.ticket();
        desk.act(Action::Switch("org_b".into()));
        desk.answer(last - 1, Ok(Changed::Member(member("mem_ben", "Ben"))));
        desk.answer(last, Ok(Changed::Member(member("mem_dan", "Dan"))));
        assert!(desk.state.notices.iter().any(|notice| notice.text == "Done for 2 members"));
    }
}
