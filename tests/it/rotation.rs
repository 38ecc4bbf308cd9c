//! Rotating a key: two secrets for a while, and how the older one ends. By a clock that the test moves.

use std::num::NonZero;

use astral_client::{
    Error, ResponseValue,
    types::{self, Rotation},
};
use astral_server::service::{Clock, Plan};
use astral_tests::{Club, TestServer, refusal};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

/// A server whose clock stands still, a club, a key, and when it is.
async fn scene() -> (TestServer, Club, types::CreatedApiKey, Clock) {
    let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock.clone()).await;
    let club = server.club("Summit").await;
    let key = club.create_key("Roster sync").await;
    (server, club, key, clock)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

async fn try_to_rotate(
    club: &Club,
    id: &str,
    rotation: types::builder::Rotation,
) -> Result<ResponseValue<types::CreatedApiKey>, Error<types::Problem>> {
    let request = club.head_coach.client.rotate_api_key().org_id(&club.organization_id).key_id(id).body(rotation);
    request.send().await
}

async fn rotate(club: &Club, id: &str, rotation: types::builder::Rotation) -> types::CreatedApiKey {
    try_to_rotate(club, id, rotation).await.expect("rotated").into_inner()
}

async fn end_previous(club: &Club, id: &str) {
    let request = club.head_coach.client.end_previous_secret().org_id(&club.organization_id).key_id(id);
    request.send().await.expect("ended");
}

async fn read(club: &Club, id: &str) -> types::ApiKey {
    let request = club.head_coach.client.get_api_key().org_id(&club.organization_id).key_id(id);
    request.send().await.expect("read").into_inner()
}

/// Uses the secret; the code of the refusal, if it is refused.
async fn used(server: &TestServer, secret: &str) -> Result<(), String> {
    server.client(secret).get_caller().send().await.map(|_| ()).map_err(|error| refusal::<()>(Err(error)).code)
}

const REPLACED: Result<(), &str> = Err("secret_replaced");

async fn assert_used(server: &TestServer, secret: &str, wanted: Result<(), &str>, why: &str) {
    assert_eq!(used(server, secret).await, wanted.map_err(str::to_owned), "{why}");
}

#[tokio::test]
async fn both_secrets_work_until_the_deadline_and_the_new_one_on() {
    let (server, club, key, clock) = scene().await;
    used(&server, &key.secret).await.expect("works");
    clock.advance(TimeDelta::minutes(1));
    let rotated = rotate(&club, &key.id, Rotation::builder()).await;
    assert_eq!((&rotated.id, &rotated.name, &rotated.scopes), (&key.id, &key.name, &key.scopes));
    assert!(rotated.secret != key.secret && rotated.hint != key.hint);
    let previous = rotated.previous_secret.expect("an overlap");
    assert_eq!((previous.hint, previous.ends_at), (key.hint, at("2026-03-02T08:01:00Z")), "24 h where nothing is said");
    assert_eq!(previous.last_used_at, Some(at("2026-03-01T08:00:00Z")));
    for secret in [&key.secret, &rotated.secret] {
        used(&server, secret).await.expect("both work");
    }
    let caller = server.client(&rotated.secret).get_caller().send().await.expect("works").into_inner();
    assert_eq!(caller.api_key.expect("a key").id, key.id, "one id");

    clock.advance(TimeDelta::days(1) - TimeDelta::milliseconds(1));
    assert_used(&server, &key.secret, Ok(()), "its last millisecond").await;
    clock.advance(TimeDelta::milliseconds(1));
    assert_used(&server, &key.secret, REPLACED, "the deadline").await;
    assert_used(&server, &rotated.secret, Ok(()), "the new one").await;
    let after = read(&club, &key.id).await;
    assert!(after.previous_secret.is_none() && after.status == types::KeyStatus::Active);
}

#[tokio::test]
async fn each_secret_has_its_own_last_use() {
    let (server, club, key, clock) = scene().await;
    let rotated = rotate(&club, &key.id, Rotation::builder()).await;
    assert_eq!(rotated.previous_secret.expect("an overlap").last_used_at, None);
    clock.advance(TimeDelta::hours(1));
    used(&server, &key.secret).await.expect("works");
    clock.advance(TimeDelta::hours(1));
    used(&server, &rotated.secret).await.expect("works");
    for flushed in [false, true] {
        if flushed {
            server.service().flush().await.expect("flushed");
        }
        let now = read(&club, &key.id).await;
        assert_eq!(now.last_used_at, Some(at("2026-03-01T10:00:00Z")), "of any");
        let previous = now.previous_secret.expect("an overlap").last_used_at;
        assert_eq!(previous, Some(at("2026-03-01T09:00:00Z")), "of the old one");
    }
}

#[tokio::test]
async fn the_overlap_is_ended_on_demand_and_on_every_plan() {
    let (server, club, key, _clock) = scene().await;
    let rotated = rotate(&club, &key.id, Rotation::builder()).await;
    server.set_plan(&club.organization_id, Plan::Free).await;
    end_previous(&club, &key.id).await;
    server.set_plan(&club.organization_id, Plan::Coach).await;
    assert_used(&server, &key.secret, REPLACED, "the very next request").await;
    assert_used(&server, &rotated.secret, Ok(()), "the present one stays").await;
    let ended = read(&club, &key.id).await;
    assert!(ended.previous_secret.is_none());
    // Again: nothing is changed, and the present one is never what is ended.
    end_previous(&club, &key.id).await;
    assert_used(&server, &rotated.secret, Ok(()), "still").await;
}

#[tokio::test]
async fn without_overlap_the_old_secret_ends_at_once() {
    let (server, club, key, _clock) = scene().await;
    let rotated = rotate(&club, &key.id, Rotation::builder().overlap_seconds(Some(0))).await;
    assert!(rotated.previous_secret.is_none());
    assert_used(&server, &key.secret, REPLACED, "at once").await;
    assert_used(&server, &rotated.secret, Ok(()), "the new one").await;
}

/// A night in which nobody has installed the new secret yet must not lock the program out.
#[tokio::test]
async fn an_idle_secret_ends_once_the_new_one_was_used() {
    let (server, club, key, clock) = scene().await;
    let week = Rotation::builder().overlap_seconds(Some(7 * 86_400)).retire_when_idle_hours(NonZero::new(12));
    let rotated = rotate(&club, &key.id, week).await;
    clock.advance(TimeDelta::hours(24));
    assert_used(&server, &key.secret, Ok(()), "idle for a day, but the new one was never used").await;
    used(&server, &rotated.secret).await.expect("works");
    server.service().flush().await.expect("flushed");
    let previous = read(&club, &key.id).await.previous_secret.expect("an overlap");
    assert_eq!(previous.ends_at, at("2026-03-02T20:00:00Z"), "12 h after its last use");

    // Each use puts it off.
    clock.advance(TimeDelta::hours(12) - TimeDelta::milliseconds(1));
    assert_used(&server, &key.secret, Ok(()), "its last millisecond").await;
    clock.advance(TimeDelta::hours(12) - TimeDelta::milliseconds(1));
    assert_used(&server, &key.secret, Ok(()), "and once more").await;
    clock.advance(TimeDelta::hours(12));
    assert_used(&server, &key.secret, REPLACED, "idle for 12 h").await;
    assert!(read(&club, &key.id).await.previous_secret.is_none(), "safe to say that it has ended");
    // What was refused stays refused.
    clock.advance(TimeDelta::hours(1));
    assert_used(&server, &key.secret, REPLACED, "still").await;
    assert_used(&server, &rotated.secret, Ok(()), "the new one").await;
}

#[tokio::test]
async fn idleness_counts_from_the_rotation_and_only_ever_shortens_the_deadline() {
    let (server, club, key, clock) = scene().await;
    used(&server, &key.secret).await.expect("works");
    clock.advance(TimeDelta::days(40));
    let client = server.sign_in(&club.head_coach.email, &club.head_coach.password).await.client;
    let rotation = Rotation::builder().overlap_seconds(Some(3600)).retire_when_idle_hours(NonZero::new(12));
    let request = client.rotate_api_key().org_id(&club.organization_id).key_id(&key.id).body(rotation);
    let rotated = request.send().await.expect("rotated").into_inner();
    used(&server, &rotated.secret).await.expect("works");
    server.service().flush().await.expect("flushed");
    assert_used(&server, &key.secret, Ok(()), "40 days idle, but not since the rotation").await;
    clock.advance(TimeDelta::hours(1));
    assert_used(&server, &key.secret, REPLACED, "12 h idle would be later").await;
}

/// A secret that had ended by idleness came back when the overlap of the next rotation was over.
#[tokio::test]
async fn an_idle_secret_stays_ended_through_the_next_rotation() {
    let (server, club, key, clock) = scene().await;
    let month = Rotation::builder().overlap_seconds(Some(30 * 86_400)).retire_when_idle_hours(NonZero::new(1));
    let second = rotate(&club, &key.id, month).await;
    used(&server, &second.secret).await.expect("works");
    server.service().flush().await.expect("flushed");
    clock.advance(TimeDelta::hours(2));
    assert_used(&server, &key.secret, REPLACED, "idle").await;
    let third = rotate(&club, &key.id, Rotation::builder().overlap_seconds(Some(3600))).await;
    assert_eq!(third.previous_secret.expect("an overlap").hint, second.hint);
    clock.advance(TimeDelta::hours(2));
    for (secret, wanted) in [(&key.secret, REPLACED), (&second.secret, REPLACED), (&third.secret, Ok(()))] {
        assert_used(&server, secret, wanted, "after both overlaps").await;
    }
}

#[tokio::test]
async fn a_key_is_not_rotated_twice_at_once_unless_the_newer_secret_is_given_up() {
    let (server, club, key, clock) = scene().await;
    let second = rotate(&club, &key.id, Rotation::builder().overlap_seconds(Some(7200))).await;
    clock.advance(TimeDelta::hours(1));
    let refused = refusal(try_to_rotate(&club, &key.id, Rotation::builder()).await);
    assert_eq!((refused.status, &*refused.code), (409, "rotation_in_progress"));
    assert!(refused.detail.contains("until 2026-03-01T10:00:00Z"), "{}", refused.detail);
    assert_used(&server, &second.secret, Ok(()), "nothing was changed").await;

    let third = rotate(&club, &key.id, Rotation::builder().replace(Some(true)).overlap_seconds(Some(86_400))).await;
    let previous = third.previous_secret.expect("an overlap");
    assert_eq!(
        (previous.hint, previous.ends_at),
        (key.hint, at("2026-03-01T10:00:00Z")),
        "the older keeps its deadline"
    );
    assert_used(&server, &second.secret, REPLACED, "the newer is given up").await;
    assert_used(&server, &key.secret, Ok(()), "the older").await;
    assert_used(&server, &third.secret, Ok(()), "the newest").await;

    let fourth = rotate(&club, &key.id, Rotation::builder().replace(Some(true)).overlap_seconds(Some(0))).await;
    assert!(fourth.previous_secret.is_none());
    for secret in [&key.secret, &second.secret, &third.secret] {
        assert_used(&server, secret, REPLACED, "0 ends both").await;
    }
    assert_used(&server, &fourth.secret, Ok(()), "the last").await;
}

#[tokio::test]
async fn what_ends_a_key_ends_both_secrets() {
    let (server, club, key, clock) = scene().await;
    let expires_at = Some(at("2026-03-01T10:00:00Z"));
    let expiring = club.create_key_with(types::NewApiKey::builder().name("Import").expires_at(expires_at)).await;
    let (rotated, renewed) =
        (rotate(&club, &key.id, Rotation::builder()).await, rotate(&club, &expiring.id, Rotation::builder()).await);
    let revoke = club.head_coach.client.revoke_api_key().org_id(&club.organization_id).key_id(&key.id);
    revoke.send().await.expect("revoked");
    clock.advance(TimeDelta::hours(2));
    for secret in [&key.secret, &rotated.secret] {
        assert_used(&server, secret, Err("key_revoked"), "revoked").await;
    }
    for secret in [&expiring.secret, &renewed.secret] {
        assert_used(&server, secret, Err("key_expired"), "its expiry stays").await;
    }
    for id in [&key.id, &expiring.id] {
        assert_eq!(refusal(try_to_rotate(&club, id, Rotation::builder()).await).code, "key_not_active");
    }
}

/// At the limit of active keys, every key must still be rotated.
#[tokio::test]
async fn rotating_counts_against_no_limit() {
    let (server, club, key, _clock) = scene().await;
    for number in 1..server.service().max_active_keys() {
        club.create_key(&format!("Key {number}")).await;
    }
    rotate(&club, &key.id, Rotation::builder()).await;
}

#[tokio::test]
async fn a_rotation_that_is_sent_again_makes_no_second_secret() {
    let (server, club, key, _clock) = scene().await;
    let path = club.path(&format!("/api-keys/{}/rotate", key.id));
    let send = async || {
        let request = server.request("post", &path).bearer_auth(&club.head_coach.token);
        request.header("Idempotency-Key", "march").json(&json!({})).send().await.expect("answered")
    };
    let first: types::CreatedApiKey = send().await.json().await.expect("a key");
    let again = send().await;
    assert_eq!(again.status(), 409);
    let problem: Value = again.json().await.expect("a problem");
    assert_eq!((&problem["code"], &problem["resource_id"]), (&json!("already_created"), &json!(key.id)));
    assert_used(&server, &first.secret, Ok(()), "it is the present one still").await;
    assert_eq!(read(&club, &key.id).await.hint, first.hint);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let (server, club, key, _clock) = scene().await;
    let path = club.path(&format!("/api-keys/{}/rotate", key.id));
    for (body, field, says) in [
        (json!({ "overlap_seconds": 2_592_001 }), "overlap_seconds", "from 0 to 2592000"),
        (json!({ "overlap_seconds": -1 }), "overlap_seconds", "from 0 to 2592000"),
        (json!({ "overlap_seconds": 1.5 }), "overlap_seconds", "from 0 to 2592000"),
        (json!({ "overlap_seconds": "3600" }), "overlap_seconds", "must be a number"),
        (json!({ "retire_when_idle_hours": 0 }), "retire_when_idle_hours", "from 1 to 720"),
        (json!({ "retire_when_idle_hours": 721 }), "retire_when_idle_hours", "from 1 to 720"),
        (json!({ "replace": 1 }), "replace", "must be true or false"),
        (json!({ "overlap_hours": 1 }), "overlap_hours", "is not a field of this request"),
    ] {
        let request = server.request("post", &path).bearer_auth(&club.head_coach.token).json(&body);
        let answer = request.send().await.expect("answered");
        assert_eq!(answer.status(), 422, "{body}");
        let problem: Value = answer.json().await.expect("a problem");
        assert_eq!(problem["errors"][0]["field"], field);
        assert!(problem["errors"][0]["message"].as_str().expect("text").contains(says), "{problem}");
    }
    assert_eq!(read(&club, &key.id).await.hint, key.hint);
}

/// What was rotated is on disk: a server that is killed and started again knows both secrets, and what was used.
#[tokio::test]
async fn an_overlap_outlives_a_crash() {
    let folder = std::sync::Arc::new(tempfile::TempDir::new().expect("a folder"));
    let mut server = TestServer::start_in(folder.clone(), &[]).await;
    let club = server.club("Summit").await;
    let key = club.create_key("Roster sync").await;
    let rotated = rotate(&club, &key.id, Rotation::builder()).await;
    let other = club.create_key("Results").await;
    let ended = rotate(&club, &other.id, Rotation::builder()).await;
    end_previous(&club, &other.id).await;
    server.kill();
    let server = TestServer::start_in(folder, &[]).await;
    for (secret, wanted) in
        [(&key.secret, Ok(())), (&rotated.secret, Ok(())), (&other.secret, REPLACED), (&ended.secret, Ok(()))]
    {
        assert_used(&server, secret, wanted, "after the crash").await;
    }
}
