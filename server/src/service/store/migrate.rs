//! From what an earlier format has written to what this program reads.
//!
//! Before anything is changed the database is copied beside itself; then one transaction changes all of it, so that a
//! database has one format or the other.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition, TableError};

use super::{
    members::{
        Copied, Head, List, Named,
        block::{Filling, Row},
        listed_words,
    },
    snapshot::Rows,
    tables::{MEMBER_BLOCKS, MEMBER_NAMES, META},
};
use crate::service::{
    error::Unavailable,
    model::role::{MemberStatus, Role},
};

type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Of format 1: organization, member -> version 1, revision (u64), role, status, and the member's JSON.
const MEMBERS: Bytes = TableDefinition::new("members");
/// Of format 1: organization, kind, value, member -> whatever. The kinds and their values are those of lists and names.
const MEMBER_INDEX: Bytes = TableDefinition::new("member_index");

const CORRUPT: Unavailable = Unavailable::Corrupt("member");

/// The database cannot be copied before it is changed.
#[derive(Debug, thiserror::Error)]
#[error("a copy of it cannot be kept in {}: {source}; make room for it and start again", path.display())]
pub struct NotCopied {
    path: PathBuf,
    source: io::Error,
}

/// Copies the database's file beside itself, as that of an earlier format, and syncs it. Nobody may write meanwhile.
pub fn copy_beside(file: &Path, format: u32) -> Result<(), NotCopied> {
    let path = file.with_added_extension(format!("format-{format}"));
    let unfinished = path.with_added_extension("unfinished");
    let copy = || {
        std::fs::copy(file, &unfinished)?;
        File::open(&unfinished)?.sync_all()?;
        std::fs::rename(&unfinished, &path)?;
        file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    copy().map_err(|source| {
        // Half a copy takes room that is missed.
        let _ = std::fs::remove_file(&unfinished);
        NotCopied { path: path.clone(), source }
    })?;
    tracing::info!(format, copy = %path.display(), "the database is given another format, and its copy kept");
    Ok(())
}

/// The member of this id in format 1.
fn row(id: [u8; 16], bytes: &[u8]) -> Result<Row<'_>, Unavailable> {
    let row = || {
        let ([1, head @ ..], json) = bytes.split_first_chunk::<11>()? else { return None };
        let revision = u64::from_be_bytes(*head.first_chunk()?);
        let role = *Role::ALL.get(usize::from(head[8]))?;
        let status = *MemberStatus::ALL.get(usize::from(head[9]))?;
        Some(Row { id, head: Head { revision, role, status }, shared: 0, json })
    };
    row().ok_or(CORRUPT)
}

/// Gives a database of format 1 the next: members lie in blocks, and their index became lists of them.
pub fn from_format_1(database: &Database) -> Result<(), Unavailable> {
    let (before, transaction) = (database.begin_read()?, database.begin_write()?);
    match (before.open_table(MEMBERS), before.open_table(MEMBER_INDEX)) {
        // It was made, and its tables not any more.
        (Err(TableError::TableDoesNotExist(_)), _) => {}
        (members, index) => {
            let mut blocks = transaction.open_table(MEMBER_BLOCKS.definition)?;
            let mut names = transaction.open_table(MEMBER_NAMES.definition)?;
            write_lists(&members?, &index?, &mut blocks, &mut names)?;
        }
    }
    transaction.delete_table(MEMBERS)?;
    transaction.delete_table(MEMBER_INDEX)?;
    transaction.open_table(META.definition)?.insert(&b"format"[..], &2_u32.to_be_bytes()[..])?;
    Ok(transaction.commit()?)
}

fn write_lists(
    members: &Rows,
    index: &Rows,
    blocks: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
    names: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
) -> Result<(), Unavailable> {
    let mut filling = Filling::new(|key: &[u8], block: &[u8]| Ok(blocks.insert(key, block).map(drop)?));
    for member in members.iter()? {
        let (key, bytes) = member?;
        let (organization_id, id) = key.value().split_last_chunk::<16>().ok_or(CORRUPT)?;
        filling.push(&[organization_id, &[List::All as u8]].concat(), row(*id, bytes.value())?)?;
    }
    for entry in index.iter()? {
        let (key, _) = entry?;
        let (list, id) = key.value().split_last_chunk::<16>().ok_or(CORRUPT)?;
        let (organization_id, rest) = list.split_first_chunk::<16>().ok_or(CORRUPT)?;
        let kind = rest.first().ok_or(CORRUPT)?;
        if [Named::Email as u8, Named::ExternalId as u8].contains(kind) {
            names.insert(list.strip_suffix(&[0]).ok_or(CORRUPT)?, &id[..])?;
            continue;
        }
        // Neither athletes nor active members have a list of their own any more.
        if *list == key_of(organization_id, List::Role, Role::Athlete as u8)
            || *list == key_of(organization_id, List::Status, MemberStatus::Active as u8)
        {
            continue;
        }
        let member = members.get(&[&organization_id[..], id].concat()[..])?.ok_or(CORRUPT)?;
        let mut row = row(*id, member.value())?;
        if *kind == List::Word as u8 {
            let member = serde_json::from_slice(row.json).map_err(|_| CORRUPT)?;
            let listed = listed_words(&member).into_iter().find(|listed| listed.list == list).ok_or(CORRUPT)?;
            row.shared = listed.shared;
            row.json = if listed.json == Copied::Always { row.json } else { &[] };
        }
        filling.push(list, row)?;
    }
    filling.finish()
}

fn key_of(organization_id: &[u8], list: List, value: u8) -> Vec<u8> {
    [organization_id, &[list as u8, value]].concat()
}
