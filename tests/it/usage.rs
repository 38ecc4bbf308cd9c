//! How keys are used: counted calls, last uses, what an act would break, and what to make of it. By a clock that the
//! test moves.

use std::sync::Arc;

use astral_client::types::{self, AdvisedAction, NewApiKey, PlannedAction, Rotation, Scope, SecretStanding};
use astral_server::{
    HttpSettings,
    service::{Clock, Settings},
};
use astral_tests::{Club, TestServer, refusal};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

/// A server whose clock stands still, behind a proxy that it trusts, so that calls come from where the test says.
async fn scene() -> (TestServer, Club, Clock) {
    let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a date"));
    let proxy = vec!["127.0.0.1".parse().expect("an address")];
    let http = HttpSettings { trusted_proxies: proxy, ..HttpSettings::default() };
    let folder = Arc::new(TempDir::new().expect("a folder"));
    let server = TestServer::start_here(folder, clock.clone(), Settings::default(), http).await;
    let club = server.club("Summit").await;
    (server, club, clock)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

/// Calls with `secret` from `address`; the status and code of the answer.
async fn call(server: &TestServer, secret: &str, method: &str, path: &str, address: &str) -> (StatusCode, String) {
    let request = server.request(method, path).bearer_auth(secret).header("x-forwarded-for", address);
    let answer = request.header("user-agent", "roster-sync/1.0").send().await.expect("answered");
    let status = answer.status();
    let code = answer.json::<Value>().await.ok().and_then(|body| Some(body["code"].as_str()?.to_owned()));
    (status, code.unwrap_or_default())
}

async fn read(server: &TestServer, club: &Club, secret: &str) {
    let answer = call(server, secret, "get", &club.path("/members"), "203.0.113.7").await;
    assert_eq!(answer.0, StatusCode::OK);
}

async fn usage(club: &Club, id: &str) -> types::ApiKeyUsage {
    let request = club.head_coach.client.get_api_key_usage().org_id(&club.organization_id).key_id(id);
    request.send().await.expect("read").into_inner()
}

async fn impact(club: &Club, id: &str, action: PlannedAction, scopes: &[Scope]) -> types::Impact {
    let request = club.head_coach.client.get_api_key_impact().org_id(&club.organization_id).key_id(id).action(action);
    let scopes = scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let request = if scopes.is_empty() { request } else { request.scopes(scopes) };
    request.send().await.expect("read").into_inner()
}

/// Signs the head coach in again: a session that is not used for 30 days is over.
async fn sign_in_again(server: &TestServer, club: &mut Club) {
    let head_coach = &club.head_coach;
    club.head_coach.client = server.sign_in(&head_coach.email, &head_coach.password).await.client;
}

async fn rotate(club: &Club, id: &str) -> types::CreatedApiKey {
    let body = Rotation::builder().overlap_seconds(Some(30 * 86_400));
    let request = club.head_coach.client.rotate_api_key().org_id(&club.organization_id).key_id(id).body(body);
    request.send().await.expect("rotated").into_inner()
}

/// Each day's calls as `date operation refused calls`.
fn rows(usage: &types::ApiKeyUsage) -> Vec<String> {
    let row = |day: &types::DayUsage| {
        format!("{} {} {} {}", day.date, day.operation, day.refused.as_deref().unwrap_or("-"), day.calls)
    };
    usage.days.iter().map(row).collect()
}

#[tokio::test]
async fn calls_are_counted_by_day_operation_secret_and_outcome() {
    let (server, club, clock) = scene().await;
    let reads = NewApiKey::builder().name("Roster sync").scopes(Some(vec![Scope::MembersRead]));
    let key = club.create_key_with(reads).await;
    assert_eq!(rows(&usage(&club, &key.id).await), [] as [&str; 0]);
    for _ in 0..3 {
        read(&server, &club, &key.secret).await;
    }
    let refused = call(&server, &key.secret, "get", &club.path(""), "203.0.113.7").await;
    assert_eq!(refused, (StatusCode::FORBIDDEN, "scope_required".to_owned()));
    let missing = club.path("/members/mem_01jddjyz00fqqt3cp3tkjzc1rr");
    call(&server, &key.secret, "get", &missing, "203.0.113.7").await;
    call(&server, &key.secret, "get", &club.path("/members?limt=3"), "203.0.113.7").await;
    clock.advance(TimeDelta::days(1));
    let rotated = rotate(&club, &key.id).await;
    read(&server, &club, &key.secret).await;
    read(&server, &club, &rotated.secret).await;
    read(&server, &club, &rotated.secret).await;

    // In memory, on disk, and in both: the same.
    for flushed in [false, true] {
        if flushed {
            server.service().flush().await.expect("flushed");
        }
        let told = usage(&club, &key.id).await;
        assert_eq!(
            rows(&told),
            [
                "2026-03-01 get_member not_found 1",
                "2026-03-01 get_organization scope_required 1",
                "2026-03-01 list_members - 3",
                "2026-03-01 list_members invalid_request 1",
                "2026-03-02 list_members - 1",
                "2026-03-02 list_members - 2",
            ]
        );
        let hints: Vec<_> = told.days[4..].iter().map(|day| &*day.hint).collect();
        assert_eq!(hints, [&*key.hint, &*rotated.hint]);
        assert_eq!((told.calls, told.refused), (6, 3));
        assert_eq!((told.since.to_string(), told.until.to_string()), ("2025-12-03".into(), "2026-03-02".into()));
    }
    read(&server, &club, &rotated.secret).await;
    assert_eq!(rows(&usage(&club, &key.id).await)[5], "2026-03-02 list_members - 3", "half of it in memory");
}

#[tokio::test]
async fn the_last_use_tells_when_from_where_by_whom_and_for_what() {
    let (server, club, clock) = scene().await;
    let key = club.create_key("Roster sync").await;
    read(&server, &club, &key.secret).await;
    clock.advance(TimeDelta::minutes(90));
    let rotated = rotate(&club, &key.id).await;
    call(&server, &rotated.secret, "delete", &club.path("/members/mem_01jddjyz00fqqt3cp3tkjzc1rr"), "2001:db8::7")
        .await;
    // One that was refused its credential is no use of it.
    call(&server, "astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr", "get", &club.path(""), "198.51.100.9").await;
    for flushed in [false, true] {
        if flushed {
            server.service().flush().await.expect("flushed");
        }
        let secrets = usage(&club, &key.id).await.secrets;
        let [current, previous] = &secrets[..] else { panic!("two secrets: {secrets:?}") };
        assert_eq!((current.standing, previous.standing), (SecretStanding::Current, SecretStanding::Previous));
        let last = previous.last_use.as_ref().expect("used");
        assert_eq!(last.at, at("2026-03-01T08:00:00Z"));
        assert_eq!(last.address.as_deref(), Some("203.0.113.7"));
        assert_eq!(last.user_agent.as_deref(), Some("roster-sync/1.0"));
        assert_eq!(last.operation.as_deref(), Some("list_members"));
        assert_eq!(last.scope, Some(Scope::MembersRead));
        assert_eq!(previous.ends_at, Some(at("2026-03-31T09:30:00Z")));
        let last = current.last_use.as_ref().expect("used");
        assert_eq!(last.address.as_deref(), Some("2001:db8::7"));
        assert_eq!((last.at, last.scope), (at("2026-03-01T09:30:00Z"), Some(Scope::MembersWrite)));
    }
}

/// What a program calls itself is its own to choose: long, or with the key in it.
#[tokio::test]
async fn what_a_program_calls_itself_is_kept_within_bounds() {
    let (server, club, _clock) = scene().await;
    let key = club.create_key("Roster sync").await;
    for (sent, kept) in [
        ("x".repeat(5000), Some("x".repeat(200))),
        (format!("sync {}", key.secret), None),
        ("  ".to_owned(), None),
        ("tab\there".to_owned(), Some("tab\there".to_owned())),
    ] {
        let request = server.request("get", "/api/v1/auth/me").bearer_auth(&key.secret).header("user-agent", sent);
        assert_eq!(request.send().await.expect("answered").status(), 200);
        let told = usage(&club, &key.id).await;
        let last = told.secrets[0].last_use.clone().expect("used");
        assert_eq!(last.user_agent, kept);
    }
}

/// A revoked key that is still being tried shows up; so does one that has expired or comes from elsewhere.
#[tokio::test]
async fn calls_with_what_is_dead_are_counted_too() {
    let (server, club, clock) = scene().await;
    let soon = at("2026-03-01T09:00:00Z");
    let revoked = club.create_key("Revoked").await;
    let expired = club.create_key_with(NewApiKey::builder().name("Expired").expires_at(Some(soon))).await;
    let bound = NewApiKey::builder().name("Bound").allowed_ips(Some(vec!["198.51.100.0/24".parse().expect("a range")]));
    let bound = club.create_key_with(bound).await;
    let replaced = club.create_key("Replaced").await;
    let none = Rotation::builder().overlap_seconds(Some(0));
    let (org_id, client) = (&club.organization_id, &club.head_coach.client);
    client.rotate_api_key().org_id(org_id).key_id(&replaced.id).body(none).send().await.expect("rotated");
    client.revoke_api_key().org_id(org_id).key_id(&revoked.id).send().await.expect("revoked");
    clock.advance(TimeDelta::hours(2));
    for (key, code) in [
        (&revoked, "key_revoked"),
        (&expired, "key_expired"),
        (&bound, "address_not_allowed"),
        (&replaced, "secret_replaced"),
    ] {
        let answer = call(&server, &key.secret, "get", &club.path("/members"), "203.0.113.7").await;
        assert_eq!(answer.1, code);
        let told = usage(&club, &key.id).await;
        assert_eq!(rows(&told), [format!("2026-03-01 list_members {code} 1")]);
        assert!(told.secrets.iter().all(|secret| secret.last_use.is_none()), "a refused secret was not used");
        let last = told.last_refused.expect("refused");
        assert_eq!((&*last.code, &*last.address, last.at), (code, "203.0.113.7", at("2026-03-01T10:00:00Z")));
    }
    let hints: Vec<_> = usage(&club, &replaced.id).await.secrets.iter().map(|secret| secret.hint.to_string()).collect();
    assert!(hints.contains(&replaced.hint.to_string()), "the one that has ended is named: {hints:?}");
}

#[tokio::test]
async fn ninety_days_are_kept() {
    let (server, mut club, clock) = scene().await;
    let key = club.create_key("Roster sync").await;
    read(&server, &club, &key.secret).await;
    clock.advance(TimeDelta::days(89));
    sign_in_again(&server, &mut club).await;
    read(&server, &club, &key.secret).await;
    server.service().flush().await.expect("flushed");
    server.service().forget().await.expect("forgotten");
    assert_eq!(rows(&usage(&club, &key.id).await), ["2026-03-01 list_members - 1", "2026-05-29 list_members - 1"]);
    clock.advance(TimeDelta::days(1));
    for forgotten in [false, true] {
        if forgotten {
            server.service().forget().await.expect("forgotten");
        }
        assert_eq!(rows(&usage(&club, &key.id).await), ["2026-05-29 list_members - 1"]);
    }
}

/// What was flushed is there after a crash; what was not is lost, and nothing of the key's state.
#[tokio::test]
async fn a_crash_costs_the_counts_since_the_last_flush_alone() {
    let (server, club, clock) = scene().await;
    let key = club.create_key("Roster sync").await;
    read(&server, &club, &key.secret).await;
    server.service().flush().await.expect("flushed");
    read(&server, &club, &key.secret).await;
    let org_id = &club.organization_id;
    club.head_coach.client.revoke_api_key().org_id(org_id).key_id(&key.id).send().await.expect("revoked");
    // The disk at this moment, as a power cut would leave it.
    let after = Arc::new(TempDir::new().expect("a folder"));
    std::fs::copy(server.folder.path().join("astral.redb"), after.path().join("astral.redb")).expect("copied");
    let after = TestServer::start_here(after, clock, Settings::default(), HttpSettings::default()).await;
    let client = after.client(&club.head_coach.token);
    let told = client.get_api_key_usage().org_id(org_id).key_id(&key.id).send().await.expect("read").into_inner();
    assert_eq!(rows(&told), ["2026-03-01 list_members - 1"]);
    let caller = after.client(&key.secret).get_caller().send().await;
    assert_eq!(refusal(caller).code, "key_revoked");
    // And it goes on counting from there.
    after.service().flush().await.expect("flushed");
    let told = client.get_api_key_usage().org_id(org_id).key_id(&key.id).send().await.expect("read").into_inner();
    assert_eq!(rows(&told), ["2026-03-01 get_caller key_revoked 1", "2026-03-01 list_members - 1"]);
}

/// What is said to break is what breaks: for each set of scopes that is left, the operations that are then refused.
#[tokio::test]
async fn what_narrowing_would_break_is_what_it_breaks() {
    let (server, club, clock) = scene().await;
    let member = club.add_athlete("Tia Target").await.id;
    let member = club.path(&format!("/members/{member}"));
    let everything: Vec<(&str, &str, String)> = vec![
        ("get_caller", "get", "/api/v1/auth/me".to_owned()),
        ("get_organization", "get", club.path("")),
        ("list_members", "get", club.path("/members")),
        ("get_member", "get", member.clone()),
        ("create_member", "post", club.path("/members")),
        ("update_member", "patch", member),
    ];
    let send = async |secret: &str, method: &str, path: &str| {
        let body = match method {
            "post" => serde_json::json!({ "display_name": "Nia New" }),
            _ => serde_json::json!({ "display_name": "Rae Renamed" }),
        };
        let request = server.request(method, path).bearer_auth(secret).header("x-forwarded-for", "203.0.113.7");
        let request = if method == "get" { request } else { request.json(&body) };
        request.send().await.expect("answered").status().is_success()
    };
    let all = [Scope::OrganizationRead, Scope::MembersRead, Scope::MembersWrite];
    for left in 1..7_usize {
        let left: Vec<Scope> = (0..3).filter(|bit| left & (1 << bit) != 0).map(|bit| all[bit]).collect();
        let key = club.create_key("Roster sync").await;
        for (_, method, path) in &everything {
            assert!(send(&key.secret, method, path).await);
        }
        clock.advance(TimeDelta::minutes(1));
        let told = impact(&club, &key.id, PlannedAction::Narrow, &left).await;
        let mut foretold: Vec<String> = told.operations.iter().map(|impact| impact.operation.to_string()).collect();
        foretold.sort();
        let body = types::ApiKeyChange::builder().scopes(left);
        let (org_id, client) = (&club.organization_id, &club.head_coach.client);
        client.update_api_key().org_id(org_id).key_id(&key.id).body(body).send().await.expect("narrowed");
        let mut refused = Vec::new();
        for (operation, method, path) in &everything {
            if !send(&key.secret, method, path).await {
                refused.push((*operation).to_owned());
            }
        }
        refused.sort();
        assert_eq!(foretold, refused);
        assert_eq!(told.calls, refused.len() as i64);
        client.revoke_api_key().org_id(org_id).key_id(&key.id).send().await.expect("revoked");
    }
}

#[tokio::test]
async fn impact_tells_how_many_calls_from_where_and_when_last() {
    let (server, club, clock) = scene().await;
    let key = club.create_key("Roster sync").await;
    read(&server, &club, &key.secret).await;
    clock.advance(TimeDelta::days(10));
    for address in ["203.0.113.7", "198.51.100.9", "203.0.113.7"] {
        clock.advance(TimeDelta::minutes(1));
        call(&server, &key.secret, "get", &club.path("/members"), address).await;
    }
    call(&server, &key.secret, "get", &club.path(""), "203.0.113.7").await;
    server.service().flush().await.expect("flushed");
    call(&server, &key.secret, "get", &club.path("/members?limt=3"), "203.0.113.9").await;
    let told = impact(&club, &key.id, PlannedAction::Revoke, &[]).await;
    assert_eq!(
        (told.calls, told.last_called_at),
        (5, Some(at("2026-03-11T08:03:00Z"))),
        "the refused one is not in it"
    );
    let [members, organization] = &told.operations[..] else { panic!("{told:?}") };
    assert_eq!((&*members.operation, members.calls, members.scope), ("list_members", 4, Some(Scope::MembersRead)));
    let addresses: Vec<_> = members.addresses.iter().map(|address| &**address).collect();
    assert_eq!(addresses, ["203.0.113.7", "198.51.100.9"], "newest first, each once");
    assert_eq!((&*organization.operation, organization.calls), ("get_organization", 1));

    // Rotating ends the present secret alone; nobody has used the new one yet.
    let rotated = rotate(&club, &key.id).await;
    assert_eq!(impact(&club, &key.id, PlannedAction::Rotate, &[]).await.calls, 0);
    read(&server, &club, &rotated.secret).await;
    let told = impact(&club, &key.id, PlannedAction::Rotate, &[]).await;
    assert_eq!((told.calls, told.last_use.expect("used").at), (1, at("2026-03-11T08:03:00Z")));
    assert_eq!(impact(&club, &key.id, PlannedAction::Revoke, &[]).await.calls, 6, "both");
    // Thirty days, today included.
    clock.advance(TimeDelta::days(20));
    assert_eq!(impact(&club, &key.id, PlannedAction::Revoke, &[]).await.calls, 5);
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let (server, club, _clock) = scene().await;
    let key = club.create_key("Roster sync").await;
    let of_key = |rest: &str| club.path(&format!("/api-keys/{}/impact{rest}", key.id));
    for (query, field, message) in [
        ("", "action", "is needed"),
        ("?action=burn", "action", "must be one of: revoke, narrow, rotate"),
        ("?action=narrow", "scopes", "is needed with the action narrow: the scopes that the key would have"),
        ("?action=revoke&scopes=members:read", "scopes", "goes with the action narrow alone"),
        ("?action=narrow&scopes=", "scopes", "must be one of: organization:read, members:read, members:write"),
        (
            "?action=narrow&scopes=members:read,all",
            "scopes",
            "must be one of: organization:read, members:read, members:write",
        ),
    ] {
        let answer = server.request("get", &of_key(query)).bearer_auth(&club.head_coach.token).send().await;
        let answer = answer.expect("answered");
        assert_eq!(answer.status(), 422, "{query}");
        let problem: Value = answer.json().await.expect("JSON");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
        assert_eq!(problem["errors"][0]["message"], message, "{query}");
    }
}

fn advised(usage: &types::ApiKeyUsage) -> Vec<(AdvisedAction, &str)> {
    usage.advice.iter().map(|advice| (advice.action, &*advice.reason)).collect()
}

#[tokio::test]
async fn advice_waits_until_the_ledger_supports_it() {
    let (server, mut club, clock) = scene().await;
    let (idle, busy) = (club.create_key("Idle").await, club.create_key("Busy").await);
    for _ in 0..29 {
        read(&server, &club, &busy.secret).await;
        clock.advance(TimeDelta::days(1));
    }
    server.service().flush().await.expect("flushed");
    for key in [&idle, &busy] {
        assert_eq!(advised(&usage(&club, &key.id).await), [], "thirty days tell more than twenty-nine");
    }
    clock.advance(TimeDelta::days(1));
    let told = usage(&club, &idle.id).await;
    assert_eq!(advised(&told), [(AdvisedAction::Revoke, "It was never used since it was created 30 days ago.")]);
    let told = usage(&club, &busy.id).await;
    assert_eq!(advised(&told), [(AdvisedAction::Narrow, "It used 1 of its 3 scopes in the last 30 days.")]);
    assert_eq!(told.advice[0].scopes, [Scope::MembersRead]);

    // Whoever was given a scope today has had no time to use it.
    sign_in_again(&server, &mut club).await;
    let (org_id, client) = (&club.organization_id, &club.head_coach.client);
    let change = |scopes: &[Scope]| types::ApiKeyChange::builder().scopes(scopes.to_vec());
    for scopes in [&[Scope::MembersRead][..], &[Scope::MembersRead, Scope::MembersWrite]] {
        client.update_api_key().org_id(org_id).key_id(&busy.id).body(change(scopes)).send().await.expect("changed");
        assert_eq!(advised(&usage(&club, &busy.id).await), []);
    }
    clock.advance(TimeDelta::days(30));
    sign_in_again(&server, &mut club).await;
    let (org_id, client) = (&club.organization_id, &club.head_coach.client);
    let told = usage(&club, &busy.id).await;
    assert_eq!(advised(&told), [(AdvisedAction::Revoke, "It was last used 32 days ago.")]);
    client.revoke_api_key().org_id(org_id).key_id(&busy.id).send().await.expect("revoked");
    assert_eq!(advised(&usage(&club, &busy.id).await), [], "it is revoked");
}

#[tokio::test]
async fn it_is_said_when_the_old_secret_can_end() {
    let (server, club, clock) = scene().await;
    let key = club.create_key("Roster sync").await;
    read(&server, &club, &key.secret).await;
    clock.advance(TimeDelta::hours(1));
    let rotated = rotate(&club, &key.id).await;
    assert_eq!(advised(&usage(&club, &key.id).await), [], "nobody has the new one yet");
    read(&server, &club, &rotated.secret).await;
    let safe = "The new secret is used, and the previous one was not used since the rotation.";
    assert_eq!(advised(&usage(&club, &key.id).await), [(AdvisedAction::EndPreviousSecret, safe)]);
    clock.advance(TimeDelta::hours(1));
    read(&server, &club, &key.secret).await;
    assert_eq!(advised(&usage(&club, &key.id).await), [], "something still uses the old one");
}

/// The integration is told in time, with whatever else it is told.
#[tokio::test]
async fn a_key_that_expires_soon_is_told_so() {
    let (server, club, clock) = scene().await;
    let end = at("2026-04-01T08:00:00Z");
    let key = club.create_key_with(NewApiKey::builder().name("Spring").expires_at(Some(end))).await;
    let endless = club.create_key("Endless").await;
    let told = async |credential: &str, path: &str| {
        let answer = server.request("get", path).bearer_auth(credential).send().await.expect("answered");
        let header = answer.headers().get("astral-key-expires-at");
        header.map(|value| value.to_str().expect("text").to_owned())
    };
    let members = club.path("/members");
    assert_eq!(told(&key.secret, &members).await, None, "31 days ahead");
    clock.advance(TimeDelta::days(1));
    assert_eq!(told(&key.secret, &members).await, None, "30 days ahead to the instant");
    clock.advance(TimeDelta::milliseconds(1));
    for path in [&members, &club.path("/members?limt=3"), &club.path("/api-keys"), "/api/v1/auth/me"] {
        assert_eq!(told(&key.secret, path).await.as_deref(), Some("2026-04-01T08:00:00Z"), "{path}");
        assert_eq!(told(&endless.secret, path).await, None);
        assert_eq!(told(&club.head_coach.token, path).await, None);
    }
    clock.advance(TimeDelta::days(30));
    assert_eq!(told(&key.secret, &members).await, None, "it has expired, which the refusal says");
}
