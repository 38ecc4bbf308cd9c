//! Members, their index, and who is a member where.
//!
//! A row is a short head (version, revision, role, status) and then the member's JSON exactly as it
//! leaves in an answer: `docs/decisions/0003-member-records-are-json.md`.

mod page;

use std::ops::ControlFlow;

pub use self::page::{Window, page};
use super::{
    Read, WriteTx,
    tables::{MEMBER_INDEX, MEMBERS, MEMBERSHIPS, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        email::Email,
        id::{Id as _, MemberId, OrganizationId, UserId},
        member::Member,
        name::ExternalId,
        role::{MemberStatus, Role},
    },
};

/// Which index of members; each lists the members of one organization by one value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Index {
    Role = 1,
    Status = 2,
    Label = 3,
    Coach = 4,
    Word = 5,
    Email = 6,
    ExternalId = 7,
}

/// The version of the row's form.
const VERSION: u8 = 1;
/// Version, revision, role, status.
const HEAD: usize = 1 + 8 + 1 + 1;
/// Words are indexed by this many bytes of theirs; what follows is compared on the row itself.
const WORD_BYTES: usize = 64;
/// With this begins the value of an entry of the index of words; one that was written before there was a value is empty.
const WORD_BEFORE: u8 = 1;

/// What of a member is readable without parsing its JSON.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// Raised by each change.
    pub revision: u64,
    pub role: Role,
    pub status: MemberStatus,
}

/// A row as it lies in the table.
struct Row<'a> {
    head: Head,
    json: &'a [u8],
}

fn split(bytes: &[u8]) -> Result<Row<'_>, Unavailable> {
    let row = || {
        let (head, json) = bytes.split_at_checked(HEAD)?;
        let revision = u64::from_be_bytes(head[1..9].try_into().ok()?);
        let role = *Role::ALL.get(usize::from(head[9]))?;
        let status = *MemberStatus::ALL.get(usize::from(head[10]))?;
        (head[0] == VERSION).then_some(Row { head: Head { revision, role, status }, json })
    };
    row().ok_or(Unavailable::Corrupt("member"))
}

fn join(revision: u64, member: &Member) -> Result<Vec<u8>, Unavailable> {
    let mut row = vec![VERSION];
    row.extend(revision.to_be_bytes());
    row.extend([member.role as u8, member.status as u8]);
    serde_json::to_writer(&mut row, member).map_err(|_| Unavailable::Corrupt("member"))?;
    Ok(row)
}

fn parse(row: &Row<'_>) -> Result<Member, Unavailable> {
    serde_json::from_slice(row.json).map_err(|_| Unavailable::Corrupt("member"))
}

fn place(organization_id: OrganizationId, id: MemberId) -> Vec<u8> {
    key(&[&organization_id.to_bytes(), &id.to_bytes()])
}

fn index_prefix(organization_id: OrganizationId, index: Index, value: &[u8]) -> Vec<u8> {
    key(&[&organization_id.to_bytes(), &[index as u8], value])
}

/// A text as a value of an index: no text of ours holds a zero byte, so none begins another.
fn text_value(text: &str) -> Vec<u8> {
    key(&[text.as_bytes(), &[0]])
}

fn index_word(word: &str) -> &str {
    &word[..word.floor_char_boundary(WORD_BYTES)]
}

/// An entry of the index of words: the word, and which word of the member's is the one before it.
///
/// A member of whom several words match is listed once, at the first of them; whether this is the first can be told
/// without the member.
fn word_entries(member: &Member) -> Vec<(String, Vec<u8>)> {
    let mut words: Vec<_> = member.words().iter().map(|word| index_word(word).to_owned()).collect();
    words.dedup();
    let before = std::iter::once("").chain(words.iter().map(String::as_str));
    let values: Vec<_> = before.zip(&words).map(|(before, _)| key(&[&[WORD_BEFORE], before.as_bytes()])).collect();
    words.into_iter().zip(values).collect()
}

/// The entries of a member, sorted.
fn index_entries(member: &Member) -> Vec<(Vec<u8>, Vec<u8>)> {
    let id = member.id.to_bytes();
    let entry = |index, value: &[u8]| key(&[&index_prefix(member.organization_id, index, value), &id]);
    let mut keys = vec![entry(Index::Role, &[member.role as u8]), entry(Index::Status, &[member.status as u8])];
    keys.extend(member.labels.iter().map(|label| entry(Index::Label, &text_value(label.as_str()))));
    keys.extend(member.coach_id.map(|coach| entry(Index::Coach, &coach.to_bytes())));
    keys.extend(member.email.as_ref().map(|email| entry(Index::Email, &text_value(&email.key()))));
    keys.extend(member.external_id.as_ref().map(|id| entry(Index::ExternalId, &text_value(id.as_str()))));
    let words = word_entries(member).into_iter().map(|(word, value)| (entry(Index::Word, &text_value(&word)), value));
    let mut entries: Vec<_> = keys.into_iter().map(|key| (key, Vec::new())).chain(words).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

pub fn get(
    tx: &impl Read,
    organization_id: OrganizationId,
    id: MemberId,
) -> Result<Option<(Member, u64)>, Unavailable> {
    tx.get(MEMBERS, &place(organization_id, id), |bytes| {
        let row = split(bytes)?;
        Ok((parse(&row)?, row.head.revision))
    })?
    .transpose()
}

/// What of the member is readable without its JSON.
pub fn head(tx: &impl Read, organization_id: OrganizationId, id: MemberId) -> Result<Option<Head>, Unavailable> {
    tx.get(MEMBERS, &place(organization_id, id), |bytes| Ok(split(bytes)?.head))?.transpose()
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

/// The first member of the organization in an index with this value.
fn first(
    tx: &impl Read,
    organization_id: OrganizationId,
    index: Index,
    value: &[u8],
) -> Result<Option<MemberId>, Unavailable> {
    let prefix = index_prefix(organization_id, index, value);
    let mut found = None;
    tx.scan_prefix(MEMBER_INDEX, &prefix, |entry, _| {
        found = MemberId::from_bytes(&entry[prefix.len()..]);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

pub fn with_email(
    tx: &impl Read,
    organization_id: OrganizationId,
    email: &Email,
) -> Result<Option<MemberId>, Unavailable> {
    first(tx, organization_id, Index::Email, &text_value(&email.key()))
}

pub fn with_external_id(
    tx: &impl Read,
    organization_id: OrganizationId,
    id: &ExternalId,
) -> Result<Option<MemberId>, Unavailable> {
    first(tx, organization_id, Index::ExternalId, &text_value(id.as_str()))
}

pub fn head_coach(tx: &impl Read, organization_id: OrganizationId) -> Result<Option<MemberId>, Unavailable> {
    first(tx, organization_id, Index::Role, &[Role::HeadCoach as u8])
}

/// The athletes assigned to a coach.
pub fn athletes_of(
    tx: &WriteTx,
    organization_id: OrganizationId,
    coach_id: MemberId,
) -> Result<Vec<MemberId>, Unavailable> {
    let prefix = index_prefix(organization_id, Index::Coach, &coach_id.to_bytes());
    Ok(tx
        .keys(MEMBER_INDEX, &prefix)?
        .iter()
        .filter_map(|entry| MemberId::from_bytes(&entry[prefix.len()..]))
        .collect())
}

/// Adds or changes a member; `before` is what was stored of it, with its revision.
pub fn put(tx: &WriteTx, before: Option<(&Member, u64)>, member: &Member) -> Result<(), Unavailable> {
    let old = before.map(|(before, _)| index_entries(before)).unwrap_or_default();
    let new = index_entries(member);
    for (gone, _) in old.iter().filter(|(entry, _)| new.binary_search_by_key(&entry, |(entry, _)| entry).is_err()) {
        tx.delete(MEMBER_INDEX, gone)?;
    }
    for (entry, value) in new.iter().filter(|entry| old.binary_search(entry).is_err()) {
        tx.put(MEMBER_INDEX, entry, value)?;
    }
    if let Some(user_id) = member.user_id {
        tx.put(MEMBERSHIPS, &key(&[&user_id.to_bytes(), &member.organization_id.to_bytes()]), &member.id.to_bytes())?;
    }
    let revision = before.map_or(1, |(_, revision)| revision + 1);
    tx.put(MEMBERS, &place(member.organization_id, member.id), &join(revision, member)?)
}

pub fn delete(tx: &WriteTx, member: &Member) -> Result<(), Unavailable> {
    for (entry, _) in index_entries(member) {
        tx.delete(MEMBER_INDEX, &entry)?;
    }
    if let Some(user_id) = member.user_id {
        tx.delete(MEMBERSHIPS, &key(&[&user_id.to_bytes(), &member.organization_id.to_bytes()]))?;
    }
    tx.delete(MEMBERS, &place(member.organization_id, member.id))?;
    Ok(())
}
