//! The log of revocations: power that was taken away, synced beside the database before the commit that takes it.
//!
//! A backup holds what power there was when it was made. Restored, it would give back what was taken away since; so what
//! was taken away is kept where no backup reaches, and merged. It is a file of frames that is only appended to:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the frame's content, little-endian |
//! | 4 | CRC-32 (ISO-HDLC) of the length, little-endian |
//! | 4 | CRC-32 of the content, little-endian |
//! | the rest | the content: postcard of a [`Frame`] |
//!
//! The length has a checksum of its own, so that a frame that was not written to its end, which is taken away, is told
//! from one that was damaged later, behind which others are lost.
//!
//! A batch of the writer's is a frame with a number, each one more than the one before; the database holds the number of
//! the last batch that it has. What follows that number in the log is what a restored database lacks.
//! `docs/decisions/0027-what-was-taken-away.md`.

use std::io;

use redb::StorageBackend;
use serde::{Deserialize, Serialize};

use crate::service::model::revocation::Revocation;

/// By what a database and its log know each other, also after years and restores: random, made with the database.
pub type Lineage = [u8; 16];

/// Length and checksums.
const HEADER: usize = 12;
/// No frame is longer: a batch has 1,024 actions at most.
const LONGEST: u32 = 256 << 20;

const DAMAGED: &str = "it is damaged";

#[derive(Serialize, Deserialize)]
enum Frame {
    /// The first: whose log it is, and after which batch it begins.
    Begin { lineage: Lineage, after: u64 },
    /// What a batch takes away. It counts once the database has it.
    Taken { number: u64, revocations: Vec<Revocation> },
    /// The database has all up to this batch.
    Committed { number: u64 },
}

/// The log, open for appending.
pub struct Log {
    storage: Box<dyn StorageBackend>,
    /// Where the next frame goes.
    end: u64,
    /// Where the last batch begins, until it is known to be committed.
    uncommitted: Option<u64>,
    /// Of the last batch, or that after which the log begins.
    number: u64,
}

/// What is at a place of the log.
enum At {
    /// A frame, and where the next begins.
    Frame(Frame, u64),
    /// Its end, or what was left of a frame when the machine ended.
    End,
    /// Something that was a frame once.
    Damage,
}

/// How a database stands to its log.
pub enum Standing {
    /// The log ends where the database does.
    InStep(Log),
    /// The database is older than the log: this was taken away since, oldest first.
    Behind(Log, Vec<Revocation>),
    /// There is no log that reaches back to this database: what was taken away since it was written is not known.
    Unknown(&'static str),
}

impl Log {
    /// Begins a log anew, in which all batches after `after` will be.
    pub fn begin(storage: Box<dyn StorageBackend>, lineage: Lineage, after: u64) -> io::Result<Self> {
        let mut log = Self { storage, end: 0, uncommitted: None, number: after };
        log.storage.set_len(0)?;
        log.write(&Frame::Begin { lineage, after })?;
        log.storage.sync_data()?;
        Ok(log)
    }

    /// Opens the log of a database of this lineage that has all batches up to `number`.
    ///
    /// A last batch that the database was about to get when the process or the machine ended was answered to nobody: it
    /// is taken out again.
    pub fn open(storage: Box<dyn StorageBackend>, lineage: Lineage, number: u64) -> io::Result<Standing> {
        let mut log = Self { storage, end: 0, uncommitted: None, number: 0 };
        let (mut begin, mut committed, mut missing) = (None, 0, Vec::new());
        loop {
            let (frame, next) = match log.read(log.end)? {
                At::Frame(frame, next) => (frame, next),
                At::End => break,
                At::Damage => return Ok(Standing::Unknown(DAMAGED)),
            };
            match frame {
                Frame::Begin { lineage, after } if begin.is_none() => {
                    (begin, log.number, committed) = (Some((lineage, after)), after, after);
                }
                Frame::Taken { number: taken, revocations }
                    if begin.is_some() && taken.checked_sub(1) == Some(log.number) =>
                {
                    // That the next was begun says that this one was committed.
                    (committed, log.number, log.uncommitted) = (log.number, taken, Some(log.end));
                    if taken > number {
                        missing.push(revocations);
                    }
                }
                Frame::Committed { number } if begin.is_some() && number == log.number => {
                    (committed, log.uncommitted) = (number, None);
                }
                _ => return Ok(Standing::Unknown(DAMAGED)),
            }
            log.end = next;
        }
        let Some((of, after)) = begin else { return Ok(Standing::Unknown(DAMAGED)) };
        if of != lineage {
            return Ok(Standing::Unknown("it belongs to another database"));
        }
        if after > number {
            return Ok(Standing::Unknown("it was begun after the database was written"));
        }
        if log.number < number {
            return Ok(Standing::Unknown("its end is missing"));
        }
        if log.number.checked_sub(1) == Some(number) && committed == number {
            log.take_back()?;
            missing.clear();
        }
        // What is behind the last whole frame is what was left of one.
        log.storage.set_len(log.end)?;
        log.storage.sync_data()?;
        Ok(if missing.is_empty() { Standing::InStep(log) } else { Standing::Behind(log, missing.concat()) })
    }

    fn read(&self, at: u64) -> io::Result<At> {
        let end = self.storage.len()?;
        let start = at + HEADER as u64;
        if start > end {
            return Ok(At::End);
        }
        let mut header = [0; HEADER];
        self.storage.read(at, &mut header)?;
        let ([number, of_length, of_content], []) = header.as_chunks::<4>() else { return Ok(At::End) };
        let length = u32::from_le_bytes(*number);
        if crc32fast::hash(number) != u32::from_le_bytes(*of_length) || length > LONGEST {
            return Ok(if self.is_empty(start, end)? { At::End } else { At::Damage });
        }
        let next = start + u64::from(length);
        if next > end {
            return Ok(At::End);
        }
        let mut content = vec![0; length as usize];
        self.storage.read(start, &mut content)?;
        if crc32fast::hash(&content) != u32::from_le_bytes(*of_content) {
            return Ok(if next == end { At::End } else { At::Damage });
        }
        Ok(postcard::from_bytes(&content).map_or(At::Damage, |frame| At::Frame(frame, next)))
    }

    /// Whether there are only zeros: the room that a frame was given before it was written.
    fn is_empty(&self, mut from: u64, to: u64) -> io::Result<bool> {
        let mut bytes = [0; 4096];
        while from < to {
            let length = bytes.len().min(usize::try_from(to - from).unwrap_or(usize::MAX));
            self.storage.read(from, &mut bytes[..length])?;
            if bytes[..length].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            from += length as u64;
        }
        Ok(true)
    }

    fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let content = postcard::to_stdvec(frame).map_err(io::Error::other)?;
        let length = u32::try_from(content.len()).map_err(io::Error::other)?.to_le_bytes();
        let checksums = [crc32fast::hash(&length).to_le_bytes(), crc32fast::hash(&content).to_le_bytes()].concat();
        let bytes = [&length[..], &checksums, &content].concat();
        let end = self.end + bytes.len() as u64;
        self.storage.set_len(end)?;
        self.storage.write(self.end, &bytes)?;
        self.end = end;
        Ok(())
    }

    /// The number of the last batch.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Writes what the next batch takes away, and syncs it; the batch's number. Until [`Self::committed`] it counts as
    /// not done.
    pub fn append(&mut self, revocations: Vec<Revocation>) -> io::Result<u64> {
        let begins = self.end;
        self.write(&Frame::Taken { number: self.number + 1, revocations })?;
        self.storage.sync_data()?;
        (self.number, self.uncommitted) = (self.number + 1, Some(begins));
        Ok(self.number)
    }

    /// The database has the last batch. Not synced: the next batch says it, too.
    pub fn committed(&mut self) -> io::Result<()> {
        self.uncommitted = None;
        self.write(&Frame::Committed { number: self.number })
    }

    /// Takes the last batch out again, which the database did not get.
    fn take_back(&mut self) -> io::Result<()> {
        if let Some(begins) = self.uncommitted.take() {
            (self.end, self.number) = (begins, self.number - 1);
            self.storage.set_len(begins)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{
        model::{
            id::{Id as _, OrganizationId},
            plan::Plan,
        },
        store::fuzzing::Shared,
    };

    const LINEAGE: Lineage = [7; 16];

    fn taken(number: u128) -> Vec<Revocation> {
        vec![Revocation::Plan { organization_id: OrganizationId::from_bits(number), plan: Plan::Free }]
    }

    /// Of which clubs a database with this number lacks something; `None` where that is not known.
    fn missing(file: &Shared, lineage: Lineage, number: u64) -> Option<Vec<u128>> {
        let of = |revocation: &Revocation| match revocation {
            Revocation::Plan { organization_id, .. } => u128::from_be_bytes(organization_id.to_bytes()),
            _ => 0,
        };
        match Log::open(Box::new(file.clone()), lineage, number).expect("read") {
            Standing::InStep(_) => Some(Vec::new()),
            Standing::Behind(_, revocations) => Some(revocations.iter().map(of).collect()),
            Standing::Unknown(_) => None,
        }
    }

    /// A log of five batches, the first of which is number 4.
    fn five() -> (Shared, Log) {
        let file = Shared::default();
        let mut log = Log::begin(Box::new(file.clone()), LINEAGE, 3).expect("begun");
        for number in 4..9 {
            assert_eq!(log.append(taken(number)).expect("written"), u64::try_from(number).expect("small"));
            log.committed().expect("written");
        }
        (file, log)
    }

    #[test]
    fn what_an_older_database_lacks_is_known_as_far_back_as_the_log_reaches() {
        let (file, _) = five();
        assert_eq!(missing(&file, LINEAGE, 8), Some(vec![]));
        assert_eq!(missing(&file, LINEAGE, 7), Some(vec![8]));
        assert_eq!(missing(&file, LINEAGE, 3), Some(vec![4, 5, 6, 7, 8]));
        assert_eq!(missing(&file, LINEAGE, 2), None, "it was begun later");
        assert_eq!(missing(&file, LINEAGE, 9), None, "it has lost its end");
        assert_eq!(missing(&file, [8; 16], 8), None, "it is another's");
        assert_eq!(missing(&Shared::default(), LINEAGE, 0), None, "it is empty");
    }

    /// The process is killed between the log's sync and the commit: nobody heard of the batch, and it is not done.
    #[test]
    fn a_batch_that_the_database_did_not_get_is_taken_out_again() {
        let (file, mut log) = five();
        log.append(taken(9)).expect("written");
        let before = file.len().expect("a length");
        assert_eq!(missing(&file, LINEAGE, 7), Some(vec![8, 9]), "a restored database gets it all the same");
        assert_eq!(file.len().expect("a length"), before);
        assert_eq!(missing(&file, LINEAGE, 9), Some(vec![]), "the database got it");
        assert_eq!(missing(&file, LINEAGE, 8), Some(vec![]), "the database did not");
        assert!(file.len().expect("a length") < before);
        assert_eq!(missing(&file, LINEAGE, 7), Some(vec![8]));
    }

    /// Where the end of a log was not written, or not to its end, what is before it counts. Where anything of it was changed
    /// later, the log is not trusted, since what follows the change cannot be read.
    #[test]
    fn a_damaged_log_is_not_taken_for_a_shorter_one() {
        let (whole, _) = five();
        let bytes = whole.bytes();
        let all = [4, 5, 6, 7, 8];
        for cut in 0..bytes.len() {
            let lacks = missing(&Shared::of(&bytes[..cut]), LINEAGE, 3);
            assert!(lacks.is_none_or(|lacks| all.starts_with(&lacks)), "cut at {cut}");
            let unwritten = [&bytes[..cut], &vec![0; bytes.len() - cut]].concat();
            let lacks = missing(&Shared::of(&unwritten), LINEAGE, 3);
            assert!(lacks.is_none_or(|lacks| all.starts_with(&lacks)), "zeros from {cut} on");
        }
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[place] ^= 1 << bit;
                let lacks = missing(&Shared::of(&flipped), LINEAGE, 3);
                // The last frame only says once more that the one before it is committed.
                assert!(lacks.is_none_or(|lacks| lacks == all), "bit {bit} of {place}");
            }
        }
    }
}
