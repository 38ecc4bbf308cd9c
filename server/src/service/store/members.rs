//! Members, the lists they are in, and who is a member where.
//!
//! Members lie in blocks, each as its JSON exactly as it leaves in an answer: in the list of all members of their
//! organization, and again in each list of those who share what is filtered by; only the lists of the words of emails
//! leave it to the list of all where that is as quick.
//! `docs/decisions/0003-member-records-are-json.md`, `docs/decisions/0026-members-lie-in-blocks.md`.

pub mod block;
mod filter;
mod page;

use std::ops::ControlFlow;

use self::block::{Block, Row};
pub use self::page::{PageFrame, framed_page};
#[cfg(test)]
pub use self::page::{Window, page};
use super::{
    Read, WriteTx,
    tables::{MEMBER_BLOCKS, MEMBER_NAMES, MEMBERSHIPS, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        email::Email,
        id::{Id as _, MemberId, OrganizationId, UserId},
        member::Member,
        name::ExternalId,
        revocation::Revocation,
        role::{MemberStatus, Role},
        search::fold_words,
    },
};

/// Which lists of members: of all, or one for each value that there is. Neither athletes nor active members have one:
/// they are found among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    All = 0,
    Role = 1,
    Status = 2,
    Label = 3,
    Coach = 4,
    Word = 5,
}

/// What only one member of an organization has.
#[derive(Clone, Copy)]
pub enum Named {
    Email = 6,
    ExternalId = 7,
}

/// Words are listed by this many bytes of theirs; what follows is compared on the row itself.
const WORD_BYTES: usize = 64;

/// What of a member is readable without parsing its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Raised by each change.
    pub revision: u64,
    pub role: Role,
    pub status: MemberStatus,
}

/// How many members a row of blocks holds of the list of all; `None` if it is of another list.
pub fn count_in(row: &[u8], block: &[u8]) -> Result<Option<usize>, Unavailable> {
    let is_of_all = row.get(16) == Some(&(List::All as u8));
    is_of_all.then(|| Block::read(block).map(|block| block.len())).transpose()
}

/// What the keys of a list begin with.
fn list(organization_id: OrganizationId, of: List, value: &[u8]) -> Vec<u8> {
    key(&[&organization_id.to_bytes(), &[of as u8], value])
}

fn name(organization_id: OrganizationId, of: Named, text: &str) -> Vec<u8> {
    key(&[&organization_id.to_bytes(), &[of as u8], text.as_bytes()])
}

/// A text as a value of a list: no text of ours holds a zero byte, so none begins another.
fn text_value(text: &str) -> Vec<u8> {
    key(&[text.as_bytes(), &[0]])
}

/// As much of a word as its list is named by.
fn listed_word(word: &str) -> &str {
    &word[..word.floor_char_boundary(WORD_BYTES)]
}

/// Whether a member's JSON lies in a list, too; else it is found among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copied {
    Always,
    /// Unless it lies in one block of the list of all with that of members before it: [`block::put`].
    IfFar,
    Never,
}

/// A list that a member is in, and what of the member lies there.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// What its keys begin with.
    pub list: Vec<u8>,
    /// As [`Row::shared`].
    pub shared: u8,
    pub json: Copied,
}

/// The words by which a member is listed. With its JSON by those of its name, and by those of its email that few have;
/// without it by the email itself, which nobody else has.
///
/// A member of whom several words match is to be listed once, at the first of them: where the word before matches, too,
/// it was listed there.
pub fn listed_words(member: &Member) -> Vec<Listed> {
    let mut words: Vec<_> = member.words().iter().map(|word| listed_word(word).to_owned()).collect();
    // Cut where a character ends, they may stand in another order than whole.
    words.sort_unstable();
    words.dedup();
    let of_name: Vec<_> = fold_words(member.display_name.as_str());
    let before = std::iter::once("").chain(words.iter().map(String::as_str));
    let listed = |(before, word): (&str, &String)| Listed {
        list: list(member.organization_id, List::Word, &text_value(word)),
        shared: shared(before, word),
        json: if of_name.iter().any(|of_name| listed_word(of_name) == word) {
            Copied::Always
        } else if word.contains('@') {
            Copied::Never
        } else {
            Copied::IfFar
        },
    };
    before.zip(&words).map(listed).collect()
}

/// With how many bytes both begin.
fn shared(word: &str, other: &str) -> u8 {
    let count = word.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// Whether this is what the keys of the list of all members of a club begin with.
pub(super) fn is_of_all(list: &[u8]) -> bool {
    list.len() == 17 && list.last() == Some(&(List::All as u8))
}

/// The lists that a member is in, sorted.
pub(super) fn lists(member: &Member) -> Vec<Listed> {
    let of = |of, value: &[u8]| {
        let list = list(member.organization_id, of, value);
        Listed { list, shared: 0, json: Copied::Always }
    };
    let mut lists = vec![of(List::All, &[])];
    lists.extend((member.role != Role::Athlete).then(|| of(List::Role, &[member.role as u8])));
    lists.extend((member.status != MemberStatus::Active).then(|| of(List::Status, &[member.status as u8])));
    lists.extend(member.labels.iter().map(|label| of(List::Label, &text_value(label.as_str()))));
    lists.extend(member.coach_id.map(|coach| of(List::Coach, &coach.to_bytes())));
    lists.extend(listed_words(member));
    lists.sort_unstable();
    lists.dedup();
    lists
}

/// The names by which nobody else is found.
pub(super) fn names(member: &Member) -> Vec<Vec<u8>> {
    let email = member.email.as_ref().map(|email| name(member.organization_id, Named::Email, &email.key()));
    let external_id = member.external_id.as_ref();
    let external_id = external_id.map(|id| name(member.organization_id, Named::ExternalId, id.as_str()));
    email.into_iter().chain(external_id).collect()
}

/// What `read` makes of the member with this id.
fn read<R>(
    tx: &impl Read,
    organization_id: OrganizationId,
    id: MemberId,
    read: impl FnOnce(&Block<'_>, usize) -> Result<R, Unavailable>,
) -> Result<Option<R>, Unavailable> {
    block::get(&*tx.rows(MEMBER_BLOCKS)?, &list(organization_id, List::All, &[]), &id.to_bytes(), read)
}

pub fn get(
    tx: &impl Read,
    organization_id: OrganizationId,
    id: MemberId,
) -> Result<Option<(Member, u64)>, Unavailable> {
    read(tx, organization_id, id, |block, at| {
        let row = block.row(at)?;
        let member = serde_json::from_slice(row.json).map_err(|_| Unavailable::Corrupt("member"))?;
        Ok((member, row.head.revision))
    })
}

/// What of the member is readable without its JSON.
pub fn head(tx: &impl Read, organization_id: OrganizationId, id: MemberId) -> Result<Option<Head>, Unavailable> {
    read(tx, organization_id, id, |block, at| block.head(at))
}

/// The member that the user is in the organization.
pub fn of_user(
    tx: &impl Read,
    user_id: UserId,
    organization_id: OrganizationId,
) -> Result<Option<(MemberId, Head)>, Unavailable> {
    let membership = key(&[&user_id.to_bytes(), &organization_id.to_bytes()]);
    let Some(id) = tx.get(MEMBERSHIPS, &membership, MemberId::from_bytes)?.flatten() else { return Ok(None) };
    Ok(head(tx, organization_id, id)?.map(|head| (id, head)))
}

/// Every organization that the user is a member of, whatever their status there.
pub fn memberships(tx: &impl Read, user_id: UserId) -> Result<Vec<(OrganizationId, MemberId)>, Unavailable> {
    let mut found = Vec::new();
    tx.scan_prefix(MEMBERSHIPS, &user_id.to_bytes(), |membership, member| {
        found.extend(OrganizationId::from_bytes(&membership[16..]).zip(MemberId::from_bytes(member)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

pub fn with_email(
    tx: &impl Read,
    organization_id: OrganizationId,
    email: &Email,
) -> Result<Option<MemberId>, Unavailable> {
    let name = name(organization_id, Named::Email, &email.key());
    Ok(tx.get(MEMBER_NAMES, &name, MemberId::from_bytes)?.flatten())
}

pub fn with_external_id(
    tx: &impl Read,
    organization_id: OrganizationId,
    id: &ExternalId,
) -> Result<Option<MemberId>, Unavailable> {
    let name = name(organization_id, Named::ExternalId, id.as_str());
    Ok(tx.get(MEMBER_NAMES, &name, MemberId::from_bytes)?.flatten())
}

/// The ids of the members of a list, at most `most`.
fn ids(tx: &impl Read, list: &[u8], most: usize) -> Result<Vec<MemberId>, Unavailable> {
    let mut ids = Vec::new();
    tx.scan_prefix(MEMBER_BLOCKS, list, |_, bytes| {
        let block = Block::read(bytes)?;
        ids.extend((0..block.len()).filter_map(|at| MemberId::from_bytes(block.id(at))));
        Ok(if ids.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    ids.truncate(most);
    Ok(ids)
}

pub fn head_coach(tx: &impl Read, organization_id: OrganizationId) -> Result<Option<MemberId>, Unavailable> {
    Ok(ids(tx, &list(organization_id, List::Role, &[Role::HeadCoach as u8]), 1)?.pop())
}

/// The athletes assigned to a coach.
pub fn athletes_of(
    tx: &WriteTx,
    organization_id: OrganizationId,
    coach_id: MemberId,
) -> Result<Vec<MemberId>, Unavailable> {
    ids(tx, &list(organization_id, List::Coach, &coach_id.to_bytes()), usize::MAX)
}

/// Adds or changes a member; `before` is what was stored of it, with its revision.
pub fn put(tx: &WriteTx, before: Option<(&Member, u64)>, member: &Member) -> Result<(), Unavailable> {
    let revision = before.map_or(1, |(_, revision)| revision + 1);
    let json = serde_json::to_vec(member).map_err(|_| Unavailable::Corrupt("member"))?;
    let head = Head { revision, role: member.role, status: member.status };
    if before.is_some_and(|(before, _)| (before.role, before.status) != (member.role, member.status)) {
        let Member { organization_id, id, role, status, .. } = *member;
        tx.took_away(Revocation::Member { organization_id, id, role, status });
    }
    let (id, new) = (member.id.to_bytes(), lists(member));
    let mut blocks = tx.rows(MEMBER_BLOCKS)?;
    for gone in before.map(|(before, _)| lists(before)).unwrap_or_default() {
        if new.binary_search_by_key(&&gone.list, |listed| &listed.list).is_err() {
            block::delete(&mut blocks, &gone.list, &id)?;
        }
    }
    // The list of all is the first.
    let mut first_beside = [0; 16];
    for Listed { list, shared, json: copied } in new {
        let json = if copied == Copied::Never { &[] } else { &json[..] };
        let near = (copied == Copied::IfFar).then_some(first_beside);
        let first_of_block = block::put(&mut blocks, &list, Row { id, head, shared, json }, near)?;
        if is_of_all(&list) {
            first_beside = first_of_block;
        }
    }
    let mut taken = tx.rows(MEMBER_NAMES)?;
    let new = names(member);
    for gone in before.map(|(before, _)| names(before)).unwrap_or_default() {
        if !new.contains(&gone) {
            taken.remove(&gone[..])?;
        }
    }
    for name in new {
        taken.insert(&name[..], &id[..])?;
    }
    if let Some(user_id) = member.user_id {
        tx.put(MEMBERSHIPS, &key(&[&user_id.to_bytes(), &member.organization_id.to_bytes()]), &id)?;
    }
    Ok(())
}

pub fn delete(tx: &WriteTx, member: &Member) -> Result<(), Unavailable> {
    tx.took_away(Revocation::MemberRemoved { organization_id: member.organization_id, id: member.id });
    let mut blocks = tx.rows(MEMBER_BLOCKS)?;
    for listed in lists(member) {
        block::delete(&mut blocks, &listed.list, &member.id.to_bytes())?;
    }
    for name in names(member) {
        tx.delete(MEMBER_NAMES, &name)?;
    }
    if let Some(user_id) = member.user_id {
        tx.delete(MEMBERSHIPS, &key(&[&user_id.to_bytes(), &member.organization_id.to_bytes()]))?;
    }
    Ok(())
}
