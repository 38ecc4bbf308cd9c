//! Instants as words: near ones as a distance, far ones as a date, always without a language's order of day and
//! month.

use jiff::{Timestamp, tz::TimeZone};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Where and when the coach is.
#[derive(Debug, Clone)]
pub struct Clock {
    /// The instant of this frame.
    pub now: Timestamp,
    /// The coach's time zone.
    pub zone: TimeZone,
}

impl Clock {
    /// Seconds from `earlier` to now; negative if it lies ahead.
    pub fn since(&self, earlier: Timestamp) -> i64 {
        self.now.as_second() - earlier.as_second()
    }

    /// Whole days from `earlier` to now.
    pub fn days_since(&self, earlier: Timestamp) -> i64 {
        self.since(earlier) / DAY
    }

    /// Whole days from now to `later`, rounded up.
    pub fn days_until(&self, later: Timestamp) -> i64 {
        (later.as_second() - self.now.as_second() + DAY - 1).div_euclid(DAY)
    }

    /// What lies behind: "just now", "5 min ago", "today 06:00", "yesterday 14:02", "12 days ago", "2026-05-01".
    pub fn ago(&self, then: Timestamp) -> String {
        let seconds = self.since(then);
        let local = then.to_zoned(self.zone.clone());
        let days = (self.now.to_zoned(self.zone.clone()).date() - local.date()).get_days();
        match (seconds, days) {
            (..MINUTE, _) => "just now".to_owned(),
            (..HOUR, _) => format!("{} min ago", seconds / MINUTE),
            (_, 0) => format!("today {}", local.strftime("%H:%M")),
            (_, 1) => format!("yesterday {}", local.strftime("%H:%M")),
            (_, 2..60) => format!("{days} days ago"),
            _ => local.strftime("%Y-%m-%d").to_string(),
        }
    }

    /// What lies ahead: "in 5 min", "in 3 h", "in 12 days", "2027-05-01".
    pub fn ahead(&self, then: Timestamp) -> String {
        let seconds = -self.since(then);
        match seconds {
            ..MINUTE => "in a moment".to_owned(),
            MINUTE..HOUR => format!("in {} min", seconds / MINUTE),
            HOUR..DAY => format!("in {} h", seconds / HOUR),
            _ if seconds < 2 * DAY => "in 1 day".to_owned(),
            _ if seconds < 120 * DAY => format!("in {} days", seconds / DAY),
            _ => self.date(then),
        }
    }

    /// The day, in the coach's time zone.
    pub fn date(&self, then: Timestamp) -> String {
        then.to_zoned(self.zone.clone()).strftime("%Y-%m-%d").to_string()
    }

    /// Hours and minutes of today, another day with its date.
    pub fn time(&self, then: Timestamp) -> String {
        let local = then.to_zoned(self.zone.clone());
        if local.date() == self.today() { local.strftime("%H:%M").to_string() } else { self.minute(then) }
    }

    /// Day and minute, in the coach's time zone.
    pub fn minute(&self, then: Timestamp) -> String {
        then.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// The instant in full: in the coach's time zone, and in UTC.
    pub fn exact(&self, then: Timestamp) -> String {
        let local = then.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z");
        let utc = then.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC");
        format!("{local}\n{utc}")
    }

    /// The last second of that day in the coach's time zone.
    pub fn end_of(&self, day: jiff::civil::Date) -> Option<Timestamp> {
        let zoned = day.at(23, 59, 59, 0).to_zoned(self.zone.clone()).ok()?;
        Some(zoned.timestamp())
    }

    /// Today, in the coach's time zone.
    pub fn today(&self) -> jiff::civil::Date {
        self.now.to_zoned(self.zone.clone()).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn clock() -> Clock {
        Clock { now: at("2026-11-23T12:00:00Z"), zone: TimeZone::get("Europe/Madrid").expect("a time zone") }
    }

    #[test]
    fn what_is_near_is_said_as_a_distance_and_what_is_far_as_a_date() {
        let clock = clock();
        for (then, words) in [
            ("2026-11-23T12:00:10Z", "just now"),
            ("2026-11-23T11:59:30Z", "just now"),
            ("2026-11-23T11:58:00Z", "2 min ago"),
            ("2026-11-23T05:00:00Z", "today 06:00"),
            ("2026-11-22T23:30:00Z", "today 00:30"),
            ("2026-11-22T22:30:00Z", "yesterday 23:30"),
            ("2026-11-11T12:00:00Z", "12 days ago"),
            ("2026-05-01T12:00:00Z", "2026-05-01"),
        ] {
            assert_eq!(clock.ago(at(then)), words, "{then}");
        }
        for (then, words) in [
            ("2026-11-23T12:00:30Z", "in a moment"),
            ("2026-11-23T12:05:00Z", "in 5 min"),
            ("2026-11-23T15:30:00Z", "in 3 h"),
            ("2026-11-24T13:00:00Z", "in 1 day"),
            ("2026-12-05T13:00:00Z", "in 12 days"),
            ("2028-01-01T00:00:00Z", "2028-01-01"),
        ] {
            assert_eq!(clock.ahead(at(then)), words, "{then}");
        }
    }

    #[test]
    fn an_instant_in_full_names_both_clocks() {
        assert_eq!(clock().exact(at("2026-07-01T12:00:00Z")), "2026-07-01 14:00:00 +02:00\n2026-07-01 12:00:00 UTC");
    }

    #[test]
    fn a_day_ends_where_the_coach_is() {
        let end = clock().end_of(jiff::civil::date(2027, 1, 1)).expect("a day of this millennium");
        assert_eq!(end, at("2027-01-01T22:59:59Z"));
    }
}
