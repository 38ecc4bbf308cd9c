//! The page that Astral's users read, walked as its reader would, step by step.

use astral_client::types;
use astral_server::service::Plan;
use astral_tests::{TestServer, refusal};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

#[tokio::test]
async fn the_whole_page_works() {
    let server = TestServer::start().await;
    let club = server.club("Summit Running Club").await;
    let org_id = &club.organization_id;
    let head_coach = server.sign_in(&club.head_coach.email, &club.head_coach.password).await;

    // Create an API key: the page's own request.
    let path = club.path("/api-keys");
    let request = json!({ "name": "Analytics integration", "expires_at": "2127-01-01T00:00:00Z" });
    let answer =
        server.request("post", &path).bearer_auth(&head_coach.token).json(&request).send().await.expect("answered");
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let created: Value = answer.json().await.expect("JSON");
    let secret = created["secret"].as_str().expect("the secret").to_owned();
    let key_id = created["id"].as_str().expect("an id").to_owned();
    assert_eq!(created["name"], "Analytics integration");
    assert_eq!(created["expires_at"], "2127-01-01T00:00:00Z");
    assert!(secret.starts_with("astral_live_") && secret.len() == "astral_live_".len() + 32);

    // The list shows name, id, creation and expiration, and never the secret.
    let listed = head_coach.client.list_api_keys().org_id(org_id).send().await.expect("listed").into_inner();
    let [key] = &listed.data[..] else { panic!("one key") };
    assert_eq!((&key.id, &*key.name), (&key_id, "Analytics integration"));
    assert_eq!(key.expires_at, Some("2127-01-01T00:00:00Z".parse::<DateTime<Utc>>().expect("a date")));
    assert!(key.last_used_at.is_none());
    for path in ["/api-keys?status=all", &format!("/api-keys/{key_id}"), "", "/members"] {
        let answer =
            server.request("get", &club.path(path)).bearer_auth(&head_coach.token).send().await.expect("answered");
        assert_eq!(answer.status(), 200);
        assert!(!answer.text().await.expect("text").contains(&secret), "{path}");
    }

    // Use it as the page's curl does.
    let curl = |secret: &str| {
        let url = format!("{}{}", server.url, club.path("/members"));
        let out = std::process::Command::new("curl")
            .args(["--silent", "--write-out", "\n%{http_code}", &url, "-H", &format!("Authorization: Bearer {secret}")])
            .output()
            .expect("curl is installed");
        let text = String::from_utf8(out.stdout).expect("UTF-8");
        let (body, status) = text.rsplit_once('\n').expect("a status");
        (status.to_owned(), serde_json::from_str::<Value>(body).expect("JSON"))
    };
    let (status, members) = curl(&secret);
    assert_eq!(status, "200");
    assert_eq!(members["data"].as_array().expect("members").len(), 3);
    let key = head_coach.client.get_api_key().org_id(org_id).key_id(&key_id).send().await.expect("found").into_inner();
    assert!(key.last_used_at.is_some());

    // Revoke it: the very next request fails, and so does every later one. Again: nothing changes.
    for _ in 0..2 {
        head_coach.client.revoke_api_key().org_id(org_id).key_id(&key_id).reason("Test").send().await.expect("revoked");
        let (status, problem) = curl(&secret);
        assert_eq!((&*status, &problem["code"]), ("401", &json!("key_revoked")));
    }
    let active = head_coach.client.list_api_keys().org_id(org_id).send().await.expect("listed").into_inner();
    assert!(active.data.is_empty());
    let revoked = head_coach.client.list_api_keys().org_id(org_id).status(types::KeyStatusFilter::Revoked).send().await;
    let revoked = revoked.expect("listed").into_inner().data.remove(0).revoked.expect("revoked");
    assert_eq!((revoked.by.id, revoked.reason), (Some(head_coach.user_id.clone()), Some("Test".to_owned())));
}

#[tokio::test]
async fn nobody_but_the_head_coachs_session_manages_keys() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let other = server.club("Elsewhere").await;
    let key = club.create_key("All scopes").await;
    let clients = [
        ("coach", &club.coach.client, 403, "head_coach_required"),
        ("athlete", &club.athlete.client, 403, "head_coach_required"),
        ("outsider", &other.head_coach.client, 404, "not_found"),
        ("nobody", server.anonymous(), 401, "credential_missing"),
        ("a key", &server.client(&key.secret), 403, "session_required"),
    ];
    for (who, client, status, code) in clients {
        let create = client
            .create_api_key()
            .org_id(&club.organization_id)
            .body(types::NewApiKey::builder().name("Mine"))
            .send()
            .await;
        let list = client.list_api_keys().org_id(&club.organization_id).send().await;
        let revoke = client.revoke_api_key().org_id(&club.organization_id).key_id(&key.id).send().await;
        for problem in [refusal(create), refusal(list), refusal(revoke)] {
            assert_eq!((i64::from(problem.status), &*problem.code), (status, code), "{who}");
        }
    }
    server.client(&key.secret).get_caller().send().await.expect("nobody revoked it");
}

#[tokio::test]
async fn a_plan_without_security_settings_stops_keys_and_gives_them_back() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (kept, leaked) = (club.create_key("Kept").await, club.create_key("Leaked").await);
    let org_id = &club.organization_id;
    let with_key = server.client(&kept.secret);

    server.set_plan(org_id, Plan::Free).await;
    let refused = [
        refusal(with_key.list_members().org_id(org_id).send().await),
        refusal(club.head_coach.client.list_api_keys().org_id(org_id).send().await),
        refusal(
            club.head_coach
                .client
                .create_api_key()
                .org_id(org_id)
                .body(types::NewApiKey::builder().name("New"))
                .send()
                .await,
        ),
    ];
    for problem in refused {
        assert_eq!((problem.status, &*problem.code), (403, "plan_required"));
    }
    club.head_coach
        .client
        .revoke_api_key()
        .org_id(org_id)
        .key_id(&leaked.id)
        .send()
        .await
        .expect("taking power away always works");

    server.set_plan(org_id, Plan::Coach).await;
    with_key.list_members().org_id(org_id).send().await.expect("works again");
    assert_eq!(refusal(server.client(&leaked.secret).get_caller().send().await).code, "key_revoked");
}
