//! Members, their index, and who is a member where.
//!
//! A row is a short head (version, revision, role, status) and then the member's JSON exactly as it
//! leaves in an answer: `docs/decisions/0003-member-records-are-json.md`.

use std::ops::{Bound, ControlFlow};

use super::{
    Read, WriteTx, after_prefix,
    tables::{MEMBER_INDEX, MEMBERS, MEMBERSHIPS, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        api_key::Reach,
        email::Email,
        id::{Id as _, MemberId, OrganizationId, UserId},
        member::{Member, MemberFilter},
        name::ExternalId,
        role::{MemberStatus, Role},
    },
};

/// Which index of members; each lists the members of one organization by one value.
#[derive(Clone, Copy)]
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

fn index_keys(member: &Member) -> Vec<Vec<u8>> {
    let id = member.id.to_bytes();
    let entry = |index, value: &[u8]| key(&[&index_prefix(member.organization_id, index, value), &id]);
    let mut keys = vec![entry(Index::Role, &[member.role as u8]), entry(Index::Status, &[member.status as u8])];
    keys.extend(member.labels.iter().map(|label| entry(Index::Label, &text_value(label.as_str()))));
    keys.extend(member.coach_id.map(|coach| entry(Index::Coach, &coach.to_bytes())));
    keys.extend(member.words().iter().map(|word| entry(Index::Word, &text_value(index_word(word)))));
    keys.extend(member.email.as_ref().map(|email| entry(Index::Email, &text_value(&email.key()))));
    keys.extend(member.external_id.as_ref().map(|id| entry(Index::ExternalId, &text_value(id.as_str()))));
    keys.sort_unstable();
    keys.dedup();
    keys
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
    let old = before.map(|(before, _)| index_keys(before)).unwrap_or_default();
    let new = index_keys(member);
    for gone in old.iter().filter(|entry| new.binary_search(entry).is_err()) {
        tx.delete(MEMBER_INDEX, gone)?;
    }
    for added in new.iter().filter(|entry| old.binary_search(entry).is_err()) {
        tx.put(MEMBER_INDEX, added, &[])?;
    }
    if let Some(user_id) = member.user_id {
        tx.put(MEMBERSHIPS, &key(&[&user_id.to_bytes(), &member.organization_id.to_bytes()]), &member.id.to_bytes())?;
    }
    let revision = before.map_or(1, |(_, revision)| revision + 1);
    tx.put(MEMBERS, &place(member.organization_id, member.id), &join(revision, member)?)
}

pub fn delete(tx: &WriteTx, member: &Member) -> Result<(), Unavailable> {
    for entry in index_keys(member) {
        tx.delete(MEMBER_INDEX, &entry)?;
    }
    if let Some(user_id) = member.user_id {
        tx.delete(MEMBERSHIPS, &key(&[&user_id.to_bytes(), &member.organization_id.to_bytes()]))?;
    }
    tx.delete(MEMBERS, &place(member.organization_id, member.id))?;
    Ok(())
}

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
    let driver = driver(filter);
    let members = if driver.is_some() { Some(tx.rows(MEMBERS)?) } else { None };
    let (table, space, prefix) = match driver {
        None => (MEMBERS, organization_id.to_bytes().to_vec(), organization_id.to_bytes().to_vec()),
        Some((index, value)) => {
            (MEMBER_INDEX, index_prefix(organization_id, index, &[]), index_prefix(organization_id, index, &value))
        }
    };
    let start = position.map_or_else(|| prefix.clone(), |position| key(&[&space, position]));
    let from = if position.is_some() { Bound::Excluded(&start[..]) } else { Bound::Included(&start[..]) };
    let end = after_prefix(&prefix);
    let (mut count, mut examined, mut last, mut next) = (0, 0, Vec::new(), None);
    tx.scan(table, (from, end.as_deref().map_or(Bound::Unbounded, Bound::Excluded)), false, |entry, value| {
        if count == limit || examined == examine {
            next = Some(std::mem::take(&mut last));
            return Ok(ControlFlow::Break(()));
        }
        examined += 1;
        last.clear();
        last.extend_from_slice(&entry[space.len()..]);
        let mut examine_row = |bytes: &[u8]| -> Result<(), Unavailable> {
            let row = split(bytes)?;
            if matches(filter, &row, entry, &space)? {
                if count > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(row.json);
                count += 1;
            }
            Ok(())
        };
        match &members {
            None => examine_row(value)?,
            Some(members) => {
                use redb::ReadableTable as _;
                let id = entry.last_chunk::<16>().ok_or(Unavailable::Corrupt("member index"))?;
                let row = members.get(&key(&[&organization_id.to_bytes(), id])[..])?;
                examine_row(row.ok_or(Unavailable::Corrupt("member index"))?.value())?;
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(next)
}

/// Whether a row that the driving index has named matches the filter as a whole.
fn matches(filter: &MemberFilter, row: &Row<'_>, entry: &[u8], space: &[u8]) -> Result<bool, Unavailable> {
    if filter.role.is_some_and(|role| role != row.head.role)
        || filter.status.is_some_and(|status| status != row.head.status)
    {
        return Ok(false);
    }
    if filter.label.is_none() && filter.coach_id.is_none() && filter.search.is_none() {
        return Ok(true);
    }
    let member = parse(row)?;
    if filter.coach_id.is_some_and(|coach| member.coach_id != Some(coach)) {
        return Ok(false);
    }
    if filter.label.as_ref().is_some_and(|label| !member.labels.contains(label)) {
        return Ok(false);
    }
    let Some(search) = &filter.search else { return Ok(true) };
    let words = member.words();
    // A member with several words that match is listed once, at the first of them.
    let first = words.iter().find(|word| word.starts_with(search.longest()));
    let listed_here = first.is_some_and(|word| entry[space.len()..].starts_with(&text_value(index_word(word))));
    Ok(listed_here && search.words().iter().all(|sought| words.iter().any(|word| word.starts_with(sought.as_str()))))
}
