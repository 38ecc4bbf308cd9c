//! A file that is read and never written: what a database writes on being opened stays in memory.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::{BackendError, StorageBackend, backends::FileBackend};

const PAGE: usize = 4096;

/// A file under what was written over it.
#[derive(Debug)]
pub struct Overlay {
    file: FileBackend,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    /// How much of the file shows through.
    shown: u64,
    pages: HashMap<u64, Box<[u8; PAGE]>>,
}

/// The pages that these bytes lie in: the number of each, where in it, and how many.
fn pages(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let (mut at, end) = (offset, offset + length as u64);
    std::iter::from_fn(move || {
        let within = usize::try_from(at % PAGE as u64).unwrap_or(0);
        let count = (PAGE - within).min(usize::try_from(end - at).unwrap_or(PAGE));
        let page = (at / PAGE as u64, within, count);
        at += count as u64;
        (count > 0).then_some(page)
    })
}

impl Overlay {
    /// Nothing over this file.
    pub fn new(file: FileBackend) -> io::Result<Self> {
        let length = file.len()?;
        Ok(Self { file, written: Mutex::new(Written { length, shown: length, pages: HashMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What of the file shows through from `offset` on; zeros behind it.
    fn read_file(&self, shown: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let count = usize::try_from(shown.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        let (through, behind) = out.split_at_mut(count);
        behind.fill(0);
        if through.is_empty() { Ok(()) } else { self.file.read(offset, through) }
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.lock();
        if written.length < offset + out.len() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (shown, mut done) = (written.shown, 0);
        for (number, within, count) in pages(offset, out.len()) {
            let out = &mut out[done..done + count];
            match written.pages.get(&number) {
                Some(page) => out.copy_from_slice(&page[within..within + count]),
                None => self.read_file(shown, offset + done as u64, out)?,
            }
            done += count;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut written = self.lock();
        // What was cut off does not come back when the file grows again.
        written.shown = written.shown.min(length);
        written.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.lock();
        let (shown, mut done) = (written.shown, 0);
        for (number, within, count) in pages(offset, data.len()) {
            let page = match written.pages.entry(number) {
                Entry::Occupied(page) => page.into_mut(),
                Entry::Vacant(place) => {
                    let mut page = Box::new([0; PAGE]);
                    self.read_file(shown, number * PAGE as u64, &mut page[..])?;
                    place.insert(page)
                }
            };
            page[within..within + count].copy_from_slice(&data[done..done + count]);
            done += count;
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
