//! Which members are shown, in which order: found when something changes, since each frame asks.

use std::collections::HashMap;

use super::{Column, Members, Role, Roster, Standing};
use crate::rules::{Search, fold};

impl Members {
    /// Finds anew what is shown: after the list, the filter, the search or the order has changed.
    pub fn arrange(&mut self) {
        let roster = &self.list.items;
        let taken = self.taken();
        let shown = || (0..roster.len()).filter(|&at| taken[at]);
        let facets = &roster.facets;
        let (column, reversed) = self.sort;
        let mut rows: Vec<usize> = match column {
            Column::Name => roster.by_name().iter().copied().filter(|&at| taken[at]).collect(),
            Column::Role => in_groups(shown, |at| facets[at].role as usize, Role::ALL.len()),
            Column::Status => in_groups(shown, |at| facets[at].status as usize, Standing::ALL.len()),
            Column::Coach => {
                let ranks = roster.coach_ranks();
                in_groups(shown, |at| ranks[facets[at].coach as usize], ranks.len())
            }
            Column::Labels => {
                let ranks = ranks(&roster.label_lists.values, |labels| (labels.is_empty(), labels));
                in_groups(shown, |at| ranks[facets[at].labels as usize], ranks.len())
            }
            Column::Added => shown().collect(),
        };
        if reversed {
            rows.reverse();
        }
        // What cannot be seen is not meant.
        self.marked.retain(|id| roster.place(id).is_some_and(|at| taken[at]));
        self.rows = rows;
        self.rows_of = roster.len();
        self.selected.find(&self.rows, |id| roster.place(id));
    }

    /// For each member whether filter and search take it.
    fn taken(&self) -> Vec<bool> {
        let (roster, filter) = (&self.list.items, &self.filter);
        let search = self.search.trim();
        let words: Vec<String> = match search.parse::<Search>() {
            Ok(search) => search.words().iter().map(|word| format!(" {word}")).collect(),
            Err(_) if search.is_empty() => Vec::new(),
            Err(_) => return vec![false; roster.len()],
        };
        let coach = filter.coach_id.as_ref().map(|_| roster.coach_ids.find(&filter.coach_id));
        let with_label: Option<Vec<bool>> = filter
            .label
            .as_ref()
            .map(|label| roster.label_lists.values.iter().map(|labels| labels.contains(label)).collect());
        let facets = roster.facets.iter();
        facets
            .zip(roster.words())
            .map(|(facets, its_words)| {
                filter.role.is_none_or(|role| role == facets.role)
                    && filter.status.is_none_or(|status| status == facets.status)
                    && coach.is_none_or(|coach| coach == Some(facets.coach))
                    && with_label.as_ref().is_none_or(|with_label| with_label[facets.labels as usize])
                    && words.iter().all(|word| its_words.contains(word.as_str()))
            })
            .collect()
    }
}

impl Roster {
    /// For each coach that members have, where their name stands among the others; who is not here comes last.
    fn coach_ranks(&self) -> Vec<usize> {
        let names: HashMap<&str, String> = self.coaches().map(|(id, name)| (id, fold(name))).collect();
        ranks(&self.coach_ids.values, |coach| {
            let name = coach.as_deref().and_then(|id| Some((names.get(id)?.as_str(), id)));
            (name.is_none(), name)
        })
    }
}

/// Where each value stands among the others; the same for those of the same key.
fn ranks<'a, T, K: Ord>(values: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| key(&values[one]).cmp(&key(&values[other])));
    let mut ranks = vec![0; values.len()];
    for pair in order.windows(2) {
        let same = key(&values[pair[0]]) == key(&values[pair[1]]);
        ranks[pair[1]] = ranks[pair[0]] + usize::from(!same);
    }
    ranks
}

/// `places` by their group, of which there are so many, and in the order that they came in within it: a counting sort.
fn in_groups<I: Iterator<Item = usize>>(
    places: impl Fn() -> I,
    group: impl Fn(usize) -> usize,
    groups: usize,
) -> Vec<usize> {
    let mut begins = vec![0; groups + 1];
    for at in places() {
        begins[group(at) + 1] += 1;
    }
    for next in 1..begins.len() {
        begins[next] += begins[next - 1];
    }
    let mut sorted = vec![0; begins[groups]];
    for at in places() {
        let to = &mut begins[group(at)];
        sorted[*to] = at;
        *to += 1;
    }
    sorted
}
#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{super::Member, *};

    fn member(id: &str, name: &str, role: Role) -> Member {
        Member {
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

    fn names(members: &Members) -> Vec<&str> {
        members.rows.iter().map(|&at| members.list.items[at].name.as_str()).collect()
    }

    #[test]
    fn members_are_found_as_the_server_finds_them() {
        let mut members = Members::default();
        members.put(member("mem_1", "José Ångström", Role::Athlete));
        members.put(member("mem_2", "Ana Ruiz", Role::HeadCoach));
        members.put(member("mem_3", "李小龍", Role::Athlete));
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
        let amara = member("mem_1", "Amara", Role::Athlete);
        members.put(Member { labels: labels.clone(), coach_id: Some("mem_9".into()), ..amara });
        members.put(Member { labels, ..member("mem_2", "Ben", Role::Athlete) });
        members.put(member("mem_9", "Cora", Role::Coach));
        assert_eq!(
            (members.list.items.labels().collect::<Vec<_>>(), members.coach_name("mem_9")),
            (vec!["u16"], Some("Cora"))
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
        let coached = |id: &str, name: &str, coach: &str| Member {
            coach_id: Some(coach.to_owned()),
            ..member(id, name, Role::Athlete)
        };
        for member in [
            coached("mem_1", "Élise", "mem_4"),
            Member { labels: vec!["u16".into()], ..coached("mem_2", "Ben", "mem_9") },
            Member { status: Standing::Inactive, ..member("mem_3", "Ana", Role::HeadCoach) },
            member("mem_4", "Zoë", Role::Coach),
            Member { labels: vec!["trail".into(), "u16".into()], ..member("mem_5", "Dan", Role::Athlete) },
            coached("mem_6", "Eve", "mem_8"),
            member("mem_8", "Cora", Role::Coach),
        ] {
            members.put(member);
        }
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
        assert_eq!(names(&members), ["Abe", "Ana", "Ben", "Cora"], "one more");
        assert_eq!(Role::ALL.map(|role| members.list.items.count(role)), [0, 1, 3]);
        members.put(member("mem_2", "Zoë", Role::Athlete));
        members.arrange();
        assert_eq!(names(&members), ["Abe", "Ben", "Cora", "Zoë"], "another name");
        members.choose("mem_3".to_owned());
        members.remove(&["mem_1".to_owned()]);
        members.arrange();
        assert_eq!((names(&members), members.selected.row()), (vec!["Abe", "Ben", "Zoë"], Some(1)), "one fewer");
    }
}
