//! Which members are shown, in which order: found when something changes, since each frame asks.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::Hash,
};

// Quicker than std's hashing, which is made for maps that strangers fill.
use foldhash::fast::FixedState;

use super::{Column, Member, Members, Role};
use crate::rules::{Search, fold};

impl Members {
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
            self.words.push_str(member.words());
            self.words_end.push(self.words.len());
        }
        // Most are in order already, and then there is little to sort.
        let known = self.by_name.len();
        self.by_name.retain(|&at| at < items.len());
        self.by_name.extend(known..items.len());
        self.by_name.sort_by(|&one, &other| items[one].words().cmp(items[other].words()).then(one.cmp(&other)));
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
    use jiff::Timestamp;

    use super::{
        super::{MemberFacts, Standing},
        *,
    };

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
