//! The roster of a club, as it is shown.

mod act;
mod arrange;
mod form;
mod hear;
mod member;
mod several;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub(super) use self::several::Batch;
pub use self::{
    form::MemberForm,
    member::{Member, MemberEdit, MemberFacts, MemberWish, Role, Standing},
    several::{CoachForm, LabelForm, RemoveForm},
};
use super::{
    listing::Listing,
    selection::{Move, Selection},
};

/// Which members are shown; all of these at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// With this role.
    pub role: Option<Role>,
    /// With this status.
    pub status: Option<Standing>,
    /// With this label.
    pub label: Option<String>,
    /// Assigned to this coach.
    pub coach_id: Option<String>,
}

impl Filter {
    /// Whether it leaves anything out.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Column {
    /// Name, and email below.
    #[default]
    Name,
    /// What it is in the club.
    Role,
    /// Whether it counts.
    Status,
    /// Who coaches it.
    Coach,
    /// Words by which it is grouped.
    Labels,
    /// When it was added.
    Added,
}

/// The roster of a club, and how it is shown.
#[derive(Debug, Clone, Default)]
pub struct Members {
    /// The members.
    pub list: Listing<Member>,
    /// Which are shown.
    pub filter: Filter,
    /// What is searched for.
    pub search: String,
    /// By what they are sorted, and whether the other way round.
    pub sort: (Column, bool),
    /// The member that the keyboard is on.
    pub selected: Selection,
    /// Those that an act for several is meant for.
    pub marked: BTreeSet<String>,
    /// The places in the list of those that are shown, in order.
    pub rows: Vec<usize>,
    /// How many members there were when that was found.
    pub rows_of: usize,
    /// Whether that must be found anew, labels and coaches too, before it is next shown.
    pub unarranged: bool,
    /// Every label in use, sorted.
    pub labels: Vec<String>,
    /// Everyone an athlete can be assigned to: id and name, sorted by name.
    pub coaches: Vec<(String, String)>,
    /// How many members there are of each role, in the order of [`Role::ALL`].
    counts: [usize; Role::ALL.len()],
    /// The places in the list of all members, sorted by name.
    by_name: Vec<usize>,
    /// The folded words of all members, one after the other: a search looks through them in one piece several times as
    /// quickly as in as many pieces as there are members.
    words: String,
    /// Where the words of each member end.
    words_end: Vec<usize>,
}

impl Members {
    /// No members yet, of which those will be shown in that order.
    pub(super) fn shown_as(filter: Filter, sort: (Column, bool)) -> Self {
        Self { filter, sort, ..Self::default() }
    }

    /// The member of that id.
    pub fn get(&self, id: &str) -> Option<&Member> {
        self.list.get(id)
    }

    /// Puts `member` in the place of the one with its id, or at the end, where the newest are. An athlete keeps no coach
    /// who is none any more.
    pub fn put(&mut self, member: Member) {
        if member.role == Role::Athlete {
            self.release(&member.id);
        }
        match self.list.get_mut(&member.id) {
            Some(known) => *known = member,
            None => self.list.items.push(member),
        }
        self.unarranged = true;
    }

    /// Takes the member of that id out; its place and itself.
    pub fn remove(&mut self, id: &str) -> Option<(usize, Member)> {
        let at = self.list.items.iter().position(|member| member.id == id)?;
        self.list.touch();
        self.unarranged = true;
        self.marked.remove(id);
        let member = self.list.items.remove(at);
        if member.role == Role::Coach {
            self.release(id);
        }
        Some((at, member))
    }

    /// Puts `member` back where it was.
    pub fn insert(&mut self, at: usize, member: Member) {
        let at = at.min(self.list.items.len());
        self.list.touch();
        self.unarranged = true;
        self.list.items.insert(at, member);
    }

    /// The athletes of a coach who goes are left without one, as on the server.
    fn release(&mut self, coach: &str) {
        if self.coaches.iter().any(|(id, _)| id == coach) {
            for member in &mut self.list.items {
                if member.coach_id.as_deref() == Some(coach) {
                    member.leave_coach();
                }
            }
        }
    }

    /// What an athlete's coach is called.
    pub fn coach_name(&self, id: &str) -> Option<&str> {
        self.coaches.iter().find(|(coach, _)| coach == id).map(|(_, name)| name.as_str())
    }

    /// Finds anew what is shown, if the list has changed since.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.unarranged) {
            self.gather();
            self.arrange();
        }
    }

    /// How many members have that role.
    pub fn count(&self, role: Role) -> usize {
        self.counts[role as usize]
    }

    /// Selects the member of that id.
    pub fn choose(&mut self, id: String) {
        self.selected.choose(id, &self.list.items, &self.rows, |member| &member.id);
    }

    /// Moves the selection.
    pub fn select(&mut self, to: Move) {
        self.selected.go(to, &self.list.items, &self.rows, |member| &member.id);
    }

    /// Marks a member for an act on several, or takes the mark away.
    pub(super) fn mark(&mut self, id: String) {
        if !self.marked.remove(&id) {
            self.marked.insert(id);
        }
    }

    /// Marks all that are shown, or takes all marks away.
    pub(super) fn mark_all(&mut self, all: bool) {
        let shown = self.rows.iter().filter(|_| all).map(|&at| self.list.items[at].id.clone());
        self.marked = shown.collect();
    }

    /// Those that an act is meant for: the marked ones, else the selected one.
    pub fn meant(&self) -> Vec<String> {
        if self.marked.is_empty() {
            self.selected.id().map(str::to_owned).into_iter().collect()
        } else {
            self.marked.iter().cloned().collect()
        }
    }
}
