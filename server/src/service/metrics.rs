//! What the service counts while it runs, and what it can say of itself: plain atomics, and figures that cost no walk
//! through the database.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{
    Service,
    backups::BackupMeasures,
    error::Result,
    passwords::Hashing,
    store::{
        self,
        census::Census,
        disk::{Cache, Disk},
    },
};

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many observations were at most how large.
#[derive(Debug)]
pub struct Histogram {
    /// The largest value of each bucket but the last, ascending.
    bounds: &'static [u64],
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it is at one instant.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// The largest value of each bucket but the last, ascending.
    pub bounds: &'static [u64],
    /// How many observations each bucket and those before it hold; one more than there are bounds.
    pub counts: Vec<u64>,
    /// Of all that was observed.
    pub sum: u64,
}

impl Histogram {
    /// With buckets up to each of `bounds`, and one for what is larger.
    pub fn new(bounds: &'static [u64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0) }
    }

    /// Adds an observation.
    pub fn observe(&self, value: u64) {
        // The first buckets hold nearly all that there is.
        let place = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Adds an observation in microseconds.
    pub fn observe_time(&self, took: Duration) {
        self.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What was observed so far.
    pub fn read(&self) -> Distribution {
        let mut total = 0;
        let counts = self.buckets.iter().map(|bucket| {
            total += bucket.load(Ordering::Relaxed);
            total
        });
        Distribution { bounds: self.bounds, counts: counts.collect(), sum: self.sum.load(Ordering::Relaxed) }
    }
}

impl Distribution {
    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.counts.last().copied().unwrap_or(0)
    }
}

/// Of the writer's commits.
#[derive(Debug)]
pub struct Commits {
    /// How long each took, with its sync, in microseconds.
    pub durations: Histogram,
    /// How many actions shared each of them.
    pub actions: Histogram,
    /// Those that failed.
    pub failed: Counter,
}

impl Default for Commits {
    fn default() -> Self {
        const DURATIONS: &[u64] =
            &[250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];
        const ACTIONS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
        Self { durations: Histogram::new(DURATIONS), actions: Histogram::new(ACTIONS), failed: Counter::default() }
    }
}

/// How many of each there are; read without a walk.
#[derive(Debug, Clone, Copy)]
pub struct Rows {
    /// Clubs.
    pub organizations: u64,
    /// People who can sign in.
    pub users: u64,
    /// Sessions that are stored: also those that are over and not removed yet.
    pub sessions: u64,
    /// Keys that are not revoked, expired and held ones among them.
    pub usable_keys: u64,
    /// Keys that are held, expired ones among them.
    pub held_keys: u64,
    /// Keys that are revoked.
    pub revoked_keys: u64,
}

/// What the service says of itself.
#[derive(Debug)]
pub struct Measures<'a> {
    /// Of the writer.
    pub commits: &'a Commits,
    /// Of the hashing of passwords.
    pub hashing: Hashing<'a>,
    /// How many attempts to guess a password or a code were refused.
    pub throttled: u64,
    /// Of the database's file and the disk that it lies on.
    pub disk: io::Result<Disk>,
    /// Of the memory in which pages of the database are kept.
    pub cache: Cache,
    /// How many of each there are.
    pub rows: Result<Rows>,
    /// What only a walk can tell, as the newest one has told it.
    pub census: Option<Census>,
    /// Of the backups that the server makes by itself.
    pub backups: &'a BackupMeasures,
}

impl Service {
    /// What the service says of itself. Asks the system about the disk, and so belongs on a thread that may wait.
    pub fn measures(&self) -> Measures<'_> {
        Measures {
            commits: self.store.commits(),
            hashing: self.passwords.hashing(),
            throttled: self.throttle.refused(),
            disk: self.store.disk(),
            cache: self.store.cache(),
            rows: self.read(|tx| Ok(store::census::rows(tx)?)),
            census: self.census.newest(),
            backups: &self.backups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_counted_in_its_bucket_and_all_after_it() {
        let histogram = Histogram::new(&[10, 100]);
        for value in [0, 10, 11, 100, 101, u64::from(u32::MAX)] {
            histogram.observe(value);
        }
        let read = histogram.read();
        assert_eq!(read.counts, [2, 4, 6]);
        assert_eq!((read.count(), read.sum), (6, 222 + u64::from(u32::MAX)));
    }
}
