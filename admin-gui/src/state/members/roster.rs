//! The members themselves, in the order of their ids, with what is found of them quickly: by id, by name, by what many of
//! them share. Each change keeps all of that in step and costs as much as what changes, not as the roster: a frame with
//! 100,000 members has no time to gather it anew.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    hash::Hash,
    ops::Deref,
};

// Quicker than std's hashing, which is made for maps that strangers fill.
use foldhash::fast::FixedState;

use super::{Member, Role, Standing};
use crate::{
    rules::{fold, fold_words},
    state::listing::Items,
};

/// The members of a club, as far as they are known; reads as a slice, in the order of their ids.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    members: Vec<Member>,
    /// The places of all members, sorted by name.
    by_name: Vec<usize>,
    /// The folded words of all members, each after a space, one member after the other: a search looks through them in
    /// one piece several times as quickly as in as many pieces as there are members.
    words: String,
    /// Where the words of each member end.
    words_end: Vec<usize>,
    /// What each member shares with others; beside the members, since a filter or an order reads all of it at once.
    pub(super) facets: Vec<Facets>,
    /// Coaches that members have.
    pub(super) coach_ids: Numbered<Option<String>>,
    /// Labels that members have, all of those of one together.
    pub(super) label_lists: Numbered<Vec<String>>,
    tally: Tally,
    /// Whether members have moved to other places since that was last asked.
    moved: bool,
}

/// What is counted of the members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tally {
    /// How many have each role, in the order of [`Role::ALL`].
    roles: [usize; Role::ALL.len()],
    /// How many have each label.
    labels: BTreeMap<String, usize>,
    /// Everyone an athlete can be assigned to, sorted.
    coaches: Vec<Coach>,
}

/// What a member shares with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facets {
    pub(super) role: Role,
    pub(super) status: Standing,
    /// The number of its coach in [`Roster::coach_ids`].
    pub(super) coach: u32,
    /// The number of its labels in [`Roster::label_lists`].
    pub(super) labels: u32,
}

/// Someone who coaches, or may: sorted by the folded name, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Coach {
    folded: String,
    id: String,
    name: String,
}

impl Coach {
    fn of(member: &Member) -> Self {
        Self { folded: fold(&member.name), id: member.id.clone(), name: member.name.clone() }
    }
}

/// Values that many share, each under a number.
#[derive(Debug, Clone)]
pub(super) struct Numbered<T> {
    pub(super) values: Vec<T>,
    numbers: HashMap<T, u32, FixedState>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::default() }
    }
}

impl<T: Hash + Eq + Clone> Numbered<T> {
    /// The number of `value`, a new one if it has none yet.
    fn number(&mut self, value: &T) -> u32 {
        if let Some(&number) = self.numbers.get(value) {
            return number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer than there are members");
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    /// The number of `value`, if any member has it.
    pub(super) fn find(&self, value: &T) -> Option<u32> {
        self.numbers.get(value).copied()
    }
}

impl Deref for Roster {
    type Target = [Member];

    fn deref(&self) -> &[Member] {
        &self.members
    }
}

impl Items for Roster {
    type Item = Member;

    fn add(&mut self, page: Vec<Member>) {
        // The server lists them in the order of their ids; what was added here meanwhile stands behind them.
        let follows = |members: &[Member], page: &[Member]| {
            let in_order = page.is_sorted_by(|one, other| one.id < other.id);
            in_order && members.last().zip(page.first()).is_none_or(|(last, first)| last.id < first.id)
        };
        if follows(&self.members, &page) {
            self.append(page);
        } else {
            for member in page {
                self.put(member);
            }
        }
    }

    fn find(&self, id: &str) -> Option<&Member> {
        self.place(id).map(|at| &self.members[at])
    }
}

impl Roster {
    /// Where the member of that id is.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.members.binary_search_by(|member| member.id.as_str().cmp(id)).ok()
    }

    /// How many members have that role.
    pub fn count(&self, role: Role) -> usize {
        self.tally.roles[role as usize]
    }

    /// Every label in use, sorted.
    pub fn labels(&self) -> impl Iterator<Item = &str> + Clone {
        self.tally.labels.keys().map(String::as_str)
    }

    /// Everyone an athlete can be assigned to: id and name, sorted by name.
    pub fn coaches(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.tally.coaches.iter().map(|coach| (coach.id.as_str(), coach.name.as_str()))
    }

    /// Whether members have moved to other places since this was last asked.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// The places of all members, sorted by name.
    pub(super) fn by_name(&self) -> &[usize] {
        &self.by_name
    }

    /// The folded words of each member, each after a space: what a search looks through.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let mut begin = 0;
        self.words_end.iter().map(move |&end| &self.words[std::mem::replace(&mut begin, end)..end])
    }

    /// Puts `member` in the place of the one with its id, or where its id belongs. The athletes of one who coaches no
    /// more are left without a coach, as on the server.
    pub fn put(&mut self, member: Member) {
        match self.members.binary_search_by(|known| known.id.cmp(&member.id)) {
            Ok(at) => self.replace(at, member),
            Err(at) if at == self.members.len() => self.append(vec![member]),
            Err(at) => self.insert(at, member),
        }
    }

    /// Takes the members of these ids out.
    pub fn remove(&mut self, ids: &[String]) -> Vec<Member> {
        let mut places: Vec<usize> = ids.iter().filter_map(|id| self.place(id)).collect();
        places.sort_unstable();
        places.dedup();
        let mut goes = vec![false; self.members.len()];
        for &at in &places {
            goes[at] = true;
        }
        let mut words = String::with_capacity(self.words.len());
        for (its_words, goes) in self.words().zip(&goes) {
            words.push_str(if *goes { "" } else { its_words });
        }
        let mut end = 0;
        let lengths = self.words().map(str::len).collect::<Vec<_>>();
        self.words_end.clear();
        for (length, _) in lengths.into_iter().zip(&goes).filter(|(_, goes)| !**goes) {
            end += length;
            self.words_end.push(end);
        }
        self.words = words;
        self.by_name.retain(|&at| !goes[at]);
        for at in &mut self.by_name {
            *at -= places.partition_point(|place| place < at);
        }
        let mut flags = goes.iter();
        self.facets.retain(|_| !flags.next().is_some_and(|goes| *goes));
        let mut flags = goes.iter();
        let removed: Vec<Member> = self.members.extract_if(.., |_| flags.next().is_some_and(|goes| *goes)).collect();
        for member in &removed {
            self.tally.uncount(member);
            if member.role == Role::Coach {
                self.release(&member.id);
            }
        }
        removed
    }

    /// Puts members back that were taken out.
    pub fn restore(&mut self, members: Vec<Member>) {
        /// More than so many are quicker put back all at once.
        const FEW: usize = 16;
        if members.len() <= FEW {
            for member in members {
                self.put(member);
            }
            return;
        }
        let mut all = std::mem::take(self).members;
        all.extend(members);
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all.dedup_by(|one, other| one.id == other.id);
        self.append(all);
        self.moved = true;
    }

    /// Adds members whose ids follow all that there are.
    fn append(&mut self, page: Vec<Member>) {
        let first = self.members.len();
        for member in page {
            self.words.push_str(&words_of(&member));
            self.words_end.push(self.words.len());
            self.facets.push(facets_of(&member, &mut self.coach_ids, &mut self.label_lists));
            self.tally.count(&member);
            self.members.push(member);
        }
        let mut new: Vec<usize> = (first..self.members.len()).collect();
        new.sort_by(|&one, &other| self.order(one, other));
        let mut merged = Vec::with_capacity(self.members.len());
        let mut from = 0;
        for at in new {
            let to = from + self.by_name[from..].partition_point(|&known| self.order(known, at).is_lt());
            merged.extend_from_slice(&self.by_name[from..to]);
            merged.push(at);
            from = to;
        }
        merged.extend_from_slice(&self.by_name[from..]);
        self.by_name = merged;
    }

    fn insert(&mut self, at: usize, member: Member) {
        self.moved = true;
        let words = words_of(&member);
        let begin = self.words_begin(at);
        self.words.insert_str(begin, &words);
        self.words_end.insert(at, begin);
        for end in &mut self.words_end[at..] {
            *end += words.len();
        }
        self.facets.insert(at, facets_of(&member, &mut self.coach_ids, &mut self.label_lists));
        self.tally.count(&member);
        self.members.insert(at, member);
        for known in &mut self.by_name {
            *known += usize::from(*known >= at);
        }
        self.insert_by_name(at);
    }

    fn replace(&mut self, at: usize, member: Member) {
        let before = std::mem::replace(&mut self.members[at], member);
        let member = &self.members[at];
        if (&before.name, &before.email) != (&member.name, &member.email) {
            let words = words_of(member);
            let (begin, end) = (self.words_begin(at), self.words_end[at]);
            // The order by name is read from the words: out of it before they change, into it after.
            self.by_name.retain(|&known| known != at);
            self.words.replace_range(begin..end, &words);
            for known in &mut self.words_end[at..] {
                *known = *known - (end - begin) + words.len();
            }
            self.insert_by_name(at);
        }
        self.tally.uncount(&before);
        self.tally.count(&self.members[at]);
        self.facets[at] = facets_of(&self.members[at], &mut self.coach_ids, &mut self.label_lists);
        if before.role != Role::Athlete && self.members[at].role == Role::Athlete {
            self.release(&before.id);
        }
    }

    fn insert_by_name(&mut self, at: usize) {
        let to = self.by_name.partition_point(|&known| self.order(known, at).is_lt());
        self.by_name.insert(to, at);
    }

    /// Leaves the athletes of that coach without one.
    fn release(&mut self, coach: &str) {
        let Some(coach) = self.coach_ids.find(&Some(coach.to_owned())) else { return };
        let none = self.coach_ids.number(&None);
        for (facets, member) in self.facets.iter_mut().zip(&mut self.members) {
            if facets.coach == coach {
                facets.coach = none;
                member.coach_id = None;
            }
        }
    }

    fn words_begin(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.words_end[before])
    }

    fn words_at(&self, at: usize) -> &str {
        &self.words[self.words_begin(at)..self.words_end[at]]
    }

    fn order(&self, one: usize, other: usize) -> Ordering {
        self.words_at(one).cmp(self.words_at(other)).then(one.cmp(&other))
    }
}

impl Tally {
    fn count(&mut self, member: &Member) {
        self.roles[member.role as usize] += 1;
        for label in &member.labels {
            match self.labels.get_mut(label) {
                Some(count) => *count += 1,
                None => {
                    self.labels.insert(label.clone(), 1);
                }
            }
        }
        if member.role != Role::Athlete {
            let coach = Coach::of(member);
            let to = self.coaches.partition_point(|known| *known < coach);
            self.coaches.insert(to, coach);
        }
    }

    fn uncount(&mut self, member: &Member) {
        self.roles[member.role as usize] -= 1;
        for label in &member.labels {
            if let Some(count) = self.labels.get_mut(label) {
                *count -= 1;
                if *count == 0 {
                    self.labels.remove(label);
                }
            }
        }
        if member.role != Role::Athlete
            && let Ok(at) = self.coaches.binary_search(&Coach::of(member))
        {
            self.coaches.remove(at);
        }
    }
}

fn facets_of(member: &Member, coaches: &mut Numbered<Option<String>>, labels: &mut Numbered<Vec<String>>) -> Facets {
    Facets {
        role: member.role,
        status: member.status,
        coach: coaches.number(&member.coach_id),
        labels: labels.number(&member.labels),
    }
}

/// The folded words of a member's name and email, each after a space.
fn words_of(member: &Member) -> String {
    let email = member.email.as_deref().map(|email| [vec![fold(email)], fold_words(email)].concat());
    let mut words = String::new();
    for word in fold_words(&member.name).into_iter().chain(email.into_iter().flatten()) {
        words.push(' ');
        words.push_str(&word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::desk::member;

    /// What can be found of a roster, whichever way it came about.
    fn found(roster: &Roster) -> impl PartialEq + std::fmt::Debug + use<> {
        let facets = roster.facets.iter().map(|facets| {
            let coach = roster.coach_ids.values[facets.coach as usize].clone();
            (facets.role, facets.status, coach, roster.label_lists.values[facets.labels as usize].clone())
        });
        (
            roster.members.clone(),
            roster.by_name.clone(),
            roster.words().map(str::to_owned).collect::<Vec<_>>(),
            facets.collect::<Vec<_>>(),
            roster.tally.clone(),
        )
    }

    /// A roster is changed in a thousand ways, and each time found to be as if it had been read anew.
    #[test]
    fn a_roster_that_was_changed_is_as_one_that_was_read() {
        // Numbers that look random, the same each time: xorshift.
        let mut state = 88_172_645_463_325_252_u64;
        let mut chance = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut roster = Roster::default();
        for _ in 0..1000 {
            let id = |n: u64| format!("mem_{n:02}");
            let mut made = |n: u64| Member {
                role: [Role::Athlete, Role::Athlete, Role::Coach, Role::HeadCoach][chance(4) as usize],
                status: Standing::ALL[chance(3) as usize],
                email: (chance(2) == 0).then(|| format!("e{}@club.example", chance(9))),
                labels: ["trail", "u16", "u18"].into_iter().filter(|_| chance(3) == 0).map(str::to_owned).collect(),
                ..member(&id(n), ["Ana", "Ben", "Élise", "李", "Zoë Ruiz"][chance(5) as usize])
            };
            let athlete = |mut member: Member, coach: u64| {
                member.coach_id = (member.role == Role::Athlete).then(|| id(coach));
                member
            };
            let (one, other) = (made(0), made(0));
            match chance(6) {
                0 | 1 => {
                    let (at, coach) = (chance(40), chance(40));
                    roster.put(athlete(Member { id: id(at), ..one }, coach));
                }
                2 => {
                    let from = chance(40);
                    let page = [(from, one), (from + 1, other)];
                    let page = page.map(|(at, member)| athlete(Member { id: id(at), ..member }, chance(40)));
                    roster.add(page.into());
                }
                3 => drop(roster.remove(&[id(chance(40)), id(chance(40)), id(chance(40))])),
                _ => drop(roster.remove(&[id(chance(40))])),
            }
            let mut read = Roster::default();
            read.add(roster.to_vec());
            assert_eq!(found(&roster), found(&read));
        }
        // Somebody coaches no more: the athletes are left without a coach, as on the server.
        for goes in [0, 1] {
            let mut roster = Roster::default();
            let coach = Member { role: Role::Coach, ..member("mem_1", "Cora") };
            roster.put(coach.clone());
            roster.put(Member { coach_id: Some("mem_1".into()), ..member("mem_2", "Dan") });
            assert!(roster[1].coach_id.is_some());
            match goes {
                0 => drop(roster.remove(&["mem_1".to_owned()])),
                _ => roster.put(Member { role: Role::Athlete, ..coach }),
            }
            assert_eq!(roster.last().expect("Dan").coach_id, None);
        }
        assert!(!roster.is_empty());
    }
}
