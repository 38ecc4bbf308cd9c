//! What is typed into dialogs, and what is wrong with it.

use jiff::{Timestamp, civil::Date};

use super::{
    SHOW_WAIT,
    club::Club,
    exchange::{KeyFacts, MemberWish},
    failure::Failure,
    form::Field,
    keys::{Key, Scope},
    members::{Member, Role, Standing},
    secret::Typed,
    time::Clock,
};
use crate::rules::{
    Description, Email, ExternalId, Invalid, IpRange, Label, MAX_ALLOWED_IPS, MAX_LABELS, Name, Password, Reason,
};

/// What every dialog that sends something knows of its sending.
#[derive(Debug, Default, Clone)]
pub struct Sending {
    /// The ticket under which it was sent, and when.
    pub ticket: Option<(u64, Timestamp)>,
    /// Why it was refused.
    pub failure: Option<Failure>,
}

impl Sending {
    /// Whether an answer is awaited.
    pub fn is_on(&self) -> bool {
        self.ticket.is_some()
    }

    /// Whether what was sent under `ticket` is awaited.
    pub fn is(&self, ticket: u64) -> bool {
        self.ticket.is_some_and(|(sent, _)| sent == ticket)
    }
}

/// The `Idempotency-Key` of something that is created: it stays as long as what is sent stays the same.
#[derive(Debug, Clone)]
pub struct Once<T>(Option<(T, String)>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Clone + PartialEq> Once<T> {
    /// The key under which `wish` is sent: that of the last try if it was the same, else `fresh`.
    pub fn key_for(&mut self, wish: &T, fresh: String) -> String {
        match &self.0 {
            Some((sent, key)) if sent == wish => key.clone(),
            _ => self.0.insert((wish.clone(), fresh)).1.clone(),
        }
    }
}

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
    /// The day, for [`Expiry::On`].
    pub day: Field,
    /// What it may do.
    pub scopes: Vec<Scope>,
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
            day: Field::default(),
            scopes: vec![Scope::OrganizationRead, Scope::MembersRead],
            addresses: Field::default(),
            once: Once::default(),
            sending: Sending::default(),
            tried: false,
        }
    }
}

impl KeyForm {
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
                let day = clock.today().saturating_add(jiff::Span::new().days(days));
                clock.end_of(day).map(Some).ok_or_else(|| Invalid("must lie before the year 9999".into()))
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
                if end <= clock.now { Err(Invalid("must lie in the future".into())) } else { Ok(Some(end)) }
            }
        }
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

    /// Whether all that was typed can be sent.
    pub fn is_ready(&self, clock: &Clock) -> bool {
        self.name().is_ok()
            && self.description().is_ok()
            && self.expires_at(clock).is_ok()
            && self.scopes().is_ok()
            && self.addresses().is_ok()
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

/// A member that is being added or changed.
#[derive(Debug, Clone)]
pub struct MemberForm {
    /// The member that is changed; none for a new one.
    pub member: Option<Member>,
    /// What it is called.
    pub name: Field,
    /// Where to reach it.
    pub email: Field,
    /// Its id in the tool that the roster is synced from.
    pub external_id: Field,
    /// What it is in the club.
    pub role: Role,
    /// Whether it counts.
    pub status: Standing,
    /// Words by which it is grouped, between commas.
    pub labels: Field,
    /// For an athlete: the coach.
    pub coach_id: Option<String>,
    /// So that it is added once, however often it is sent.
    pub once: Once<MemberWish>,
    /// How the sending goes.
    pub sending: Sending,
}

impl Default for MemberForm {
    /// An empty form for an athlete.
    fn default() -> Self {
        Self {
            member: None,
            name: Field::default(),
            email: Field::default(),
            external_id: Field::default(),
            role: Role::Athlete,
            status: Standing::Active,
            labels: Field::default(),
            coach_id: None,
            once: Once::default(),
            sending: Sending::default(),
        }
    }
}

impl MemberForm {
    /// The form of a member that there is.
    pub fn of(member: &Member) -> Self {
        Self {
            name: Field::of(&member.name),
            email: Field::of(member.email.clone().unwrap_or_default()),
            external_id: Field::of(member.external_id.clone().unwrap_or_default()),
            role: member.role,
            status: member.status,
            labels: Field::of(member.labels.join(", ")),
            coach_id: member.coach_id.clone(),
            member: Some(member.clone()),
            ..Self::default()
        }
    }

    /// The name.
    pub fn name(&self) -> Result<Name, Invalid> {
        self.name.value()
    }

    /// The email.
    pub fn email(&self) -> Result<Option<Email>, Invalid> {
        self.email.optional()
    }

    /// The external id.
    pub fn external_id(&self) -> Result<Option<ExternalId>, Invalid> {
        self.external_id.optional()
    }

    /// The labels, sorted, each once.
    pub fn labels(&self) -> Result<Vec<String>, Invalid> {
        labels(&self.labels.text)
    }

    /// Whether all that was typed can be sent.
    pub fn is_ready(&self) -> bool {
        self.name().is_ok() && self.email().is_ok() && self.external_id().is_ok() && self.labels().is_ok()
    }

    /// Marks every field as left, so that each says what is wrong with it.
    pub fn leave_all(&mut self) {
        for field in [&mut self.name, &mut self.email, &mut self.external_id, &mut self.labels] {
            field.left = true;
        }
    }

    /// Takes what the server said of single fields.
    pub fn hear(&mut self, failure: &Failure) {
        self.name.hear("display_name", failure);
        self.email.hear("email", failure);
        self.external_id.hear("external_id", failure);
        self.labels.hear("labels", failure);
        if failure.is("email_taken") {
            self.email.refused = Some("belongs to another member of the club".into());
        }
        if failure.is("external_id_taken") {
            self.external_id.refused = Some("belongs to another member of the club".into());
        }
    }
}

/// Labels as they are typed, between commas.
pub fn labels(text: &str) -> Result<Vec<String>, Invalid> {
    let mut labels = Vec::new();
    for label in text.split([',', '\n']).map(str::trim).filter(|label| !label.is_empty()) {
        let label: Label =
            label.parse().map_err(|invalid: Invalid| Invalid(format!("'{label}' {}", invalid.0).into()))?;
        labels.push(label.as_str().to_owned());
    }
    labels.sort();
    labels.dedup();
    if labels.len() > MAX_LABELS {
        return Err(Invalid(format!("must have at most {MAX_LABELS} labels, has {}", labels.len()).into()));
    }
    Ok(labels)
}

/// A key that is to be revoked.
#[derive(Debug, Clone)]
pub struct RevokeForm {
    /// The key.
    pub key: Key,
    /// Whether the server has said by now when it was last used.
    pub last_use: LastUse,
    /// Its name once more, if something uses it.
    pub typed_name: Field,
    /// Why, if the person says so.
    pub reason: Field,
    /// Whether the keyboard was put where it belongs.
    pub placed: bool,
}

/// What is known of a key's last use: the list may be a minute old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastUse {
    /// The server was asked, then.
    Asked(Timestamp),
    /// It has said.
    Known,
    /// It could not.
    Unknown,
}

impl RevokeForm {
    /// Asks about `key`.
    pub fn of(key: &Key, clock: &Clock) -> Self {
        Self {
            key: key.clone(),
            last_use: LastUse::Asked(clock.now),
            typed_name: Field::default(),
            reason: Field::default(),
            placed: false,
        }
    }

    /// Takes what the server says of the key.
    pub fn hear(&mut self, key: Option<&Key>) {
        match key {
            Some(key) => (self.key, self.last_use) = (key.clone(), LastUse::Known),
            None => self.last_use = LastUse::Unknown,
        }
    }

    /// Since when the server is asked.
    pub fn asked_since(&self) -> Option<Timestamp> {
        match self.last_use {
            LastUse::Asked(since) => Some(since),
            LastUse::Known | LastUse::Unknown => None,
        }
    }

    /// Whether the key's name is asked for: something uses it, or nobody can say.
    pub fn asks_name(&self, clock: &Clock) -> bool {
        self.key.in_use(clock)
            || match self.last_use {
                LastUse::Known => false,
                LastUse::Unknown => true,
                LastUse::Asked(since) => clock.now.duration_since(since) >= SHOW_WAIT,
            }
    }

    /// The reason.
    pub fn reason(&self) -> Result<Option<Reason>, Invalid> {
        self.reason.optional()
    }

    /// Whether the person has shown that they mean this key: by its name, unless it is known that nothing uses it.
    pub fn is_meant(&self, clock: &Clock) -> bool {
        let unused = self.last_use == LastUse::Known && !self.key.in_use(clock);
        unused || self.typed_name.text.trim() == self.key.name.trim()
    }
}

/// The club's name and description, being changed.
#[derive(Debug, Clone)]
pub struct ClubForm {
    /// The club that is changed, as it was when the untouched fields were filled in.
    pub club: Club,
    /// The name.
    pub name: Field,
    /// The description.
    pub description: Field,
    /// How the sending goes.
    pub sending: Sending,
}

impl ClubForm {
    /// Takes what the club is now: what was not touched shows it.
    pub fn rebase(&mut self, club: &Club) {
        let (before, after) = (Self::of(&self.club), Self::of(club));
        self.name.rebase(before.name, after.name);
        self.description.rebase(before.description, after.description);
        self.club = club.clone();
    }

    /// Whether anything was touched.
    pub fn is_changed(&self) -> bool {
        let before = Self::of(&self.club);
        self.name.text.trim() != before.name.text || self.description.text.trim() != before.description.text
    }

    /// The form of a club.
    pub fn of(club: &Club) -> Self {
        Self {
            club: club.clone(),
            name: Field::of(&club.name),
            description: Field::of(club.description.clone().unwrap_or_default()),
            sending: Sending::default(),
        }
    }

    /// The name.
    pub fn name(&self) -> Result<Name, Invalid> {
        self.name.value()
    }

    /// The description.
    pub fn description(&self) -> Result<Option<Description>, Invalid> {
        self.description.optional()
    }
}

/// The password, being changed.
#[derive(Default)]
pub struct PasswordForm {
    /// The present one.
    pub current: Typed,
    /// The one to be.
    pub new: Typed,
    /// Whether both can be read.
    pub shown: bool,
    /// Whether the person tried with fields that are wrong.
    pub tried: bool,
    /// How the sending goes.
    pub sending: Sending,
}

impl PasswordForm {
    /// What is wrong with the new one.
    pub fn new_password(&self) -> Result<(), Invalid> {
        Password::parse(self.new.text().to_owned()).map(|_| ())
    }

    /// Whether all that was typed can be sent.
    pub fn is_ready(&self) -> bool {
        !self.current.text().is_empty() && self.new_password().is_ok()
    }
}

/// The head coach's role, being handed over.
#[derive(Default)]
pub struct HandOverForm {
    /// Who is to have it.
    pub member_id: Option<String>,
    /// The present head coach's password.
    pub password: Typed,
    /// Whether it can be read.
    pub shown: bool,
    /// How the sending goes.
    pub sending: Sending,
}

#[cfg(test)]
mod tests {
    use super::{super::keys::tests::clock, *};

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

    #[test]
    fn a_key_in_use_is_revoked_by_its_name_only() {
        let clock = clock();
        let key = super::super::keys::tests::key("key_1", "Roster sync");
        let mut form = RevokeForm::of(&key, &clock);
        form.hear(Some(&key));
        assert!(form.asks_name(&clock) && !form.is_meant(&clock));
        form.typed_name = Field::of("roster sync");
        assert!(!form.is_meant(&clock));
        form.typed_name = Field::of("Roster sync ");
        assert!(form.is_meant(&clock));
        form.typed_name = Field::default();
        form.hear(Some(&Key { last_used_at: None, ..key }));
        assert!(!form.asks_name(&clock) && form.is_meant(&clock), "nothing uses it");
    }

    /// A list from a minute ago called a key unused that a program had begun to use since.
    #[test]
    fn a_key_is_not_revoked_without_its_name_while_its_last_use_is_unknown() {
        let mut clock = clock();
        let unused = Key { last_used_at: None, ..super::super::keys::tests::key("key_1", "Roster sync") };
        let mut form = RevokeForm::of(&unused, &clock);
        assert!(!form.asks_name(&clock) && !form.is_meant(&clock), "the answer is awaited");
        clock.now += SHOW_WAIT;
        assert!(form.asks_name(&clock), "it takes its time");
        form.hear(None);
        assert!(form.asks_name(&clock) && !form.is_meant(&clock), "nobody can say");
        form.typed_name = Field::of("Roster sync");
        assert!(form.is_meant(&clock));
    }
}
