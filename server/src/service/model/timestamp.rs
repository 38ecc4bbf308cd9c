//! Instants, to the millisecond, in UTC.

use std::{fmt, str::FromStr};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Invalid;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The last millisecond that RFC 3339 can write: the end of the year 9999.
const LAST: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The instant that many milliseconds after the epoch, held within the years 1970 to 9999.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, LAST))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The instant `duration` later; the end of the year 9999 at the latest.
    pub fn plus(self, duration: TimeDelta) -> Self {
        Self::from_millis(self.0.saturating_add(duration.num_milliseconds()))
    }

    /// How long after `earlier` this is; negative if it is before.
    pub fn since(self, earlier: Self) -> TimeDelta {
        TimeDelta::milliseconds(self.0 - earlier.0)
    }

    /// Big-endian bytes that sort as the instants do.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.unsigned_abs().to_be_bytes()
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self::from_millis(time.timestamp_millis())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(time: Timestamp) -> Self {
        DateTime::from_timestamp_millis(time.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&DateTime::<Utc>::from(*self).to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The library takes the minus sign of mathematics for that of an offset.
        let time = DateTime::parse_from_rfc3339(text).ok().filter(|_| text.is_ascii()).ok_or_else(|| {
            Invalid::new("must be a date and time with its offset (RFC 3339), such as 2027-01-01T00:00:00Z")
        })?;
        let millis = time.timestamp_millis();
        if !(0..=LAST).contains(&millis) {
            return Err(Invalid::new("must lie in the years 1970 to 9999"));
        }
        Ok(Self(millis))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self::from_millis)
        }
    }
}
