//! A server whose database is in memory, and clubs with their people in it, made without hashing a password for each.

use std::{net::Ipv4Addr, sync::Arc};

use chrono::{DateTime, TimeDelta};
use poem::{Endpoint as _, EndpointExt as _, Request, Response, endpoint::BoxEndpoint, http::HeaderMap};
use redb::backends::InMemoryBackend;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    fuzzing::with_checksums,
    http::{HttpSettings, RateLimitSettings, app},
    service::{
        Clock, MemberStatus, NewHeadCoach, NewMember, Origin, Password, PasswordHash, Plan, Proven, Result, Role,
        Secret, SecretHash, Service, Settings, ShellAccess, Timestamp, UserId, WriteTx,
    },
};

/// How many clubs share a database: making one takes longer than playing in it, and many would fill the memory.
const CLUBS: u64 = 200;

/// When every game begins: the first second of 2030.
const START: i64 = 1_893_456_000;

/// A server.
pub struct World {
    runtime: Runtime,
    service: Arc<Service>,
    app: BoxEndpoint<'static, Response>,
    clock: Clock,
    password_hash: PasswordHash,
    clubs: u64,
}

/// A club, its people, and a club of somebody else's.
pub struct Club {
    pub organization_id: String,
    pub other_organization_id: String,
    /// Of head coach, coach, athlete, and the head coach of the other club.
    pub tokens: [String; 4],
    head_coach: UserId,
    number: u64,
}

/// What a request was answered with.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The body, if it is said to be JSON.
    pub json: Value,
}

impl Answer {
    /// The text of a header, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The token with this number, which is the same in each world: nothing here is random but ids and new secrets.
fn token(number: u64) -> String {
    let token = with_checksums(format!("astral_session_{number:026}000000").as_bytes());
    String::from_utf8(token).expect("a token is ASCII")
}

fn hash(secret: &str) -> SecretHash {
    Secret::parse(secret.to_owned()).expect("its checksum is right").hash()
}

impl World {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let clock = Clock::fixed(DateTime::from_timestamp(START, 0).expect("a time"));
        // Only to be opened in: what is written goes into memory.
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings { cache: 4 << 20, max_active_keys: 4, disk_reserve: 0, ..Settings::default() };
        let opened = Service::open_on(folder.path(), settings, clock.clone(), |_| InMemoryBackend::new());
        let service = Arc::new(opened.expect("a database in memory is opened").0);
        let password = Password::typed("correct-horse-battery".to_owned());
        let password_hash = runtime.block_on(service.hash_password(password)).expect("a password is hashed");
        let any_number = RateLimitSettings { key: None, organization: None, address: None };
        let http = HttpSettings {
            cors_origins: vec!["https://dashboard.example".to_owned()],
            rate_limits: any_number,
            ..HttpSettings::default()
        };
        let app = app(Arc::clone(&service), http).boxed();
        Self { runtime, service, app, clock, password_hash, clubs: 0 }
    }

    /// Whether another world is to be made for the next club.
    pub const fn is_full(&self) -> bool {
        self.clubs >= CLUBS
    }

    /// Moves the clock.
    pub fn wait(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn write<R: Send + 'static>(&self, action: impl FnMut(&WriteTx) -> Result<R> + Send + 'static) -> R {
        self.runtime.block_on(self.service.write(action)).expect("the club's own people may")
    }

    fn origin(&self) -> Origin {
        Origin { address: Ipv4Addr::UNSPECIFIED.into(), request_id: self.service.new_request_id() }
    }

    /// Makes a club with a head coach, a coach and an athlete, who are signed in, and another.
    pub fn club(&mut self) -> Club {
        self.clubs += 1;
        let number = self.clubs;
        let tokens = [0, 1, 2, 3].map(|place| token(number * 8 + place));
        let origin = self.origin();
        let found = |name: &'static str, token: &str| {
            let (token, password_hash) = (hash(token), self.password_hash.clone());
            self.write(move |tx| {
                let head_coach = NewHeadCoach {
                    email: format!("ana.{number}@{name}.example").parse().expect("an email"),
                    display_name: "Ana".parse().expect("a name"),
                    password_hash: password_hash.clone(),
                };
                let operator = tx.operator(ShellAccess::asserted_by_command_line());
                let name = name.parse().expect("a name");
                let (organization, user) = operator.create_organization(name, Plan::Coach, head_coach, false)?;
                tx.visitor(origin).sign_in(user.id, &password_hash, None, &token)?;
                Ok((organization.id, user.id))
            })
        };
        let ((home, head_coach), (other, _)) = (found("home", &tokens[0]), found("other", &tokens[3]));
        let secret = Secret::parse(tokens[0].clone()).expect("its checksum is right");
        let caller = self.service.authenticate(&secret, origin, "fuzzing", None).caller.expect("signed in");
        let password_hash = self.password_hash.clone();
        let people = [(Role::Coach, "Ben", hash(&tokens[1])), (Role::Athlete, "Cleo", hash(&tokens[2]))];
        self.write(move |tx| {
            for (role, name, token) in people {
                let new = NewMember {
                    role,
                    status: MemberStatus::Active,
                    display_name: name.parse().expect("a name"),
                    email: None,
                    labels: Vec::new(),
                    external_id: None,
                    coach_id: None,
                };
                let member = tx.roster_editor(&caller, home, role)?.add_member(new)?;
                let email = format!("{name}.{number}@home.example").parse().expect("an email");
                // Any hash is a code's: nobody has to type it.
                tx.head_coach(&caller, home)?.invite(member.id, Some(email), token)?;
                tx.visitor(origin).accept(&token, &Proven::New(password_hash.clone()), &token)?;
            }
            Ok(())
        });
        Club { organization_id: home.to_string(), other_organization_id: other.to_string(), tokens, head_coach, number }
    }

    /// Signs the head coach in once more: a token that no request of the game can have ended.
    pub fn sign_in(&self, club: &Club) -> String {
        let token = token(club.number * 8 + 4);
        let (origin, hashed, user_id, verified) =
            (self.origin(), hash(&token), club.head_coach, self.password_hash.clone());
        self.write(move |tx| tx.visitor(origin).sign_in(user_id, &verified, None, &hashed).map(drop));
        token
    }

    /// Has a request answered.
    pub fn send(&self, request: Request) -> Answer {
        self.runtime.block_on(async {
            let (parts, body) = self.app.get_response(request).await.into_parts();
            let body = body.into_vec().await.expect("an answer comes to its end");
            let is_json = parts.headers.get("content-type").is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
            let json = if is_json { serde_json::from_slice(&body).expect("JSON is JSON") } else { Value::Null };
            Answer { status: parts.status.as_u16(), headers: parts.headers, body, json }
        })
    }
}
