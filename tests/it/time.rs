//! What happens when time passes, by a clock that the test moves.

use astral_client::types;
use astral_server::service::Clock;
use astral_tests::{Club, TestServer, refusal};
use chrono::{DateTime, TimeDelta, Utc};

async fn server() -> (TestServer, Club, Clock) {
    let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock.clone()).await;
    let club = server.club("Summit").await;
    (server, club, clock)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

#[tokio::test]
async fn a_key_is_refused_from_the_instant_of_its_expiry_on() {
    let (server, club, clock) = server().await;
    let new = types::NewApiKey::builder().name("Import").expires_at(Some(at("2026-03-01T09:00:00Z")));
    let key = club.create_key_with(new).await;
    let client = server.client(&key.secret);
    clock.advance(TimeDelta::hours(1) - TimeDelta::milliseconds(1));
    client.get_caller().send().await.expect("its last millisecond");
    clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(refusal(client.get_caller().send().await).code, "key_expired");

    let org_id = &club.organization_id;
    let keys = |status| club.head_coach.client.list_api_keys().org_id(org_id).status(status).send();
    assert!(keys(types::KeyStatusFilter::Active).await.expect("listed").into_inner().data.is_empty());
    let expired = keys(types::KeyStatusFilter::Expired).await.expect("listed").into_inner().data.remove(0);
    assert_eq!((&expired.id, expired.status), (&key.id, types::KeyStatus::Expired));

    // Final: no later expiry brings it back.
    let change = types::ApiKeyChange::builder().expires_at(Some(at("2027-01-01T00:00:00Z")));
    let change = club.head_coach.client.update_api_key().org_id(org_id).key_id(&key.id).body(change).send().await;
    assert_eq!(refusal(change).code, "key_not_active");
}

#[tokio::test]
async fn an_expiry_that_is_not_in_the_future_is_refused() {
    let (_server, club, _clock) = server().await;
    for wrong in ["2026-03-01T08:00:00Z", "2026-03-01T07:59:59Z"] {
        let new = types::NewApiKey::builder().name("Late").expires_at(Some(at(wrong)));
        let made = club.head_coach.client.create_api_key().org_id(&club.organization_id).body(new).send().await;
        let problem = refusal(made);
        assert_eq!((problem.status, &*problem.errors[0].field), (422, "expires_at"));
    }
}

#[tokio::test]
async fn expired_keys_do_not_count_against_the_limit() {
    let (server, club, clock) = server().await;
    for number in 0..server.service().max_active_keys() {
        let new =
            types::NewApiKey::builder().name(format!("Key {number}")).expires_at(Some(at("2026-03-02T00:00:00Z")));
        club.create_key_with(new).await;
    }
    let one_more = || {
        let new = types::NewApiKey::builder().name("One more");
        club.head_coach.client.create_api_key().org_id(&club.organization_id).body(new).send()
    };
    assert_eq!(refusal(one_more().await).code, "key_limit_reached");
    clock.advance(TimeDelta::days(1));
    one_more().await.expect("room again");
}

#[tokio::test]
async fn a_session_ends_thirty_days_after_its_last_use_and_ninety_after_it_began() {
    let (server, club, clock) = server().await;
    let used = &club.head_coach.client;
    let idle = &club.coach.client;
    for _ in 0..3 {
        clock.advance(TimeDelta::days(29));
        used.get_caller().send().await.expect("used every 29 days");
        server.service().flush().await.expect("flushed");
    }
    assert_eq!(refusal(idle.get_caller().send().await).code, "session_over");
    clock.advance(TimeDelta::days(3) - TimeDelta::milliseconds(1));
    used.get_caller().send().await.expect("its last millisecond");
    server.service().flush().await.expect("flushed");
    clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(refusal(used.get_caller().send().await).code, "session_over");
}

/// A use shortly before the end counts, though it is not written down yet: nobody is refused and then let
/// in again.
#[tokio::test]
async fn a_use_prolongs_a_session_before_it_is_written_down() {
    let (_server, club, clock) = server().await;
    clock.advance(TimeDelta::days(30) - TimeDelta::seconds(5));
    club.coach.client.get_caller().send().await.expect("used");
    clock.advance(TimeDelta::seconds(10));
    club.coach.client.get_caller().send().await.expect("goes on");
}

#[tokio::test]
async fn an_invitation_lasts_fourteen_days() {
    let (server, club, clock) = server().await;
    let member = club.add_athlete("Late Starter").await;
    let code = server.invite(&club.head_coach, &club.organization_id, &member.id, "late@start.example").await;
    clock.advance(TimeDelta::days(14));
    let acceptance = types::InvitationAcceptance::builder().code(code).password(astral_tests::password("late"));
    let outcome = server.anonymous().accept_invitation().body(acceptance).send().await;
    assert_eq!(refusal(outcome).code, "invitation_invalid");
}

/// A machine whose clock is set back must not hand out an id that sorts before an earlier one, nor say
/// that a key was last used before it was.
#[tokio::test]
async fn nothing_runs_backwards_when_the_clock_does() {
    let (server, club, clock) = server().await;
    let key = club.create_key("Sync").await;
    let client = server.client(&key.secret);
    client.get_caller().send().await.expect("used");
    server.service().flush().await.expect("flushed");
    let before = club.add_athlete("Before").await;
    clock.jump(TimeDelta::hours(-5));
    client.get_caller().send().await.expect("used");
    server.service().flush().await.expect("flushed");
    let after = club.add_athlete("After").await;
    assert!(after.id > before.id);
    let seen = club.head_coach.client.get_api_key().org_id(&club.organization_id).key_id(&key.id).send().await;
    assert_eq!(seen.expect("found").last_used_at, Some(at("2026-03-01T08:00:00Z")));
}
