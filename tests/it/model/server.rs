//! The server under test: in this process, with a clock that steps move, and a disk that is not waited for.

use std::{cell::RefCell, collections::BTreeMap, io, ops::Bound, sync::Arc, time::Duration};

use astral_server::{
    HttpSettings, StopError,
    service::{
        Clock, Email, Name, NewHeadCoach, OrganizationId, Origin, PasswordHash, Plan, SecretKind, Service, Settings,
        ShellAccess,
    },
};
use chrono::TimeDelta;
use redb::{BackendError, StorageBackend, backends::FileBackend};
use reqwest::header;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    beginning::CLUBS,
    names::Names,
    request::{Call, Request},
    rules::{Answer, Exchange},
    world::{self, MOST_KEYS, Place, name},
};

/// Everybody's password.
pub const PASSWORD: &str = "lantern-harbor-quiet-model";

/// The least argon2id that there is of it: the rules are tried, not how long a password takes.
const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$c2l4dGVlbiBieXRlcyBvZg$1eyClTASou3Q/LjofvXsi9/ymjWHd4nhcXb+8+dQ9n4";

/// The database's file, which is never synced: no power fails here.
#[derive(Debug)]
struct Unsynced(FileBackend);

impl StorageBackend for Unsynced {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
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

/// How many answers there were of each kind: a status, and the code of a refusal.
pub type Met = BTreeMap<String, u64>;

/// A server for many sequences, each of which has clubs of its own.
pub struct Server {
    url: String,
    service: Arc<Service>,
    clock: Clock,
    http: reqwest::Client,
    hash: PasswordHash,
    /// How many answers of each kind were as expected.
    met: RefCell<Met>,
    _folder: TempDir,
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), StopError>>,
}

impl Server {
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a time"));
        let settings = Settings { max_active_keys: MOST_KEYS, ..Settings::default() };
        let (service, _) = Service::open_on(folder.path(), settings, clock.clone(), Unsynced).expect("opens");
        let service = Arc::new(service);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        // Each step says from where it comes.
        let mut settings =
            HttpSettings { trusted_proxies: vec!["127.0.0.1".parse().expect("an address")], ..HttpSettings::default() };
        // The one connection outlives whatever holds the client up.
        settings.header_timeout = Duration::from_secs(600);
        let limits = &mut settings.rate_limits;
        (limits.key, limits.organization, limits.address) = (None, None, None);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let until = async {
            let _ = stopped.await;
        };
        let task = tokio::spawn(astral_server::run(listener, Arc::clone(&service), settings, until));
        let http = astral_client::http().build().expect("a client");
        let hash = serde_json::from_value(json!(HASH)).expect("a hash");
        Self { url, service, clock, http, hash, met: RefCell::default(), _folder: folder, stop, task }
    }

    /// Which answers there were.
    pub async fn stop(self) -> Met {
        drop(self.http);
        let _ = self.stop.send(());
        self.task.await.expect("stopped").expect("stops well");
        self.met.into_inner()
    }

    /// Founds the clubs of a sequence, and signs their head coaches in.
    pub async fn begin(&self, run: usize) -> Sequence<'_> {
        let mut names = Names::new(run, self.clock.now());
        let unknown = |kind| self.service.new_secret(kind).reveal();
        names.learn("<unknown secret>", unknown(SecretKind::ApiKey));
        names.learn("<unknown token>", unknown(SecretKind::Session));
        names.learn("<unknown code>", unknown(SecretKind::Invitation));
        let new: Vec<(Name, Plan, NewHeadCoach)> = CLUBS
            .iter()
            .map(|club| {
                let head_coach = NewHeadCoach {
                    email: names.resolve(club.email).parse().expect("an email"),
                    display_name: club.head_coach.parse().expect("a name"),
                    password_hash: self.hash.clone(),
                };
                (club.name.parse().expect("a name"), plan(club.plan), head_coach)
            })
            .collect();
        let founded = self.service.write(move |tx| {
            let operator = tx.operator(ShellAccess::asserted_by_command_line());
            let mut founded = Vec::new();
            for (name, plan, head_coach) in new.iter().cloned() {
                let (club, user) = operator.create_organization(name, plan, head_coach, false)?;
                founded.push((club.id, user.id));
            }
            Ok(founded)
        });
        let mut sequence = Sequence { server: self, names, passwords: 0, run, story: Vec::new() };
        for (number, (club, user)) in founded.await.expect("founded").into_iter().enumerate() {
            sequence.names.learn(name("club", number), club.to_string());
            sequence.names.learn(name("user", number), user.to_string());
            sequence.sign_in(CLUBS[number].email, number).await;
        }
        sequence
    }
}

fn plan(plan: world::Plan) -> Plan {
    match plan {
        world::Plan::Free => Plan::Free,
        world::Plan::Coach => Plan::Coach,
        world::Plan::Club => Plan::Club,
        world::Plan::Enterprise => Plan::Enterprise,
    }
}

/// A sequence that is being run.
pub struct Sequence<'a> {
    server: &'a Server,
    names: Names,
    /// How many passwords were sent: each comes from an address of its own.
    passwords: usize,
    run: usize,
    /// What was done so far, a line each.
    story: Vec<String>,
}

impl Sequence<'_> {
    /// Begins a session as signing in does, without the password.
    async fn sign_in(&mut self, email: &str, session: usize) {
        let service = &self.server.service;
        let email: Email = self.names.resolve(email).parse().expect("an email");
        let token = service.new_secret(SecretKind::Session);
        let token_hash = token.hash();
        let origin = Origin { address: [10, 0, 0, 1].into(), request_id: service.new_request_id() };
        let user = service.read(|tx| tx.visitor(origin).user_by_email(&email)).expect("read").expect("has an account");
        let begun =
            service.write(move |tx| tx.visitor(origin).sign_in(user.id, &user.password_hash, None, &token_hash));
        begun.await.expect("signed in");
        self.names.learn(name("token", session), token.reveal());
    }

    /// Does what was decided on, and holds the answer against the expected one. What differs, with the whole story.
    pub async fn act(&mut self, exchange: &Exchange) -> Result<(), String> {
        let written = exchange.call.written();
        match &exchange.call {
            Call::Pass { by } => self.server.clock.advance(TimeDelta::milliseconds(*by)),
            Call::Begin { email, session, .. } => self.sign_in(email, *session).await,
            Call::SetPlan { club, plan: to } => {
                let id: OrganizationId = self.names.resolve(&name("club", *club)).parse().expect("an id");
                let to = plan(*to);
                let set = self
                    .server
                    .service
                    .write(move |tx| tx.operator(ShellAccess::asserted_by_command_line()).set_plan(id, to));
                set.await.expect("set");
            }
            Call::Http(request) => {
                let expected = exchange.answer.as_ref().expect("a request is answered");
                let answered = self.send(request).await;
                if let Some(difference) = self.difference(expected, &answered) {
                    return Err(self.told(&written, expected, &answered, &difference));
                }
                self.story.push(format!("{written} -> {}", expected.written()));
                *self.server.met.borrow_mut().entry(expected.written()).or_default() += 1;
                if exchange.flush {
                    self.server.service.flush().await.expect("flushed");
                }
                return Ok(());
            }
        }
        self.story.push(written);
        Ok(())
    }

    /// What was done so far goes without saying.
    pub fn forget_story(&mut self) {
        self.story.clear();
    }

    async fn send(&mut self, request: &Request) -> Answered {
        let method = request.method.parse().expect("a method");
        let from = match request.from {
            Place::New => {
                self.passwords += 1;
                format!("2001:db8:{:x}:{:x}::1", self.run & 0xffff, self.passwords)
            }
            known => known.address().to_owned(),
        };
        let path = self.names.resolve(&request.path);
        let mut asked = self.server.http.request(method, format!("{}{path}", self.server.url));
        asked = asked.header("x-forwarded-for", from);
        if let Some(credential) = &request.credential {
            asked = asked.bearer_auth(self.names.resolve(credential));
        }
        if let Some(only) = &request.if_match {
            asked = asked.header(header::IF_MATCH, only);
        }
        if let Some(body) = &request.body {
            asked = asked.json(&self.names.resolve_in(body));
        }
        let answer = asked.send().await.expect("answered");
        let status = answer.status().as_u16();
        let etag = answer.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let body = answer.bytes().await.expect("a body");
        let body = (!body.is_empty()).then(|| serde_json::from_slice(&body).expect("JSON"));
        Answered { status, etag, body: body.map(settled) }
    }

    fn difference(&mut self, expected: &Answer, answered: &Answered) -> Option<String> {
        if expected.status != answered.status {
            return Some(format!("the status is {}, and not {}", answered.status, expected.status));
        }
        if expected.etag.is_some() && expected.etag != answered.etag {
            return Some(format!("the ETag is {:?}, and not {:?}", answered.etag, expected.etag));
        }
        match (&expected.body, &answered.body) {
            (None, None) => None,
            (Some(expected), Some(answered)) => self.names.difference("the body", expected, answered),
            _ => Some("one has a body, and the other has none".to_owned()),
        }
    }

    fn told(&self, written: &str, expected: &Answer, answered: &Answered, difference: &str) -> String {
        let pretty = |body: &Option<Value>| {
            body.as_ref().and_then(|body| serde_json::to_string_pretty(body).ok()).unwrap_or_default()
        };
        let mut text = "after the beginning:\n".to_owned();
        self.story.iter().for_each(|line| text += &format!("{line}\n"));
        text += &format!("{written}\n\n{difference}\n\n");
        text += &format!("expected {} {}\n", expected.status, pretty(&expected.body));
        text += &format!("answered {} {}\n", answered.status, pretty(&answered.body));
        text
    }
}

/// How a request was answered.
struct Answered {
    status: u16,
    etag: Option<String>,
    body: Option<Value>,
}

/// The answer without what the server adds by itself in time, and with wrong fields in the order of their names.
fn settled(mut body: Value) -> Value {
    if let Some(errors) = body.get_mut("errors").and_then(Value::as_array_mut) {
        errors.sort_by_key(|error| error["field"].to_string());
    }
    if let Some(data) = body.get_mut("data").and_then(Value::as_array_mut) {
        data.retain(|row| row["action"] != "api_key.expire_soon");
    }
    body
}
