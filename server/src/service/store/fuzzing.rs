//! Targets: bytes that are said to be a record, and a file that is said to be the log of revocations.

use std::{io, sync::Arc};

use redb::{StorageBackend, backends::InMemoryBackend};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    api_keys::{self, Pass},
    audit_events,
    members::block::{self, Block, Row},
    organizations, record as records,
    revocations::{Lineage, Log, Standing},
};
use crate::service::{
    error::Unavailable,
    model::{
        audit_event::AuditEvent, idempotency::Remembered, invitation::Invitation, member::Member,
        revocation::Revocation, session::Session, usage::Calls, user::User,
    },
};

/// Bytes are refused, or hold a record that is written and read again as it is.
fn keeps<T>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, Unavailable>,
    encode: impl Fn(&T) -> Result<Vec<u8>, Unavailable>,
) {
    let Ok(record) = decode(bytes) else { return };
    let written = encode(&record).expect("what was read can be written");
    let again = decode(&written).expect("what was written can be read");
    assert_eq!(encode(&again).expect("what was read can be written"), written);
}

fn keeps_plain<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    keeps(bytes, records::decode::<T>, records::encode);
}

/// JSON is refused, or written and read again as it is.
fn keeps_json<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let corrupt = |_| Unavailable::Corrupt("JSON");
    keeps(
        bytes,
        |bytes| serde_json::from_slice::<T>(bytes).map_err(corrupt),
        |value| serde_json::to_vec(value).map_err(corrupt),
    );
}

/// A record of any table.
pub fn record(data: &[u8]) {
    keeps(data, organizations::form::decode, organizations::form::encode);
    keeps(data, api_keys::form::decode, api_keys::form::encode);
    keeps(data, api_keys::last_use::decode, api_keys::last_use::encode);
    keeps_plain::<User>(data);
    keeps_plain::<Session>(data);
    keeps_plain::<Invitation>(data);
    keeps_plain::<Pass>(data);
    keeps_plain::<Vec<Calls>>(data);
    keeps_plain::<Remembered>(data);
    keeps_json::<Member>(data);
    keeps_json::<AuditEvent>(data);
    if let Some((number, hash)) = audit_events::read_head(data) {
        assert_eq!([&number.to_be_bytes()[..], &hash.0].concat(), data);
    }
    if let Some(stored) = audit_events::read_event(7, data) {
        assert_eq!([&stored.hash.0[..], stored.content.as_bytes()].concat(), data);
    }
    members(data);
}

/// A block of members: each can be looked at, and those that can all be read are written as they were.
fn members(data: &[u8]) {
    let Ok(block) = Block::read(data) else { return };
    for at in 0..block.len() {
        let found = block.find(block.id(at));
        assert!(found.is_err() || found.is_ok_and(|found| block.id(found) == block.id(at)));
        let _ = (block.has_json(at), block.shared(at), block.head(at).is_ok(), block.run(0..at + 1).is_ok());
    }
    let rows: Result<Vec<Row<'_>>, _> = (0..block.len()).map(|at| block.row(at)).collect();
    let Ok(rows) = rows else { return };
    let written = block::write(&rows).expect("what was read can be written");
    let again = Block::read(&written).expect("what was written can be read");
    assert_eq!(again.len(), rows.len());
    for (at, row) in rows.iter().enumerate() {
        let kept = again.row(at).expect("what was written can be read");
        assert_eq!((kept.id, kept.shared, kept.json), (row.id, row.shared, row.json));
        assert_eq!(format!("{:?}", kept.head), format!("{:?}", row.head));
    }
}

/// A file that several logs open one after the other.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<InMemoryBackend>);

impl Shared {
    /// One with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let file = Self::default();
        file.set_len(bytes.len() as u64).expect("memory has room");
        file.write(0, bytes).expect("memory can be written");
        file
    }

    /// What is in it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.len().expect("memory has a length")).expect("it fits in memory")];
        self.read(0, &mut bytes).expect("memory can be read");
        bytes
    }
}

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

const LINEAGE: Lineage = [7; 16];

/// A log: the number of the last batch that the database has, then the file; and then the contents of frames, each behind
/// its length, in a file whose checksums are right.
pub fn revocations(data: &[u8]) {
    let Some((number, file)) = data.split_first() else { return };
    let number = if *number == u8::MAX { u64::MAX } else { u64::from(*number) };
    log(file, number);
    let (mut framed, mut rest) = (Vec::new(), file);
    while let Some((length, behind)) = rest.split_first() {
        let content;
        (content, rest) = behind.split_at(behind.len().min(usize::from(*length)));
        let length = u32::from(*length).min(content.len() as u32).to_le_bytes();
        framed.extend(length);
        framed.extend(crc32fast::hash(&length).to_le_bytes());
        framed.extend(crc32fast::hash(content).to_le_bytes());
        framed.extend(content);
    }
    log(&framed, number);
}

/// How a database with this number stands to the log in `file`: the number of that, and what the database lacks.
fn standing(file: &Shared, number: u64) -> Option<(Log, Vec<Revocation>)> {
    match Log::open(Box::new(file.clone()), LINEAGE, number).expect("memory can be read") {
        Standing::InStep(log) => Some((log, Vec::new())),
        Standing::Behind(log, revocations) => Some((log, revocations)),
        Standing::Unknown(_) => None,
    }
}

fn log(bytes: &[u8], number: u64) {
    let written = |revocations: &[Revocation]| postcard::to_stdvec(revocations).expect("revocations are written");
    let file = Shared::of(bytes);
    let Some((log, lacks)) = standing(&file, number) else {
        assert_eq!(file.bytes(), bytes, "a log that is not trusted is left as it is");
        return;
    };
    assert!(bytes.starts_with(&file.bytes()), "nothing but an end that was not written is taken away");
    assert!(log.number() > number || lacks.is_empty());
    let last = log.number();
    let (mut log, again) = standing(&file, number).expect("it opens as before");
    assert_eq!((log.number(), written(&again)), (last, written(&lacks)));
    if last < u64::MAX {
        log.append(vec![Revocation::SetUp]).expect("memory can be written");
        log.committed().expect("memory can be written");
        let (_, lacks) = standing(&file, last).expect("it opens after a batch");
        assert_eq!(written(&lacks), written(&[Revocation::SetUp]));
        let (log, lacks) = standing(&file, last + 1).expect("it opens after a batch");
        assert_eq!((log.number(), lacks.len()), (last + 1, 0));
    }
}
