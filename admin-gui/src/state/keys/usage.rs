//! How a key is used, what an act on it would break, and whether a new secret has had its first call.

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{Key, Scope, Status};
use crate::state::{
    Console, Dialog, Screen, State, View,
    exchange::Command,
    failure::{Failure, FailureKind},
    number::grouped,
    time::Clock,
};

/// How a key was used in the days that the server keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The first day.
    pub since: Date,
    /// The last: today, in UTC.
    pub until: Date,
    /// How many calls were accepted.
    pub calls: u64,
    /// How many were refused.
    pub refused: u64,
    /// The last that was refused.
    pub last_refused: Option<RefusedUse>,
    /// Its secrets, newest first.
    pub secrets: Vec<SecretUsage>,
    /// Its calls, oldest day first.
    pub days: Vec<DayUsage>,
    /// What could be made of it.
    pub advice: Vec<Advice>,
}

/// How one secret of a key was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUsage {
    /// By which it is recognized.
    pub hint: String,
    /// When it was last accepted.
    pub last_use: Option<LastUse>,
}

/// The last time that a secret was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: Option<String>,
    /// What the program calls itself.
    pub user_agent: Option<String>,
    /// What it asked for.
    pub operation: Option<String>,
}

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedUse {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: String,
    /// Why, as the API has it.
    pub code: String,
}

/// Calls of one day, of one operation, that came to the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUsage {
    /// Which day.
    pub date: Date,
    /// What was asked for.
    pub operation: String,
    /// Why they were refused, as the API has it; none if they were not.
    pub refused: Option<String>,
    /// How many.
    pub calls: u64,
}

/// What could be done with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What.
    pub action: AdvisedAction,
    /// Why, in a sentence.
    pub reason: String,
    /// To narrow: the scopes that it uses.
    pub scopes: Vec<Scope>,
}

/// What the server advises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the API")]
pub enum AdvisedAction {
    Narrow,
    Revoke,
    EndPreviousSecret,
}

/// What could be done with a key, as the server is asked what it would break.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the API")]
pub enum PlannedAction {
    Revoke,
    /// To these scopes.
    Narrow(Vec<Scope>),
    Rotate,
}

/// What an act on a key would break: the calls of the last 30 days that would have been refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Impact {
    /// Each operation that would be refused and how often it was called, most called first.
    pub operations: Vec<(String, u64)>,
    /// When the last of these calls came, and from where.
    pub last: Option<(Timestamp, Option<String>)>,
    /// The last use of what the act would end.
    pub last_use: Option<LastUse>,
}

/// What an act would break, as far as the server has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foretold {
    /// What was asked about.
    pub action: PlannedAction,
    /// The answer; none while it is awaited, or if it did not come.
    pub impact: Option<Impact>,
}

/// A new secret, whose first call is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// The key.
    pub id: String,
    /// By which the secret is recognized.
    pub hint: String,
    /// Since when.
    pub since: Timestamp,
    /// The call, once it came; whether it was watched, and so is the first.
    pub first_use: Option<(LastUse, bool)>,
    /// When the secret was last seen unused.
    unused_at: Timestamp,
    asked_at: Timestamp,
    /// Whether the answer is awaited.
    asking: bool,
}

/// How often is asked whether a new secret was used.
const ASK_EVERY: SignedDuration = SignedDuration::from_secs(2);
/// For how long.
const ASK_FOR: SignedDuration = SignedDuration::from_hours(1);

/// What operations are called by a coach: "members read".
pub fn operation_in_words(operation: &str) -> &str {
    match operation {
        "get_organization" => "club read",
        "list_members" => "members listed",
        "get_member" => "one member read",
        "create_member" => "members added",
        "update_member" => "members changed",
        "delete_member" => "members removed",
        "get_caller" => "asked who it is",
        other => other,
    }
}

/// Why calls were refused, to a coach.
pub fn refusal_in_words(code: &str) -> &str {
    match code {
        "key_revoked" => "the key was revoked",
        "key_expired" => "the key had expired",
        "secret_replaced" => "its secret was replaced",
        "address_not_allowed" => "they came from another address",
        "scope_required" => "the key is not allowed to",
        "session_required" => "only people may",
        "plan_required" => "the club's plan has no keys",
        "rate_limited" => "there were too many",
        "not_found" => "what they asked for is not there",
        "invalid_request" | "malformed_request" => "the request was wrong",
        other => other,
    }
}

/// Operations and how often each was called, as a list: "members listed 400, members changed 12".
pub fn operations_in_words(operations: &[(String, u64)]) -> String {
    let said =
        operations.iter().map(|(operation, calls)| format!("{} {}", operation_in_words(operation), count(*calls)));
    said.collect::<Vec<_>>().join(", ")
}

fn count(calls: u64) -> String {
    grouped(usize::try_from(calls).unwrap_or(usize::MAX))
}

/// A number of calls: "1 call", "412 calls".
pub fn calls_in_words(calls: u64) -> String {
    if calls == 1 { "1 call".to_owned() } else { format!("{} calls", count(calls)) }
}

/// An address behind what came from it.
fn from(address: Option<&str>) -> String {
    address.map(|address| format!(" from {address}")).unwrap_or_default()
}

impl LastUse {
    /// When and from where: "2 min ago from 203.0.113.7".
    pub fn in_words(&self, clock: &Clock) -> String {
        format!("{}{}", clock.ago(self.at), from(self.address.as_deref()))
    }
}

impl Impact {
    /// How many calls would have been refused.
    pub fn calls(&self) -> u64 {
        self.operations.iter().map(|(_, calls)| calls).sum()
    }

    /// What they were, when the last came and from where; none if there were none.
    pub fn in_words(&self, clock: &Clock) -> Option<String> {
        let (at, address) = self.last.as_ref()?;
        Some(format!(
            "{} in the last 30 days: {}. The last came {}{}.",
            calls_in_words(self.calls()),
            operations_in_words(&self.operations),
            clock.ago(*at),
            from(address.as_deref())
        ))
    }
}

impl Usage {
    /// How many calls of each operation were accepted, most called first.
    pub fn operations(&self) -> Vec<(String, u64)> {
        Self::totals(self.days.iter().filter(|day| day.refused.is_none()).map(|day| (&day.operation, day.calls)))
    }

    /// How many calls were refused, and why, most first.
    pub fn refusals(&self) -> Vec<(String, u64)> {
        Self::totals(self.days.iter().filter_map(|day| Some((day.refused.as_ref()?, day.calls))))
    }

    fn totals<'a>(calls: impl Iterator<Item = (&'a String, u64)>) -> Vec<(String, u64)> {
        let mut totals: Vec<(String, u64)> = Vec::new();
        for (name, calls) in calls {
            match totals.iter_mut().find(|(known, _)| known == name) {
                Some((_, total)) => *total += calls,
                None => totals.push((name.clone(), calls)),
            }
        }
        totals.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        totals
    }

    /// The calls of each day: accepted, refused. Days without any are there too.
    pub fn by_day(&self) -> Vec<(Date, u64, u64)> {
        let mut days: Vec<(Date, u64, u64)> = Vec::new();
        let mut date = self.since;
        while date <= self.until {
            days.push((date, 0, 0));
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        for day in &self.days {
            if let Ok(at) = days.binary_search_by_key(&day.date, |(date, ..)| *date) {
                let (_, accepted, refused) = &mut days[at];
                *(if day.refused.is_none() { accepted } else { refused }) += day.calls;
            }
        }
        days
    }

    /// Whether the server advises this.
    pub fn advises(&self, action: AdvisedAction) -> bool {
        self.advice.iter().any(|advice| advice.action == action)
    }

    /// The last use of the secret with this hint.
    pub fn last_use_of(&self, hint: &str) -> Option<&LastUse> {
        self.secrets.iter().find(|secret| secret.hint == hint)?.last_use.as_ref()
    }
}

impl State {
    /// Reads how a key is used, if the club can have some.
    pub(in crate::state) fn load_usage(&mut self, key: String) {
        if self.console().is_some_and(Console::has_security_settings) {
            let organization = self.organization();
            self.ask(Command::LoadUsage { organization, key });
        }
    }

    /// Takes how a key is used.
    pub(in crate::state) fn hear_usage(&mut self, organization: &str, id: String, result: Result<Usage, Failure>) {
        let failure = result.as_ref().err().cloned();
        if let Self { screen: Screen::Console(console), clock, .. } = self
            && console.membership.organization_id == organization
        {
            if let Some(activation) = console.keys.activation.as_mut().filter(|activation| activation.id == id)
                && let Ok(usage) = &result
            {
                activation.hear(usage.last_use_of(&activation.hint), clock.now);
            }
            let wanted = console.view == View::Key(id.clone())
                || matches!(&console.dialog, Some(Dialog::EndPreviousSecret(form)) if form.key.id == id);
            if !wanted {
                return self.after(failure);
            }
            let shown = console.keys.usage.as_ref().filter(|(known, _)| *known == id);
            // What was read stays where reading again fails.
            if result.is_ok() || !shown.is_some_and(|(_, known)| known.is_ok()) {
                console.keys.usage = Some((id, result));
            }
        }
        self.after(failure.filter(|failure| failure.kind != FailureKind::Refused("not_found".to_owned())));
    }

    /// Asks what an act on a key would break.
    pub(in crate::state) fn load_impact(&mut self, key: String, action: PlannedAction) {
        let organization = self.organization();
        self.ask(Command::LoadImpact { organization, key, action });
    }

    /// Takes what an act on a key would break, for the dialog that asks about it.
    pub(in crate::state) fn hear_impact(
        &mut self,
        organization: &str,
        id: &str,
        action: PlannedAction,
        result: Result<Impact, Failure>,
    ) {
        let failure = result.as_ref().err().cloned();
        if let Self { screen: Screen::Console(console), .. } = self
            && console.membership.organization_id == organization
        {
            let foretold = match &mut console.dialog {
                Some(Dialog::Revoke(form)) if form.key.id == id => Some(&mut form.foretold),
                Some(Dialog::Rotate(form)) if form.key.id == id => Some(&mut form.foretold),
                Some(Dialog::Key(form)) if form.is_of(id) => form.foretold.as_mut(),
                _ => None,
            };
            if let Some(foretold) = foretold.filter(|foretold| foretold.action == action) {
                foretold.impact = result.ok();
            }
        }
        self.after(failure);
    }

    /// Asks what it would break to leave a key no more than the scopes of its form, where it has more.
    pub(in crate::state) fn foretell_narrowing(&mut self) {
        let Some(Dialog::Key(form)) = self.dialog() else { return };
        let Some(key) = &form.key else { return };
        let scopes = form.scopes().unwrap_or_default();
        if scopes.is_empty() || key.scopes.iter().all(|scope| scopes.contains(scope)) {
            form.foretold = None;
            return;
        }
        let action = PlannedAction::Narrow(scopes);
        if form.foretold.as_ref().is_some_and(|foretold| foretold.action == action) {
            return;
        }
        form.foretold = Some(Foretold { action: action.clone(), impact: None });
        let id = key.id.clone();
        self.load_impact(id, action);
    }

    /// Asks again whether the new secret that is in sight was used, if it is time.
    pub(in crate::state) fn wait_for_first_use(&mut self) {
        let Self { screen: Screen::Console(console), clock, .. } = self else { return };
        if console.asks_for_first_use_at(clock.now).is_some_and(|at| at <= clock.now)
            && let Some(activation) = &mut console.keys.activation
        {
            (activation.asking, activation.asked_at) = (true, clock.now);
            let id = activation.id.clone();
            self.load_usage(id);
        }
    }
}

impl Console {
    /// When to ask again whether the new secret that is in sight was used.
    pub(in crate::state) fn asks_for_first_use_at(&self, now: Timestamp) -> Option<Timestamp> {
        let activation = self.keys.activation.as_ref()?;
        let waits = activation.first_use.is_none() && now.duration_since(activation.since) < ASK_FOR;
        let in_sight = match &self.dialog {
            Some(Dialog::Secret(once)) => once.key.id == activation.id,
            _ => self.view == View::Key(activation.id.clone()),
        };
        let reachable = matches!(self.connection, crate::state::Connection::Online);
        let works = self.keys.get(&activation.id).is_some_and(|key| key.status(now) == Status::Active);
        // An answer that never comes is not waited for for ever.
        let pause = if activation.asking { ASK_EVERY * 30 } else { ASK_EVERY };
        (waits && in_sight && reachable && works).then(|| activation.asked_at + pause)
    }
}

impl Activation {
    /// Waits for the first call with the present secret of `key`.
    pub(in crate::state) fn of(key: &Key, now: Timestamp) -> Self {
        let (id, hint) = (key.id.clone(), key.hint.clone());
        Self { id, hint, since: now, first_use: None, unused_at: now, asked_at: now, asking: false }
    }

    /// Takes whether the secret was used.
    fn hear(&mut self, last: Option<&LastUse>, now: Timestamp) {
        (self.asking, self.asked_at) = (false, now);
        match last {
            None => self.unused_at = now,
            Some(last) if self.first_use.is_none() => {
                // After a while in which nobody looked it may be any.
                let watched = now.duration_since(self.unused_at) <= ASK_EVERY * 5;
                self.first_use = Some((last.clone(), watched));
            }
            Some(_) => {}
        }
    }

    /// Whether it is still asked for.
    pub fn is_awaited(&self, now: Timestamp) -> bool {
        self.first_use.is_none() && now.duration_since(self.since) < ASK_FOR
    }
}

impl Key {
    /// Since when calls with it have been refused, if something still tries it.
    pub fn still_tried<'a>(&self, usage: &'a Usage, now: Timestamp) -> Option<&'a RefusedUse> {
        let ended = match self.status(now) {
            Status::Active => return None,
            Status::Expired => self.expires_at,
            Status::Revoked => self.revoked.as_ref().map(|revoked| revoked.at),
        };
        usage.last_refused.as_ref().filter(|last| ended.is_some_and(|ended| last.at >= ended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{
        Action,
        desk::{Desk, clock, key, start, usage},
        exchange::{Changed, Event},
        secret::Secret,
    };

    #[test]
    fn usage_is_told_in_a_coachs_words() {
        let clock = clock();
        let mut usage = usage();
        let day = |date: &str, operation: &str, refused: Option<&str>, calls| DayUsage {
            date: date.parse().expect("a date"),
            operation: operation.to_owned(),
            refused: refused.map(str::to_owned),
            calls,
        };
        let (first, last) = (usage.since.to_string(), usage.until.to_string());
        usage.days = vec![
            day(&first, "update_member", None, 12),
            day(&first, "get_organization", Some("scope_required"), 2),
            day(&last, "list_members", None, 1400),
        ];
        assert_eq!(operations_in_words(&usage.operations()), "members listed 1\u{202f}400, members changed 12");
        assert_eq!(usage.refusals(), [("scope_required".to_owned(), 2)]);
        let days = usage.by_day();
        assert_eq!((days.len(), days[0].1, days[0].2, days[89].1), (90, 12, 2, 1400));
        let impact = Impact {
            operations: usage.operations(),
            last: Some((clock.now, Some("203.0.113.7".to_owned()))),
            last_use: None,
        };
        assert_eq!(
            impact.in_words(&clock).expect("calls"),
            "1\u{202f}412 calls in the last 30 days: members listed 1\u{202f}400, members changed 12. The last came just now from 203.0.113.7."
        );
        assert_eq!(Impact::default().in_words(&clock), None);
    }

    fn used(hint: &str) -> Usage {
        let last_use = LastUse {
            at: start(),
            address: Some("203.0.113.7".to_owned()),
            user_agent: None,
            operation: Some("list_members".to_owned()),
        };
        Usage { secrets: vec![SecretUsage { hint: hint.to_owned(), last_use: Some(last_use) }], ..usage() }
    }

    fn asked_for_usage(desk: &mut Desk) -> usize {
        let asked = desk.asked.iter().filter(|command| matches!(command, Command::LoadUsage { .. })).count();
        desk.asked.clear();
        asked
    }

    #[test]
    fn a_new_keys_first_call_is_waited_for_while_it_is_in_sight() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::NewKey);
        desk.name_key("Sync");
        desk.act(Action::SaveKey);
        let made = key("key_1", "Sync");
        let (hint, secret) = (made.hint.clone(), Secret::new("astral_live_new".into()));
        desk.answer(desk.ticket(), Ok(Changed::Created(made, secret)));
        asked_for_usage(&mut desk);
        desk.wait(SignedDuration::from_secs(1));
        assert_eq!(asked_for_usage(&mut desk), 0);
        desk.wait(SignedDuration::from_secs(1));
        assert_eq!(asked_for_usage(&mut desk), 1);
        desk.wait(SignedDuration::from_secs(4));
        assert_eq!(asked_for_usage(&mut desk), 0, "the answer is awaited");
        let result = Box::new(Ok(usage()));
        desk.hear(Event::Usage { organization: "org_a".into(), id: "key_1".into(), result });
        desk.act(Action::Stored);
        assert_eq!(desk.console().view, View::Key("key_1".into()), "and there it goes on");
        asked_for_usage(&mut desk);
        desk.wait(SignedDuration::from_secs(2));
        assert_eq!(asked_for_usage(&mut desk), 1);
        desk.act(Action::Show(View::Members));
        asked_for_usage(&mut desk);
        desk.wait(SignedDuration::from_secs(10));
        assert_eq!(asked_for_usage(&mut desk), 0, "nobody would see it");
        desk.act(Action::Show(View::Key("key_1".into())));
        let result = Box::new(Ok(used(&hint)));
        desk.hear(Event::Usage { organization: "org_a".into(), id: "key_1".into(), result });
        let first = desk.console().keys.activation.as_ref().and_then(|activation| activation.first_use.clone());
        assert_eq!(first.expect("it came").0.address.as_deref(), Some("203.0.113.7"));
        asked_for_usage(&mut desk);
        desk.wait(SignedDuration::from_secs(10));
        assert_eq!(asked_for_usage(&mut desk), 0, "it is known");
    }

    /// Of a key that was rotated the old secret was used, and the console said that the new one works.
    #[test]
    fn a_call_with_the_old_secret_is_not_the_first_with_the_new_one() {
        let mut desk = Desk::of(&["org_a"], vec![key("key_1", "Sync")]);
        desk.act(Action::AskRotate("key_1".into()));
        desk.act(Action::Rotate);
        let rotated = Key { hint: "astral_live_new…new".into(), ..key("key_1", "Sync") };
        desk.answer(desk.ticket(), Ok(Changed::Created(rotated, Secret::new("astral_live_new".into()))));
        let result = Box::new(Ok(used("astral_live_old…old")));
        desk.hear(Event::Usage { organization: "org_a".into(), id: "key_1".into(), result });
        let activation = desk.console().keys.activation.clone().expect("waited for");
        assert_eq!(activation.first_use, None);
    }

    #[test]
    fn what_narrowing_would_break_is_asked_for_as_scopes_are_taken_away() {
        let all = Scope::ALL.to_vec();
        let mut desk = Desk::of(&["org_a"], vec![Key { scopes: all.clone(), ..key("key_1", "Sync") }]);
        desk.act(Action::EditKey("key_1".into()));
        let choose = |desk: &mut Desk, scopes: &[Scope]| {
            let Some(Dialog::Key(form)) = &mut desk.console().dialog else { panic!("the form is open") };
            form.scopes = scopes.to_vec();
            desk.asked.clear();
            desk.act(Action::ChooseScopes);
            desk.asked.iter().filter(|command| matches!(command, Command::LoadImpact { .. })).count()
        };
        assert_eq!(choose(&mut desk, &[Scope::MembersRead]), 1);
        assert_eq!(choose(&mut desk, &[Scope::MembersRead]), 0, "it is asked already");
        // An answer about other scopes came late.
        let late = PlannedAction::Narrow(vec![Scope::MembersWrite]);
        let event = |action: PlannedAction| Event::Impact {
            organization: "org_a".into(),
            id: "key_1".into(),
            action,
            result: Box::new(Ok(Impact { operations: vec![("get_organization".into(), 3)], ..Impact::default() })),
        };
        desk.hear(event(late));
        let foretold = |desk: &mut Desk| match &desk.console().dialog {
            Some(Dialog::Key(form)) => form.foretold.clone(),
            _ => panic!("the form is open"),
        };
        assert_eq!(foretold(&mut desk).expect("asked").impact, None);
        desk.hear(event(PlannedAction::Narrow(vec![Scope::MembersRead])));
        assert_eq!(foretold(&mut desk).expect("asked").impact.expect("known").calls(), 3);
        assert_eq!(choose(&mut desk, &all), 0);
        assert_eq!(foretold(&mut desk), None, "nothing is taken away");
    }
}
