//! The roster: what is known of it, and which of it is on screen.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::Hash,
    ops::Deref,
};

// Quicker than std's hashing, which is made for maps that strangers fill.
use foldhash::fast::FixedState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    exchange::{MemberEdit, MemberWish},
    listing::{Listing, Record},
    selection::{Move, Selection},
};
use crate::rules::{Search, fold, fold_words};

/// A row of the roster: reads as its facts, which change only as a whole, since what is derived from them follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    facts: MemberFacts,
    /// Its folded words, each after a space: what a search looks through.
    words: String,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberFacts {
    /// Stays for life.
    pub id: String,
    /// What it is in the club.
    pub role: Role,
    /// Whether it counts.
    pub status: Standing,
    /// What it is called.
    pub name: String,
    /// Where to reach it.
    pub email: Option<String>,
    /// Words by which it is grouped.
    pub labels: Vec<String>,
    /// Its id in the tool that the roster is synced from.
    pub external_id: Option<String>,
    /// For an athlete: the coach.
    pub coach_id: Option<String>,
    /// Whether a person has accepted the invitation.
    pub accepted: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a member is in the club.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Heads it.
    HeadCoach,
    /// Coaches.
    Coach,
    /// Is coached.
    Athlete,
}

impl Role {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::HeadCoach, Self::Coach, Self::Athlete];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::HeadCoach => "Head coach",
            Self::Coach => "Coach",
            Self::Athlete => "Athlete",
        }
    }
}

/// Whether a member counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Standing {
    /// Takes part.
    Active,
    /// Is away.
    Inactive,
    /// Is shut out.
    Suspended,
}

impl Standing {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Suspended];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Inactive => "Inactive",
            Self::Suspended => "Suspended",
        }
    }
}

impl From<MemberFacts> for Member {
    fn from(facts: MemberFacts) -> Self {
        let mut words = String::new();
        let email = facts.email.as_deref().map(|email| [vec![fold(email)], fold_words(email)].concat());
        for word in fold_words(&facts.name).into_iter().chain(email.into_iter().flatten()) {
            words.push(' ');
            words.push_str(&word);
        }
        Self { facts, words }
    }
}

impl Deref for Member {
    type Target = MemberFacts;

    fn deref(&self) -> &MemberFacts {
        &self.facts
    }
}

impl Record for Member {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Member {
    /// What can be changed of it.
    pub fn wish(&self) -> MemberWish {
        MemberWish {
            name: self.name.clone(),
            email: self.email.clone(),
            external_id: self.external_id.clone(),
            role: self.role,
            status: self.status,
            labels: self.labels.clone(),
            coach_id: self.coach_id.clone(),
        }
    }

    /// The member as it would be.
    pub fn with(&self, wish: &MemberWish) -> Self {
        let MemberWish { name, email, external_id, role, status, labels, coach_id } = wish.clone();
        MemberFacts { name, email, external_id, role, status, labels, coach_id, ..self.facts.clone() }.into()
    }

    /// The member as it would be after an edit.
    pub fn edited(&self, edit: &MemberEdit) -> Self {
        let mut wish = self.wish();
        match edit {
            MemberEdit::All { to, .. } => wish = *to.clone(),
            MemberEdit::Status(status) => wish.status = *status,
            MemberEdit::Coach(coach) => wish.coach_id.clone_from(coach),
            MemberEdit::AddLabel(label) => {
                wish.labels.push(label.clone());
                wish.labels.sort();
                wish.labels.dedup();
            }
            MemberEdit::RemoveLabel(label) => wish.labels.retain(|known| known != label),
        }
        self.with(&wish)
    }
}

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
                    member.facts.coach_id = None;
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

    /// Finds anew what is shown: after the list, the filter, the search or the order has changed.
    pub fn arrange(&mut self) {
        if self.by_name.len() != self.list.items.len() {
            self.gather();
        }
        let items = &self.list.items;
        let search = self.search.trim();
        let words: Vec<String> = match search.parse::<Search>() {
            Ok(search) => search.words().iter().map(|word| format!(" {word}")).collect(),
            Err(_) => Vec::new(),
        };
        let nothing = !search.is_empty() && words.is_empty();
        let filter = &self.filter;
        let takes = |member: &Member, its_words: &str| {
            !nothing
                && filter.role.is_none_or(|role| role == member.role)
                && filter.status.is_none_or(|status| status == member.status)
                && filter.label.as_ref().is_none_or(|label| member.labels.contains(label))
                && filter.coach_id.as_ref().is_none_or(|coach| member.coach_id.as_ref() == Some(coach))
                && words.iter().all(|word| its_words.contains(word.as_str()))
        };
        // In the order of the list, which is that of memory: several times as quick as in any other.
        let mut begin = 0;
        let words_of = self.words_end.iter().map(|&end| &self.words[std::mem::replace(&mut begin, end)..end]);
        let taken: Vec<bool> = items.iter().zip(words_of).map(|(member, words)| takes(member, words)).collect();
        let shown = (0..items.len()).filter(|&at| taken[at]);
        let (column, reversed) = self.sort;
        let mut rows: Vec<usize> = match column {
            Column::Name => self.by_name.iter().copied().filter(|&at| taken[at]).collect(),
            Column::Role => in_groups(shown, |at| items[at].role, |role| *role),
            Column::Status => in_groups(shown, |at| items[at].status, |status| *status),
            Column::Coach => {
                let ranks: HashMap<&str, usize, FixedState> =
                    self.coaches.iter().enumerate().map(|(rank, (id, _))| (id.as_str(), rank)).collect();
                let rank_of = |at: usize| items[at].coach_id.as_deref().and_then(|coach| ranks.get(coach).copied());
                in_groups(shown, rank_of, |rank| (rank.is_none(), *rank))
            }
            Column::Labels => in_groups(shown, |at| items[at].labels.as_slice(), |labels| (labels.is_empty(), *labels)),
            Column::Added => shown.collect(),
        };
        if reversed {
            rows.reverse();
        }
        if !self.marked.is_empty() {
            // What cannot be seen is not meant.
            let shown: HashSet<&str> = rows.iter().map(|&at| items[at].id.as_str()).collect();
            self.marked.retain(|id| shown.contains(id.as_str()));
        }
        self.rows = rows;
        self.rows_of = items.len();
        self.selected.find(items, &self.rows, |member| &member.id);
    }

    /// Gathers the labels and coaches that there are to choose from and the words that are searched, counts, and sorts by
    /// name: after the list has changed.
    pub fn gather(&mut self) {
        let items = &self.list.items;
        self.counts = Role::ALL.map(|role| items.iter().filter(|member| member.role == role).count());
        self.words.clear();
        self.words_end.clear();
        for member in items {
            self.words.push_str(&member.words);
            self.words_end.push(self.words.len());
        }
        // Most are in order already, and then there is little to sort.
        let known = self.by_name.len();
        self.by_name.retain(|&at| at < items.len());
        self.by_name.extend(known..items.len());
        self.by_name.sort_by(|&one, &other| items[one].words.cmp(&items[other].words).then(one.cmp(&other)));
        let mut labels = BTreeSet::new();
        for member in &self.list.items {
            for label in &member.labels {
                if !labels.contains(label.as_str()) {
                    labels.insert(label.as_str());
                }
            }
        }
        self.labels = labels.into_iter().map(str::to_owned).collect();
        let mut coaches: Vec<(String, String)> = self
            .list
            .items
            .iter()
            .filter(|member| member.role != Role::Athlete)
            .map(|member| (member.id.clone(), member.name.clone()))
            .collect();
        coaches.sort_by_cached_key(|(_, name)| fold(name));
        self.coaches = coaches;
    }

    /// Selects the member of that id.
    pub fn choose(&mut self, id: String) {
        self.selected.choose(id, &self.list.items, &self.rows, |member| &member.id);
    }

    /// Moves the selection.
    pub fn select(&mut self, to: Move) {
        self.selected.go(to, &self.list.items, &self.rows, |member| &member.id);
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

/// `places` by what many of them share, and in the order that they came in within it: each group is ranked once.
fn in_groups<K: Hash + Eq, R: Ord>(
    places: impl Iterator<Item = usize>,
    shared: impl Fn(usize) -> K,
    rank: impl Fn(&K) -> R,
) -> Vec<usize> {
    let mut groups: HashMap<K, Vec<usize>, FixedState> = HashMap::default();
    for at in places {
        groups.entry(shared(at)).or_default().push(at);
    }
    let mut groups: Vec<(R, Vec<usize>)> = groups.into_iter().map(|(shared, places)| (rank(&shared), places)).collect();
    groups.sort_by(|(one, _), (other, _)| one.cmp(other));
    groups.into_iter().flat_map(|(_, places)| places).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(id: &str, name: &str, role: Role) -> MemberFacts {
        MemberFacts {
            id: id.to_owned(),
            role,
            status: Standing::Active,
            name: name.to_owned(),
            email: Some(format!("{id}@Club.example")),
            labels: Vec::new(),
            external_id: None,
            coach_id: None,
            accepted: false,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn member(id: &str, name: &str, role: Role) -> Member {
        facts(id, name, role).into()
    }

    fn names(members: &Members) -> Vec<&str> {
        members.rows.iter().map(|&at| members.list.items[at].name.as_str()).collect()
    }

    #[test]
    fn members_are_found_as_the_server_finds_them() {
        let mut members = Members::default();
        members.put(member("mem_1", "José Ångström", Role::Athlete));
        members.put(member("mem_2", "Ana Ruiz", Role::HeadCoach));
        members.put(member("mem_3", "李小龍", Role::Athlete));
        members.gather();
        members.arrange();
        assert_eq!(members.rows.len(), 3);
        for (search, found) in [
            ("jose", vec!["José Ångström"]),
            ("ANG jo", vec!["José Ångström"]),
            ("ngström", vec![]),
            ("mem_2@club", vec!["Ana Ruiz"]),
            ("李", vec!["李小龍"]),
            ("…", vec![]),
        ] {
            members.search = search.to_owned();
            members.arrange();
            assert_eq!(names(&members), found, "{search}");
        }
    }

    #[test]
    fn filters_hold_all_at_once() {
        let mut members = Members::default();
        let labels = vec!["u16".to_owned()];
        let amara = facts("mem_1", "Amara", Role::Athlete);
        members.put(MemberFacts { labels: labels.clone(), coach_id: Some("mem_9".into()), ..amara }.into());
        members.put(MemberFacts { labels, ..facts("mem_2", "Ben", Role::Athlete) }.into());
        members.put(member("mem_9", "Cora", Role::Coach));
        members.gather();
        assert_eq!(
            (members.labels.as_slice(), members.coach_name("mem_9")),
            (["u16".to_owned()].as_slice(), Some("Cora"))
        );
        members.filter.label = Some("u16".into());
        members.arrange();
        assert_eq!(names(&members), ["Amara", "Ben"]);
        members.filter.coach_id = Some("mem_9".into());
        members.arrange();
        assert_eq!(names(&members), ["Amara"]);
    }

    #[test]
    fn members_are_sorted_by_each_column_and_ties_stay_in_order() {
        let mut members = Members::default();
        let coached = |id: &str, name: &str, coach: &str| MemberFacts {
            coach_id: Some(coach.to_owned()),
            ..facts(id, name, Role::Athlete)
        };
        for facts in [
            coached("mem_1", "Élise", "mem_4"),
            MemberFacts { labels: vec!["u16".into()], ..coached("mem_2", "Ben", "mem_9") },
            MemberFacts { status: Standing::Inactive, ..facts("mem_3", "Ana", Role::HeadCoach) },
            facts("mem_4", "Zoë", Role::Coach),
            MemberFacts { labels: vec!["trail".into(), "u16".into()], ..facts("mem_5", "Dan", Role::Athlete) },
            coached("mem_6", "Eve", "mem_8"),
            facts("mem_8", "Cora", Role::Coach),
        ] {
            members.put(facts.into());
        }
        members.gather();
        for (column, sorted) in [
            (Column::Name, ["Ana", "Ben", "Cora", "Dan", "Élise", "Eve", "Zoë"]),
            (Column::Role, ["Ana", "Zoë", "Cora", "Élise", "Ben", "Dan", "Eve"]),
            (Column::Status, ["Élise", "Ben", "Zoë", "Dan", "Eve", "Cora", "Ana"]),
            (Column::Coach, ["Eve", "Élise", "Ben", "Ana", "Zoë", "Dan", "Cora"]),
            (Column::Labels, ["Dan", "Ben", "Élise", "Ana", "Zoë", "Eve", "Cora"]),
            (Column::Added, ["Élise", "Ben", "Ana", "Zoë", "Dan", "Eve", "Cora"]),
        ] {
            members.sort = (column, false);
            members.arrange();
            assert_eq!(names(&members), sorted, "{column:?}");
        }
        members.sort = (Column::Name, true);
        members.arrange();
        assert_eq!(names(&members), ["Zoë", "Eve", "Élise", "Dan", "Cora", "Ben", "Ana"]);
    }

    #[test]
    fn the_order_by_name_follows_every_change_of_the_list() {
        let mut members = Members::default();
        for (id, name) in [("mem_1", "Cora"), ("mem_2", "Ana"), ("mem_3", "Ben")] {
            members.put(member(id, name, Role::Athlete));
        }
        members.arrange();
        assert_eq!(names(&members), ["Ana", "Ben", "Cora"]);
        members.put(member("mem_4", "Abe", Role::Coach));
        members.arrange();
        assert_eq!(names(&members), ["Abe", "Ana", "Ben", "Cora"], "one more, and nothing was gathered");
        assert_eq!(Role::ALL.map(|role| members.count(role)), [0, 1, 3]);
        members.put(member("mem_2", "Zoë", Role::Athlete));
        members.gather();
        members.arrange();
        assert_eq!(names(&members), ["Abe", "Ben", "Cora", "Zoë"], "another name");
        members.choose("mem_3".to_owned());
        members.remove("mem_1");
        members.arrange();
        assert_eq!((names(&members), members.selected.row()), (vec!["Abe", "Ben", "Zoë"], Some(1)), "one fewer");
    }
}
