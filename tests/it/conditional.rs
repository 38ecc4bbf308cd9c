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

/// The revision in an `ETag`, without what is counted beside it.
fn revision(answer: &Response) -> u64 {
    let tag = etag(answer);
    let tag = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).expect("quotation marks");
    tag.split_once('.').map_or(tag, |(revision, _)| revision).parse().expect("a number")
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
        let first = send(&server, &club, (Method::GET, &path), None, None).await;
        assert_eq!(revision(&first), 1, "{path}");
        let first = etag(&first);
        let patch = (Method::PATCH, &*path);
        // Two have read the first revision; the second to write would have taken back what the first wrote.
        let changed = send(&server, &club, patch.clone(), Some(("If-Match", &first)), Some(change.clone())).await;
        assert_eq!((changed.status().as_u16(), revision(&changed)), (200, 2), "{path}");
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
            assert_eq!(revision(&made), 2, "nothing was different, so nothing was raised: {path}");
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
        let tag = etag(&send(&server, &club, get.clone(), None, None).await);
        for known in [&tag, &format!("W/{tag}"), &format!("\"0\", {tag}"), "*"] {
            let answer = send(&server, &club, get.clone(), Some(("If-None-Match", known)), None).await;
            assert_eq!((answer.status().as_u16(), etag(&answer)), (304, tag.clone()), "{path} {known}");
            assert!(answer.headers()[header::VARY].to_str().expect("text").contains("Authorization"));
            assert_eq!(answer.bytes().await.expect("read").len(), 0);
        }
        send(&server, &club, (Method::PATCH, &path), None, Some(change)).await.error_for_status().expect("changed");
        let answer = send(&server, &club, get, Some(("If-None-Match", &tag)), None).await;
        assert_eq!((answer.status().as_u16(), revision(&answer)), (200, 2), "{path}");
    }
}

/// A header that the framework cannot read was taken for none: the change was made, and took another's back.
#[tokio::test]
async fn a_condition_that_cannot_be_read_is_refused() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let path = club.path(&format!("/members/{}", club.add_athlete("Dana").await.id));
    let change = json!({ "display_name": "Overwritten" });
    let patch = || server.request("patch", &path).bearer_auth(&club.head_coach.token).json(&change);
    let tag = header::HeaderValue::from_bytes("\"é\"".as_bytes()).expect("a value");
    let refused = patch().header("If-Match", tag).send().await.expect("answered");
    assert_eq!(refused.status(), 422);
    assert_eq!(refused.json::<Value>().await.expect("a problem")["errors"][0]["field"], "If-Match");
    // Lines of a list are one list.
    let lines = patch().header("If-Match", "\"9\"").header("If-Match", "\"1\"");
    assert_eq!(lines.send().await.expect("answered").status(), 200);
}

/// The head coach sees how many keys are active, which is no change of the organization: a page must not show
/// the first count until somebody renames the club, nor a name be refused because a key was made.
#[tokio::test]
async fn a_count_beside_the_record_is_never_stale() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let before = etag(&send(&server, &club, (Method::GET, ""), None, None).await);
    club.create_key("Sync").await;
    let after = send(&server, &club, (Method::GET, ""), Some(("If-None-Match", &before)), None).await;
    assert_eq!((after.status().as_u16(), revision(&after)), (200, 1));
    assert_eq!(after.json::<types::Organization>().await.expect("a club").active_api_keys, Some(1));
    let name = json!({ "name": "Summit Athletics" });
    let renamed = send(&server, &club, (Method::PATCH, ""), Some(("If-Match", &before)), Some(name)).await;
    assert_eq!((renamed.status().as_u16(), revision(&renamed)), (200, 2));
}

/// Revoking is final: whoever asks again has what they want, whichever revision they knew.
#[tokio::test]
async fn revoking_again_is_done_already() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let path = format!("/api-keys/{}", club.create_key("Sync").await.id);
    for _ in 0..3 {
        let answer = send(&server, &club, (Method::DELETE, &path), Some(("If-Match", "\"1\"")), None).await;
        assert_eq!(answer.status(), 204);
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
    assert_eq!(revision(&send(&server, &club, (Method::GET, ""), None, None).await), 1);
}
