//! How many requests a caller may send: a token bucket for each key or person, for the keys of an
//! organization together, and for each address from which somebody calls without a valid credential.
//!
//! What is left is said in the fields of draft-ietf-httpapi-ratelimit-headers.

use std::{hash::Hash, net::IpAddr, num::NonZero, time::Duration};

use bytes::Bytes;
use governor::{Quota, RateLimiter, middleware::StateInformationMiddleware, state::keyed::DashMapStateStore};
use poem::http::{HeaderMap, HeaderName, HeaderValue};

use crate::service::{Caller, Clock, Id as _, address_bucket};

/// What the header says that tells how many requests are left.
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What the header says that tells how many requests there are.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The seconds in which an empty bucket fills up.
const WINDOW: u32 = 60;

/// Requests per minute, all at once or spread; `None` for any number.
#[derive(Debug, Clone, Copy)]
pub struct RateLimitSettings {
    /// Of one key, and of one person.
    pub key: Option<NonZero<u32>>,
    /// Of all the keys of an organization together.
    pub organization: Option<NonZero<u32>>,
    /// Of one address, without a valid credential.
    pub address: Option<NonZero<u32>>,
}

impl Default for RateLimitSettings {
    fn default() -> Self {
        Self { key: NonZero::new(60_000), organization: NonZero::new(120_000), address: NonZero::new(600) }
    }
}

/// Time as the limiter reads it: it never runs backwards, whatever becomes of the system's clock.
#[derive(Debug, Clone)]
struct Monotonic(Clock);

impl governor::clock::Clock for Monotonic {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, Monotonic, StateInformationMiddleware>;

/// The buckets of one policy.
struct Buckets<K: Hash + Eq + Clone> {
    quota: u32,
    clock: Monotonic,
    limiter: Limiter<K>,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(quota: NonZero<u32>, clock: &Clock) -> Self {
        let clock = Monotonic(clock.clone());
        let limiter = RateLimiter::dashmap_with_clock(Quota::per_minute(quota), clock.clone()).with_middleware();
        Self { quota: quota.get(), clock, limiter }
    }

    fn take(&self, policy: &'static str, key: &K) -> Allowance {
        let quota = self.quota;
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                // Until the bucket is full again; where it is empty, until there is one request in it.
                let missing = if remaining == 0 { 1 } else { quota - remaining.min(quota) };
                let seconds = (u64::from(missing) * u64::from(WINDOW)).div_ceil(u64::from(quota));
                Allowance { policy, quota, remaining, seconds, refused: false }
            }
            Err(until) => {
                let wait = until.wait_time_from(governor::clock::Clock::now(&self.clock));
                let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(1).max(1);
                Allowance { policy, quota, remaining: 0, seconds, refused: true }
            }
        }
    }

    fn forget_full(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

/// What is left in a bucket after a request.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    policy: &'static str,
    quota: u32,
    remaining: u32,
    /// Until the bucket is full again, or, if it is empty, until there is one request in it.
    seconds: u64,
    refused: bool,
}

/// What a request has taken from the buckets that it draws on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent([Option<Allowance>; 2]);

impl Spent {
    /// After how many seconds the request may be sent again, if it was one too many.
    pub fn retry_after(&self) -> Option<u64> {
        self.0.iter().flatten().filter(|allowance| allowance.refused).map(|allowance| allowance.seconds).max()
    }

    /// Says what is left.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let (mut limits, mut policies) = (Vec::with_capacity(64), Vec::with_capacity(64));
        let mut numbers = [itoa::Buffer::new(); 4];
        let [left, until, of, within] = &mut numbers;
        for Allowance { policy, quota, remaining, seconds, .. } in self.0.iter().flatten() {
            let quotation = if limits.is_empty() { "\"" } else { ", \"" };
            let limit = [quotation, policy, "\";r=", left.format(*remaining), ";t=", until.format(*seconds)];
            let policy = [quotation, policy, "\";q=", of.format(*quota), ";w=", within.format(WINDOW)];
            limit.iter().for_each(|part| limits.extend_from_slice(part.as_bytes()));
            policy.iter().for_each(|part| policies.extend_from_slice(part.as_bytes()));
        }
        if !limits.is_empty() {
            headers.extend(HeaderValue::from_maybe_shared(Bytes::from(limits)).ok().map(|value| (RATE_LIMIT, value)));
            let policies = HeaderValue::from_maybe_shared(Bytes::from(policies));
            headers.extend(policies.ok().map(|value| (RATE_LIMIT_POLICY, value)));
        }
    }
}

/// All buckets, in memory; a full one is as good as none and is forgotten.
pub struct RateLimits {
    callers: Option<Buckets<[u8; 16]>>,
    organizations: Option<Buckets<[u8; 16]>>,
    addresses: Option<Buckets<IpAddr>>,
}

impl RateLimits {
    /// Full buckets.
    pub fn new(settings: RateLimitSettings, clock: &Clock) -> Self {
        Self {
            callers: settings.key.map(|quota| Buckets::new(quota, clock)),
            organizations: settings.organization.map(|quota| Buckets::new(quota, clock)),
            addresses: settings.address.map(|quota| Buckets::new(quota, clock)),
        }
    }

    /// A request of this caller's. A person draws on no organization's bucket, so that a key that runs wild
    /// keeps no head coach from revoking it.
    pub fn of_caller(&self, caller: &Caller) -> Spent {
        let callers = self.callers.as_ref();
        match caller.api_key() {
            Some((organization_id, id)) => {
                let of_key = callers.map(|buckets| buckets.take("key", &id.to_bytes()));
                let organizations = self.organizations.as_ref().filter(|_| of_key.is_none_or(|taken| !taken.refused));
                Spent([of_key, organizations.map(|buckets| buckets.take("organization", &organization_id.to_bytes()))])
            }
            None => Spent([
                caller.user_id().ok().zip(callers).map(|(id, buckets)| buckets.take("session", &id.to_bytes())),
                None,
            ]),
        }
    }

    /// A request without a valid credential from this address.
    pub fn of_address(&self, address: IpAddr) -> Spent {
        Spent([self.addresses.as_ref().map(|buckets| buckets.take("address", &address_bucket(address))), None])
    }

    /// Forgets the buckets that are full.
    pub fn forget_full(&self) {
        self.callers.iter().for_each(Buckets::forget_full);
        self.organizations.iter().for_each(Buckets::forget_full);
        self.addresses.iter().for_each(Buckets::forget_full);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_up_again() {
        let clock = Clock::fixed(chrono::DateTime::UNIX_EPOCH);
        let limits = RateLimits::new(RateLimitSettings { address: NonZero::new(60), ..Default::default() }, &clock);
        let address = IpAddr::from([203, 0, 113, 7]);
        let said = |spent: Spent| {
            let mut headers = HeaderMap::new();
            spent.tell(&mut headers);
            headers[RATE_LIMIT].to_str().expect("text").to_owned()
        };
        assert_eq!(said(limits.of_address(address)), "\"address\";r=59;t=1");
        for _ in 1..60 {
            assert_eq!(limits.of_address(address).retry_after(), None);
        }
        let refused = limits.of_address(address);
        assert_eq!(refused.retry_after(), Some(1));
        assert_eq!(said(refused), "\"address\";r=0;t=1");
        assert_eq!(limits.of_address(IpAddr::from([203, 0, 113, 8])).retry_after(), None, "another has its own");
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(limits.of_address(address).retry_after(), None);
        assert_eq!(limits.of_address(address).retry_after(), Some(1), "one came back, and no more");
        clock.advance(TimeDelta::minutes(5));
        assert_eq!(said(limits.of_address(address)), "\"address\";r=59;t=1", "never more than full");
        limits.forget_full();
    }
}
