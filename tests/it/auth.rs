//! Setting up, signing in and out, passwords.

use std::collections::BTreeSet;

use astral_client::types;
use astral_server::service::Clock;
use astral_tests::{TestServer, password, refusal};
use chrono::TimeDelta;
use serde_json::{Value, json};

#[tokio::test]
async fn set_up_works_once_with_the_code_of_this_start() {
    let mut server = TestServer::start().await;
    let old = server.setup_code();
    assert_eq!(old.len(), 26);
    server.stop().await;
    let server = TestServer::start_in(server.folder.clone(), &[]).await;
    let code = server.setup_code();
    assert_ne!(old, code, "new at each start");
    let file = std::fs::metadata(server.folder.path().join("setup-code")).expect("there");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
    let set_up = |code: &str| {
        let setup = types::Setup::builder()
            .setup_code(code)
            .organization_name("Summit")
            .display_name("Ana")
            .email("ana@summit.example")
            .password(password("ana"));
        server.anonymous().set_up().body(setup).send()
    };
    assert_eq!(refusal(set_up(&old).await).code, "wrong_setup_code");
    let done = set_up(&code.to_uppercase()).await.expect("set up").into_inner();
    assert_eq!((done.organization.plan, done.organization.active_api_keys), (types::Plan::Coach, Some(0)));
    server.client(&done.token).list_api_keys().org_id(&done.organization.id).send().await.expect("signed in");
    for code in [&code, &old] {
        assert_eq!(refusal(set_up(code).await).code, "already_set_up", "whatever the code");
    }
}

#[tokio::test]
async fn an_unknown_email_is_answered_as_a_wrong_password_is() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let mut answers = Vec::new();
    for email in [&*club.head_coach.email, "nobody@summit.example"] {
        let body = json!({ "email": email, "password": password("wrong") });
        let answer = server.request("post", "/api/v1/auth/login").json(&body).send().await.expect("answered");
        assert_eq!(answer.status(), 401);
        assert!(answer.headers()["www-authenticate"].to_str().expect("text").starts_with("Bearer realm="));
        let mut problem: Value = answer.json().await.expect("JSON");
        problem["request_id"] = Value::Null;
        answers.push(problem);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn guessing_is_slowed_and_the_wait_is_told() {
    let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock.clone()).await;
    let club = server.club("Summit").await;
    let login = |email: &str, password: String| {
        server.anonymous().login().body(types::Login::builder().email(email).password(password)).send()
    };
    let (email, right) = (&*club.coach.email, club.coach.password.clone());
    for _ in 0..5 {
        assert_eq!(refusal(login(email, password("wrong")).await).status, 401);
    }
    let body = json!({ "email": email, "password": right });
    let slowed = server.request("post", "/api/v1/auth/login").json(&body).send().await.expect("answered");
    assert_eq!((slowed.status().as_u16(), &slowed.headers()["retry-after"]), (429, &"1".parse().expect("a header")));
    login(&club.head_coach.email, club.head_coach.password.clone()).await.expect("another account is not slowed");
    clock.advance(TimeDelta::seconds(1));
    login(email, right).await.expect("the owner, a second later");
    for _ in 0..5 {
        assert_eq!(refusal(login(email, password("wrong")).await).status, 401, "forgiven by the success");
    }
}

#[tokio::test]
async fn changing_the_password_ends_the_other_sessions() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let coach = &club.coach;
    let elsewhere = server.sign_in(&coach.email, &coach.password).await;
    let change = |current: String, new: &str| {
        let body = types::PasswordChange::builder().current_password(current).new_password(new);
        coach.client.change_password().body(body).send()
    };
    assert_eq!(refusal(change(password("wrong"), &password("new")).await).code, "password_incorrect");
    for (weak, why) in [
        ("short", "at least 12"),
        ("1234567890123", "common"),
        ("ÿÿÿÿÿÿÿÿÿÿÿÿÿ", "repeated"),
        (&"x".repeat(129), "at most 128"),
    ] {
        let problem = refusal(change(coach.password.clone(), weak).await);
        assert_eq!((problem.status, &*problem.errors[0].field), (422, "new_password"), "{weak}");
        assert!(problem.errors[0].message.contains(why), "{}", problem.errors[0].message);
    }
    change(coach.password.clone(), &password("new")).await.expect("changed");
    coach.client.get_caller().send().await.expect("this session goes on");
    assert_eq!(refusal(elsewhere.client.get_caller().send().await).code, "session_over");
    server.sign_in(&coach.email, &password("new")).await;
    let old = types::Login::builder().email(&coach.email).password(&coach.password);
    assert_eq!(refusal(server.anonymous().login().body(old).send().await).code, "wrong_email_or_password");
}

#[tokio::test]
async fn signing_out_kills_the_token_at_once() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    club.coach.client.logout().send().await.expect("signed out");
    assert_eq!(refusal(club.coach.client.get_caller().send().await).code, "session_over");
    assert_eq!(refusal(club.coach.client.logout().send().await).code, "session_over");
}

#[tokio::test]
async fn signing_out_ends_no_other_session() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    for everywhere in [None, Some(false)] {
        let here = server.sign_in(&club.coach.email, &club.coach.password).await;
        let logout = here.client.logout();
        let logout = match everywhere {
            Some(everywhere) => logout.everywhere(everywhere),
            None => logout,
        };
        logout.send().await.expect("signed out");
        assert_eq!(refusal(here.client.get_caller().send().await).code, "session_over", "{everywhere:?}");
        club.coach.client.get_caller().send().await.expect("the other session goes on");
    }
}

#[tokio::test]
async fn signing_out_everywhere_kills_every_token_of_the_person_at_once() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Analytics integration").await;
    let head_coach = &club.head_coach;
    let elsewhere = server.sign_in(&head_coach.email, &head_coach.password).await;
    let at_the_club = server.sign_in(&head_coach.email, &head_coach.password).await;
    elsewhere.client.logout().everywhere(true).send().await.expect("signed out");
    for ended in [&elsewhere, head_coach, &at_the_club] {
        assert_eq!(refusal(ended.client.get_caller().send().await).code, "session_over");
    }
    assert_eq!(refusal(elsewhere.client.logout().everywhere(true).send().await).code, "session_over");
    club.coach.client.get_caller().send().await.expect("another person's session goes on");
    server.client(&key.secret).get_caller().send().await.expect("a key is no session");
    server.sign_in(&head_coach.email, &head_coach.password).await;
}

/// A client must know whether it knows the server before it interprets anything else, a refusal included.
#[tokio::test]
async fn every_answer_where_a_client_begins_tells_the_version() {
    let document: Value = serde_json::from_str(astral_server::openapi()).expect("JSON");
    let version = document["info"]["version"].as_str().expect("a version");
    let server = TestServer::start_with(&["--rate-limit-address", "60"]).await;
    let setup = json!({
        "setup_code": server.setup_code(), "organization_name": "Summit", "display_name": "Ana",
        "email": "ana@summit.example", "password": password("ana"),
    });
    let login = json!({ "email": "ana@summit.example", "password": password("ana") });
    let wrong = json!({ "email": "ana@summit.example", "password": password("wrong") });
    let mut statuses = BTreeSet::new();
    let mut tells = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.expect("answered");
        let status = answer.status().as_u16();
        let told: Vec<_> = answer.headers().get_all("astral-version").iter().collect();
        assert_eq!(told, [version], "{} {status}", answer.url());
        statuses.insert(status);
        answer.json::<Value>().await.unwrap_or_default()
    };
    let post = |path: &str| server.request("post", path);
    let set_up = tells(post("/api/v1/setup").json(&setup)).await;
    tells(post("/api/v1/setup").json(&setup)).await;
    tells(post("/api/v1/setup").json(&json!({}))).await;
    let session = tells(post("/api/v1/auth/login").json(&login)).await;
    let token = session["token"].as_str().expect("a token");
    let spoiled = || post("/api/v1/auth/login").header("content-type", "application/json");
    tells(spoiled().body("{")).await;
    tells(spoiled().body(" ".repeat(2_000_000))).await;
    tells(post("/api/v1/auth/login").body("text")).await;
    tells(post("/api/v1/auth/password").bearer_auth(token).json(&json!({}))).await;
    tells(post("/api/v1/auth/logout?unexpected=1").bearer_auth(token)).await;
    tells(server.request("get", "/api/v1/auth/me").bearer_auth(token)).await;
    tells(server.request("get", "/api/v1/auth/me")).await;
    tells(server.request("delete", "/api/v1/auth/me").bearer_auth(token)).await;
    // Of another version, perhaps.
    tells(post("/api/v1/auth/passkey").bearer_auth(token)).await;
    let new = json!({ "current_password": password("wrong"), "new_password": password("new") });
    tells(post("/api/v1/auth/password").bearer_auth(token).json(&new)).await;
    tells(post("/api/v1/auth/logout").bearer_auth(token)).await;
    for _ in 0..60 {
        tells(post("/api/v1/auth/login").json(&wrong)).await;
    }
    let expected = [200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429];
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), expected);
    let club = format!("/api/v1/organizations/{}", set_up["organization"]["id"].as_str().expect("an id"));
    let token = set_up["token"].as_str().expect("a token");
    for path in [&*club, "/api/v1/organizations", "/api/v1/invitations/accept", "/openapi.json", "/health/live"] {
        let answer = server.request("get", path).bearer_auth(token).send().await.expect("answered");
        assert!(!answer.headers().contains_key("astral-version"), "{path}: what is called often says no more");
    }
}

#[tokio::test]
async fn who_am_i() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let me = club.coach.client.get_caller().send().await.expect("known").into_inner();
    assert_eq!((me.kind, me.api_key.is_none()), (types::CallerKind::Session, true));
    assert_eq!(me.user.expect("a person").email, club.coach.email);
    assert_eq!((&me.memberships[0].member_id, me.memberships[0].role), (&club.coach.member_id, types::Role::Coach));
    let key = club.create_key_for(types::Scope::MembersRead).await;
    let me = server.client(&key.secret).get_caller().send().await.expect("known").into_inner();
    assert_eq!((me.kind, me.user.is_none(), me.memberships.len()), (types::CallerKind::ApiKey, true, 0));
    let calling = me.api_key.expect("a key");
    assert_eq!((calling.id, calling.scopes), (key.id, vec![types::Scope::MembersRead]));
}
