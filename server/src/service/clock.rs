//! Time and randomness, passed in: nothing else in the server asks for either.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{TimeDelta, Utc};
use rand::Rng as _;

use super::model::timestamp::Timestamp;

/// What tells the time.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until it is moved.
    pub fn fixed(start: chrono::DateTime<Utc>) -> Self {
        Self(Some(Arc::new(AtomicI64::new(Timestamp::from(start).as_millis()))))
    }

    /// Moves a fixed clock, and all its clones, forwards or (negative) backwards. The system's clock
    /// is not moved by anybody.
    pub fn advance(&self, by: TimeDelta) {
        if let Self(Some(millis)) = self {
            millis.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
        }
    }

    /// The time since some instant in the past, which stays the same while the process runs. Never runs
    /// backwards, unless a fixed clock is moved so.
    pub fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match self {
            Self(Some(_)) => Duration::from_millis(self.now().as_millis().unsigned_abs()),
            Self(None) => START.elapsed(),
        }
    }

    /// The present instant.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self(Some(millis)) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
            Self(None) => Utc::now().into(),
        }
    }
}

/// Where random bytes come from: the system's cryptographic generator.
#[derive(Debug, Clone, Copy)]
pub struct Entropy(());

impl Entropy {
    /// The system's generator.
    pub const fn system() -> Self {
        Self(())
    }

    /// That many random bytes.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for randomness")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill_bytes(&mut bytes);
        bytes
    }
}
