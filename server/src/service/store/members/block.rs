//! Blocks: members of one list, who follow each other by id, in one value of the table.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of the block's form and of the members' JSON, now 1 |
//! | 2 | how many members, big-endian |
//! | 31 for each | the directory, by id |
//! | the rest | the members' JSON as it leaves in an answer, with commas between them |
//!
//! Of each member the directory holds: id (16), revision (8, big-endian), role (1, its place in `Role::ALL`), status (1,
//! its place in `MemberStatus::ALL`), how much the list's word shares with the one before it (1), and where its JSON ends
//! among the JSON (4, big-endian). Of whom a list names without it, it is empty.
//!
//! A list is what its keys begin with. What follows there is the last id that the block may hold; of the block that new
//! members are added to that is the greatest of all ids. So the first block at or after an id is the one that holds it,
//! if any does.

use std::ops::{Bound, Range};

use redb::ReadableTable;

use super::Head;
use crate::service::{
    error::Unavailable,
    model::role::{MemberStatus, Role},
    store::{Opened, tables::key},
};

/// The version of the block's form and of the members' JSON.
const VERSION: u8 = 1;
/// Version and count.
const HEADER: usize = 1 + 2;
/// What the directory holds of a member.
const ENTRY: usize = 16 + 8 + 1 + 1 + 1 + 4;
/// A block that would be longer than this is split, unless it holds one member only. With its key and the database's
/// head for them it fills four pages. Tests take less, so that there are many.
const MOST: usize = if cfg!(test) { 1024 } else { 4 * 4096 - 256 };
/// The last id of the block that new members are added to.
pub const LAST: [u8; 16] = [0xff; 16];

const CORRUPT: Unavailable = Unavailable::Corrupt("members");

/// A member as it lies in a block.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub id: [u8; 16],
    pub head: Head,
    /// In a list of those who have a word: how many bytes it shares with the member's word before it.
    pub shared: u8,
    pub json: &'a [u8],
}

/// A block as it lies in the table.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    directory: &'a [[u8; ENTRY]],
    json: &'a [u8],
}

/// An id as a number of the same order.
pub const fn number(id: &[u8; 16]) -> u128 {
    u128::from_be_bytes(*id)
}

/// The id in an entry of the directory, as a number of the same order.
fn bits(entry: &[u8; ENTRY]) -> u128 {
    let mut id = [0; 16];
    id.copy_from_slice(&entry[..16]);
    u128::from_be_bytes(id)
}

/// The places in this block are below [`Block::len`].
impl<'a> Block<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unavailable> {
        let block = || {
            let ([VERSION, count @ ..], rest) = bytes.split_first_chunk::<HEADER>()? else { return None };
            let (directory, json) = rest.split_at_checked(usize::from(u16::from_be_bytes(*count)) * ENTRY)?;
            Some(Self { directory: directory.as_chunks().0, json })
        };
        block().ok_or(CORRUPT)
    }

    /// How many members it holds.
    pub const fn len(&self) -> usize {
        self.directory.len()
    }

    /// The id of the member at that place.
    pub fn id(&self, at: usize) -> &'a [u8; 16] {
        self.directory[at].first_chunk().unwrap_or(&LAST)
    }

    /// Whether the JSON of the member at that place lies in this block.
    pub fn has_json(&self, at: usize) -> bool {
        !self.span(at).is_empty()
    }

    /// How many bytes the list's word shares with the word of that member before it.
    pub fn shared(&self, at: usize) -> u8 {
        self.directory[at][26]
    }

    /// The place of the member with this id, or where it would be.
    pub fn find(&self, id: &[u8; 16]) -> Result<usize, usize> {
        self.directory.binary_search_by_key(&number(id), bits)
    }

    /// The id of the member at that place, as a number of the same order.
    pub fn number(&self, at: usize) -> u128 {
        bits(&self.directory[at])
    }

    /// The first place from `from` on whose id is at least this one; quickest if it is near (an exponential search: Bentley
    /// and Yao, "An almost optimal algorithm for unbounded searching", 1976).
    pub fn seek(&self, from: usize, id: u128) -> usize {
        let ahead = self.directory.get(from..).unwrap_or_default();
        let mut end = 1;
        while end < ahead.len() && bits(&ahead[end - 1]) < id {
            end *= 2;
        }
        let (begin, end) = (end / 2, end.min(ahead.len()));
        from + begin + ahead[begin..end].partition_point(|entry| bits(entry) < id)
    }

    /// Whether the member at that place has this role, and this status, where one is given.
    pub fn is(&self, at: usize, role: Option<Role>, status: Option<MemberStatus>) -> bool {
        let entry = &self.directory[at];
        role.is_none_or(|role| entry[24] == role as u8) && status.is_none_or(|status| entry[25] == status as u8)
    }

    /// Where among the JSON that of the member at this place begins and ends.
    fn span(&self, at: usize) -> Range<usize> {
        let end = |entry: &[u8; ENTRY]| u32::from_be_bytes([entry[27], entry[28], entry[29], entry[30]]) as usize;
        // A comma stands between two.
        let start = if at == 0 { 0 } else { end(&self.directory[at - 1]).saturating_add(1) };
        start..end(&self.directory[at])
    }

    /// The JSON of the members at these places, of which there is at least one, with commas between them.
    pub fn run(&self, places: Range<usize>) -> Result<&'a [u8], Unavailable> {
        let (start, end) = (self.span(places.start).start, self.span(places.end - 1).end);
        self.json.get(start..end).ok_or(CORRUPT)
    }

    /// What is readable without the JSON of the member at this place.
    pub fn head(&self, at: usize) -> Result<Head, Unavailable> {
        let entry = &self.directory[at];
        let head = || {
            let revision = u64::from_be_bytes(entry[16..24].try_into().ok()?);
            let role = *Role::ALL.get(usize::from(entry[24]))?;
            let status = *MemberStatus::ALL.get(usize::from(entry[25]))?;
            Some(Head { revision, role, status })
        };
        head().ok_or(CORRUPT)
    }

    /// The member at this place.
    pub fn row(&self, at: usize) -> Result<Row<'a>, Unavailable> {
        Ok(Row { id: *self.id(at), head: self.head(at)?, shared: self.shared(at), json: self.run(at..at + 1)? })
    }
}

/// The bytes of a block with these members.
pub(in crate::service::store) fn write(rows: &[Row<'_>]) -> Result<Vec<u8>, Unavailable> {
    let mut block = Vec::with_capacity(length(rows));
    block.push(VERSION);
    block.extend(u16::try_from(rows.len()).map_err(|_| CORRUPT)?.to_be_bytes());
    let mut end = 0;
    for (place, row) in rows.iter().enumerate() {
        end += usize::from(place > 0) + row.json.len();
        block.extend(row.id);
        block.extend(row.head.revision.to_be_bytes());
        block.extend([row.head.role as u8, row.head.status as u8, row.shared]);
        block.extend(u32::try_from(end).map_err(|_| CORRUPT)?.to_be_bytes());
    }
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            block.push(b',');
        }
        block.extend(row.json);
    }
    Ok(block)
}

/// How long a block with these members is.
fn length(rows: &[Row<'_>]) -> usize {
    HEADER + rows.iter().map(added).sum::<usize>()
}

/// How much longer a block is with this member.
const fn added(row: &Row<'_>) -> usize {
    ENTRY + row.json.len() + 1
}

/// The key of the block of this list whose last id this is, and where to look for the one that holds it.
fn place(list: &[u8], id: &[u8; 16]) -> Vec<u8> {
    key(&[list, id])
}

/// What `read` makes of the member of this list with this id.
pub fn get<R>(
    blocks: &impl ReadableTable<&'static [u8], &'static [u8]>,
    list: &[u8],
    id: &[u8; 16],
    read: impl FnOnce(&Block<'_>, usize) -> Result<R, Unavailable>,
) -> Result<Option<R>, Unavailable> {
    let Some((key, bytes)) = blocks.lower_bound(Bound::Included(&place(list, id)[..]))?.next()? else {
        return Ok(None);
    };
    if key.value().len() != list.len() + LAST.len() || !key.value().starts_with(list) {
        return Ok(None);
    }
    let block = Block::read(bytes.value())?;
    block.find(id).ok().map(|at| read(&block, at)).transpose()
}

/// A block's key and bytes, apart from the table.
struct Stored {
    key: Vec<u8>,
    bytes: Vec<u8>,
}

/// The block of this list that holds `id` or would.
fn block_of(blocks: &Opened<'_>, list: &[u8], id: &[u8; 16]) -> Result<Option<Stored>, Unavailable> {
    let found = blocks.lower_bound(Bound::Included(&place(list, id)[..]))?.next()?;
    let stored = found.map(|(key, bytes)| Stored { key: key.value().to_vec(), bytes: bytes.value().to_vec() });
    Ok(stored.filter(|block| block.key.len() == list.len() + LAST.len() && block.key.starts_with(list)))
}

/// Of members of a list who lie in one block of the list of all, how many have their JSON in both where it can be left out.
const NEAR: usize = 2;

/// Writes a member of this list in the place of the one with its id, or beside the others; the first id of its block.
///
/// Where the JSON can be left out of the list, `near` is the first id of the member's block in the list of all. It is left
/// out if there are [`NEAR`] members before this one in that block, too. So a list of nearly everyone does not hold everyone
/// a second time, and is read with one search for each block of all; and one of few is read with none.
pub fn put(
    blocks: &mut Opened<'_>,
    list: &[u8],
    mut row: Row<'_>,
    near: Option<[u8; 16]>,
) -> Result<[u8; 16], Unavailable> {
    let first = || Stored { key: place(list, &LAST), bytes: vec![VERSION, 0, 0] };
    let Stored { key, bytes } = block_of(blocks, list, &row.id)?.unwrap_or_else(first);
    let block = Block::read(&bytes)?;
    let mut rows: Vec<_> = (0..block.len()).map(|at| block.row(at)).collect::<Result<_, _>>()?;
    let place_of_row = block.find(&row.id);
    let (Ok(at) | Err(at)) = place_of_row;
    if near.is_some_and(|near| at >= NEAR && rows[at - NEAR].id >= near) {
        row.json = &[];
    }
    match place_of_row {
        Ok(at) => rows[at] = row,
        Err(at) => rows.insert(at, row),
    }
    if rows.len() == 1 || length(&rows) <= MOST {
        blocks.insert(&key[..], &write(&rows)?[..])?;
        return Ok(rows[0].id);
    }
    // What is added at the end goes on alone, so that blocks of members who come one after the other are full.
    let half = if at == rows.len() - 1 { at } else { rows.len() / 2 };
    let (left, right) = rows.split_at(half);
    blocks.insert(&place(list, &left[half - 1].id)[..], &write(left)?[..])?;
    blocks.insert(&key[..], &write(right)?[..])?;
    Ok(if at < half { left[0].id } else { right[0].id })
}

/// Removes the member of this list with this id.
pub fn delete(blocks: &mut Opened<'_>, list: &[u8], id: &[u8; 16]) -> Result<(), Unavailable> {
    let Some(Stored { key, bytes }) = block_of(blocks, list, id)? else { return Ok(()) };
    let block = Block::read(&bytes)?;
    let Ok(gone) = block.find(id) else { return Ok(()) };
    if block.len() == 1 {
        blocks.remove(&key[..])?;
        return Ok(());
    }
    let rows: Vec<_> = (0..block.len()).filter(|at| *at != gone).map(|at| block.row(at)).collect::<Result<_, _>>()?;
    blocks.insert(&key[..], &write(&rows)?[..])?;
    Ok(())
}

/// Puts members together into blocks as full as they may be, for whoever writes all that there are: by list and id.
pub struct Filling<P> {
    put: P,
    list: Vec<u8>,
    rows: Vec<Owned>,
    length: usize,
}

/// A member of a block that is not written yet.
struct Owned {
    id: [u8; 16],
    head: Head,
    shared: u8,
    json: Vec<u8>,
}

impl Owned {
    fn row(&self) -> Row<'_> {
        Row { id: self.id, head: self.head, shared: self.shared, json: &self.json }
    }
}

impl<P: FnMut(&[u8], &[u8]) -> Result<(), Unavailable>> Filling<P> {
    /// `put` writes a block under its key.
    pub const fn new(put: P) -> Self {
        Self { put, list: Vec::new(), rows: Vec::new(), length: HEADER }
    }

    /// The next member.
    pub fn push(&mut self, list: &[u8], row: Row<'_>) -> Result<(), Unavailable> {
        if self.list != list {
            self.finish()?;
            list.clone_into(&mut self.list);
        }
        let last = self.rows.last().map(|last| last.id);
        if let Some(last) = last.filter(|_| self.length + added(&row) > MOST) {
            self.flush(&last)?;
        }
        self.length += added(&row);
        let Row { id, head, shared, json } = row;
        self.rows.push(Owned { id, head, shared, json: json.to_vec() });
        Ok(())
    }

    /// No more members come.
    pub fn finish(&mut self) -> Result<(), Unavailable> {
        self.flush(&LAST)
    }

    fn flush(&mut self, last: &[u8; 16]) -> Result<(), Unavailable> {
        let rows: Vec<_> = self.rows.iter().map(Owned::row).collect();
        if !rows.is_empty() {
            (self.put)(&place(&self.list, last), &write(&rows)?)?;
        }
        self.rows.clear();
        self.length = HEADER;
        Ok(())
    }
}
