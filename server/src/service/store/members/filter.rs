//! What a filter asks of a member: which list is read, and what is left of it, which the lists beside it tell.

use std::{borrow::Cow, ops::Bound};

use redb::{AccessGuard, ReadableTable};
use serde::Deserialize;

use super::{
    List, WORD_BYTES,
    block::{Block, LAST, number},
    list, listed_word, text_value,
};
use crate::service::{
    error::Unavailable,
    model::{
        id::{Id as _, OrganizationId},
        member::{Member, MemberFilter},
        role::{MemberStatus, Role},
        search::Search,
    },
    store::tables::key,
};

/// The list that is read for this filter, usually the shortest, and with what its value begins.
pub fn driver(filter: &MemberFilter) -> (List, Vec<u8>) {
    let word = filter.search.as_ref().map(|search| (List::Word, listed_word(search.longest()).as_bytes().to_vec()));
    let coach = || filter.coach_id.map(|coach| (List::Coach, coach.to_bytes().to_vec()));
    let label = || filter.label.as_ref().map(|label| (List::Label, text_value(label.as_str())));
    let role = filter.role.filter(|role| *role != Role::Athlete);
    let role = || role.map(|role| (List::Role, vec![role as u8]));
    let status = filter.status.filter(|status| *status != MemberStatus::Active);
    let status = || status.map(|status| (List::Status, vec![status as u8]));
    word.or_else(coach).or_else(label).or_else(role).or_else(status).unwrap_or((List::All, Vec::new()))
}

/// A list that members of another are looked up in, in the order of their ids.
struct Beside<'a, R> {
    rows: &'a R,
    list: Vec<u8>,
    /// The ids, first and last, that lie in `block` if they are in the list.
    covered: Option<(u128, u128)>,
    /// `None` if those are not.
    block: Option<AccessGuard<'a, &'static [u8]>>,
    /// What was looked up last, and where in the block it is or would be.
    last: (u128, usize),
    /// How often the tree was searched.
    searches: usize,
}

/// Whether a member is in a list.
enum Lookup<T> {
    Found(T),
    /// Nor is anybody else before this id.
    AbsentUntil(u128),
}

impl<'a, R: ReadableTable<&'static [u8], &'static [u8]>> Beside<'a, R> {
    const fn new(rows: &'a R, list: Vec<u8>) -> Self {
        Self { rows, list, covered: None, block: None, last: (0, 0), searches: 0 }
    }

    /// Whether nobody is in the list.
    fn is_empty(&mut self) -> Result<bool, Unavailable> {
        self.find(0)?;
        Ok(self.block.is_none())
    }

    /// The block that is looked into last stays at hand: who follow each other in one list often lie in one block of
    /// another.
    fn find(&mut self, id: u128) -> Result<Lookup<(Block<'_>, usize)>, Unavailable> {
        let covered = self.covered.filter(|(first, last)| (*first..=*last).contains(&id));
        let last_of_block = if let Some((_, last)) = covered {
            last
        } else {
            self.searches += 1;
            let place = key(&[&self.list, &id.to_be_bytes()]);
            let found = self.rows.lower_bound(Bound::Included(&place[..]))?.next()?;
            let found = found.and_then(|(place, bytes)| {
                let (list, last) = place.value().split_last_chunk()?;
                (list == self.list).then_some((number(last), bytes))
            });
            let (last, block) = found.map_or((number(&LAST), None), |(last, bytes)| (last, Some(bytes)));
            (self.covered, self.block, self.last) = (Some((id, last)), block, (0, 0));
            last
        };
        let Some(bytes) = &self.block else { return Ok(Lookup::AbsentUntil(last_of_block)) };
        let block = Block::read(bytes.value())?;
        let at = block.seek(if id < self.last.0 { 0 } else { self.last.1 }, id);
        self.last = (id, at);
        Ok(match (at < block.len()).then(|| block.number(at)) {
            Some(found) if found == id => Lookup::Found((block, at)),
            Some(next) => Lookup::AbsentUntil(next),
            None => Lookup::AbsentUntil(last_of_block),
        })
    }
}

/// How many lists the words of a search are looked up in at most. Once they begin those of more, they are looked for in the
/// JSON.
const LISTS_OF_WORDS: usize = 8;

/// Whether a member passes a filter.
pub enum Verdict {
    Passes,
    Fails,
    /// And everybody else before this id.
    FailsUntil(u128),
}

/// What of a filter is left of those in the driver's list.
pub struct Rest<'a, R> {
    role: Option<Role>,
    status: Option<MemberStatus>,
    /// Of each of these a member must be in at least one list.
    lists: Vec<Vec<Beside<'a, R>>>,
    /// In a list of those with a word: how many bytes of it are searched for.
    sought: Option<usize>,
    /// What is looked for in the JSON, since the lists do not tell it.
    search: Option<&'a Search>,
    /// Of all members, where the JSON is of those whom another list names without it.
    all: Beside<'a, R>,
}

impl<'a, R: ReadableTable<&'static [u8], &'static [u8]>> Rest<'a, R> {
    /// `None` if nobody can pass.
    pub fn of(
        rows: &'a R,
        filter: &'a MemberFilter,
        organization_id: OrganizationId,
        driver: List,
    ) -> Result<Option<Self>, Unavailable> {
        let beside = |of, value: &[u8]| Beside::new(rows, list(organization_id, of, value));
        let label = filter.label.as_ref().filter(|_| driver != List::Label);
        let label = label.map(|label| beside(List::Label, &text_value(label.as_str())));
        let coach = filter.coach_id.filter(|_| driver != List::Coach);
        let coach = coach.map(|coach| beside(List::Coach, &coach.to_bytes()));
        let mut rest = Self {
            role: filter.role.filter(|_| driver != List::Role),
            status: filter.status.filter(|_| driver != List::Status),
            lists: Vec::new(),
            sought: filter.search.as_ref().map(|search| listed_word(search.longest()).len()),
            search: filter.search.as_ref().filter(|search| search.longest().len() > WORD_BYTES),
            all: beside(List::All, &[]),
        };
        for mut list in coach.into_iter().chain(label) {
            if list.is_empty()? {
                return Ok(None);
            }
            rest.lists.push(vec![list]);
        }
        let Some(search) = &filter.search else { return Ok(Some(rest)) };
        let mut left = LISTS_OF_WORDS;
        // After the longest, by which they are found.
        for word in search.words().iter().skip(1) {
            let Some(lists) = lists_of_word(rows, organization_id, word, left)? else {
                rest.search = Some(search);
                break;
            };
            if lists.is_empty() {
                return Ok(None);
            }
            left -= lists.len();
            rest.lists.push(lists);
        }
        Ok(Some(rest))
    }

    /// How often a tree was searched for a member.
    pub fn searches(&self) -> usize {
        self.all.searches + self.lists.iter().flatten().map(|list| list.searches).sum::<usize>()
    }

    /// Judges the member at this place. What costs least first.
    pub fn judge(&mut self, block: &Block<'_>, at: usize) -> Result<Verdict, Unavailable> {
        // Where the word before it matches, too, the member was listed there.
        if self.sought.is_some_and(|sought| usize::from(block.shared(at)) >= sought)
            || !block.is(at, self.role, self.status)
        {
            return Ok(Verdict::Fails);
        }
        let id = block.number(at);
        'lists: for lists in &mut self.lists {
            let mut absent_until = number(&LAST);
            for list in lists {
                match list.find(id)? {
                    Lookup::Found(_) => continue 'lists,
                    Lookup::AbsentUntil(id) => absent_until = absent_until.min(id),
                }
            }
            return Ok(Verdict::FailsUntil(absent_until));
        }
        if let Some(search) = self.search
            && !self.json_of(block, at, |json| is_found(search, json))?
        {
            return Ok(Verdict::Fails);
        }
        Ok(Verdict::Passes)
    }

    /// What `read` makes of the JSON of the member at this place of a block of any list.
    pub fn json_of<T>(
        &mut self,
        block: &Block<'_>,
        at: usize,
        read: impl FnOnce(&[u8]) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        let own = block.run(at..at + 1)?;
        if !own.is_empty() {
            return read(own);
        }
        match self.all.find(block.number(at))? {
            Lookup::Found((block, at)) => read(block.run(at..at + 1)?),
            Lookup::AbsentUntil(_) => Err(Unavailable::Corrupt("members")),
        }
    }
}

/// The lists of those who have a word that begins with this one; `None` if they are more than `most`, or do not tell.
fn lists_of_word<'a, R: ReadableTable<&'static [u8], &'static [u8]>>(
    rows: &'a R,
    organization_id: OrganizationId,
    word: &str,
    most: usize,
) -> Result<Option<Vec<Beside<'a, R>>>, Unavailable> {
    if word.len() > WORD_BYTES {
        return Ok(None);
    }
    let prefix = list(organization_id, List::Word, word.as_bytes());
    let (mut from, mut lists) = (prefix.clone(), Vec::new());
    while let Some((place, _)) = rows.lower_bound(Bound::Included(&from[..]))?.next()? {
        let Some((list, _)) = place.value().split_last_chunk::<16>().filter(|(list, _)| list.starts_with(&prefix))
        else {
            break;
        };
        if lists.len() == most {
            return Ok(None);
        }
        from = key(&[list, &LAST, &[0]]);
        lists.push(Beside::new(rows, list.to_vec()));
    }
    Ok(Some(lists))
}

/// Whether the search finds the member with this JSON.
fn is_found(search: &Search, json: &[u8]) -> Result<bool, Unavailable> {
    let Found { display_name, email } = serde_json::from_slice(json).map_err(|_| Unavailable::Corrupt("member"))?;
    let words = Member::words_of(&display_name, email.as_deref());
    Ok(search.words().iter().all(|sought| words.iter().any(|word| word.starts_with(sought.as_str()))))
}

/// What a member is found by.
#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    display_name: Cow<'a, str>,
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
}
