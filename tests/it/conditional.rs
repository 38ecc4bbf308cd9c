//! Revisions: nobody's change is lost, and nothing is sent twice that the client has.

use astral_client::types;
use astral_tests::{Club, TestServer, refusal};
use reqwest::{Method, Response, header};
use serde_json::{Value, json};

/// A request of the head coach's, with a header that makes it conditional.
async fn send(
    server: &TestServer,
    club: &Club,
    (method, path): (Method, &str),
    condition: Option<(&str, &str)>,
    body: Option<Value>,
) -> Response {
    let mut request = server.request(method.as_str(), &club.path(path)).bearer_auth(&club.head_coach.token);
    if let Some((name, value)) = condition {
        request = request.header(name, value);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    request.send().await.expect("answered")
}

fn etag(answer: &Response) -> String {
    answer.headers()[header::ETAG].to_str().expect("text").to_owned()
}

/// The path of each record that has a revision, and a change of it.
async fn records(club: &Club) -> Vec<(String, Value)> {
    let member = club.add_athlete("Dana").await.id;
    let key = club.create_key("Sync").await.id;
    vec![
        (String::new(), json!({ "description": "Since 1987" })),
        (format!("/members/{member}"), json!({ "external_id": "4711" })),
        (format!("/api-keys/{key}"), json!({ "description": "Every night" })),
    ]
}

#[tokio::test]
async fn a_change_that_is_meant_for_another_revision_changes_nothing() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    for (path, change) in records(&club).await {
        let first = etag(&send(&server, &club, (Method::GET, &path), None, None).await);
        assert_eq!(first, "\"1\"", "{path}");
        let patch = (Method::PATCH, &*path);
        // Two have read the first revision; the second to write would have taken back what the first wrote.
        let changed = send(&server, &club, patch.clone(), Some(("If-Match", &first)), Some(change.clone())).await;
        assert_eq!((changed.status().as_u16(), etag(&changed)), (200, "\"2\"".to_owned()), "{path}");
        let before = club.everything().await;
        let rename =
            json!(if path.contains("members") { json!({ "status": "inactive" }) } else { json!({ "name": "Other" }) });
        let lost = send(&server, &club, patch.clone(), Some(("If-Match", &first)), Some(rename.clone())).await;
        assert_eq!(lost.status(), 412, "{path}");
        assert_eq!(lost.json::<Value>().await.expect("a problem")["code"], "revision_mismatch");
        // A weak tag names no revision, and a list may name the present one.
        let weak = send(&server, &club, patch.clone(), Some(("If-Match", "W/\"2\"")), Some(rename.clone())).await;
        assert_eq!(weak.status(), 412, "{path}");
        assert_eq!(club.everything().await, before, "{path}");
        for present in ["\"1\", \"2\"", "*"] {
            let made = send(&server, &club, patch.clone(), Some(("If-Match", present)), Some(change.clone())).await;
            assert_eq!(made.status(), 200, "{path} {present}");
            assert_eq!(etag(&made), "\"2\"", "nothing was different, so nothing was raised: {path}");
        }
        let unquoted = send(&server, &club, patch, Some(("If-Match", "2")), Some(rename)).await;
        assert_eq!(unquoted.status(), 422, "{path}");
        assert_eq!(unquoted.json::<Value>().await.expect("a problem")["errors"][0]["field"], "If-Match");
    }
}

#[tokio::test]
async fn what_was_changed_meanwhile_is_neither_removed_nor_revoked() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let client = &club.head_coach.client;
    for (path, change) in records(&club).await.into_iter().skip(1) {
        send(&server, &club, (Method::PATCH, &path), None, Some(change)).await.error_for_status().expect("changed");
        let delete = (Method::DELETE, &*path);
        let refused = send(&server, &club, delete.clone(), Some(("If-Match", "\"1\"")), None).await;
        assert_eq!(refused.status(), 412, "{path}");
        let done = send(&server, &club, delete, Some(("If-Match", "\"2\"")), None).await;
        assert_eq!(done.status(), 204, "{path}");
    }
    // A generated client can do the same.
    let member = club.add_athlete("Eli").await;
    let removal = client.delete_member().org_id(&club.organization_id).member_id(&member.id).if_match("\"7\"");
    assert_eq!(refusal(removal.send().await).code, "revision_mismatch");
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    for (path, change) in records(&club).await.into_iter().take(2) {
        let get = (Method::GET, &*path);
        for known in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
            let answer = send(&server, &club, get.clone(), Some(("If-None-Match", known)), None).await;
            assert_eq!((answer.status().as_u16(), etag(&answer)), (304, "\"1\"".to_owned()), "{path} {known}");
            assert!(answer.headers()[header::VARY].to_str().expect("text").contains("Authorization"));
            assert_eq!(answer.bytes().await.expect("read").len(), 0);
        }
        send(&server, &club, (Method::PATCH, &path), None, Some(change)).await.error_for_status().expect("changed");
        let answer = send(&server, &club, get, Some(("If-None-Match", "\"1\"")), None).await;
        assert_eq!((answer.status().as_u16(), etag(&answer)), (200, "\"2\"".to_owned()), "{path}");
    }
}

/// Being used, and whatever else is counted beside a record, is no change of it.
#[tokio::test]
async fn use_raises_no_revision() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    server.client(&key.secret).get_caller().send().await.expect("works");
    let path = format!("/api-keys/{}", key.id);
    let answer = send(&server, &club, (Method::GET, &path), None, None).await;
    assert_eq!(etag(&answer), "\"1\"");
    assert!(answer.json::<types::ApiKey>().await.expect("a key").last_used_at.is_some());
    assert_eq!(etag(&send(&server, &club, (Method::GET, ""), None, None).await), "\"1\"");
}
