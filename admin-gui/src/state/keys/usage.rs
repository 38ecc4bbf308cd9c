//! How a key is used.

use jiff::{Timestamp, civil::Date};

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
pub(super) fn from(address: Option<&str>) -> String {
    address.map(|address| format!(" from {address}")).unwrap_or_default()
}

impl LastUse {
    /// When and from where: "2 min ago from 203.0.113.7".
    pub fn in_words(&self, clock: &Clock) -> String {
        format!("{}{}", clock.ago(self.at), from(self.address.as_deref()))
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
}

impl Key {
    /// Since when calls with it have been refused, if something still tries it.
    pub fn still_tried<'a>(&self, usage: &'a Usage, now: Timestamp) -> Option<&'a RefusedUse> {
        let ended = match self.status(now) {
            Status::Active | Status::Held => return None,
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
        desk::{clock, usage},
        keys::Impact,
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
}
