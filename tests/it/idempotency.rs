//! A POST that is sent again under the same `Idempotency-Key` is done once.

use astral_client::types;
use astral_server::{
    HttpSettings,
    service::{Clock, Plan, Settings},
};
use astral_tests::{Club, TestServer};
use chrono::TimeDelta;
use reqwest::{Response, header::HeaderValue};
use serde_json::{Value, json};

async fn post(server: &TestServer, credential: &str, path: &str, name: &str, body: &Value) -> Response {
    let request = server.request("post", path).bearer_auth(credential).header("Idempotency-Key", name);
    request.json(body).send().await.expect("answered")
}

async fn code(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    (status, answer.json::<Value>().await.expect("a problem")["code"].as_str().expect("a code").to_owned())
}

/// How many members the club has.
async fn members(club: &Club) -> usize {
    let page = club.head_coach.client.list_members().org_id(&club.organization_id).limit(200).send().await;
    page.expect("listed").into_inner().data.len()
}

#[tokio::test]
async fn the_first_answer_is_given_again_byte_for_byte() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await.secret;
    let (path, dana) = (club.path("/members"), json!({ "display_name": "Dana", "external_id": "4711" }));
    let first = post(&server, &key, &path, "row-4711", &dana).await;
    assert_eq!(first.status(), 201);
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let (etag, location) = (first.headers()["etag"].clone(), first.headers()["location"].clone());
    let body = first.bytes().await.expect("read");
    // What became of the member since does not matter: the answer is that of then.
    let id = serde_json::from_slice::<types::Member>(&body).expect("a member").id;
    assert_eq!(location.to_str().expect("text"), club.path(&format!("/members/{id}")));
    let change = types::MemberChange::builder().display_name("Dana D.".to_owned());
    let client = &club.head_coach.client;
    client.update_member().org_id(&club.organization_id).member_id(&id).body(change).send().await.expect("changed");
    let before = members(&club).await;
    for _ in 0..3 {
        let again = post(&server, &key, &path, "row-4711", &dana).await;
        assert_eq!(again.status(), 201);
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!((&again.headers()["etag"], &again.headers()["location"]), (&etag, &location));
        assert_eq!(again.bytes().await.expect("read"), body);
    }
    assert_eq!(members(&club).await, before);

    let eli = json!({ "display_name": "Eli" });
    let other = post(&server, &key, &path, "row-4711", &eli).await;
    assert_eq!(code(other).await, (422, "idempotency_key_reused".to_owned()));
    assert_eq!(members(&club).await, before);
    // The name is the caller's own: another caller's request of that name is another request.
    let of_coach = post(&server, &club.coach.token, &path, "row-4711", &eli).await;
    assert_eq!(of_coach.status(), 201);
    assert!(!of_coach.headers().contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn a_secret_is_not_kept_but_what_was_created_is_named() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let invitation = format!("/members/{}/invitation", club.add_athlete("Dana").await.id);
    let cases = [
        ("/api-keys", json!({ "name": "Sync" }), "/id"),
        (&*invitation, json!({ "email": "dana@x.example" }), "/invitation/id"),
    ];
    for (path, body, id) in cases {
        let (path, name) = (club.path(path), id);
        let first = post(&server, &club.head_coach.token, &path, name, &body).await;
        assert_eq!(first.status(), 201);
        let made = first.json::<Value>().await.expect("JSON");
        let again = post(&server, &club.head_coach.token, &path, name, &body).await;
        assert_eq!(again.status(), 409);
        let problem = again.json::<Value>().await.expect("a problem");
        assert_eq!(problem["code"], "already_created");
        assert_eq!(Some(&problem["resource_id"]), made.pointer(id));
    }
    let keys = club.head_coach.client.list_api_keys().org_id(&club.organization_id).send().await.expect("listed");
    assert_eq!(keys.into_inner().data.len(), 1);
}

#[tokio::test]
async fn the_same_name_elsewhere_is_another_request() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (dana, eli) = (club.add_athlete("Dana").await.id, club.add_athlete("Eli").await.id);
    let invite = |member: &str| club.path(&format!("/members/{member}/invitation"));
    let body = json!({ "email": "x@x.example" });
    assert_eq!(post(&server, &club.head_coach.token, &invite(&dana), "a", &body).await.status(), 201);
    let other = post(&server, &club.head_coach.token, &invite(&eli), "a", &body).await;
    assert_eq!(code(other).await, (422, "idempotency_key_reused".to_owned()));
}

/// A refusal has changed nothing: whoever mends what was wrong can send the same request again.
#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let path = club.path("/members");
    let dana = json!({ "display_name": "Dana", "external_id": "4711" });
    let first = post(&server, &club.coach.token, &path, "first", &dana).await.json::<types::Member>().await;
    let taken = post(&server, &club.coach.token, &path, "second", &dana).await;
    assert_eq!(code(taken).await, (409, "external_id_taken".to_owned()));
    let id = first.expect("a member").id;
    let client = &club.head_coach.client;
    client.delete_member().org_id(&club.organization_id).member_id(&id).send().await.expect("removed");
    assert_eq!(post(&server, &club.coach.token, &path, "second", &dana).await.status(), 201);
}

/// An answer is repeated only to whoever still has the right.
#[tokio::test]
async fn who_has_lost_the_right_is_answered_nothing() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    let (path, dana) = (club.path("/members"), json!({ "display_name": "Dana" }));
    assert_eq!(post(&server, &key.secret, &path, "a", &dana).await.status(), 201);
    server.set_plan(&club.organization_id, Plan::Free).await;
    assert_eq!(code(post(&server, &key.secret, &path, "a", &dana).await).await, (403, "plan_required".to_owned()));
    server.set_plan(&club.organization_id, Plan::Coach).await;
    let scopes = types::ApiKeyChange::builder().scopes(vec![types::Scope::MembersRead]);
    let client = &club.head_coach.client;
    client.update_api_key().org_id(&club.organization_id).key_id(&key.id).body(scopes).send().await.expect("changed");
    assert_eq!(code(post(&server, &key.secret, &path, "a", &dana).await).await, (403, "scope_required".to_owned()));
}

/// However many arrive at once, one is done; the others get its answer, or are told that it is running.
#[tokio::test]
async fn at_the_same_time_it_is_still_done_once() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let before = members(&club).await;
    let (path, dana) = (club.path("/members"), json!({ "display_name": "Dana" }));
    let all = (0..32).map(|_| post(&server, &club.head_coach.token, &path, "at-once", &dana));
    let (mut fresh, mut ids) = (0, std::collections::HashSet::new());
    for answer in futures_util::future::join_all(all).await {
        match answer.status().as_u16() {
            201 => {
                fresh += usize::from(!answer.headers().contains_key("idempotent-replayed"));
                ids.insert(answer.json::<types::Member>().await.expect("a member").id);
            }
            _ => {
                assert_eq!(answer.headers()["retry-after"], "1");
                assert_eq!(code(answer).await, (409, "request_in_progress".to_owned()));
            }
        }
    }
    assert_eq!((fresh, ids.len(), members(&club).await), (1, 1, before + 1));
}

/// In the action's own transaction: whatever was acknowledged before the power went is known after.
#[tokio::test]
async fn it_is_remembered_over_a_crash() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (path, dana) = (club.path("/members"), json!({ "display_name": "Dana" }));
    let first = post(&server, &club.head_coach.token, &path, "a", &dana).await.bytes().await.expect("read");
    server.kill();
    let server = TestServer::start_in(std::sync::Arc::clone(&server.folder), &[]).await;
    let again = post(&server, &club.head_coach.token, &path, "a", &dana).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.bytes().await.expect("read"), first);
}

#[tokio::test]
async fn it_is_forgotten_after_a_day() {
    let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a date"));
    let folder = std::sync::Arc::new(tempfile::TempDir::new().expect("a folder"));
    let server = TestServer::start_here(folder, clock.clone(), Settings::default(), HttpSettings::default()).await;
    let club = server.club("Summit").await;
    let (path, dana) = (club.path("/members"), json!({ "display_name": "Dana" }));
    let replayed = |answer: &Response| answer.headers().contains_key("idempotent-replayed");
    let token = &club.head_coach.token;
    assert!(!replayed(&post(&server, token, &path, "a", &dana).await));
    clock.advance(TimeDelta::hours(24) - TimeDelta::milliseconds(1));
    server.service().forget().await.expect("forgotten");
    assert!(replayed(&post(&server, token, &path, "a", &dana).await), "its last millisecond");
    clock.advance(TimeDelta::milliseconds(1));
    assert!(!replayed(&post(&server, token, &path, "a", &dana).await), "over, though still on disk");
    assert!(replayed(&post(&server, token, &path, "a", &dana).await), "and known again");
    clock.advance(TimeDelta::hours(24));
    server.service().forget().await.expect("forgotten");
    assert!(!replayed(&post(&server, token, &path, "a", &dana).await));
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let long = "x".repeat(256);
    for wrong in ["", "with space", "import-jörg-2026", &long] {
        let body = json!({ "display_name": "Dana" });
        let request = server.request("post", &club.path("/members")).bearer_auth(&club.head_coach.token).json(&body);
        let name = HeaderValue::from_bytes(wrong.as_bytes()).expect("a value");
        let answer = request.header("Idempotency-Key", name).send().await.expect("answered");
        let problem = answer.json::<Value>().await.expect("a problem");
        let refused = (&problem["status"], &problem["errors"][0]["field"]);
        assert_eq!(refused, (&json!(422), &json!("Idempotency-Key")), "{wrong:?}");
    }
    let body = json!({ "display_name": "Dana" });
    let twice = server.request("post", &club.path("/members")).bearer_auth(&club.head_coach.token).json(&body);
    let twice = twice.header("Idempotency-Key", "a").header("Idempotency-Key", "b").send().await.expect("answered");
    assert_eq!(code(twice).await, (422, "invalid_request".to_owned()));
}
