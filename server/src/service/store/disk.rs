//! The database's file, the disk that it lies on, and the memory for its pages: how large, how full.

use std::io;

use redb::{CacheStats, ReadableDatabase as _};

use super::{DATABASE, Store, memo::MemoStats};

/// Of the database's file and its disk, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Disk {
    /// The database's file.
    pub file: u64,
    /// The disk, or the part of it that holds the data folder.
    pub size: u64,
    /// What of it this user may still fill.
    pub free: u64,
}

/// Of the memory in which pages of the database are kept.
#[derive(Debug, Clone, Copy)]
pub struct Cache {
    /// How many bytes it may take.
    pub limit: usize,
    /// How many bytes it takes.
    pub used: usize,
    /// How often a page was there.
    pub hits: u64,
    /// How often a page had to be read from the file.
    pub misses: u64,
    /// How often a page had to go to make room.
    pub evictions: u64,
    /// What was made of pages.
    pub kept: MemoStats,
}

impl Store {
    /// How large the file is, and how full its disk.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn disk(&self) -> io::Result<Disk> {
        let file = std::fs::metadata(self.folder.join(DATABASE))?.len();
        let disk = rustix::fs::statvfs(&self.folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Disk { file, size: bytes(disk.f_blocks), free: bytes(disk.f_bavail) })
    }

    /// What the cache has done since the database was opened; nothing while it is not open.
    pub fn cache(&self) -> Cache {
        let stats = self.snapshots.database().map(|database| database.cache_stats());
        let count = |count: fn(&CacheStats) -> u64| stats.as_ref().map_or(0, count);
        Cache {
            limit: self.cache,
            used: stats.as_ref().map_or(0, CacheStats::used_bytes),
            hits: count(CacheStats::read_hits),
            misses: count(CacheStats::read_misses),
            evictions: count(CacheStats::evictions),
            kept: self.snapshots.memo().stats(),
        }
    }
}
