//! A system's clock that is set while nobody looks: ahead, back, by a little and by far. By a clock that the test sets.

use std::{path::Path, sync::Arc, time::Duration};

use astral_client::types::{self, NewApiKey, Rotation};
use astral_server::{
    HttpSettings, StopError,
    service::{Clock, Service, Settings, ShellAccess, Timestamp},
};
use astral_tests::{Club, TestServer, operator, password, refusal};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Response;
use serde_json::json;
use tempfile::TempDir;

const START: &str = "2026-03-01T08:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

async fn scene() -> (TestServer, Club, Clock) {
    let clock = Clock::fixed(at(START));
    let server = TestServer::start_at(clock.clone()).await;
    let club = server.club("Summit").await;
    (server, club, clock)
}

/// What of a data folder outlives a power cut, in a folder of its own.
fn copied(folder: &Path) -> Arc<TempDir> {
    let copy = TempDir::new().expect("a folder");
    for file in ["astral.redb", "revocations.log"] {
        std::fs::copy(folder.join(file), copy.path().join(file)).expect("copied");
    }
    Arc::new(copy)
}

async fn started_on(folder: Arc<TempDir>, clock: &Clock) -> TestServer {
    TestServer::start_here(folder, clock.clone(), Settings::default(), HttpSettings::default()).await
}

/// How a call with this credential is refused.
async fn refused(server: &TestServer, credential: &str) -> String {
    refusal(server.client(credential).get_caller().send().await).code
}

async fn accepted(server: &TestServer, credential: &str) {
    server.client(credential).get_caller().send().await.expect("accepted");
}

/// Every record, index and audit chain.
fn assert_whole(server: &TestServer) {
    let findings = server.service().check(ShellAccess::asserted_by_command_line()).expect("read");
    assert!(findings.wrong.is_empty(), "{:?}", findings.wrong);
}

/// A key's time comes and a session's too; then the clock is set back, as whoever corrects it by hand might. Neither may
/// work again, in this process or in the next.
#[tokio::test]
async fn what_is_over_stays_over_when_the_clock_is_set_back() {
    let (mut server, club, clock) = scene().await;
    let ends = at(START) + TimeDelta::days(30);
    let key = club.create_key_with(NewApiKey::builder().name("Import").expires_at(Some(ends))).await;
    let session = &club.coach.token;
    let before = club.add_athlete("Before").await;
    clock.advance(TimeDelta::days(30));
    let over = async |server: &TestServer, context: &str| {
        assert_eq!(refused(server, &key.secret).await, "key_expired", "{context}");
        assert_eq!(refused(server, session).await, "session_over", "{context}");
    };
    over(&server, "it is time").await;
    clock.jump(TimeDelta::hours(-23));
    over(&server, "set back").await;

    // After a crash: the refused call is written down with the time at which it came.
    server.service().flush().await.expect("flushed");
    over(&started_on(copied(server.folder.path()), &clock).await, "after a crash").await;
    server.stop().await;
    let again = started_on(copied(server.folder.path()), &clock).await;
    over(&again, "after a restart").await;
    clock.advance(TimeDelta::hours(24));
    over(&again, "the clock has caught up").await;

    let head_coach = again.sign_in(&club.head_coach.email, &club.head_coach.password).await;
    let new = types::NewMember::builder().display_name("After");
    let after = head_coach.client.create_member().org_id(&club.organization_id).body(new).send().await;
    assert!(after.expect("added").id > before.id, "ids never run backwards");
    assert_whole(&again);
}

/// Where nothing was written since the end of a session, the last thing that a server does is to write the time down.
#[tokio::test]
async fn a_server_that_had_nothing_to_write_knows_the_time_all_the_same() {
    let (mut server, club, clock) = scene().await;
    server.service().flush().await.expect("flushed");
    clock.advance(TimeDelta::days(30));
    assert_eq!(refused(&server, &club.coach.token).await, "session_over");
    server.stop().await;
    clock.jump(TimeDelta::hours(-1));
    let again = started_on(copied(server.folder.path()), &clock).await;
    assert_eq!(refused(&again, &club.coach.token).await, "session_over");
}

async fn add(server: &TestServer, club: &Club, secret: &str, name: &str) -> Response {
    let request = server.request("post", &club.path("/members")).bearer_auth(secret);
    request.header("Idempotency-Key", name).json(&json!({ "display_name": name })).send().await.expect("answered")
}

/// The clock is a year ahead for a while, as after a battery was changed. Meanwhile what has an end is refused, since the
/// clock could be right; once it is set right, all is as it was.
#[tokio::test]
async fn a_clock_that_is_a_year_ahead_for_a_while_costs_nothing() {
    let (server, club, clock) = scene().await;
    let secret = club.create_key("Roster sync").await;
    let ends = at(START) + TimeDelta::days(60);
    let expiring = club.create_key_with(NewApiKey::builder().name("Import").expires_at(Some(ends))).await;
    let first = add(&server, &club, &secret.secret, "Dana").await;
    assert_eq!(first.status(), 201);
    let first = first.bytes().await.expect("read");
    let invited = club.add_athlete("Late Starter").await;
    let code = server.invite(&club.head_coach, &club.organization_id, &invited.id, "late@start.example").await;

    clock.jump(TimeDelta::days(365));
    assert_eq!(refused(&server, &expiring.secret).await, "key_expired");
    assert_eq!(refused(&server, &club.coach.token).await, "session_over");
    let acceptance = || types::InvitationAcceptance::builder().code(&*code).password(password("late"));
    let early = server.anonymous().accept_invitation().body(acceptance()).send().await;
    assert_eq!(refusal(early).code, "invitation_invalid");
    // What the server does by itself forgets nothing, and no repeated request is done twice.
    server.service().flush().await.expect("flushed");
    server.service().keep_audit().await.expect("kept");
    server.service().forget().await.expect("forgotten");
    let again = add(&server, &club, &secret.secret, "Dana").await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.bytes().await.expect("read"), first);
    // What is written meanwhile is not written ahead of its time.
    let meanwhile: types::Member = add(&server, &club, &secret.secret, "Eli").await.json().await.expect("a member");
    assert_eq!(meanwhile.created_at, at(START));
    server.service().flush().await.expect("flushed");

    clock.jump(TimeDelta::days(-365));
    clock.advance(TimeDelta::minutes(1));
    accepted(&server, &expiring.secret).await;
    accepted(&server, &club.coach.token).await;
    server.anonymous().accept_invitation().body(acceptance()).send().await.expect("accepted");
    let after = club.add_athlete("After").await;
    assert!(after.id > meanwhile.id);
    assert_eq!(after.created_at, at(START) + TimeDelta::minutes(1));
    let again = add(&server, &club, &secret.secret, "Dana").await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");

    let org_id = &club.organization_id;
    let client = &club.head_coach.client;
    let told = client.get_api_key_usage().org_id(org_id).key_id(&secret.id).send().await.expect("read").into_inner();
    assert_eq!(told.calls, 4, "Dana three times, and Eli");
    let days: Vec<_> = told.days.iter().map(|day| day.date.to_string()).collect();
    assert!(days.iter().all(|day| day == "2026-03-01"), "{days:?}");
    let told = client.get_api_key_usage().org_id(org_id).key_id(&expiring.id).send().await.expect("read").into_inner();
    assert_eq!((told.calls, told.refused), (1, 1));
    let seen = client.get_api_key().org_id(org_id).key_id(&secret.id).send().await.expect("found").into_inner();
    assert_eq!(seen.last_used_at, Some(at(START) + TimeDelta::minutes(1)));
    let events = client.list_audit_events().org_id(org_id).limit(200).send().await.expect("read").into_inner().data;
    assert!(events.iter().all(|event| event.at <= at(START) + TimeDelta::minutes(1)));
    assert_whole(&server);
}

/// A secret is reported while the clock is ahead, and what it opens seems to be over. It must not come back when the clock
/// is set right.
#[tokio::test]
async fn what_leaks_while_the_clock_is_ahead_is_ended_all_the_same() {
    let (server, club, clock) = scene().await;
    let ends = at(START) + TimeDelta::days(60);
    let key = club.create_key_with(NewApiKey::builder().name("Import").expires_at(Some(ends))).await;
    clock.jump(TimeDelta::days(365));
    for secret in [&*key.secret, &club.coach.token] {
        let body = json!({ "secret": secret });
        let told = server.request("post", "/api/v1/leaked-secrets").json(&body).send().await.expect("answered");
        assert!(told.status().is_success(), "{}", told.status());
    }
    clock.jump(TimeDelta::days(-365));
    assert_eq!(refused(&server, &key.secret).await, "key_revoked");
    assert_eq!(refused(&server, &club.coach.token).await, "session_over");
}

/// A machine that was asleep where nobody counts it, and whose clock is right again.
#[tokio::test]
async fn a_clock_that_stays_ahead_for_a_day_is_believed() {
    let (server, club, clock) = scene().await;
    clock.jump(TimeDelta::days(10));
    assert_eq!(club.add_athlete("Doubted").await.created_at, at(START));
    clock.advance(TimeDelta::hours(24));
    assert_eq!(club.add_athlete("Believed").await.created_at, at(START) + TimeDelta::days(11));
    assert_whole(&server);
}

/// How long a server may take to notice, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_clock_that_is_set_back_by_more_than_a_day_stops_the_server() {
    let folder = TempDir::new().expect("a folder");
    let clock = Clock::fixed(at(START));
    let (service, _) = Service::open(folder.path(), Settings::default(), clock.clone()).expect("opens");
    let service = Arc::new(service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let serving = Arc::clone(&service);
    let running = tokio::spawn(astral_server::run(listener, serving, HttpSettings::default(), std::future::pending()));
    clock.jump(TimeDelta::hours(-24));
    service.watch_clock().expect("a day is let pass");
    clock.jump(TimeDelta::milliseconds(-1));
    let stopped = tokio::time::timeout(PATIENCE, running).await.expect("stops").expect("without a fault");
    let stopped = stopped.expect_err("says why");
    assert!(matches!(stopped, StopError::Clock(_)), "{stopped:?}");
    let sentence = "the system's clock says 2026-02-28T07:59:59.999Z, but it was 2026-03-01T08:00:00Z before already";
    let said = stopped.to_string();
    assert!(said.starts_with(&format!("stopped: {sentence}")), "{said}");
    assert!(said.contains("Set the clock right") && said.contains("--accept-clock"), "{said}");

    // It does not start either, until the clock is set right.
    let copy = copied(folder.path());
    let started = Service::open(copy.path(), Settings::default(), clock.clone()).err().expect("refused").to_string();
    assert!(started.starts_with(sentence), "{started}");
    clock.jump(TimeDelta::milliseconds(1));
    Service::open(copy.path(), Settings::default(), clock).expect("opens");
}

/// The clock was ten days ahead, and the server was started again meanwhile, so that it took that for true. The real
/// binary then meets the time of now.
#[tokio::test]
async fn a_database_that_is_ahead_of_the_clock_is_served_once_the_operator_says_so() {
    let wrong = DateTime::<Utc>::from(Clock::system().now()) + TimeDelta::days(10);
    let mut server = TestServer::start_at(Clock::fixed(wrong)).await;
    let club = server.club("Summit").await;
    let org_id = &*club.organization_id;
    let (key, lost) = (club.create_key("Roster sync").await, club.create_key("Lost").await);
    let rotation = Rotation::builder().overlap_seconds(Some(86_400));
    let rotate = club.head_coach.client.rotate_api_key().org_id(org_id).key_id(&key.id).body(rotation);
    let rotated = rotate.send().await.expect("rotated").into_inner();
    let before = club.add_athlete("Before").await;
    let code = server.invite(&club.head_coach, org_id, &before.id, "before@summit.example").await;
    server.stop().await;
    let folder = copied(server.folder.path());
    let run = |arguments: &[&str]| {
        let output = operator(folder.path(), arguments, "");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    };

    let (status, said) = run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("astral-server: the system's clock says "), "{said}");
    assert!(said.contains(&format!("but it was {} before already", Timestamp::from(wrong))), "{said}");
    assert!(said.contains("'astral-server serve --accept-clock'"), "{said}");
    // What takes power away does not wait for that.
    for arguments in [&["key", "revoke", org_id, &lost.id][..], &["check"], &["audit", "verify"]] {
        let (status, said) = run(arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {said}");
    }
    assert_eq!(run(&["serve", "--listen", "127.0.0.1:0"]).0, Some(1), "nothing has changed by that");

    let mut server = TestServer::start_in(Arc::clone(&folder), &["--accept-clock"]).await;
    assert_eq!(refused(&server, &lost.secret).await, "key_revoked");
    // What was begun in days that are yet to come would last until then and longer.
    assert_eq!(refused(&server, &club.coach.token).await, "session_over");
    assert_eq!(refused(&server, &key.secret).await, "secret_replaced");
    let acceptance = types::InvitationAcceptance::builder().code(code).password(password("before"));
    let late = server.anonymous().accept_invitation().body(acceptance).send().await;
    assert_eq!(refusal(late).code, "invitation_invalid");
    accepted(&server, &rotated.secret).await;
    let head_coach = server.sign_in(&club.head_coach.email, &club.head_coach.password).await;
    let new = types::NewMember::builder().display_name("After");
    let after = head_coach.client.create_member().org_id(org_id).body(new).send().await.expect("added");
    assert!(after.id > before.id, "ids never run backwards");
    assert!(server.stop().await.expect("a process").success());

    // It was said once, and holds.
    let mut server = TestServer::start_in(Arc::clone(&folder), &[]).await;
    accepted(&server, &head_coach.token).await;
    assert!(server.stop().await.expect("a process").success());
    for arguments in [&["check"][..], &["audit", "verify"]] {
        let (status, said) = run(arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {said}");
    }
}

/// Whoever guesses gains nothing by a clock that is set, and whoever waits loses nothing.
#[tokio::test]
async fn waits_go_by_the_time_that_passes() {
    let (server, club, clock) = scene().await;
    let guess = async || {
        let login = types::Login::builder().email(&*club.coach.email).password(password("wrong"));
        refusal(server.anonymous().login().body(login).send().await).status
    };
    for _ in 0..5 {
        assert_eq!(guess().await, 401);
    }
    for hours in [0, 2, -4] {
        clock.jump(TimeDelta::hours(hours));
        assert_eq!(guess().await, 429, "{hours} hours");
    }
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(guess().await, 401);
}
