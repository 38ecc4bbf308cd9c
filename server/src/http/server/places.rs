//! Places for connections: so many there are, so many an address may have, and who makes room where all are taken.
//!
//! A connection waits for its client, or its request is being answered. Which of the two is one number of its own, so
//! that a request takes no lock; only who comes and who goes does.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    num::NonZero,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

use crate::{
    http::{HttpSettings, metrics::Metrics},
    service::{IpRange, address_bucket},
};

/// How soon is looked again for one that waits, where all were busy.
const LOOK: Duration = Duration::from_millis(10);
/// How large a part of the connections is found at once when room is made: who is found stays the next to go.
const PART: usize = 16;

/// All places.
pub struct Places {
    free: Arc<Semaphore>,
    most_of_address: Option<NonZero<usize>>,
    /// From these come all clients of a proxy.
    unlimited: Vec<IpRange>,
    started: Instant,
    taken: Mutex<Taken>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Taken {
    next_id: u64,
    connections: HashMap<u64, Arc<Presence>>,
    /// Those that each address has that is limited.
    of_address: HashMap<IpAddr, HashSet<u64>>,
    /// Those that had waited longest when they were looked for, since when and who; the first to go is the last.
    longest: Vec<(u64, u64)>,
}

/// A place that a connection has until it is dropped.
pub struct Place {
    places: Arc<Places>,
    presence: Arc<Presence>,
    _permit: OwnedSemaphorePermit,
}

/// What a connection is doing.
pub struct Presence {
    id: u64,
    /// The address that it counts for, if that is limited.
    address: Option<IpAddr>,
    started: Instant,
    /// In microseconds since `started` that it waits for its client, or one of the two below.
    since: AtomicU64,
    /// Whether bytes came that no answered request had.
    heard: AtomicBool,
    task: OnceLock<AbortHandle>,
}

/// Its request is being answered.
const ANSWERING: u64 = 0;
/// It is over, or about to be.
const GONE: u64 = u64::MAX;

impl Places {
    /// Free ones.
    pub fn new(settings: &HttpSettings, metrics: Arc<Metrics>) -> Self {
        Self {
            free: Arc::new(Semaphore::new(settings.max_connections)),
            most_of_address: settings.max_connections_per_address,
            unlimited: settings.trusted_proxies.clone(),
            started: Instant::now(),
            taken: Mutex::default(),
            metrics,
        }
    }

    /// A place for a connection from `address`, once there is one. Where all are taken, or all that the address may have,
    /// the connection is closed that has waited longest for its client. `None` if the address has all that it may and
    /// each is being answered.
    pub async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let is_unlimited = self.unlimited.iter().any(|range| range.contains(address));
        let address = (self.most_of_address.is_some() && !is_unlimited).then(|| address_bucket(address));
        let mut has_gone = false;
        if let (Some(address), Some(most)) = (address, self.most_of_address) {
            let mut taken = self.taken();
            if taken.of_address.get(&address).is_some_and(|own| own.len() >= most.get()) {
                has_gone = self.count(taken.displace_of(address));
                if !has_gone {
                    return None;
                }
            }
        }
        let permit = loop {
            let permit = Arc::clone(&self.free).try_acquire_owned();
            if let Ok(permit) = permit {
                break permit;
            }
            has_gone = has_gone || self.count(self.taken().displace());
            let permit = Arc::clone(&self.free).acquire_owned();
            if has_gone {
                // Its place is free as soon as its task has ended.
                break permit.await.ok()?;
            }
            if let Ok(permit) = tokio::time::timeout(LOOK, permit).await {
                break permit.ok()?;
            }
        };
        let presence = self.taken().add(address, self.started);
        Some(Place { places: Arc::clone(self), presence, _permit: permit })
    }

    fn count(&self, displaced: bool) -> bool {
        if displaced {
            self.metrics.connections.displaced.add_one();
        }
        displaced
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn add(&mut self, address: Option<IpAddr>, started: Instant) -> Arc<Presence> {
        self.next_id += 1;
        let presence = Arc::new(Presence {
            id: self.next_id,
            address,
            started,
            since: AtomicU64::new(moment(started)),
            heard: AtomicBool::new(false),
            task: OnceLock::new(),
        });
        self.connections.insert(presence.id, Arc::clone(&presence));
        if let Some(address) = address {
            self.of_address.entry(address).or_default().insert(presence.id);
        }
        presence
    }

    fn remove(&mut self, id: u64) {
        let Some(address) = self.connections.remove(&id).and_then(|presence| presence.address) else { return };
        if let Some(own) = self.of_address.get_mut(&address) {
            own.remove(&id);
            if own.is_empty() {
                self.of_address.remove(&address);
            }
        }
    }

    /// Closes the connection that has waited longest, if one waits.
    ///
    /// Who waits can only begin to wait anew, and so only later than all who were found: whoever was found and waits
    /// still is the next, and nobody has to be looked for again before all of those are gone.
    fn displace(&mut self) -> bool {
        loop {
            while let Some((since, id)) = self.longest.pop() {
                if self.close(since, id) {
                    return true;
                }
            }
            let mut waiting: Vec<_> = self.connections.values().filter_map(|presence| presence.waits()).collect();
            if waiting.is_empty() {
                return false;
            }
            let part = waiting.len().div_ceil(PART);
            if part < waiting.len() {
                waiting.select_nth_unstable(part);
                waiting.truncate(part);
            }
            waiting.sort_unstable_by(|one, other| other.cmp(one));
            self.longest = waiting;
        }
    }

    /// The same among those of one address.
    fn displace_of(&mut self, address: IpAddr) -> bool {
        loop {
            let own = self.of_address.get(&address).into_iter().flatten();
            let waiting = own.filter_map(|id| self.connections.get(id)?.waits()).min();
            match waiting {
                Some((since, id)) if self.close(since, id) => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// Closes this one if it has waited since then. From then on it counts for nobody.
    fn close(&mut self, since: u64, id: u64) -> bool {
        let Some(presence) = self.connections.get(&id) else { return false };
        if presence.since.compare_exchange(since, GONE, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return false;
        }
        presence.task.get().into_iter().for_each(AbortHandle::abort);
        self.remove(id);
        true
    }
}

impl Place {
    /// What the connection is doing.
    pub const fn presence(&self) -> &Arc<Presence> {
        &self.presence
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.presence.since.store(GONE, Ordering::Release);
        self.places.taken().remove(self.presence.id);
    }
}

impl Presence {
    /// What ends the connection, if it has to make room.
    pub fn ends_with(&self, task: AbortHandle) {
        // It is set once, by whoever has begun the task.
        let _ = self.task.set(task);
    }

    /// A request is there and can be answered; `false` if the connection is just being closed.
    pub fn answer(&self) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        since != GONE && self.change(since, ANSWERING)
    }

    /// From now on it waits for its client.
    pub fn wait(&self) {
        self.change(ANSWERING, moment(self.started));
    }

    /// Its client has taken some of what is sent, so that it waits since now only.
    pub fn wait_anew(&self) {
        if let Some((since, _)) = self.waits() {
            self.change(since, moment(self.started));
        }
    }

    /// The client has sent something.
    pub fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// All that the client has sent was read and answered.
    pub fn has_heard_all(&self) {
        self.heard.store(false, Ordering::Relaxed);
    }

    /// Whether the client may be sending still.
    pub fn is_hearing(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Since when it waits, and who it is.
    fn waits(&self) -> Option<(u64, u64)> {
        let since = self.since.load(Ordering::Relaxed);
        (since != ANSWERING && since != GONE).then_some((since, self.id))
    }

    fn change(&self, from: u64, to: u64) -> bool {
        self.since.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// The present, as it is stored.
fn moment(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(GONE).clamp(ANSWERING + 1, GONE - 1)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::task::JoinHandle;

    use super::*;

    fn places(all: usize, of_address: usize) -> Arc<Places> {
        let settings = HttpSettings {
            max_connections: all,
            max_connections_per_address: NonZero::new(of_address),
            trusted_proxies: vec!["192.0.2.1".parse().expect("an address")],
            ..HttpSettings::default()
        };
        Arc::new(Places::new(&settings, Arc::new(Metrics::new(all))))
    }

    /// A connection that lasts until it is closed.
    struct Connection {
        presence: Arc<Presence>,
        task: JoinHandle<()>,
    }

    impl Connection {
        async fn from(places: &Arc<Places>, address: &str) -> Option<Self> {
            let place = places.take(address.parse().expect("an address")).await?;
            let presence = Arc::clone(place.presence());
            let task = tokio::spawn(async move {
                let _place = place;
                std::future::pending().await
            });
            presence.ends_with(task.abort_handle());
            // None waits since the same microsecond.
            while moment(places.started) <= presence.since.load(Ordering::Relaxed) {}
            Some(Self { presence, task })
        }

        async fn must_be_closed(self) {
            assert!(self.task.await.expect_err("closed").is_cancelled());
            assert!(!self.presence.answer(), "nothing is answered any more");
        }
    }

    #[tokio::test]
    async fn whoever_has_waited_longest_makes_room() {
        let places = places(3, 0);
        let one = Connection::from(&places, "192.0.2.2").await.expect("a place");
        let two = Connection::from(&places, "192.0.2.3").await.expect("a place");
        let three = Connection::from(&places, "192.0.2.4").await.expect("a place");
        // The first has waited longest, and then has a request.
        assert!(one.presence.answer());
        let four = Connection::from(&places, "192.0.2.5").await.expect("a place");
        two.must_be_closed().await;
        one.presence.wait();
        let five = Connection::from(&places, "192.0.2.5").await.expect("a place");
        three.must_be_closed().await;
        let six = Connection::from(&places, "192.0.2.5").await.expect("a place");
        four.must_be_closed().await;
        one.presence.wait_anew();
        let _seven = Connection::from(&places, "192.0.2.5").await.expect("a place");
        five.must_be_closed().await;
        assert!(six.presence.waits().is_some() && one.presence.waits().is_some());
        assert_eq!(places.metrics.connections.displaced.count(), 4);
    }

    #[tokio::test]
    async fn nobody_makes_room_whose_request_is_being_answered() {
        let places = places(2, 0);
        let one = Connection::from(&places, "192.0.2.2").await.expect("a place");
        let two = Connection::from(&places, "192.0.2.3").await.expect("a place");
        assert!(one.presence.answer() && two.presence.answer());
        let mut third = Box::pin(Connection::from(&places, "192.0.2.4"));
        assert!((&mut third).now_or_never().is_none(), "there is none for it yet");
        two.presence.wait();
        third.await.expect("a place");
        two.must_be_closed().await;
        assert!(!one.task.is_finished());
    }

    #[tokio::test]
    async fn an_address_makes_room_of_its_own() {
        let places = places(9, 2);
        let other = Connection::from(&places, "2001:db8:0:2::1").await.expect("a place");
        let one = Connection::from(&places, "2001:db8:0:1::1").await.expect("a place");
        let two = Connection::from(&places, "2001:db8:0:1:ffff::2").await.expect("a place");
        let three = Connection::from(&places, "2001:db8:0:1::3").await.expect("a place");
        one.must_be_closed().await;
        assert!(two.presence.answer() && three.presence.answer());
        assert!(Connection::from(&places, "2001:db8:0:1::4").await.is_none(), "all that it has are busy");
        two.task.abort();
        assert!(two.task.await.expect_err("over").is_cancelled());
        let four = Connection::from(&places, "2001:db8:0:1::4").await.expect("what is over does not count");
        for _ in 0..5 {
            Connection::from(&places, "192.0.2.1").await.expect("a proxy has any number");
        }
        assert!(!other.task.is_finished() && !three.task.is_finished() && !four.task.is_finished());
    }
}
