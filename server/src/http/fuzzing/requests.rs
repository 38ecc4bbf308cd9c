//! Whole requests, against the service over a database in memory and beside a model of what must be there.
//!
//! A line is a request: who sends it, method, path and body, with spaces between them.
//!
//! ```text
//! +If-Match: $e                                   a header of the next request
//! head PATCH members/$m3 {"display_name":"Dana"}
//! key0 GET members?limit=2
//! wait 3600                                       seconds
//! ```
//!
//! Who: `head`, `coach`, `athlete`, `outsider`, `nobody`, `key0`, and `old0` for the secret of that key before its
//! present one. A path that begins with no slash is one of the club's, which is `.` itself. `$o` and `$x` are the club and
//! another, `$m0` its members, `$k0` its keys and `$s0` their secrets, each in the order in which they came; `$c` and `$e`
//! the cursor and the ETag that were answered last.

mod model;
mod world;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};

use chrono::TimeDelta;
use poem::{
    Request,
    http::{HeaderName, HeaderValue, Method, Uri, header},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::{
    model::{Done, HEAD_COACH, Liveness, Model, OUTSIDER, Secret, Who, lasting},
    world::{Answer, Club, World},
};
use crate::{
    http::operations::{self, Operation},
    service::{RequestId, SecretHash, find_secrets},
};

/// How many lines count.
const LINES: usize = 24;
/// How long may be waited in all.
const LONGEST: TimeDelta = TimeDelta::days(100);
/// What hashes a password, which takes longer than all the rest, and what waits by the clock of the machine.
const SLOW: [&str; 6] =
    ["/setup", "/auth/login", "/auth/password", "/invitations/accept", "/head-coach", "/health/ready"];
/// The headers that a line can give. Credentials have a target of their own.
const HEADERS: [HeaderName; 7] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::CONTENT_TYPE,
    header::ORIGIN,
    header::USER_AGENT,
    header::HOST,
    HeaderName::from_static("idempotency-key"),
];
/// What nobody is, and no key.
const NO_MEMBER: &str = "mem_00000000000000000000000000";
const NO_KEY: &str = "key_00000000000000000000000000";
/// The operations whose answer carries a secret.
const REVEALING: [&str; 3] = ["create_api_key", "rotate_api_key", "create_invitation"];

/// A game of some requests in a club of its own.
pub fn requests(data: &[u8]) {
    // One that a game has broken is not put back.
    static WORLD: Mutex<Option<World>> = Mutex::new(None);
    let kept = WORLD.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut world = kept.filter(|world| !world.is_full()).unwrap_or_else(World::new);
    let club = world.club();
    let mut game = Game::new(&world, club);
    data.split(|byte| *byte == b'\n').take(LINES).for_each(|line| game.line(line));
    game.end();
    let waited = game.waited;
    world.wait(-waited);
    *WORLD.lock().unwrap_or_else(PoisonError::into_inner) = Some(world);
}

struct Game<'a> {
    world: &'a World,
    club: Club,
    model: Model,
    headers: Vec<(HeaderName, HeaderValue)>,
    cursor: String,
    etag: String,
    waited: TimeDelta,
}

/// A request on its way.
struct Sent {
    who: Who,
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Vec<u8>>,
}

impl Who {
    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| text.parse().ok().filter(|number| *number < 10);
        Some(match text {
            "nobody" => Self::Nobody,
            "head" => HEAD_COACH,
            "coach" => Self::Person(1),
            "athlete" => Self::Person(2),
            "outsider" => OUTSIDER,
            _ => match (text.strip_prefix("key"), text.strip_prefix("old")) {
                (Some(key), _) => Self::Key(number(key)?, Secret::Current),
                (_, Some(key)) => Self::Key(number(key)?, Secret::Previous),
                _ => return None,
            },
        })
    }
}

impl<'a> Game<'a> {
    fn new(world: &'a World, club: Club) -> Self {
        let mut game = Self {
            world,
            model: Model::new(Value::Null, &[], BTreeMap::new()),
            headers: Vec::new(),
            cursor: String::new(),
            etag: String::new(),
            waited: TimeDelta::zero(),
            club,
        };
        let token = game.club.tokens[0].clone();
        let organization = game.get(&token, "").json;
        let members = game.pages(&token, "/members?limit=200");
        game.model = Model::new(organization, &members, game.audited(&token));
        game
    }

    fn line(&mut self, line: &[u8]) {
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u32>().ok();
        if let Some(header) = line.strip_prefix(b"+") {
            let mut parts = header.splitn(2, |byte| *byte == b':');
            let name = parts.next().and_then(|name| HeaderName::from_bytes(name).ok());
            let value = parts.next().map(|value| self.filled(value.trim_ascii()));
            let value = value.and_then(|value| HeaderValue::from_bytes(&value).ok());
            let known = name.filter(|name| HEADERS.contains(name) && self.headers.len() < 8);
            self.headers.extend(known.zip(value));
        } else if let Some(seconds) = line.strip_prefix(b"wait ").and_then(number) {
            let time = TimeDelta::seconds(i64::from(seconds)).min(LONGEST - self.waited);
            self.world.wait(time);
            self.waited += time;
            self.model.wait();
        } else if let Some(sent) = self.request(line) {
            self.play(&sent);
        }
    }

    /// The request that a line is, if it is one.
    fn request(&mut self, line: &[u8]) -> Option<Sent> {
        let mut words = line.splitn(4, |byte| *byte == b' ');
        let (who, method, path) = (words.next()?, words.next()?, words.next()?);
        let who = Who::parse(std::str::from_utf8(who).ok()?)?;
        let path = String::from_utf8(self.filled(path)).ok()?;
        let club = format!("/api/v1/organizations/{}", self.club.organization_id);
        let path = match path.strip_prefix('.') {
            _ if path.starts_with('/') => path,
            Some(rest) => club + rest,
            None => format!("{club}/{path}"),
        };
        let uri = Uri::try_from(path).ok()?;
        // Of a path there are other spellings, which the model does not read.
        if uri.path().contains('%') || SLOW.iter().any(|slow| uri.path().ends_with(slow)) {
            return None;
        }
        let body = words.next().map(|body| self.filled(body));
        let mut headers = std::mem::take(&mut self.headers);
        if body.is_some() && headers.iter().all(|(name, _)| name != header::CONTENT_TYPE) {
            headers.push((header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        Some(Sent { who, method: Method::from_bytes(method).ok()?, uri, headers, body })
    }

    /// `text` with what stands for something in its place.
    fn filled(&self, text: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, behind)) = rest.split_first() {
            rest = behind;
            let (kind, number) = match rest {
                [kind @ (b'm' | b'k' | b's'), digit @ b'0'..=b'9', ..] if *first == b'$' => {
                    (*kind, usize::from(digit - b'0'))
                }
                [kind @ (b'o' | b'x' | b'c' | b'e'), ..] if *first == b'$' => (*kind, 0),
                _ => {
                    filled.push(*first);
                    continue;
                }
            };
            rest = &rest[if b"mks".contains(&kind) { 2 } else { 1 }..];
            let text = match kind {
                b'm' => {
                    self.model.members.get(number).and_then(|member| member.told["id"].as_str()).unwrap_or(NO_MEMBER)
                }
                b'k' => self.model.keys.get(number).and_then(|key| key.told["id"].as_str()).unwrap_or(NO_KEY),
                b's' => self.model.secret(number, Secret::Current).unwrap_or("astral_live_"),
                b'o' => &self.club.organization_id,
                b'x' => &self.club.other_organization_id,
                b'c' => &self.cursor,
                _ => &self.etag,
            };
            filled.extend(text.as_bytes());
        }
        filled
    }

    fn credential(&self, who: Who) -> Option<&str> {
        match who {
            Who::Nobody => None,
            Who::Person(place) => Some(&self.club.tokens[place]),
            Who::Key(number, which) => self.model.secret(number, which),
        }
    }

    fn play(&mut self, sent: &Sent) {
        let mut request = Request::builder().method(sent.method.clone()).uri(sent.uri.clone());
        for (name, value) in &sent.headers {
            request = request.header(name, value);
        }
        if let Some(credential) = self.credential(sent.who) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {credential}"));
        }
        let answer = self.world.send(request.body(sent.body.clone().unwrap_or_default()));
        let operation = operations::find(&sent.method, sent.uri.path());
        well_formed(sent, operation, &answer);
        self.allowed(sent, operation, &answer);
        self.etag = answer.header("etag").to_owned();
        if let Some(cursor) = answer.json["next_cursor"].as_str() {
            self.cursor = cursor.to_owned();
        }
    }

    /// Who was let in may be, and what they did is known from then on.
    fn allowed(&mut self, sent: &Sent, operation: Option<&Operation>, answer: &Answer) {
        let parts: Vec<_> = sent.uri.path().split('/').collect();
        let Some(operation) = operation else {
            let is_page = !sent.uri.path().starts_with("/api/");
            assert!(is_page || answer.status >= 400, "there is no such operation");
            return;
        };
        let (now, who) = (self.world.now(), sent.who);
        // A key that was never created sends no credential.
        let liveness = match self.credential(who) {
            Some(_) => self.model.liveness(who, now),
            None => Liveness::Dead,
        };
        if operation.secured {
            let refused = answer.status == 401;
            assert!(liveness == Liveness::Unsure || refused == (liveness == Liveness::Dead), "{liveness:?}");
        }
        let organization = parts.get(4).copied().filter(|_| parts.get(3) == Some(&"organizations"));
        let (is_home, is_other) = (
            organization.is_none_or(|id| id == self.club.organization_id),
            organization == Some(&self.club.other_organization_id),
        );
        let id = parts.get(6).copied();
        let is_plain = sent.uri.query().is_none() && sent.headers.is_empty();
        if operation.id == "get_member" && who == HEAD_COACH && liveness == Liveness::Live && is_home && is_plain {
            let is_there = id.is_some_and(|id| self.model.member(id).is_some());
            assert_eq!(answer.status, if is_there { 200 } else { 404 });
        }
        if answer.status >= 300 {
            return;
        }
        if is_other {
            return assert_eq!(who, OUTSIDER, "a club is its people's");
        }
        assert!(is_home && self.model.may(who, &operation.id, id), "{who:?} may {}", operation.id);
        let read = sent.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        self.model.learn(&Done {
            who,
            operation: &operation.id,
            id,
            sent: &read,
            answer: &answer.json,
            is_replayed: answer.header("idempotent-replayed") == "true",
            at: now,
        });
    }

    fn get(&self, token: &str, path: &str) -> Answer {
        let uri = if path.starts_with("/api/") {
            path.to_owned()
        } else {
            format!("/api/v1/organizations/{}{path}", self.club.organization_id)
        };
        let request = Request::builder().uri(uri.parse().expect("a path"));
        self.world.send(request.header(header::AUTHORIZATION, format!("Bearer {token}")).finish())
    }

    /// A list from its first page to its last.
    fn pages(&self, token: &str, path: &str) -> Vec<Value> {
        let (mut rows, mut next) = (Vec::new(), String::new());
        for _ in 0..200 {
            let page = self.get(token, &format!("{path}{next}"));
            assert_eq!(page.status, 200, "{path}");
            rows.extend(page.json["data"].as_array().expect("a page has rows").iter().cloned());
            match page.json["next_cursor"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => return rows,
            }
        }
        panic!("{path} has no end");
    }

    /// How many events there are of each action, in a chain that is whole.
    fn audited(&self, token: &str) -> BTreeMap<String, usize> {
        let (mut events, mut previous) = (BTreeMap::new(), [0; 32]);
        for (number, event) in self.pages(token, "/audit-events?limit=200").iter().rev().enumerate() {
            let content = event["content"].as_str().expect("an event has its content");
            previous = Sha256::new().chain_update(previous).chain_update(content).finalize().into();
            assert_eq!(event["number"], number);
            assert_eq!(event["hash"], data_encoding::HEXLOWER.encode(&previous), "a link of the chain");
            *events.entry(event["action"].as_str().expect("an event has an action").to_owned()).or_default() += 1;
        }
        events
    }

    /// All is there that must be, and nothing else.
    fn end(&mut self) {
        let token = self.world.sign_in(&self.club);
        let mut organization = self.get(&token, "").json;
        organization["active_api_keys"] = self.model.organization["active_api_keys"].clone();
        assert_eq!(organization, self.model.organization);
        let there: Vec<_> =
            self.model.members.iter().filter(|member| !member.is_gone).map(|member| member.told.clone()).collect();
        assert_eq!(self.pages(&token, "/members?limit=2"), there);
        let keys = self.pages(&token, "/api-keys?status=all&limit=1");
        let told: Vec<_> = self.model.keys.iter().rev().map(|key| key.told.clone()).collect();
        assert_eq!(keys.iter().map(lasting).collect::<Vec<_>>(), told);
        let now = self.world.now();
        for key in &self.model.keys {
            for secret in &key.secrets {
                let status = self.get(secret, "/api/v1/auth/me").status;
                let let_in = if key.is_usable_here() { 200 } else { 403 };
                match key.liveness(secret, now) {
                    Liveness::Live => assert_eq!(status, let_in),
                    Liveness::Dead => assert_eq!(status, 401),
                    Liveness::Unsure => assert!(status == 401 || status == let_in),
                }
            }
        }
        let events = self.audited(&token);
        let count = |events: &BTreeMap<String, usize>, action: &str| events.get(action).copied().unwrap_or_default();
        for noun in ["member.create", "member.change", "member.remove"] {
            assert_eq!(count(&events, noun), count(&self.model.events, noun), "{noun}");
        }
        for noun in ["api_key.create", "api_key.change", "api_key.rotate", "api_key.revoke"] {
            assert_eq!(count(&events, noun), count(&self.model.events, noun), "{noun}");
        }
    }
}

/// Whatever an answer is, it has the form that the document says.
fn well_formed(sent: &Sent, operation: Option<&Operation>, answer: &Answer) {
    let (status, told) = (answer.status, String::from_utf8_lossy(&answer.body));
    assert!(status < 500, "a fault of the server: {told}");
    let request_id = answer.header("x-request-id");
    assert!(request_id.parse::<RequestId>().is_ok(), "{request_id:?} names no request");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    if status >= 400 {
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = &answer.json;
        assert_eq!((&problem["status"], &problem["request_id"]), (&Value::from(status), &Value::from(request_id)));
        let code = problem["code"].as_str().expect("a problem has a code");
        assert_eq!(problem["type"], format!("/docs/problems/{code}"));
        assert!(["title", "detail"].iter().all(|field| problem[*field].as_str().is_some_and(|text| !text.is_empty())));
        assert!(operation.is_none_or(|operation| operation.codes.contains(code)), "{code} is not documented");
    }
    let reveals = status < 300 && operation.is_some_and(|operation| REVEALING.contains(&&operation.id[..]));
    assert!(!reveals || answer.header("cache-control") == "no-store", "nobody on the way keeps a secret");
    let values = sent.headers.iter().map(|(_, value)| value.as_bytes());
    let said: Vec<u8> = values
        .chain([sent.uri.path().as_bytes(), sent.uri.query().unwrap_or_default().as_bytes()])
        .chain(sent.body.as_deref())
        .collect::<Vec<_>>()
        .join(&b'\n');
    let own: HashSet<SecretHash> = find_secrets(&said).map(|found| found.secret.hash()).collect();
    // Pages and the document show examples.
    let may_show = reveals || !sent.uri.path().starts_with("/api/");
    let repeated = find_secrets(&answer.body).all(|found| may_show || own.contains(&found.secret.hash()));
    assert!(repeated, "an answer tells a secret");
}
