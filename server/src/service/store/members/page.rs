//! Listing members: by id, or by an index that names few of them, with what is left looked up in others.

use std::{
    borrow::Cow,
    ops::{Bound, ControlFlow},
};

use redb::ReadableTable;
use serde::Deserialize;

use super::{Index, Row, WORD_BEFORE, WORD_BYTES, index_prefix, index_word, split, text_value};
use crate::service::{
    error::Unavailable,
    model::{
        api_key::Reach,
        id::{Id as _, OrganizationId},
        member::{Member, MemberFilter},
        role::{MemberStatus, Role},
        search::Search,
    },
    store::{
        Read, after_prefix, scan,
        tables::{MEMBER_INDEX, MEMBERS, key},
    },
};

/// Which page of a list of members.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// How many members at most.
    pub limit: usize,
    /// How many entries are looked at, at most.
    pub examine: usize,
    /// Where it begins: where the page before has ended, or `None`.
    pub position: Option<&'a [u8]>,
}

/// The index that finds the fewest members for this filter, and the value to look for.
fn driver(filter: &MemberFilter) -> Option<(Index, Vec<u8>)> {
    let word = filter.search.as_ref().map(|search| (Index::Word, index_word(search.longest()).as_bytes().to_vec()));
    let coach = || filter.coach_id.map(|coach| (Index::Coach, coach.to_bytes().to_vec()));
    let label = || filter.label.as_ref().map(|label| (Index::Label, text_value(label.as_str())));
    let status = || filter.status.map(|status| (Index::Status, vec![status as u8]));
    let role = || filter.role.map(|role| (Index::Role, vec![role as u8]));
    let rare_status = || status().filter(|_| filter.status != Some(MemberStatus::Active));
    let rare_role = || role().filter(|_| filter.role != Some(Role::Athlete));
    word.or_else(coach).or_else(label).or_else(rare_role).or_else(rare_status).or_else(status).or_else(role)
}

/// What of a filter is left once its driver has named a member.
struct Rest<'a> {
    role: Option<Role>,
    status: Option<MemberStatus>,
    /// What stands before the member's id in the entries that it must have.
    entries: Vec<Vec<u8>>,
    search: Option<&'a Search>,
}

impl<'a> Rest<'a> {
    fn of(filter: &'a MemberFilter, organization_id: OrganizationId, driver: Option<Index>) -> Self {
        let label = filter.label.as_ref().filter(|_| driver != Some(Index::Label));
        let label = label.map(|label| index_prefix(organization_id, Index::Label, &text_value(label.as_str())));
        let coach = filter.coach_id.filter(|_| driver != Some(Index::Coach));
        let coach = coach.map(|coach| index_prefix(organization_id, Index::Coach, &coach.to_bytes()));
        Self {
            role: filter.role.filter(|_| driver != Some(Index::Role)),
            status: filter.status.filter(|_| driver != Some(Index::Status)),
            entries: label.into_iter().chain(coach).collect(),
            search: filter.search.as_ref(),
        }
    }

    /// Whether a member can be listed where an entry names it with this value, and not at a word before that.
    fn is_listed_here(&self, value: &[u8]) -> bool {
        match (self.search, value) {
            (Some(search), [WORD_BEFORE, before @ ..]) => !before.starts_with(index_word(search.longest()).as_bytes()),
            _ => true,
        }
    }

    /// Whether the row's head passes.
    fn passes_head(&self, row: &Row<'_>) -> bool {
        self.role.is_none_or(|role| role == row.head.role) && self.status.is_none_or(|status| status == row.head.status)
    }

    /// Whether the member has the entries that it must have.
    fn passes_index(
        &self,
        index: &impl ReadableTable<&'static [u8], &'static [u8]>,
        id: &[u8; 16],
    ) -> Result<bool, Unavailable> {
        for entry in &self.entries {
            if index.get(&key(&[entry, id])[..])?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the search finds the member, which an entry has named with this value; `word` is what the entry begins
    /// with.
    fn passes_search(&self, row: &Row<'_>, word: &[u8], value: &[u8]) -> Result<bool, Unavailable> {
        let Some(search) = self.search else { return Ok(true) };
        let (sought, longest) = (search.words(), search.longest());
        if !value.is_empty() && sought.len() == 1 && longest.len() <= WORD_BYTES {
            return Ok(true);
        }
        let Named { display_name, email } =
            serde_json::from_slice(row.json).map_err(|_| Unavailable::Corrupt("member"))?;
        let words = Member::words_of(&display_name, email.as_deref());
        let first = words.iter().find(|word| word.starts_with(longest));
        let listed_here = first.is_some_and(|first| word.starts_with(&text_value(index_word(first))));
        let all = sought.iter().all(|sought| words.iter().any(|word| word.starts_with(sought.as_str())));
        Ok(all && (listed_here || !value.is_empty()))
    }
}

/// What a member is found by.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    display_name: Cow<'a, str>,
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
}

/// Writes a page of the members within `reach` that match `filter` behind what is in `out`, as the JSON in which they
/// leave and with commas between them: by id, or by the word that was searched for and then by id. Where the next
/// page begins; `None` at the end.
pub fn page(
    tx: &impl Read,
    organization_id: OrganizationId,
    reach: Reach,
    filter: &MemberFilter,
    Window { limit, examine, position }: Window<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, Unavailable> {
    let Reach::Everything = reach;
    let (members, index) = (tx.rows(MEMBERS)?, tx.rows(MEMBER_INDEX)?);
    let driver = driver(filter);
    let rest = Rest::of(filter, organization_id, driver.as_ref().map(|(index, _)| *index));
    let organization = organization_id.to_bytes();
    let (rows, space, prefix) = match &driver {
        None => (&members, organization.to_vec(), organization.to_vec()),
        Some((of, value)) => {
            (&index, index_prefix(organization_id, *of, &[]), index_prefix(organization_id, *of, value))
        }
    };
    let start = position.map_or_else(|| prefix.clone(), |position| key(&[&space, position]));
    let from = if position.is_some() { Bound::Excluded(&start[..]) } else { Bound::Included(&start[..]) };
    let end = after_prefix(&prefix);
    let range = (from, end.as_deref().map_or(Bound::Unbounded, Bound::Excluded));
    let (mut count, mut examined, mut last, mut next) = (0, 0, Vec::new(), None);
    let mut write = |row: &Row<'_>, count: &mut usize| {
        if *count > 0 {
            out.push(b',');
        }
        out.extend_from_slice(row.json);
        *count += 1;
    };
    scan(&**rows, range, false, |entry, value| {
        if count == limit || examined == examine {
            next = Some(std::mem::take(&mut last));
            return Ok(ControlFlow::Break(()));
        }
        examined += 1;
        last.clear();
        last.extend_from_slice(&entry[space.len()..]);
        if driver.is_none() {
            write(&split(value)?, &mut count);
            return Ok(ControlFlow::Continue(()));
        }
        let id = entry.last_chunk().ok_or(Unavailable::Corrupt("member index"))?;
        if rest.is_listed_here(value) {
            let row = members.get(&key(&[&organization, id])[..])?.ok_or(Unavailable::Corrupt("member index"))?;
            let row = split(row.value())?;
            // What costs least first.
            if rest.passes_head(&row) && rest.passes_index(&*index, id)? && rest.passes_search(&row, &last, value)? {
                write(&row, &mut count);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(next)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

    use super::{
        super::{delete, put},
        *,
    };
    use crate::service::{
        clock::{Clock, Entropy},
        model::{id::MemberId, timestamp::Timestamp},
        store::{Store, WriteTx},
    };

    const NAMES: [&str; 8] =
        ["Ana", "Anaya Ana", "Ruiz", "José Ruiz", "Ana-Maria", "Maria Ana Ruiz", "ß", "Extraordinarily"];

    fn random_member(random: &mut StdRng, organization_id: OrganizationId, number: u128) -> Member {
        let pick = |random: &mut StdRng, from: &[&str]| (*from.choose(random).expect("some")).to_owned();
        // Longer, once it is folded, than what is indexed of a word.
        let long = "ß".repeat(34);
        let name = match random.random_range(0..8) {
            0 => format!("{} {long}", pick(random, &NAMES)),
            1 => format!("{long}y {long}z"),
            _ => format!("{} {}", pick(random, &NAMES), pick(random, &NAMES)),
        };
        let mut labels: Vec<_> = ["U14", "U16", "U1"]
            .into_iter()
            .filter(|_| random.random_bool(0.4))
            .map(|label| label.parse().expect("a label"))
            .collect();
        labels.sort_unstable();
        Member {
            id: MemberId::from_bits(number),
            organization_id,
            user_id: None,
            role: *Role::ALL.choose(random).expect("some"),
            status: *MemberStatus::ALL.choose(random).expect("some"),
            display_name: name.parse().expect("a name"),
            email: random.random_bool(0.5).then(|| format!("ana{number}@maria.example").parse().expect("an email")),
            labels,
            external_id: None,
            coach_id: random.random_bool(0.5).then(|| MemberId::from_bits(random.random_range(1..4))),
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        }
    }

    fn random_filter(random: &mut StdRng) -> MemberFilter {
        let searches =
            ["ana", "ana ruiz", "a", "maria an", "ssss", "ana3@maria.example", "anaya", "jose r", "s", "nobody"];
        let long = ["s".repeat(64), "s".repeat(68), "s".repeat(68) + "y"];
        let search = match random.random_range(0..4) {
            0 => Some((*searches.choose(random).expect("some")).to_owned()),
            1 => Some(long.choose(random).expect("some").clone()),
            _ => None,
        };
        MemberFilter {
            role: random.random_bool(0.2).then(|| *Role::ALL.choose(random).expect("some")),
            status: random.random_bool(0.2).then(|| *MemberStatus::ALL.choose(random).expect("some")),
            label: random.random_bool(0.3).then(|| "U14".parse().expect("a label")),
            coach_id: random.random_bool(0.3).then(|| MemberId::from_bits(2)),
            search: search.map(|search| search.parse().expect("a search")),
        }
    }

    fn meant(filter: &MemberFilter, member: &Member) -> bool {
        let words = member.words();
        filter.role.is_none_or(|role| member.role == role)
            && filter.status.is_none_or(|status| member.status == status)
            && filter.label.as_ref().is_none_or(|label| member.labels.contains(label))
            && filter.coach_id.is_none_or(|coach| member.coach_id == Some(coach))
            && filter.search.as_ref().is_none_or(|search| {
                search.words().iter().all(|sought| words.iter().any(|word| word.starts_with(sought.as_str())))
            })
    }

    /// Page after page, each member that is meant is listed, and once; whatever has changed, whatever is asked for,
    /// and also by an index as it was written before its words had values.
    #[tokio::test]
    async fn each_member_that_a_filter_means_is_listed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let store = Store::open(folder.path(), 1 << 20, clock, entropy, Arc::default(), |file| file).expect("opens");
        let seed = u64::from_be_bytes(Entropy::system().bytes());
        let mut random = StdRng::seed_from_u64(seed);
        let organization_id = OrganizationId::from_bits(7);
        let mut members: Vec<Member> =
            (1..=60).map(|number| random_member(&mut random, organization_id, number)).collect();
        let first = members.clone();
        type Action = Box<dyn Fn(&WriteTx) -> Result<(), Unavailable> + Send>;
        let write = async |action: Action| {
            store.write(move |tx| Ok(action(tx)?)).await.expect("written");
        };
        write(Box::new(move |tx| first.iter().try_for_each(|member| put(tx, None, member)))).await;
        // Some are changed, some removed, and of some the index is as it once was.
        for _ in 0..40 {
            let place = random.random_range(0..members.len());
            let before = members[place].clone();
            if random.random_bool(0.2) {
                members.remove(place);
                write(Box::new(move |tx| delete(tx, &before))).await;
            } else {
                let after = random_member(&mut random, organization_id, u128::from_be_bytes(before.id.to_bytes()));
                members[place] = after.clone();
                write(Box::new(move |tx| put(tx, Some((&before, 1)), &after))).await;
            }
        }
        write(Box::new(move |tx| {
            let words = index_prefix(organization_id, Index::Word, &[]);
            let emptied = tx.keys(MEMBER_INDEX, &words)?;
            emptied.iter().step_by(3).try_for_each(|entry| tx.put(MEMBER_INDEX, entry, &[]))
        }))
        .await;
        for _ in 0..400 {
            let filter = random_filter(&mut random);
            let (limit, examine) = (random.random_range(1..20), random.random_range(1..20));
            let (mut listed, mut position): (Vec<Member>, Option<Vec<u8>>) = (Vec::new(), None);
            loop {
                let mut out = b"[".to_vec();
                let window = Window { limit, examine, position: position.as_deref() };
                let page = |tx: &_| Ok(page(tx, organization_id, Reach::Everything, &filter, window, &mut out)?);
                position = store.read(page).expect("read");
                out.push(b']');
                let page: Vec<Member> = serde_json::from_slice(&out).expect("JSON");
                assert!(page.len() <= limit);
                listed.extend(page);
                if position.is_none() {
                    break;
                }
            }
            listed.sort_by_key(|member| member.id);
            let mut wanted: Vec<_> = members.iter().filter(|member| meant(&filter, member)).cloned().collect();
            wanted.sort_by_key(|member| member.id);
            assert_eq!(listed, wanted, "seed {seed}, {filter:?}");
        }
    }
}
