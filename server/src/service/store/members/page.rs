//! Listing members: from the list that holds the fewest, and what is left of the filter looked up.

use std::{
    borrow::Cow,
    ops::{Bound, Range},
};

use redb::{AccessGuard, ReadableTable};
use serde::Deserialize;

use super::{
    List, WORD_BYTES,
    block::{self, Block, LAST},
    list, listed_word, text_value,
};
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
        Read,
        memo::{MemberPage, PageKey},
        tables::{MEMBER_BLOCKS, key},
    },
};

/// Which page of a list of members.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// How many members at most.
    pub limit: usize,
    /// How many members are looked at, at most.
    pub examine: usize,
    /// Where it begins: where the page before has ended, or `None`.
    pub position: Option<&'a [u8]>,
}

/// The list that holds the fewest members of whom this filter may mean some, and with what its value begins.
fn driver(filter: &MemberFilter) -> (List, Vec<u8>) {
    let word = filter.search.as_ref().map(|search| (List::Word, listed_word(search.longest()).as_bytes().to_vec()));
    let coach = || filter.coach_id.map(|coach| (List::Coach, coach.to_bytes().to_vec()));
    let label = || filter.label.as_ref().map(|label| (List::Label, text_value(label.as_str())));
    let role = filter.role.filter(|role| *role != Role::Athlete);
    let role = || role.map(|role| (List::Role, vec![role as u8]));
    let status = filter.status.filter(|status| *status != MemberStatus::Active);
    let status = || status.map(|status| (List::Status, vec![status as u8]));
    word.or_else(coach).or_else(label).or_else(role).or_else(status).unwrap_or((List::All, Vec::new()))
}

/// What of a filter is left of those in the driver's list.
struct Rest<'a> {
    role: Option<Role>,
    status: Option<MemberStatus>,
    /// Other lists that a member must be in.
    lists: Vec<Vec<u8>>,
    /// In a list of those with a word: by what it was found.
    search: Option<&'a Search>,
}

impl<'a> Rest<'a> {
    fn of(filter: &'a MemberFilter, organization_id: OrganizationId, driver: List) -> Self {
        let label = filter.label.as_ref().filter(|_| driver != List::Label);
        let label = label.map(|label| list(organization_id, List::Label, &text_value(label.as_str())));
        let coach = filter.coach_id.filter(|_| driver != List::Coach);
        let coach = coach.map(|coach| list(organization_id, List::Coach, &coach.to_bytes()));
        Self {
            role: filter.role.filter(|_| driver != List::Role),
            status: filter.status.filter(|_| driver != List::Status),
            lists: label.into_iter().chain(coach).collect(),
            search: filter.search.as_ref(),
        }
    }

    /// Whether the member at this place passes. What costs least first.
    fn passes<R: ReadableTable<&'static [u8], &'static [u8]>>(
        &self,
        block: &Block<'_>,
        at: usize,
        all: &mut All<'_, R>,
    ) -> Result<bool, Unavailable> {
        // Where the word before it matches, too, the member was listed there.
        if self.search.is_some_and(|search| usize::from(block.shared(at)) >= listed_word(search.longest()).len()) {
            return Ok(false);
        }
        if self.role.is_some() || self.status.is_some() {
            let head = block.head(at)?;
            if self.role.is_some_and(|role| role != head.role)
                || self.status.is_some_and(|status| status != head.status)
            {
                return Ok(false);
            }
        }
        for list in &self.lists {
            if block::get(all.rows, list, block.id(at), |_, _| Ok(()))?.is_none() {
                return Ok(false);
            }
        }
        match self.search {
            Some(search) if search.words().len() > 1 || search.longest().len() > WORD_BYTES => {
                all.json_of(block, at, |json| Self::is_found(search, json))
            }
            _ => Ok(true),
        }
    }

    /// Whether the search finds the member with this JSON.
    fn is_found(search: &Search, json: &[u8]) -> Result<bool, Unavailable> {
        let Found { display_name, email } = serde_json::from_slice(json).map_err(|_| Unavailable::Corrupt("member"))?;
        let words = Member::words_of(&display_name, email.as_deref());
        Ok(search.words().iter().all(|sought| words.iter().any(|word| word.starts_with(sought.as_str()))))
    }
}

/// What a member is found by.
#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    display_name: Cow<'a, str>,
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
}

/// What stands before a member.
const fn comma(is_first: bool) -> &'static [u8] {
    if is_first { b"" } else { b"," }
}

/// Writes these members of the block behind what is in `out`; how many they are.
fn write(block: &Block<'_>, run: Range<usize>, is_first: bool, out: &mut Vec<u8>) -> Result<usize, Unavailable> {
    let count = run.len();
    if count > 0 {
        out.extend_from_slice(comma(is_first));
        out.extend_from_slice(block.run(run)?);
    }
    Ok(count)
}

/// The list of all members, where the JSON is of those whom another list names without it.
struct All<'a, R> {
    rows: &'a R,
    list: Vec<u8>,
    /// The block that was looked into last: who follows each other in one list often lies in one block here.
    current: Option<AccessGuard<'a, &'static [u8]>>,
}

impl<'a, R: ReadableTable<&'static [u8], &'static [u8]>> All<'a, R> {
    /// What `read` makes of the JSON of the member at this place of a block of any list.
    fn json_of<T>(
        &mut self,
        block: &Block<'_>,
        at: usize,
        read: impl FnOnce(&[u8]) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        let own = block.run(at..at + 1)?;
        if !own.is_empty() {
            return read(own);
        }
        let id = block.id(at);
        if let Some(bytes) = &self.current {
            let current = Block::read(bytes.value())?;
            if let Ok(at) = current.find(id) {
                return read(current.run(at..at + 1)?);
            }
        }
        let found = self.rows.lower_bound(Bound::Included(&key(&[&self.list, id])[..]))?.next()?;
        let bytes = self.current.insert(found.ok_or(Unavailable::Corrupt("members"))?.1);
        let current = Block::read(bytes.value())?;
        let at = current.find(id).map_err(|_| Unavailable::Corrupt("members"))?;
        read(current.run(at..at + 1)?)
    }
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
    let rows = tx.rows(MEMBER_BLOCKS)?;
    let (driver, value) = driver(filter);
    let rest = Rest::of(filter, organization_id, driver);
    // A position is value and id in these lists.
    let lists = list(organization_id, driver, &[]);
    let prefix = key(&[&lists, &value]);
    let start = position.map_or_else(|| prefix.clone(), |position| key(&[&lists, position]));
    let after = position.and_then(|_| start.split_last_chunk::<16>());
    let mut blocks = rows.lower_bound(Bound::Included(&start[..]))?;
    let mut all = All { rows: &*rows, list: list(organization_id, List::All, &[]), current: None };
    let (mut count, mut examined, mut last) = (0, 0, None);
    while let Some((place, bytes)) = blocks.next()? {
        let place = place.value();
        let Some((of_list, last_of_list)) = place.split_last_chunk().filter(|_| place.starts_with(&prefix)) else {
            break;
        };
        let block = Block::read(bytes.value())?;
        let mut at = match after {
            Some((of, id)) if of == of_list => block.find(id).map_or_else(|next| next, |at| at + 1),
            _ => 0,
        };
        let mut run = at..at;
        while at < block.len() && count + run.len() < limit && examined < examine {
            examined += 1;
            let passes = rest.passes(&block, at, &mut all)?;
            at += 1;
            if passes && block.has_json(at - 1) {
                // Those who stand side by side leave together.
                run.end = at;
                continue;
            }
            count += write(&block, std::mem::replace(&mut run, at..at), count == 0, out)?;
            if passes {
                out.extend_from_slice(comma(count == 0));
                all.json_of(&block, at - 1, |json| {
                    out.extend_from_slice(json);
                    Ok(())
                })?;
                count += 1;
            }
        }
        count += write(&block, run, count == 0, out)?;
        if at > 0 {
            last = Some(key(&[&of_list[lists.len()..], block.id(at - 1)]));
        }
        if at < block.len() {
            return Ok(last);
        }
        if driver != List::Word && *last_of_list == LAST {
            break;
        }
    }
    Ok(None)
}

/// What stands around the members of a page. There is one of it: what is kept does not say which.
pub trait PageFrame {
    /// What stands before them.
    const BEGIN: &'static [u8];

    /// Writes what stands behind them, where the next page begins at a position or there is none; that page's cursor.
    fn end(&self, next: Option<&[u8]>, out: &mut Vec<u8>) -> Option<String>;
}

/// About how many bytes a member takes.
const USUAL_ROW: usize = 400;

/// The same in a frame, which is the same for the same page; kept until a member of the organization changes.
pub fn framed_page<F: PageFrame>(tx: &impl Read, key: &PageKey, frame: &F) -> Result<MemberPage, Unavailable> {
    let read = || {
        let PageKey { organization_id, reach, filter, limit, examine, position } = key;
        let mut body = Vec::with_capacity(limit * USUAL_ROW);
        body.extend_from_slice(F::BEGIN);
        let window = Window { limit: *limit, examine: *examine, position: position.as_deref() };
        let next = page(tx, *organization_id, *reach, filter, window, &mut body)?;
        let next = frame.end(next.as_deref(), &mut body);
        Ok(MemberPage::new(body, next))
    };
    match tx.kept() {
        Some(kept) => kept.page(key, read),
        None => read(),
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

    use super::{
        super::{delete, get, put},
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

    /// Page after page, each member that is meant is listed, and once; whatever has changed, whatever is asked for.
    #[tokio::test]
    async fn each_member_that_a_filter_means_is_listed_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::of_test(folder.path(), Clock::system()).expect("opens");
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
        for number in 1..=61 {
            let id = MemberId::from_bits(number);
            let wanted = members.iter().find(|member| member.id == id).cloned();
            let found = store.read(|tx| Ok(get(tx, organization_id, id)?)).expect("read").map(|(member, _)| member);
            assert_eq!(found, wanted, "seed {seed}, {id}");
        }
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
