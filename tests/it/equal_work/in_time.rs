//! How long answers take that must tell nothing by it: of two kinds, asked for in an order that is drawn, how often one of
//! the first kind comes later than one of the second.

use std::time::{Duration, Instant};

use astral_client::types;
use astral_server::{
    HttpSettings,
    service::{Clock, SecretKind, Settings},
};
use astral_tests::{Club, TestServer, password};
use chrono::TimeDelta;
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use reqwest::{Client, Request, RequestBuilder};
use serde_json::{Value, json};

use super::{beside, email_beside, never_issued, suspended};

/// How many answers of each kind, unless ASTRAL_ANSWERS says otherwise: so few that nothing they do is beyond chance.
const ANSWERS: usize = 20;

/// How many standard deviations a difference may have that is chance's.
const CHANCE: f64 = 7.0;

/// In how many lanes leaks are reported, each of which waits for its answer.
const LANES: usize = 8;

/// The share of all pairs of an answer of the first kind and one of the second in which the second took longer; where both
/// took as long, half of it. The area under the ROC curve of whoever tells the kinds apart by time: 0.5 if nobody can.
fn area([one, other]: &[Vec<Duration>; 2]) -> f64 {
    let mut other = other.clone();
    other.sort_unstable();
    let below = |took: &Duration| {
        let (less, most) = (other.partition_point(|of| of < took), other.partition_point(|of| of <= took));
        (less + most) as f64 / 2.0
    };
    1.0 - one.iter().map(below).sum::<f64>() / (one.len() * other.len()) as f64
}

/// How far from a half the area may lie. The order of the kinds is drawn, so that whatever else the machine does meets
/// both, and the area is spread as Mann and Whitney say.
fn bound([one, other]: &[Vec<Duration>; 2]) -> f64 {
    let (n, m) = (one.len() as f64, other.len() as f64);
    CHANCE * ((n + m + 1.0) / (12.0 * n * m)).sqrt()
}

fn median(took: &[Duration]) -> Duration {
    let (mut took, middle) = (took.to_vec(), took.len() / 2);
    *took.select_nth_unstable(middle).1
}

/// Asks for so many answers of each kind, in an order that is drawn; how long each took.
async fn took(count: usize, seed: u64, mut ask: impl AsyncFnMut(usize) -> Duration) -> [Vec<Duration>; 2] {
    let mut kinds: Vec<usize> = (0..2 * count).map(|number| number % 2).collect();
    kinds.shuffle(&mut StdRng::seed_from_u64(seed));
    let mut took = [Vec::with_capacity(count), Vec::with_capacity(count)];
    for kind in kinds {
        took[kind].push(ask(kind).await);
    }
    took
}

/// Says what came of a pair, and what is wrong with it if anything is.
#[expect(clippy::print_stdout, reason = "the figures, for whoever runs it longer")]
fn judge(pair: &str, took: &[Vec<Duration>; 2]) -> Option<String> {
    let (area, bound) = (area(took), bound(took));
    let medians = median(&took[1]).as_secs_f64() / median(&took[0]).as_secs_f64();
    let line = format!("answers: {pair}, {} each, AUC {area:.3}, medians {medians:.2}", took[0].len());
    println!("{line}");
    ((area - 0.5).abs() > bound).then(|| format!("{line}, which is more than {bound:.3} from a half"))
}

/// Where requests are sent, over one connection that is kept.
struct Line {
    client: Client,
    url: String,
}

impl Line {
    fn to(server: &TestServer) -> Self {
        let client = astral_client::http().pool_max_idle_per_host(1).build().expect("a client");
        Self { client, url: server.url.clone() }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.to_uppercase().parse().expect("a method"), format!("{}{path}", self.url))
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request("post", path).json(body)
    }

    /// How long it takes until the whole answer is there.
    ///
    /// # Panics
    /// If its status is another.
    async fn timed(&self, request: &Request, status: u16) -> (Duration, Vec<u8>) {
        let request = request.try_clone().expect("its body is in memory");
        let sent = Instant::now();
        let answer = self.client.execute(request).await.expect("answered");
        let answered = answer.status();
        let body = answer.bytes().await.expect("all of it");
        let took = sent.elapsed();
        assert_eq!(answered, status, "{}", String::from_utf8_lossy(&body));
        (took, body.to_vec())
    }
}

fn built(twins: [RequestBuilder; 2]) -> [Request; 2] {
    twins.map(|twin| twin.build().expect("a request"))
}

fn count() -> usize {
    std::env::var("ASTRAL_ANSWERS").map_or(ANSWERS, |count| count.parse().expect("a number of answers"))
}

/// Measures all pairs; what is wrong with those that can be told apart.
pub async fn told_apart() -> Vec<String> {
    let mut wrong = refusals().await;
    wrong.extend(changes().await);
    wrong.extend(leaks().await);
    wrong.extend(sign_ins().await);
    wrong
}

/// The program, with no limits but that of guesses.
async fn start() -> TestServer {
    let limits = ["--rate-limit-key", "0", "--rate-limit-organization", "0", "--rate-limit-address", "0"];
    let flags = ["--log", "warn", "--max-active-keys", "10000000"];
    TestServer::start_with(&[&limits[..], &flags[..]].concat()).await
}

/// What is refused, whatever it is about.
async fn refusals() -> Vec<String> {
    let server = start().await;
    let code = server.setup_code();
    let (home, others) = (server.club("Summit").await, server.club("Valley").await);
    let key = home.create_key("Calls").await.secret.to_string();
    let line = Line::to(&server);
    let token = &home.head_coach.token;
    let (theirs, none) = (others.path(""), format!("/api/v1/organizations/{}", beside(&others.organization_id)));
    let of_club = |credential: &str, method: &str, rest: &str, body: Option<Value>| {
        [&theirs, &none].map(|club| {
            let request = line.request(method, &format!("{club}{rest}")).bearer_auth(credential);
            body.iter().fold(request, RequestBuilder::json)
        })
    };
    let of_target = |method: &str, noun: &str, id: &str| {
        [id.to_owned(), beside(id)]
            .map(|id| line.request(method, &home.path(&format!("/{noun}/{id}"))).bearer_auth(token))
    };
    let (their_key, their_member) = (others.create_key("Theirs").await.id, &others.coach.member_id);
    let invited = home.add_athlete("Ivy Invited").await.id;
    let invite = || server.invite(&home.head_coach, &home.organization_id, &invited, "ivy@runner.example");
    let (replaced, used) = (invite().await, invite().await);
    let accept =
        |code: &str| line.post("/api/v1/invitations/accept", &json!({ "code": code, "password": password("ivy") }));
    accept(&used).send().await.expect("answered").error_for_status().expect("accepted");
    let ended = server.sign_in(&home.coach.email, &home.coach.password).await;
    ended.client.logout().send().await.expect("signed out");
    let call = |token: &str| line.request("get", "/api/v1/auth/me").bearer_auth(token);
    let set_up = |code: &str| {
        let body = json!({
            "setup_code": code, "organization_name": "Second Club", "display_name": "Sam Second",
            "email": "sam@second.example", "password": password("sam"),
        });
        line.post("/api/v1/setup", &body)
    };
    let never = never_issued(SecretKind::Invitation);
    let new_member = || Some(json!({ "display_name": "Nia New" }));
    let pairs = [
        ("a club of others or none, read by a person", 404, of_club(token, "get", "/members", None)),
        ("a club of others or none, written by a person", 404, of_club(token, "post", "/members", new_member())),
        ("a club of others or none, read by a key", 404, of_club(&key, "get", "/members", None)),
        ("a club of others or none, written by a key", 404, of_club(&key, "post", "/members", new_member())),
        ("a key of another club or none, read", 404, of_target("get", "api-keys", &their_key)),
        ("a key of another club or none, revoked", 404, of_target("delete", "api-keys", &their_key)),
        ("a member of another club or none, read", 404, of_target("get", "members", their_member)),
        ("a member of another club or none, removed", 404, of_target("delete", "members", their_member)),
        ("an invitation that was used or never was", 401, [accept(&used), accept(&never)]),
        ("an invitation that was replaced or never was", 401, [accept(&replaced), accept(&never)]),
        ("a session that is over or never was", 401, [call(&ended.token), call(&never_issued(SecretKind::Session))]),
        ("the setup code or another", 409, [set_up(&code), set_up(&beside(&code))]),
    ];
    let mut wrong = Vec::new();
    for (seed, (pair, status, twins)) in (0..).zip(pairs) {
        let twins = built(twins);
        let took = took(count(), seed, async |kind| line.timed(&twins[kind], status).await.0).await;
        wrong.extend(judge(pair, &took));
    }
    wrong
}

/// What is done with an email that has an account, and with one that has none.
async fn changes() -> Vec<String> {
    let server = start().await;
    let (club, others) = (server.club("Summit").await, server.club("Valley").await);
    let known = server.person(&others.head_coach, &others.organization_id, "Kim", types::AssignableRole::Coach).await;
    let emails = [known.email.clone(), email_beside(&known.email)];
    let line = Line::to(&server);
    let token = &club.head_coach.token;
    let invited = club.add_athlete("Ivy Invited").await.id;
    let sent = |path: &str, body: &dyn Fn(&str) -> Value| {
        built(emails.each_ref().map(|email| line.post(&club.path(path), &body(email)).bearer_auth(token)))
    };
    let invite = sent(&format!("/members/{invited}/invitation"), &|email| json!({ "email": email }));
    let add = sent("/members", &|email| json!({ "display_name": "Nia New", "email": email }));
    let inviting = took(count(), 20, async |kind| line.timed(&invite[kind], 201).await.0).await;
    let adding = took(count(), 21, async |kind| {
        let (took, member) = line.timed(&add[kind], 201).await;
        remove(&line, &club, &member).await;
        took
    });
    let judged = [
        ("inviting an email with an account or without", inviting),
        ("adding an email with an account or without", adding.await),
    ];
    judged.iter().filter_map(|(pair, took)| judge(pair, took)).collect()
}

async fn remove(line: &Line, club: &Club, member: &[u8]) {
    let member: Value = serde_json::from_slice(member).expect("a member");
    let path = club.path(&format!("/members/{}", member["id"].as_str().expect("an id")));
    let removal = line.request("delete", &path).bearer_auth(&club.head_coach.token).build().expect("a request");
    line.timed(&removal, 204).await;
}

/// What is reported: secrets that open something, and end with it, and secrets that nobody knows.
async fn leaks() -> Vec<String> {
    let server = start().await;
    let club = server.club("Summit").await;
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        let line = Line::to(&server);
        let mut reports = [Vec::new(), Vec::new()];
        for _ in 0..count().div_ceil(LANES) {
            let secrets = [club.create_key("Leaked").await.secret.to_string(), never_issued(SecretKind::ApiKey)];
            for (reports, secret) in reports.iter_mut().zip(secrets) {
                let report = line.post("/api/v1/leaked-secrets", &json!({ "secret": secret }));
                reports.push(report.build().expect("a request"));
            }
        }
        lanes.push((line, reports));
    }
    let lanes = (30..).zip(&mut lanes).map(|(seed, (line, reports))| {
        took(reports[0].len(), seed, async move |kind| {
            let report = reports[kind].pop().expect("one for each time");
            line.timed(&report, 202).await.0
        })
    });
    let mut all = [Vec::new(), Vec::new()];
    for lane in futures_util::future::join_all(lanes).await {
        for (all, took) in all.iter_mut().zip(lane) {
            all.extend(took);
        }
    }
    judge("a leaked secret that a key has or none", &all).into_iter().collect()
}

/// Wrong passwords, on a clock that moves so fast that no guess is remembered.
async fn sign_ins() -> Vec<String> {
    let clock = Clock::fixed("2030-01-01T00:00:00Z".parse().expect("a date"));
    let mut http = HttpSettings::default();
    http.rate_limits.address = None;
    let folder = std::sync::Arc::new(tempfile::TempDir::new().expect("a folder"));
    let server = TestServer::start_here(folder, clock.clone(), Settings::default(), http).await;
    let club = server.club("Summit").await;
    let suspended = suspended(&server, &club).await;
    let line = Line::to(&server);
    let login =
        |email: &str| line.post("/api/v1/auth/login", &json!({ "email": email, "password": password("wrong") }));
    let mut wrong = Vec::new();
    for (seed, (pair, email)) in (40..).zip([
        ("signing in with an email that has an account or none", &club.coach.email),
        ("signing in as somebody suspended or nobody", &suspended.email),
    ]) {
        let twins = built([login(email), login(&email_beside(email))]);
        let took = took(count(), seed, async |kind| {
            clock.advance(TimeDelta::hours(2));
            line.timed(&twins[kind], 401).await.0
        });
        wrong.extend(judge(pair, &took.await));
    }
    wrong
}

#[test]
fn whoever_takes_longer_is_told_apart_and_whoever_does_not_is_not() {
    let took = |micros: &[u64]| micros.iter().copied().map(Duration::from_micros).collect::<Vec<_>>();
    let close = |area: f64, expected: f64| assert!((area - expected).abs() < 1e-9, "{area}");
    close(area(&[took(&[1, 2, 3]), took(&[4, 5, 6])]), 1.0);
    close(area(&[took(&[4, 5, 6]), took(&[1, 2, 3])]), 0.0);
    close(area(&[took(&[1, 2, 3]), took(&[1, 2, 3])]), 0.5);
    close(area(&[took(&[1, 9]), took(&[2])]), 0.5);
    // Of ten thousand each, a few hundredths are seen; of few, nothing is.
    let many = took(&vec![0; 10_000]);
    assert!((0.028..0.03).contains(&bound(&[many.clone(), many])));
    let few = took(&[0; ANSWERS]);
    assert!(bound(&[few.clone(), few]) > 0.5);
    // Even where it is less than what answers differ by of themselves.
    let spread = |add: u64| (0..1000).map(|number| Duration::from_micros(1000 + number / 10 + add)).collect::<Vec<_>>();
    let shifted = [spread(0), spread(50)];
    assert!((area(&shifted) - 0.5).abs() > bound(&shifted));
}
