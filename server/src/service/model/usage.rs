//! How a key is used: its calls by day, operation and outcome, and the last use of each secret.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Invalid, secret::SecretHash, timestamp::Timestamp};

/// A day in UTC, from 1970-01-01 to 9999-12-31. Written as in RFC 3339: `2026-11-23`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u32);

impl Day {
    /// For how many days calls are kept, today included.
    pub const KEPT: u32 = 90;
    /// How many days, today included, tell what a key is used for.
    pub const TELLING: u32 = 30;

    /// The day on which `at` lies.
    pub fn of(at: Timestamp) -> Self {
        const MILLIS: i64 = TimeDelta::days(1).num_milliseconds();
        Self(u32::try_from(at.as_millis() / MILLIS).unwrap_or_default())
    }

    /// The first of the last `days` days, of which this is the last.
    pub const fn first_of(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days.saturating_sub(1)))
    }

    /// The days from this one to `last`, both included.
    pub fn to(self, last: Self) -> impl Iterator<Item = Self> {
        (self.0..=last.0).map(Self)
    }

    /// How many days lie between `earlier` and this one; 0 if this is not after it.
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }

    /// Big-endian bytes that sort as the days do.
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// The day of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u32::from_be_bytes).map(Self)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = DateTime::<Utc>::from_timestamp(i64::from(self.0) * 86_400, 0).unwrap_or_default();
        time.date_naive().fmt(f)
    }
}

impl FromStr for Day {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let day = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0)).map(|time| time.and_utc());
        // The library reads more than RFC 3339 writes, and what lies before 1970 would be taken for its first day.
        let day = day.map(|time| Self::of(time.into())).filter(|day| day.to_string() == text);
        day.ok_or_else(|| Invalid::new("must be a day, such as 2027-01-01"))
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The last time that a secret was accepted, and by whom it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From where; not known of uses before this was kept.
    pub address: Option<IpAddr>,
    /// What the program calls itself, if it does.
    pub user_agent: Option<String>,
    /// What it asked for; not known of uses before this was kept.
    pub operation: Option<Cow<'static, str>>,
}

impl LastUse {
    /// How much is kept of what a program calls itself, in characters.
    pub const USER_AGENT: usize = 200;
}

/// By which the calls of a secret are told from those of the key's others: the first bytes of its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMark([u8; 8]);

impl From<&SecretHash> for SecretMark {
    fn from(hash: &SecretHash) -> Self {
        let mut mark = [0; 8];
        mark.copy_from_slice(&hash.as_bytes()[..8]);
        Self(mark)
    }
}

/// Calls of one day with one secret, of one operation, which all came to the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// With which secret.
    pub secret: SecretMark,
    /// The operation's name in the OpenAPI document.
    pub operation: Cow<'static, str>,
    /// The code of the problem with which they were refused; `None` if they were not.
    pub refused: Option<Cow<'static, str>>,
    /// How many there were.
    pub count: u64,
    /// From where, newest first; at most [`Calls::SOURCES`] of them.
    pub sources: Vec<Source>,
}

/// An address that calls came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Which.
    pub address: IpAddr,
    /// When the last of them came.
    pub at: Timestamp,
}

impl Calls {
    /// Of how many addresses is known that calls came from them: a key that is used from more keeps the last.
    pub const SOURCES: usize = 8;

    /// Whether these are calls of the same kind.
    pub fn is_like(&self, other: &Self) -> bool {
        self.secret == other.secret && self.operation == other.operation && self.refused == other.refused
    }

    /// When the last of them came.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.sources.first().map(|source| source.at)
    }

    /// Adds further calls of the same kind.
    pub fn merge(&mut self, further: Self) {
        self.count += further.count;
        for source in further.sources {
            Source::add(&mut self.sources, source);
        }
    }

    /// Adds calls to those of their kind.
    pub fn add(all: &mut Vec<Self>, further: Self) {
        match all.iter_mut().find(|calls| calls.is_like(&further)) {
            Some(calls) => calls.merge(further),
            None => all.push(further),
        }
    }
}

impl Source {
    /// Adds an address to those that are known, newest first.
    pub fn add(all: &mut Vec<Self>, mut further: Self) {
        if let Some(place) = all.iter().position(|source| source.address == further.address) {
            further.at = further.at.max(all.remove(place).at);
        }
        let place = all.partition_point(|source| source.at > further.at);
        all.insert(place, further);
        all.truncate(Calls::SOURCES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_utc() {
        let day = |text: &str| Day::of(text.parse().expect("a time"));
        assert_eq!(day("2026-11-23T00:00:00Z"), day("2026-11-23T23:59:59.999Z"));
        assert_eq!(day("2026-11-23T23:30:00-01:00").to_string(), "2026-11-24");
        assert_eq!("2026-11-23".parse(), Ok(day("2026-11-23T12:00:00Z")));
        assert_eq!(day("9999-12-31T23:59:59Z").to_string(), "9999-12-31");
        for wrong in ["2026-11-31", "2026-1-1", "+2026-11-23", " 2026-11-23", "1969-12-31", "10000-01-01"] {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
        let first = day("2026-11-23T12:00:00Z").first_of(Day::TELLING);
        assert_eq!(first.to_string(), "2026-10-25");
        assert_eq!(first.to(day("2026-11-23T12:00:00Z")).count(), 30);
    }

    #[test]
    fn of_many_addresses_the_last_are_kept() {
        let source = |last: u8, at: i64| Source { address: [203, 0, 113, last].into(), at: Timestamp::from_millis(at) };
        let mut sources = Vec::new();
        for last in 0..12 {
            Source::add(&mut sources, source(last, i64::from(last)));
        }
        assert_eq!((sources.len(), sources[0], sources[7]), (8, source(11, 11), source(4, 4)));
        // One that is known comes to the front, and an older sighting changes nothing.
        Source::add(&mut sources, source(4, 20));
        Source::add(&mut sources, source(4, 1));
        assert_eq!((sources.len(), sources[0], sources[7]), (8, source(4, 20), source(5, 5)));
    }
}
