//! Whether the server is ready, on a disk that fails or takes its time.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use astral_server::{
    HttpSettings, StopError,
    service::{Clock, Service, Settings},
};
use chrono::TimeDelta;
use redb::{ReadableDatabase as _, ReadableTableMetadata as _, StorageBackend, TableDefinition, backends::FileBackend};
use reqwest::Response;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A secret that is well formed: the test vector of the document.
const NEVER_ISSUED: &str = "astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr";

/// What a disk does when it is to sync.
#[derive(Debug, Default)]
struct Fate {
    syncs: AtomicUsize,
    fails: AtomicBool,
    /// Whether syncs wait until this is `false` again.
    stuck: Mutex<bool>,
    released: Condvar,
}

/// Has syncs wait until it is dropped.
struct Held(Arc<Fate>);

impl Held {
    fn new(fate: &Arc<Fate>) -> Self {
        *fate.stuck.lock().expect("whole") = true;
        Self(Arc::clone(fate))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.0.stuck.lock().expect("whole") = false;
        self.0.released.notify_all();
    }
}

#[derive(Debug)]
struct Disk(FileBackend, Arc<Fate>);

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.1.syncs.fetch_add(1, Ordering::SeqCst);
        if self.1.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk has failed"));
        }
        drop(self.1.released.wait_while(self.1.stuck.lock().expect("whole"), |stuck| *stuck));
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.0.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.0.close()
    }
}

/// A server on such a disk, with a clock that stands still.
struct Server {
    url: String,
    fate: Arc<Fate>,
    clock: Clock,
    folder: TempDir,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), StopError>>,
}

impl Server {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a time"));
        let fate = Arc::new(Fate::default());
        let disk = Arc::clone(&fate);
        let opened = Service::open_on(folder.path(), Settings::default(), clock.clone(), move |file| {
            Disk(file, Arc::clone(&disk))
        });
        let service = Arc::new(opened.expect("opens").0);
        // What the server does by itself when it starts, so that it has nothing more to do at this instant.
        service.keep_audit().await.expect("kept");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let until = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(astral_server::run(listener, service, HttpSettings::default(), until));
        let server = Self { url, fate, clock, folder, stop, task };
        assert_eq!(server.ready().await.status(), 200);
        server
    }

    async fn get(&self, path: &str) -> Response {
        let client = astral_client::http().build().expect("a client");
        client.get(format!("{}{path}", self.url)).send().await.expect("answered")
    }

    async fn ready(&self) -> Response {
        self.get("/health/ready").await
    }

    fn syncs(&self) -> usize {
        self.fate.syncs.load(Ordering::SeqCst)
    }

    /// Lets so much time pass that another write is due.
    fn later(&self) {
        self.clock.advance(TimeDelta::seconds(5));
    }

    async fn is_live(&self) {
        let live = self.get("/health/live").await;
        assert_eq!((live.status().as_u16(), live.text().await.expect("text").as_str()), (200, "ok\n"));
    }
}

/// The problem that the server is not ready, whose text holds `reason` and nothing of the inside.
async fn not_ready(answer: Response, reason: &str) {
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "5");
    let problem: Value = answer.json().await.expect("JSON");
    assert_eq!(problem["code"], "unavailable");
    assert_eq!(problem["detail"], format!("The server cannot do its work: {reason}."));
}

#[tokio::test]
async fn a_flood_of_checks_makes_one_write() {
    let server = Server::start().await;
    let before = server.syncs();
    assert_eq!(server.ready().await.status(), 200);
    assert_eq!(server.syncs(), before, "a write of this instant is recent enough");
    server.later();
    assert_eq!(server.ready().await.status(), 200);
    let of_one = server.syncs() - before;
    assert!(of_one > 0, "the write is synced");
    server.later();
    let mut flood = JoinSet::new();
    let client = astral_client::http().build().expect("a client");
    for _ in 0..200 {
        flood.spawn(client.get(format!("{}/health/ready", server.url)).send());
    }
    for answer in flood.join_all().await {
        assert_eq!(answer.expect("answered").status(), 200);
    }
    assert_eq!(server.syncs() - before, 2 * of_one);
}

#[tokio::test]
async fn a_disk_that_fails_is_not_ready_and_the_process_lives() {
    let server = Server::start().await;
    server.later();
    server.fate.fails.store(true, Ordering::SeqCst);
    not_ready(server.ready().await, "a small write did not reach the disk").await;
    // The database is opened again meanwhile, and nothing can be read until that works.
    for _ in 0..3 {
        assert_eq!(server.ready().await.status(), 503);
        server.is_live().await;
    }
    server.fate.fails.store(false, Ordering::SeqCst);
    while server.ready().await.status() != 200 {
        server.later();
    }
}

#[tokio::test]
async fn a_disk_that_is_stuck_is_not_ready_in_time_and_ready_when_it_goes_on() {
    let server = Server::start().await;
    server.later();
    let held = Held::new(&server.fate);
    let (before, begun) = (server.syncs(), Instant::now());
    let (one, other) = tokio::join!(server.ready(), server.ready());
    for answer in [one, other] {
        not_ready(answer, "a small write has not reached the disk in time").await;
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "nobody waits much longer than 2 s");
    server.is_live().await;
    // Reads go on: a key is looked up.
    let client = astral_client::http().build().expect("a client");
    let unknown = client.get(format!("{}/api/v1/auth/me", server.url)).bearer_auth(NEVER_ISSUED).send().await;
    assert_eq!(unknown.expect("answered").json::<Value>().await.expect("JSON")["code"], "credential_invalid");
    // However much time passes, nobody begins another while one is on its way.
    server.later();
    not_ready(server.ready().await, "a small write has not reached the disk in time").await;
    assert_eq!(server.syncs(), before + 1);
    drop(held);
    // The write that was on its way ends; it is long ago, and another is made.
    assert_eq!(server.ready().await.status(), 200);
}

/// Nobody has decided anything: no event is written, and no id is used up.
#[tokio::test]
async fn a_check_leaves_no_trace_but_its_own() {
    const META: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("meta");
    const EVENTS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("audit_events");
    let mut seen = Vec::new();
    for checks in [0, 20] {
        let server = Server::start().await;
        for _ in 0..checks {
            server.later();
            assert_eq!(server.ready().await.status(), 200);
        }
        let Server { stop, task, folder, .. } = server;
        let _ = stop.send(());
        task.await.expect("ended").expect("stopped well");
        // A copy: whoever has served it may not have let go of it yet.
        let copy = folder.path().join("copy.redb");
        std::fs::copy(folder.path().join("astral.redb"), &copy).expect("copied");
        let database = redb::Database::open(copy).expect("opens");
        let transaction = database.begin_read().expect("read");
        let meta = transaction.open_table(META).expect("there");
        let has_ids = meta.get(&b"last_id"[..]).expect("read").map(|id| id.value().iter().any(|byte| *byte != 0));
        assert!(meta.get(&b"probe"[..]).expect("read").is_some());
        seen.push((has_ids, transaction.open_table(EVENTS).expect("there").len().expect("read")));
    }
    assert_eq!(seen[0], seen[1]);
}
