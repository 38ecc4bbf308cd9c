//! The roster of a club, as it is shown.

mod act;
mod arrange;
mod form;
mod hear;
mod member;
mod roster;
mod several;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub(super) use self::several::Batch;
pub use self::{
    form::MemberForm,
    member::{Member, MemberEdit, MemberWish, Role, Standing},
    roster::Roster,
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
    pub list: Listing<Roster>,
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
    /// Whether that must be found anew before it is next shown.
    pub unarranged: bool,
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

    /// Puts `member` in the place of the one with its id, or where its id belongs.
    pub fn put(&mut self, member: Member) {
        self.list.touch();
        self.list.items.put(member);
        self.unarranged = true;
    }

    /// Takes the members of these ids out.
    pub(super) fn remove(&mut self, ids: &[String]) -> Vec<Member> {
        self.list.touch();
        self.unarranged = true;
        for id in ids {
            self.marked.remove(id);
        }
        self.list.items.remove(ids)
    }

    /// Puts members back that were taken out.
    pub(super) fn restore(&mut self, members: Vec<Member>) {
        self.list.touch();
        self.list.items.restore(members);
        self.unarranged = true;
    }

    /// What an athlete's coach is called.
    pub fn coach_name(&self, id: &str) -> Option<&str> {
        self.get(id).map(|coach| coach.name.as_str())
    }

    /// Finds anew what is shown, if the list has changed since.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.unarranged) {
            self.arrange();
        }
    }

    /// Selects the member of that id.
    pub fn choose(&mut self, id: String) {
        self.selected.choose(id, &self.rows, |id| self.list.items.place(id));
    }

    /// Moves the selection.
    pub fn select(&mut self, to: Move) {
        self.selected.go(to, &self.rows, |at| &self.list.items[at].id);
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
