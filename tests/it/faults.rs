//! A disk that fails: no false success, nothing lost that was answered, and the server works again by itself.

use std::{
    collections::BTreeSet,
    io,
    num::NonZero,
    ops::Bound,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use astral_server::service::{
    ApiKeyId, Clock, Error, OrganizationId, Password, PasswordHash, Plan, Service, Settings, ShellAccess, Unavailable,
};
use redb::{BackendError, StorageBackend, backends::FileBackend};
use tokio::task::JoinSet;

/// The disk, which fails at a request of its own choosing: of reads, writes, changes of length and syncs together.
#[derive(Debug, Default)]
struct Disk {
    /// How many requests came.
    asked: AtomicU64,
    /// The first that fails.
    from: AtomicU64,
    /// The first that does not any more.
    until: AtomicU64,
}

impl Disk {
    /// One that fails in these requests.
    fn failing(from: u64, until: u64) -> Arc<Self> {
        Arc::new(Self { asked: AtomicU64::new(0), from: AtomicU64::new(from), until: AtomicU64::new(until) })
    }

    fn ask(&self) -> io::Result<()> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let fails = number >= self.from.load(Ordering::SeqCst) && number < self.until.load(Ordering::SeqCst);
        if fails { Err(io::Error::other("the disk has failed")) } else { Ok(()) }
    }
}

/// A file on that disk.
#[derive(Debug)]
struct OnDisk(FileBackend, Arc<Disk>);

impl StorageBackend for OnDisk {
    fn len(&self) -> io::Result<u64> {
        self.1.ask()?;
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.1.ask()?;
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.1.ask()?;
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.1.ask()?;
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.1.ask()?;
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}

fn open(folder: &Path, disk: &Arc<Disk>) -> Option<Service> {
    let disk = Arc::clone(disk);
    // With a cache of one page every read meets the disk.
    let settings = Settings { cache: 0, disk_reserve: 0, ..Settings::default() };
    let storage = move |file| OnDisk(file, Arc::clone(&disk));
    Service::open_on(folder, settings, Clock::system(), storage).ok().map(|(service, _)| service)
}

const ACCESS: ShellAccess = ShellAccess::asserted_by_command_line();

/// What was answered: what must be there, and what must not work any more.
#[derive(Default)]
struct Answered {
    organizations: BTreeSet<OrganizationId>,
    keys: BTreeSet<ApiKeyId>,
    revoked: BTreeSet<ApiKeyId>,
    on_free: BTreeSet<OrganizationId>,
}

/// Of a refusal, whether it is the disk's; anything else would be wrong.
fn is_of_the_disk(error: &Error) -> bool {
    matches!(error, Error::Unavailable(failure) if !matches!(failure, Unavailable::Corrupt(_) | Unavailable::Stopping))
}

/// Makes clubs with members and keys, revokes keys, changes plans, reads; what was answered with success.
async fn scenario(service: &Service, password: &PasswordHash) -> Answered {
    let mut answered = Answered::default();
    macro_rules! done {
        ($attempt:expr) => {
            match $attempt {
                Ok(done) => Some(done),
                Err(error) => {
                    assert!(is_of_the_disk(&error), "{error:?}");
                    None
                }
            }
        };
    }
    for number in 0..3 {
        let password = password.clone();
        let made = service.write(move |tx| tx.operator(ACCESS).seed_club(number, password.clone()));
        let Some(club) = done!(made.await) else { continue };
        let id = club.organization_id;
        answered.organizations.insert(id);
        let filled = service.write(move |tx| {
            let operator = tx.operator(ACCESS);
            operator.seed_members(&club, number, 0..30)?;
            operator.seed_keys(&club, number, 2)
        });
        if done!(filled.await).is_none() {
            continue;
        }
        let Some(keys) = done!(service.read(|tx| tx.operator(ACCESS).api_keys(id))) else { continue };
        answered.keys.extend(keys.iter().map(|key| key.id));
        let first = keys[0].id;
        let revoked = service.write_urgently(move |tx| tx.operator(ACCESS).revoke_key(id, first, None));
        if done!(revoked.await).is_some() {
            answered.revoked.insert(first);
        }
        if done!(service.write(move |tx| tx.operator(ACCESS).set_plan(id, Plan::Free)).await).is_some() {
            answered.on_free.insert(id);
        }
    }
    answered
}

/// Nothing that was answered is missing, and the database contradicts itself nowhere.
fn holds(service: &Service, answered: &Answered, context: &str) {
    let findings = service.check(ACCESS).expect("read");
    assert!(findings.wrong.is_empty(), "{context}: {:?}", findings.wrong);
    let there = service.read(|tx| tx.operator(ACCESS).organizations()).expect("read");
    let plans: std::collections::BTreeMap<_, _> = there.iter().map(|(club, _)| (club.id, club.plan)).collect();
    assert!(answered.organizations.iter().all(|id| plans.contains_key(id)), "{context}: a club is missing");
    assert!(answered.on_free.iter().all(|id| plans[id] == Plan::Free), "{context}: a plan came back");
    let keys = plans.keys().flat_map(|id| service.read(|tx| tx.operator(ACCESS).api_keys(*id)).expect("read"));
    let keys: std::collections::BTreeMap<_, _> = keys.map(|key| (key.id, key.status(service.now()))).collect();
    assert!(answered.keys.iter().all(|id| keys.contains_key(id)), "{context}: a key is missing");
    for id in &answered.revoked {
        assert_eq!(keys[id].as_str(), "revoked", "{context}: a key came back");
    }
}

/// For each request of the disk in turn: it fails once, or goes on failing until it is repaired. What comes meanwhile is
/// refused, what was answered is there, and afterwards all works again, without a restart and with one.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "how much was tried is told to whoever asks for it")]
async fn whatever_of_the_disk_fails_nothing_answered_is_lost() {
    let whole = Disk::failing(u64::MAX, u64::MAX);
    let folder = tempfile::tempdir().expect("a folder");
    let service = open(folder.path(), &whole).expect("opens");
    let password = Password::parse(astral_tests::password("ana")).expect("a password");
    let password = service.hash_password(password).await.expect("hashed");
    let answered = scenario(&service, &password).await;
    assert_eq!((answered.organizations.len(), answered.keys.len(), answered.revoked.len()), (3, 6, 3));
    holds(&service, &answered, "a whole disk");
    service.close().await.expect("closes");
    let requests = whole.asked.load(Ordering::SeqCst);

    // All of them: ASTRAL_FAULTS=1. Else some, and others each time.
    let step = std::env::var("ASTRAL_FAULTS").ok().and_then(|step| step.parse().ok()).unwrap_or(97);
    let first = u64::from(std::process::id()) % step;
    let failing = (first..requests).step_by(usize::try_from(step).expect("small"));
    let cases: Vec<_> = failing.flat_map(|from| [(from, 1), (from, u64::MAX / 2)]).collect();
    let (count, cases) = (cases.len(), Arc::new(Mutex::new(cases.into_iter())));
    let mut workers = JoinSet::new();
    for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
        let (cases, password) = (Arc::clone(&cases), password.clone());
        workers.spawn(async move {
            loop {
                let case = cases.lock().expect("no worker has panicked").next();
                let Some((from, lasts)) = case else { break };
                let lasting = if lasts == 1 { "once" } else { "until repaired" };
                fails(
                    Disk::failing(from, from + lasts),
                    &password,
                    &format!("request {from} of {requests}, {lasting}"),
                )
                .await;
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        if let Err(error) = worker {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    println!(
        "{count} cases: each of {requests} requests of the disk, by steps of {step}, failed in turn, once and until repaired; nothing lost"
    );
}

/// What must hold on a disk that fails as it was told.
async fn fails(disk: Arc<Disk>, password: &PasswordHash, context: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut answered = Answered::default();
    // Where it cannot be opened at all, the process ends with a sentence, and is started again later.
    if let Some(service) = open(folder.path(), &disk) {
        answered = scenario(&service, password).await;
        disk.until.store(0, Ordering::SeqCst);
        // It is opened again behind its handle.
        while let Err(error) = service.read(|tx| tx.operator(ACCESS).organizations()) {
            assert!(is_of_the_disk(&error), "{context}: {error:?}");
            tokio::task::yield_now().await;
        }
        holds(&service, &answered, context);
        let further = scenario_once(&service, password).await;
        answered.organizations.insert(further);
        let _ = service.close().await;
    }
    disk.until.store(0, Ordering::SeqCst);
    let again = open(folder.path(), &disk);
    let again = again.unwrap_or_else(|| panic!("{context}: it does not open any more"));
    holds(&again, &answered, context);
    again.close().await.expect("closes");
}

/// One more club, which must be made: the disk is whole again.
async fn scenario_once(service: &Service, password: &PasswordHash) -> OrganizationId {
    loop {
        let password = password.clone();
        match service.write(move |tx| tx.operator(ACCESS).seed_club(100, password.clone())).await {
            Ok(club) => return club.organization_id,
            // A reader's failure can be found out about only now.
            Err(error) => assert!(is_of_the_disk(&error), "{error:?}"),
        }
        tokio::task::yield_now().await;
    }
}
