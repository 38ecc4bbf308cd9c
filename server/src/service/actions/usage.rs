//! How a key is used, what an act on it would break, and what to make of that.

use std::{collections::BTreeSet, net::IpAddr};

use super::api_keys::find;
use crate::service::{
    authority::KeyManager,
    error::Result,
    model::{
        Invalid,
        api_key::{ApiKey, KeySecret, KeyStatus, SecretStanding},
        id::ApiKeyId,
        scope::{Scope, Scopes},
        timestamp::Timestamp,
        usage::{Calls, Day, LastUse, SecretMark, Source},
        words,
    },
    store::{self, Read},
};

/// How a key was used.
#[derive(Debug, Clone)]
pub struct Usage {
    /// The first day that is told of.
    pub since: Day,
    /// The last: today.
    pub until: Day,
    /// Each of its secrets that was ever used, or works, newest first.
    pub secrets: Vec<SecretUsage>,
    /// Its calls, oldest day first.
    pub days: Vec<(Day, Calls)>,
    /// What the head coach could make of it.
    pub advice: Vec<Advice>,
}

impl Usage {
    /// The last call that was refused, and from where it came.
    pub fn last_refused(&self) -> Option<(&Calls, Source)> {
        let refused = self.days.iter().filter(|(_, calls)| calls.refused.is_some());
        let latest = refused.filter_map(|(_, calls)| Some((calls, *calls.sources.first()?)));
        latest.max_by_key(|(_, source)| source.at)
    }
}

/// How one secret of a key was used.
#[derive(Debug, Clone)]
pub struct SecretUsage {
    /// The secret.
    pub secret: KeySecret,
    /// What it is now.
    pub standing: SecretStanding,
    /// From when on it is or was refused, as things stand.
    pub ends_at: Option<Timestamp>,
    /// When it was last accepted.
    pub last_use: Option<LastUse>,
}

words!(
    /// What the head coach could do with a key.
    AdvisedAction {
        /// Take away scopes that it does not use.
        Narrow = "narrow",
        /// Revoke it, since nothing uses it.
        Revoke = "revoke",
        /// End its previous secret, which nothing uses any more.
        EndPreviousSecret = "end_previous_secret",
    }
);

/// What the head coach could do with a key, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What.
    pub action: AdvisedAction,
    /// Why, in a sentence.
    pub reason: String,
    /// To narrow: the scopes that it uses.
    pub scopes: Vec<Scope>,
}

words!(
    /// What could be done with a key.
    PlannedAction {
        /// Revoke it.
        Revoke = "revoke",
        /// Leave it some of its scopes.
        Narrow = "narrow",
        /// Give it a new secret: the present one ends once the overlap is over.
        Rotate = "rotate",
    }
);

/// What an act on a key would break: the calls of the last 30 days that would have been refused.
#[derive(Debug, Clone)]
pub struct Impact {
    /// The first day that is told of.
    pub since: Day,
    /// The last: today.
    pub until: Day,
    /// The operations that would be refused, most called first.
    pub operations: Vec<OperationImpact>,
    /// The last use of the secrets that the act would end; of a key that is narrowed, its own.
    pub last_use: Option<LastUse>,
}

/// Calls of one operation that would be refused.
#[derive(Debug, Clone)]
pub struct OperationImpact {
    /// The operation's name in the document.
    pub operation: String,
    /// How many there were.
    pub calls: u64,
    /// From where, newest first.
    pub sources: Vec<Source>,
}

impl Impact {
    /// How many calls would have been refused.
    pub fn calls(&self) -> u64 {
        self.operations.iter().map(|operation| operation.calls).sum()
    }

    /// When the last of them came.
    pub fn last_called_at(&self) -> Option<Timestamp> {
        self.operations.iter().filter_map(OperationImpact::last_called_at).max()
    }
}

impl OperationImpact {
    /// When the last of them came.
    pub fn last_called_at(&self) -> Option<Timestamp> {
        self.sources.first().map(|source| source.at)
    }

    /// From where they came, newest first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.sources.iter().map(|source| source.address)
    }
}

impl<T: Read> KeyManager<'_, T> {
    /// How a key was used in the days that are kept.
    pub fn usage(&self, id: ApiKeyId) -> Result<Usage> {
        let tx = self.0.tx;
        let api_key = find(tx, self.0.organization.id, id)?;
        let until = Day::of(tx.now());
        let since = until.first_of(Day::KEPT);
        let days = calls(tx, &api_key, since, until)?;
        let secrets = secrets(tx, &api_key)?;
        let advice = advice(tx, &api_key, &secrets, &days)?;
        let told = secrets.into_iter().filter(|secret| {
            secret.standing != SecretStanding::Ended || secret.last_use.is_some() || has_calls(&days, &secret.secret)
        });
        Ok(Usage { since, until, secrets: told.collect(), days, advice })
    }

    /// What an act on a key would break. To narrow, `scopes` are those that it would have.
    pub fn impact(&self, id: ApiKeyId, action: PlannedAction, scopes: Option<&Scopes>) -> Result<Impact> {
        let tx = self.0.tx;
        let api_key = find(tx, self.0.organization.id, id)?;
        let until = Day::of(tx.now());
        let since = until.first_of(Day::TELLING);
        let current = api_key.current_secret().map(|secret| SecretMark::from(&secret.hash));
        let would_end = |calls: &Calls| match action {
            PlannedAction::Revoke => true,
            PlannedAction::Rotate => Some(calls.secret) == current,
            PlannedAction::Narrow => Scope::needed_for(&calls.operation)
                .is_some_and(|scope| scopes.is_some_and(|scopes| !scopes.contains(scope))),
        };
        let mut operations: Vec<OperationImpact> = Vec::new();
        let days = calls(tx, &api_key, since, until)?;
        for (_, calls) in days.into_iter().filter(|(_, calls)| calls.refused.is_none() && would_end(calls)) {
            let known = operations.iter().position(|known| known.operation == *calls.operation);
            let place = known.unwrap_or_else(|| {
                let operation = calls.operation.clone().into_owned();
                operations.push(OperationImpact { operation, calls: 0, sources: Vec::new() });
                operations.len() - 1
            });
            let operation = &mut operations[place];
            operation.calls += calls.count;
            for source in calls.sources {
                Source::add(&mut operation.sources, source);
            }
        }
        operations.sort_by(|one, other| (other.calls, &one.operation).cmp(&(one.calls, &other.operation)));
        let mut last_use = None;
        for secret in &api_key.secrets {
            if action != PlannedAction::Rotate || Some(SecretMark::from(&secret.hash)) == current {
                let of_secret = store::api_keys::last_use(tx, &secret.hash)?;
                last_use = [last_use, of_secret].into_iter().flatten().max_by_key(|last: &LastUse| last.at);
            }
        }
        Ok(Impact { since, until, operations, last_use })
    }
}

/// The calls of these days: those that are written, and those that are in memory yet.
fn calls(tx: &impl Read, api_key: &ApiKey, since: Day, until: Day) -> Result<Vec<(Day, Calls)>> {
    let generation = store::usage::generation(tx)?;
    let mut recent: Vec<_> =
        api_key.secrets.iter().flat_map(|secret| tx.recent().calls_after(generation, &secret.hash)).collect();
    let mut all = Vec::new();
    for day in since.to(until) {
        let mut of_day = store::usage::on(tx, day, api_key.organization_id, api_key.id)?;
        for (_, further) in recent.extract_if(.., |(on, _)| *on == day) {
            Calls::add(&mut of_day, further);
        }
        // By secret as they were made, operation and outcome: what is counted in memory comes in no order.
        of_day.sort_by_cached_key(|calls| {
            let made = api_key.secrets.iter().position(|secret| SecretMark::from(&secret.hash) == calls.secret);
            (made, calls.operation.clone(), calls.refused.clone())
        });
        all.extend(of_day.into_iter().map(|calls| (day, calls)));
    }
    Ok(all)
}

fn has_calls(days: &[(Day, Calls)], secret: &KeySecret) -> bool {
    let mark = SecretMark::from(&secret.hash);
    days.iter().any(|(_, calls)| calls.secret == mark)
}

fn secrets(tx: &impl Read, api_key: &ApiKey) -> Result<Vec<SecretUsage>> {
    let overlap = store::api_keys::overlap(tx, api_key, tx.judged_at())?;
    let current = api_key.current_secret().map(|secret| secret.hash);
    let describe = |secret: &KeySecret| {
        let previous = overlap.as_ref().filter(|previous| previous.hash == secret.hash);
        let standing = SecretStanding::of(&secret.hash, current.as_ref(), overlap.as_ref());
        let ends_at = previous.map(|previous| previous.ends_at).or(secret.ends_at);
        let last_use = store::api_keys::last_use(tx, &secret.hash)?;
        Ok(SecretUsage { secret: secret.clone(), standing, ends_at, last_use })
    };
    api_key.secrets.iter().rev().map(describe).collect()
}

/// What the ledger supports, and nothing that a few more days could belie.
fn advice(tx: &impl Read, api_key: &ApiKey, secrets: &[SecretUsage], days: &[(Day, Calls)]) -> Result<Vec<Advice>> {
    let mut advice = Vec::new();
    if api_key.status(tx.now()) != KeyStatus::Active {
        return Ok(advice);
    }
    let today = Day::of(tx.now());
    let telling = today.first_of(Day::TELLING);
    let (age, last_use) = (
        today.since(Day::of(api_key.created_at)),
        secrets.iter().filter_map(|secret| secret.last_use.as_ref()).map(|last| last.at).max(),
    );
    match last_use.map(|at| today.since(Day::of(at))) {
        None if age >= Day::TELLING => advice.push(Advice {
            action: AdvisedAction::Revoke,
            reason: format!("It was never used since it was created {age} days ago."),
            scopes: Vec::new(),
        }),
        Some(idle) if idle >= Day::TELLING => advice.push(Advice {
            action: AdvisedAction::Revoke,
            reason: format!("It was last used {idle} days ago."),
            scopes: Vec::new(),
        }),
        _ => advice.extend(unused_scopes(tx, api_key, days, telling)?),
    }
    let previous = secrets.iter().find(|secret| secret.standing == SecretStanding::Previous);
    if let (Some(current), Some(previous)) = (secrets.first(), previous)
        && current.last_use.is_some()
        && previous.last_use.as_ref().is_none_or(|last| last.at < current.secret.created_at)
    {
        advice.push(Advice {
            action: AdvisedAction::EndPreviousSecret,
            reason: "The new secret is used, and the previous one was not used since the rotation.".to_owned(),
            scopes: Vec::new(),
        });
    }
    Ok(advice)
}

/// That a key could do with fewer scopes, if it had these for as long as is looked back, and the ledger tells of it.
fn unused_scopes(tx: &impl Read, api_key: &ApiKey, days: &[(Day, Calls)], telling: Day) -> Result<Option<Advice>> {
    let begun = store::usage::begun(tx)?;
    if Day::of(api_key.scopes_since) >= telling || begun.is_none_or(|begun| begun > telling) {
        return Ok(None);
    }
    let accepted = days.iter().filter(|(day, calls)| *day >= telling && calls.refused.is_none());
    let used: BTreeSet<Scope> = accepted.filter_map(|(_, calls)| Scope::needed_for(&calls.operation)).collect();
    let all = api_key.scopes.as_slice().len();
    Ok((!used.is_empty() && used.len() < all).then(|| Advice {
        action: AdvisedAction::Narrow,
        reason: format!("It used {} of its {all} scopes in the last {} days.", used.len(), Day::TELLING),
        scopes: used.into_iter().collect(),
    }))
}
