//! Time and randomness, passed in: nothing else in the server asks for either.

mod belief;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use rand::Rng as _;

use self::belief::Belief;
pub use self::belief::{ClockBehind, IfBehind, Moment};
use super::model::timestamp::Timestamp;

/// What tells the time: what a clock says, as far as it is believed.
///
/// Clones share the belief, too.
#[derive(Debug, Clone)]
pub struct Clock {
    source: Source,
    belief: Arc<Belief>,
}

#[derive(Debug, Clone)]
enum Source {
    System,
    Fixed(Arc<Fixed>),
}

/// In milliseconds.
#[derive(Debug)]
struct Fixed {
    /// What it says.
    wall: AtomicI64,
    /// How much time has passed.
    passed: AtomicI64,
}

impl Source {
    /// What the clock says, believed or not.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn wall(&self) -> Timestamp {
        match self {
            Self::Fixed(fixed) => Timestamp::from_millis(fixed.wall.load(Ordering::SeqCst)),
            Self::System => Utc::now().into(),
        }
    }

    /// How much time has passed since some instant, which nobody can set. A machine that sleeps is counted, where the
    /// system tells.
    fn passed(&self) -> Duration {
        match self {
            Self::Fixed(fixed) => Duration::from_millis(fixed.passed.load(Ordering::SeqCst).unsigned_abs()),
            #[cfg(target_os = "linux")]
            Self::System => {
                let passed = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                passed.try_into().unwrap_or_default()
            }
            #[cfg(not(target_os = "linux"))]
            Self::System => {
                static START: std::sync::LazyLock<std::time::Instant> =
                    std::sync::LazyLock::new(std::time::Instant::now);
                START.elapsed()
            }
        }
    }

    fn passed_millis(&self) -> i64 {
        i64::try_from(self.passed().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::of(Source::System)
    }

    /// A clock that stands at `start` until it is moved.
    pub fn fixed(start: chrono::DateTime<Utc>) -> Self {
        let wall = Timestamp::from(start).as_millis().into();
        Self::of(Source::Fixed(Arc::new(Fixed { wall, passed: 0.into() })))
    }

    fn of(source: Source) -> Self {
        let belief = Arc::new(Belief::new(source.wall(), source.passed_millis()));
        Self { source, belief }
    }

    /// The same clock, of which nothing is known but what it says now: as for a process that starts.
    pub fn afresh(&self) -> Self {
        Self::of(self.source.clone())
    }

    /// Lets time pass on a fixed clock and all its clones. The system's clock is not moved by anybody.
    pub fn advance(&self, by: TimeDelta) {
        if let Source::Fixed(fixed) = &self.source {
            // Before the clock says it: nobody may see it ahead of the time that has passed.
            fixed.passed.fetch_add(by.num_milliseconds().max(0), Ordering::SeqCst);
        }
        self.jump(by);
    }

    /// Sets a fixed clock, and all its clones, forwards or (negative) backwards, while no time passes.
    pub fn jump(&self, by: TimeDelta) {
        if let Source::Fixed(fixed) = &self.source {
            fixed.wall.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
        }
    }

    /// The time since some instant in the past, which stays the same while the process runs. Never runs backwards.
    pub fn monotonic(&self) -> Duration {
        self.source.passed()
    }

    /// The present instant, in both of its meanings.
    pub fn moment(&self) -> Moment {
        self.belief.moment(self.source.wall(), || self.source.passed_millis())
    }

    /// The present instant, as it is believed. Never runs backwards.
    pub fn now(&self) -> Timestamp {
        self.moment().now
    }

    /// Learns that it was `known` already.
    ///
    /// # Errors
    /// [`ClockBehind`] if the clock says otherwise by more than a day, and that is to be refused.
    pub fn learn(&self, known: Timestamp, if_behind: IfBehind) -> Result<(), ClockBehind> {
        self.belief.learn(self.source.wall(), known, if_behind)
    }

    /// Looks whether the clock was set. What is less than a day is told in the log, once.
    ///
    /// # Errors
    /// [`ClockBehind`] if it is more than a day behind what was known, or behind the time that has passed since.
    pub fn watch(&self) -> Result<(), ClockBehind> {
        self.belief.watch(self.source.wall(), self.source.passed_millis())
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
