//! Slows whoever guesses passwords, without locking the owner of an account out.
//!
//! Failures are counted for a pair of account and address, for an address, and for an account. The
//! account's own count slows only addresses from which nobody has ever signed in to it, so that a
//! guesser elsewhere cannot keep its owner out.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZero,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;

use super::{
    error::{Error, Result},
    metrics::Counter,
};

/// How many accounts, addresses and pairs are remembered at most; the least recently seen go first.
const REMEMBERED: NonZero<usize> = NonZero::new(50_000).expect("not zero");

/// Failures that are free, and how long they are remembered.
struct Allowance {
    free: u32,
    longest_wait: Duration,
}

const PAIR: Allowance = Allowance { free: 5, longest_wait: Duration::from_mins(15) };
const ADDRESS: Allowance = Allowance { free: 30, longest_wait: Duration::from_mins(5) };
const ACCOUNT: Allowance = Allowance { free: 50, longest_wait: Duration::from_secs(30) };
/// Failures are forgotten when there was none for that long.
const MEMORY: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    /// By the time that passes, which nobody can set.
    last: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Pair(String, IpAddr),
    Address(IpAddr),
    Account(String),
}

/// Counts of failures and the addresses that are known to be good, in memory and bounded.
pub struct Throttle {
    failures: Mutex<LruCache<Subject, Failures>>,
    known: Mutex<LruCache<(String, IpAddr), ()>>,
    refused: Counter,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            failures: Mutex::new(LruCache::new(REMEMBERED)),
            known: Mutex::new(LruCache::new(REMEMBERED)),
            refused: Counter::default(),
        }
    }
}

/// The address as far as one host can choose it: an IPv6 address counts as its /64.
pub fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX))),
        address => address,
    }
}

impl Throttle {
    /// Whether another attempt on `account` from `address` may be made when so much time has passed as `now`. Counts it as failed until
    /// [`Throttle::succeeded`] says otherwise, so that attempts at the same time cannot share one turn.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`].
    pub fn attempt(&self, account: &str, address: IpAddr, now: Duration) -> Result<()> {
        let address = bucket(address);
        let known =
            self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&(account.to_owned(), address)).is_some();
        let mut subjects =
            vec![(Subject::Pair(account.to_owned(), address), PAIR), (Subject::Address(address), ADDRESS)];
        if !known {
            subjects.push((Subject::Account(account.to_owned()), ACCOUNT));
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let wait =
            subjects.iter().map(|(subject, allowance)| remaining(failures.get(subject).copied(), allowance, now)).max();
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            self.refused.add_one();
            let retry_after_seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Err(Error::TooManyAttempts { retry_after_seconds });
        }
        for (subject, _) in subjects {
            let before = failures.get(&subject).copied().filter(|failures| is_remembered(failures, now));
            failures.put(subject, Failures { count: before.map_or(0, |before| before.count) + 1, last: now });
        }
        Ok(())
    }

    /// How many attempts had to wait.
    pub fn refused(&self) -> u64 {
        self.refused.count()
    }

    /// The attempt came to nothing, right or wrong: it was never made.
    pub fn withdraw(&self, account: &str, address: IpAddr) {
        let address = bucket(address);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let account = account.to_owned();
        for subject in [Subject::Pair(account.clone(), address), Subject::Address(address), Subject::Account(account)] {
            if let Some(failures) = failures.get_mut(&subject) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }

    /// The attempt was the owner's: their address is known from now on, and their failures forgiven.
    pub fn succeeded(&self, account: &str, address: IpAddr) {
        self.withdraw(account, address);
        let address = bucket(address);
        let pair = Subject::Pair(account.to_owned(), address);
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).pop(&pair);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).put((account.to_owned(), address), ());
    }

    /// Forgets every failure on `account`: its password was reset.
    pub fn forgive(&self, account: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let of_account = |subject: &Subject| match subject {
            Subject::Pair(of, _) | Subject::Account(of) => of == account,
            Subject::Address(_) => false,
        };
        let forgiven: Vec<_> =
            failures.iter().map(|(subject, _)| subject).filter(|subject| of_account(subject)).cloned().collect();
        for subject in forgiven {
            failures.pop(&subject);
        }
    }
}

fn is_remembered(failures: &Failures, now: Duration) -> bool {
    now.saturating_sub(failures.last) < MEMORY
}

/// How long the next attempt must wait: nothing within the allowance, then 1, 2, 4 … seconds.
fn remaining(failures: Option<Failures>, allowance: &Allowance, now: Duration) -> Duration {
    let Some(failures) = failures.filter(|failures| is_remembered(failures, now)) else { return Duration::ZERO };
    let Some(beyond) = failures.count.checked_sub(allowance.free) else { return Duration::ZERO };
    let wait = Duration::from_secs(1 << beyond.min(20)).min(allowance.longest_wait);
    wait.saturating_sub(now.saturating_sub(failures.last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn a_guesser_is_slowed_and_the_owner_is_not() {
        let throttle = Throttle::default();
        let now = Duration::from_secs(1000);
        throttle.attempt("ana", address(1), now).expect("the owner signs in");
        throttle.succeeded("ana", address(1));
        for _ in 0..5 {
            throttle.attempt("ana", address(2), now).expect("free");
        }
        assert!(throttle.attempt("ana", address(2), now).is_err());
        for guesser in 3..40 {
            for _ in 0..3 {
                let _ = throttle.attempt("ana", address(guesser), now);
            }
        }
        assert!(throttle.attempt("ana", address(99), now).is_err(), "a new address waits, at most half a minute");
        assert!(throttle.attempt("ana", address(99), now + Duration::from_secs(30)).is_ok());
        assert!(throttle.attempt("ana", address(1), now).is_ok(), "the owner's own address does not");
    }

    #[test]
    fn whoever_is_forgiven_need_not_wait() {
        let throttle = Throttle::default();
        let now = Duration::from_secs(1000);
        while throttle.attempt("ana", address(1), now).is_ok() {}
        throttle.forgive("ben");
        assert!(throttle.attempt("ana", address(1), now).is_err(), "another's account");
        throttle.forgive("ana");
        throttle.attempt("ana", address(1), now).expect("at the same instant");
    }

    #[test]
    fn addresses_of_one_host_are_one() {
        let of = |text: &str| bucket(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.7"));
    }
}
