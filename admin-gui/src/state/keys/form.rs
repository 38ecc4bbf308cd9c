//! A key that is being made, or changed.

use jiff::{SignedDuration, Span, Timestamp, civil::Date};

use super::{Foretold, Key, KeyFacts, Scope};
use crate::{
    rules::{Description, Invalid, IpRange, MAX_ALLOWED_IPS, Name},
    state::{
        change::{Once, Sending},
        club::Club,
        failure::Failure,
        form::Field,
        time::Clock,
    },
};

/// When a key ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// So many days from now.
    Days(i64),
    /// At the end of a day.
    On,
    /// Never.
    Never,
}

/// A key that is being made, or changed.
#[derive(Debug, Clone)]
pub struct KeyForm {
    /// The key that is changed; none for a new one.
    pub key: Option<Key>,
    /// The revision that the change is meant for.
    pub etag: Option<String>,
    /// By which the coach will know it.
    pub name: Field,
    /// What it is for.
    pub description: Field,
    /// When it ends.
    pub expiry: Expiry,
    /// How long the club's keys usually last.
    pub usual_days: i64,
    /// How long they may.
    pub longest_days: Option<i64>,
    /// The day, for [`Expiry::On`].
    pub day: Field,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// What would break, if scopes are taken away.
    pub foretold: Option<Foretold>,
    /// From where, one a line.
    pub addresses: Field,
    /// So that it is created once, however often it is sent.
    pub once: Once<KeyFacts>,
    /// How the sending goes.
    pub sending: Sending,
    /// Whether the person tried with fields that are wrong.
    pub tried: bool,
}

impl Default for KeyForm {
    /// An empty form with what the page recommends: an expiry, and no more power than reading.
    fn default() -> Self {
        Self {
            key: None,
            etag: None,
            name: Field::default(),
            description: Field::default(),
            expiry: Expiry::Days(90),
            usual_days: 90,
            longest_days: None,
            day: Field::default(),
            scopes: vec![Scope::OrganizationRead, Scope::MembersRead],
            foretold: None,
            addresses: Field::default(),
            once: Once::default(),
            sending: Sending::default(),
            tried: false,
        }
    }
}

impl KeyForm {
    /// An empty form, as the club wants its keys to end.
    pub fn in_club(club: &Club) -> Self {
        let longest = club.longest_key_days.map(i64::from);
        let usual = club.usual_key_days.map(i64::from).unwrap_or_else(|| longest.unwrap_or(90).min(90));
        Self { expiry: Expiry::Days(usual), usual_days: usual, longest_days: longest, ..Self::default() }
    }

    /// The numbers of days that are proposed.
    pub fn proposals(&self) -> Vec<i64> {
        let mut days = vec![7, 30, 90, self.usual_days];
        days.retain(|days| self.longest_days.is_none_or(|longest| *days <= longest));
        days.sort_unstable();
        days.dedup();
        days
    }

    /// The form of a key that there is.
    pub fn of(key: &Key, etag: Option<String>, clock: &Clock) -> Self {
        Self {
            name: Field::of(&key.name),
            description: Field::of(key.description.clone().unwrap_or_default()),
            expiry: if key.expires_at.is_some() { Expiry::On } else { Expiry::Never },
            day: Field::of(key.expires_at.map(|end| clock.date(end)).unwrap_or_default()),
            scopes: key.scopes.clone(),
            addresses: Field::of(key.allowed_ips.join("\n")),
            key: Some(key.clone()),
            etag,
            ..Self::default()
        }
    }

    /// Takes what the key is now, at that revision: what was not touched shows it.
    pub fn rebase(&mut self, key: Key, etag: Option<String>, clock: &Clock) {
        if self.is_awaited() {
            self.sending.failure = None;
        }
        let Some(before) = &self.key else { return };
        let (before, after) = (Self::of(before, None, clock), Self::of(&key, None, clock));
        self.name.rebase(before.name, after.name);
        self.description.rebase(before.description, after.description);
        self.addresses.rebase(before.addresses, after.addresses);
        if (self.expiry, &self.day.text) == (before.expiry, &before.day.text) {
            (self.expiry, self.day) = (after.expiry, after.day);
        }
        if self.scopes == before.scopes {
            self.scopes = after.scopes;
        }
        self.key = Some(key);
        self.etag = etag;
    }

    /// Whether it changes the key of that id.
    pub(super) fn is_of(&self, id: &str) -> bool {
        self.key.as_ref().is_some_and(|key| key.id == id)
    }

    /// Whether what is to be changed is not known at a revision yet.
    pub fn is_awaited(&self) -> bool {
        self.key.is_some() && self.etag.is_none()
    }

    /// The name.
    pub fn name(&self) -> Result<Name, Invalid> {
        self.name.value()
    }

    /// The description.
    pub fn description(&self) -> Result<Option<Description>, Invalid> {
        self.description.optional()
    }

    /// The instant from which it is refused. A key that is changed keeps its very instant while its day stays.
    pub fn expires_at(&self, clock: &Clock) -> Result<Option<Timestamp>, Invalid> {
        match self.expiry {
            Expiry::Never => Ok(None),
            Expiry::Days(days) => {
                let day = clock.today().saturating_add(Span::new().days(days));
                let end = clock.end_of(day).ok_or_else(|| Invalid("must lie before the year 9999".into()))?;
                Ok(Some(self.latest(clock).map_or(end, |latest| end.min(latest))))
            }
            Expiry::On => {
                let day: Date = self
                    .day
                    .text
                    .trim()
                    .parse()
                    .map_err(|_| Invalid("must be a date, year first, such as 2027-01-31".into()))?;
                let kept =
                    self.key.as_ref().and_then(|key| key.expires_at).filter(|end| clock.date(*end) == day.to_string());
                let end = kept.or_else(|| clock.end_of(day)).ok_or_else(|| Invalid("must be a date".into()))?;
                if end <= clock.now {
                    return Err(Invalid("must lie in the future".into()));
                }
                match self.latest(clock) {
                    // The last of the days that the club allows is cut short.
                    Some(latest) if kept.is_none() && end > latest && clock.date(end) == clock.date(latest) => {
                        Ok(Some(latest))
                    }
                    Some(latest) if kept.is_none() && end > latest => {
                        let last = clock.date(latest);
                        Err(Invalid(format!("must be {last} at the latest: the club lets no key last longer").into()))
                    }
                    _ => Ok(Some(end)),
                }
            }
        }
    }

    /// The last instant at which the club lets the key end; a minute less, since the server's clock is another.
    fn latest(&self, clock: &Clock) -> Option<Timestamp> {
        let days = self.longest_days?;
        clock.now.checked_add(SignedDuration::from_hours(24 * days) - SignedDuration::from_mins(1)).ok()
    }

    /// The scopes, in the API's order.
    pub fn scopes(&self) -> Result<Vec<Scope>, Invalid> {
        let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| self.scopes.contains(scope)).collect();
        if scopes.is_empty() { Err(Invalid("must allow at least one thing".into())) } else { Ok(scopes) }
    }

    /// The addresses.
    pub fn addresses(&self) -> Result<Vec<String>, Invalid> {
        let mut ranges = Vec::new();
        for word in self.addresses.text.split([',', ';', ' ', '\n', '\t']).filter(|word| !word.is_empty()) {
            let range: IpRange =
                word.parse().map_err(|invalid: Invalid| Invalid(format!("'{word}' {}", invalid.0).into()))?;
            ranges.push(range.to_string());
        }
        ranges.dedup();
        if ranges.len() > MAX_ALLOWED_IPS {
            return Err(Invalid(format!("must have at most {MAX_ALLOWED_IPS} entries, has {}", ranges.len()).into()));
        }
        Ok(ranges)
    }

    /// What the key is to be, if all that was typed can be sent.
    pub(super) fn facts(&self, clock: &Clock) -> Result<KeyFacts, Invalid> {
        Ok(KeyFacts {
            name: self.name()?.as_str().to_owned(),
            description: self.description()?.map(|description| description.as_str().to_owned()),
            expires_at: self.expires_at(clock)?,
            scopes: self.scopes()?,
            allowed_ips: self.addresses()?,
        })
    }

    /// Whether all that was typed can be sent.
    pub fn is_ready(&self, clock: &Clock) -> bool {
        self.facts(clock).is_ok()
    }

    /// Marks every field as left, so that each says what is wrong with it.
    pub fn leave_all(&mut self) {
        self.tried = true;
        for field in [&mut self.name, &mut self.description, &mut self.day, &mut self.addresses] {
            field.left = true;
        }
    }

    /// Takes what the server said of single fields.
    pub fn hear(&mut self, failure: &Failure) {
        self.name.hear("name", failure);
        self.description.hear("description", failure);
        self.day.hear("expires_at", failure);
        self.addresses.hear("allowed_ips", failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::desk::{clock, key};

    #[test]
    fn an_expiry_lies_at_the_end_of_a_day() {
        let clock = clock();
        let mut form = KeyForm { expiry: Expiry::Days(7), ..KeyForm::default() };
        assert_eq!(form.expires_at(&clock), Ok(Some("2026-11-30T23:59:59Z".parse().expect("an instant"))));
        form.expiry = Expiry::On;
        for (day, says) in [
            ("", "must be a date, year first, such as 2027-01-31"),
            ("31/01/2027", "must be a date, year first, such as 2027-01-31"),
            ("2027-02-30", "must be a date, year first, such as 2027-01-31"),
            ("2026-11-22", "must lie in the future"),
        ] {
            form.day = Field::of(day);
            assert_eq!(form.expires_at(&clock), Err(Invalid(says.into())), "{day}");
        }
        form.day = Field::of(" 2026-11-23 ");
        assert!(form.expires_at(&clock).is_ok(), "today, until it ends");
        form.expiry = Expiry::Never;
        assert_eq!(form.expires_at(&clock), Ok(None));
    }

    #[test]
    fn a_club_says_how_long_its_keys_last() {
        use crate::state::desk::club;
        let clock = clock();
        let limited = Club { longest_key_days: Some(60), usual_key_days: Some(14), ..club("org_a") };
        let mut form = KeyForm::in_club(&limited);
        assert_eq!((form.expiry, form.proposals()), (Expiry::Days(14), vec![7, 14, 30]));
        form.expiry = Expiry::Days(60);
        let latest = clock.now + SignedDuration::from_hours(24 * 60) - SignedDuration::from_mins(1);
        assert_eq!(form.expires_at(&clock), Ok(Some(latest)), "not to the end of that day");
        form.expiry = Expiry::On;
        form.day = Field::of(clock.date(latest));
        assert_eq!(form.expires_at(&clock), Ok(Some(latest)));
        form.day = Field::of("2027-12-31");
        let says = format!("must be {} at the latest: the club lets no key last longer", clock.date(latest));
        assert_eq!(form.expires_at(&clock), Err(Invalid(says.into())));
        // A key from before keeps its end while its day stays.
        let key = Key { expires_at: Some("2027-12-31T12:00:00Z".parse().expect("an instant")), ..key("key_1", "Sync") };
        let kept = KeyForm { longest_days: Some(60), ..KeyForm::of(&key, None, &clock) };
        assert_eq!(kept.expires_at(&clock), Ok(key.expires_at));
        assert_eq!(KeyForm::in_club(&club("org_a")).expiry, Expiry::Days(90));
    }

    #[test]
    fn addresses_are_taken_as_people_write_lists() {
        let addresses = Field::of("203.0.113.7, 2001:db8::/32\n10.0.0.0/8 ");
        let mut form = KeyForm { addresses, ..KeyForm::default() };
        assert_eq!(form.addresses().expect("addresses"), ["203.0.113.7", "2001:db8::/32", "10.0.0.0/8"]);
        form.addresses = Field::of("203.0.113.7 club.example");
        assert_eq!(
            form.addresses().expect_err("a name").0,
            "'club.example' must be an address or a range, such as 203.0.113.7 or 2001:db8::/32"
        );
        form.addresses = Field::of((0..51).map(|n| format!("10.0.0.{n} ")).collect::<String>());
        assert!(form.addresses().expect_err("too many").0.contains("at most 50"));
    }
}
