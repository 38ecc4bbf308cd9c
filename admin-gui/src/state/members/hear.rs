//! What is heard of members.

use super::Member;
use crate::state::{
    State,
    exchange::Command,
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
        self.ask(Command::LoadMembers { organization, cursor, load });
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
                    members.unarranged |= grown || !members.list.is_loading();
                }
                Heard::Again => self.load_members(false),
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
        if batch.is_none() {
            self.say(format!("Removed {}", before.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action, View,
        desk::{Desk, member},
        exchange::Changed,
        members::Standing,
    };

    /// Members that were removed came back with the answer to an earlier change.
    #[test]
    fn an_answer_brings_nobody_back_who_was_removed() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::Show(View::Members));
        desk.hear_members(vec![member("mem_ben", "Ben")]);
        desk.act(Action::SetStatus(vec!["mem_ben".into()], Standing::Inactive));
        let changing = desk.ticket();
        desk.act(Action::AskRemove(vec!["mem_ben".into()]));
        desk.act(Action::Remove);
        let ben = Changed::Member(member("mem_ben", "Ben"));
        desk.answer(changing, Ok(ben));
        assert!(desk.console().members.list.items.is_empty());
    }
}
