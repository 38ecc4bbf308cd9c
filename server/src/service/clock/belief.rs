//! What is believed of a clock that somebody can set. A day is the measure of all of it.
//!
//! A clock that goes backwards by less is not followed: time stands still until the clock has caught up. One that goes
//! ahead by more than time has passed is doubted for a day: ends are judged by it, but nothing is written, remembered or
//! forgotten by it, so that nothing is lost and nothing lies in the future once it is set right.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use chrono::TimeDelta;

use crate::service::model::timestamp::Timestamp;

/// By how much a clock may be wrong, and for how long one that is ahead is doubted. In milliseconds.
const DAY: i64 = TimeDelta::days(1).num_milliseconds();
/// A step that is worth a line of the log: services that keep clocks right make smaller ones.
const STEP: i64 = TimeDelta::minutes(1).num_milliseconds();

/// The present instant. Both meanings are the same, except while the system's clock is doubted.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By which things are written, remembered and forgotten. Never runs backwards.
    pub now: Timestamp,
    /// By which ends are judged: never before `now`, and what the clock says where that is doubted, since it could be right.
    pub judged: Timestamp,
}

/// The clock says a time that has long passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the system's clock says {clock}, but it was {known} before already, which is more than a day later: keys and sessions that are over would work again. Set the clock right; or, if it is right now and was wrong before, start once with 'astral-server serve --accept-clock', which takes it as true from now on"
)]
pub struct ClockBehind {
    /// What the clock says.
    pub clock: Timestamp,
    /// The latest time that is known to have passed.
    pub known: Timestamp,
}

/// What to do about a clock that is more than a day behind the latest time that the database knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IfBehind {
    /// The database is not opened.
    #[default]
    Refuse,
    /// Time stands still at what the database knows, which is sound, and no way to serve a club.
    StandStill,
    /// The clock is right, and what the database knows was wrong.
    Accept,
}

/// What is believed, in milliseconds.
#[derive(Debug)]
pub struct Belief {
    /// The latest time that was believed.
    latest: AtomicI64,
    /// A clock that says no more than this is believed without a question; nothing is while it is doubted.
    unquestioned: AtomicI64,
    line: Mutex<Line>,
}

/// Where the clock is expected.
#[derive(Debug)]
struct Line {
    /// What it said when it was last questioned and believed.
    said: i64,
    /// How much time had passed by then.
    passed: i64,
    /// How much time had passed when it began to be doubted.
    ahead_since: Option<i64>,
    /// Whether the log has told that it is behind.
    is_told: bool,
}

impl Line {
    const fn expected(&self, passed: i64) -> i64 {
        self.said.saturating_add(passed.saturating_sub(self.passed))
    }
}

impl Belief {
    /// Nothing is known but what the clock says.
    pub fn new(wall: Timestamp, passed: i64) -> Self {
        let said = wall.as_millis();
        Self {
            latest: said.into(),
            unquestioned: (said + DAY).into(),
            line: Mutex::new(Line { said, passed, ahead_since: None, is_told: false }),
        }
    }

    /// The present instant, where the clock says `wall`.
    pub fn moment(&self, wall: Timestamp, passed: impl FnOnce() -> i64) -> Moment {
        let wall = wall.as_millis();
        if wall > self.unquestioned.load(Ordering::SeqCst) {
            return self.question(wall, passed());
        }
        let now = self.raise(wall);
        Moment { now, judged: now }
    }

    /// The same for a clock that has gone on by a day since it was last questioned, or is doubted.
    fn question(&self, wall: i64, passed: i64) -> Moment {
        let mut line = self.lock();
        let expected = line.expected(passed);
        let is_ahead = wall > expected.saturating_add(DAY);
        if is_ahead {
            let since = *line.ahead_since.get_or_insert_with(|| {
                let (clock, expected) = (Timestamp::from_millis(wall), Timestamp::from_millis(expected));
                tracing::warn!(
                    %clock, %expected,
                    "the system's clock went ahead by more than a day; ends are judged by it, but nothing is written by it until it has stayed so for a day. If it is right, start the server again"
                );
                passed
            });
            if passed.saturating_sub(since) < DAY {
                self.unquestioned.store(i64::MIN, Ordering::SeqCst);
                let now = self.raise(expected);
                return Moment { now, judged: now.max(Timestamp::from_millis(wall)) };
            }
            tracing::warn!("the system's clock has stayed ahead for a day, and is believed now");
        } else if line.ahead_since.is_some() {
            tracing::warn!("the system's clock is where it is expected again");
        }
        line.ahead_since = None;
        // One that is behind is held against what was expected before.
        if wall >= self.latest.load(Ordering::SeqCst) {
            (line.said, line.passed) = (wall, passed);
        }
        self.unquestioned.store(line.said.saturating_add(DAY), Ordering::SeqCst);
        let now = self.raise(wall);
        Moment { now, judged: now }
    }

    /// Learns that it was `known` already, while the clock says `wall`.
    pub fn learn(&self, wall: Timestamp, known: Timestamp, if_behind: IfBehind) -> Result<(), ClockBehind> {
        if if_behind == IfBehind::Refuse && known.as_millis() - wall.as_millis() > DAY {
            return Err(ClockBehind { clock: wall, known });
        }
        if if_behind != IfBehind::Accept {
            self.raise(known.as_millis());
        }
        Ok(())
    }

    /// Looks whether the clock, which says `wall`, was set.
    pub fn watch(&self, wall: Timestamp, passed: i64) -> Result<(), ClockBehind> {
        // Where nobody asks for the time, one that is ahead is noticed here.
        self.moment(wall, || passed);
        let mut line = self.lock();
        let (clock, wall, expected) = (wall, wall.as_millis(), line.expected(passed));
        let known = self.latest.load(Ordering::SeqCst).max(expected);
        let behind = known - wall;
        if behind > DAY {
            // For the next start to know, too.
            return Err(ClockBehind { clock, known: self.raise(known) });
        }
        if behind > STEP && !line.is_told {
            let known = Timestamp::from_millis(known);
            tracing::warn!(%clock, %known, "the system's clock was set back; time stands still until it has caught up");
        } else if wall - expected > STEP && line.ahead_since.is_none() {
            let expected = Timestamp::from_millis(expected);
            tracing::warn!(%clock, %expected, "the system's clock was set ahead");
            (line.said, line.passed) = (wall, passed);
            self.unquestioned.store(wall.saturating_add(DAY), Ordering::SeqCst);
        }
        line.is_told = behind > STEP;
        Ok(())
    }

    /// The latest time that is believed, which is `to` at least from now on.
    fn raise(&self, to: i64) -> Timestamp {
        let latest = self.latest.load(Ordering::SeqCst);
        // Mostly somebody else has been here within the same millisecond.
        let latest = if to > latest { self.latest.fetch_max(to, Ordering::SeqCst).max(to) } else { latest };
        Timestamp::from_millis(latest)
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that is set, and the time that passes. Both in hours.
    struct Scene {
        belief: Belief,
        wall: i64,
        passed: i64,
    }

    const HOUR: i64 = DAY / 24;
    /// What the clock says at first, in hours.
    const START: i64 = 100_000;

    fn scene() -> Scene {
        Scene { belief: Belief::new(at(START), 0), wall: START, passed: 0 }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(hours * HOUR)
    }

    impl Scene {
        fn pass(&mut self, hours: i64) {
            self.passed += hours;
            self.wall += hours;
        }

        /// By what is written, and by what ends are judged, in hours since the start.
        fn moment(&self) -> (i64, i64) {
            let Moment { now, judged } = self.belief.moment(at(self.wall), || self.passed * HOUR);
            (now.as_millis() / HOUR - START, judged.as_millis() / HOUR - START)
        }

        fn watch(&self) -> Result<(), ClockBehind> {
            self.belief.watch(at(self.wall), self.passed * HOUR)
        }
    }

    #[test]
    fn a_clock_that_goes_with_the_time_is_believed_however_long_nobody_asks() {
        let mut scene = scene();
        for hours in [1, 23, 24, 25, 10_000] {
            scene.pass(hours);
            let since = scene.wall - START;
            assert_eq!(scene.moment(), (since, since));
            scene.watch().expect("right");
        }
    }

    #[test]
    fn time_stands_still_until_a_clock_that_was_set_back_has_caught_up() {
        let mut scene = scene();
        scene.pass(10);
        assert_eq!(scene.moment(), (10, 10));
        scene.wall -= 24;
        for (pass, now) in [(0, 10), (23, 10), (1, 10), (1, 11)] {
            scene.pass(pass);
            assert_eq!(scene.moment(), (now, now));
            scene.watch().expect("a day at most");
        }
    }

    #[test]
    fn a_clock_that_is_more_than_a_day_behind_is_not_followed() {
        let mut scene = scene();
        scene.pass(10);
        scene.moment();
        scene.wall -= 25;
        assert_eq!(scene.watch(), Err(ClockBehind { clock: at(scene.wall), known: at(START + 10) }));
        assert_eq!(scene.moment(), (10, 10));
    }

    /// A machine sleeps for two days, and its clock stands still meanwhile, as one does whose battery is empty.
    #[test]
    fn a_clock_that_is_behind_the_time_that_has_passed_is_found_out() {
        let mut scene = scene();
        scene.watch().expect("right");
        scene.passed += 48;
        assert_eq!(scene.watch(), Err(ClockBehind { clock: at(START), known: at(START + 48) }));
        assert_eq!(scene.moment(), (48, 48), "the next start must know");
    }

    #[test]
    fn by_a_clock_that_is_far_ahead_ends_are_judged_and_nothing_is_written() {
        let mut scene = scene();
        scene.pass(5);
        scene.wall += 9000;
        assert_eq!(scene.moment(), (5, 9005));
        scene.pass(23);
        assert_eq!(scene.moment(), (28, 9028));
        scene.watch().expect("doubted, and not refused");
        scene.wall -= 9000;
        assert_eq!(scene.moment(), (28, 28));
        // Doubted anew, and not since the first time.
        scene.pass(100);
        scene.wall += 9000;
        assert_eq!(scene.moment(), (128, 9128));
        scene.wall -= 9000;
        scene.watch().expect("right again");
        assert_eq!(scene.moment(), (128, 128));
    }

    #[test]
    fn a_clock_that_stays_ahead_for_a_day_is_believed() {
        let mut scene = scene();
        scene.wall += 9000;
        assert_eq!(scene.moment(), (0, 9000));
        scene.pass(24);
        assert_eq!(scene.moment(), (9024, 9024));
        scene.pass(1);
        scene.watch().expect("right");
        scene.wall -= 9000;
        scene.watch().expect_err("what was believed is known");
    }

    #[test]
    fn what_is_known_is_refused_stood_at_or_given_up() {
        let known = at(START + 25);
        let outcome = |if_behind| {
            let scene = scene();
            scene.belief.learn(at(START), known, if_behind).map(|()| scene.moment())
        };
        assert_eq!(outcome(IfBehind::Refuse), Err(ClockBehind { clock: at(START), known }));
        assert_eq!(outcome(IfBehind::StandStill), Ok((25, 25)));
        assert_eq!(outcome(IfBehind::Accept), Ok((0, 0)));
        let scene = scene();
        scene.belief.learn(at(START), at(START + 24), IfBehind::Refuse).expect("a day at most");
        assert_eq!(scene.moment(), (24, 24));
    }
}
