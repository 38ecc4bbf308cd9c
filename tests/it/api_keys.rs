//! API keys: scopes, changes, addresses, lists, last use.

use std::num::NonZero;

use astral_client::types::{self, KeyStatusFilter, Scope};
use astral_server::{
    HttpSettings,
    service::{Clock, Settings},
};
use astral_tests::{TestServer, refusal};
use chrono::TimeDelta;
use serde_json::{Value, json};

#[tokio::test]
async fn each_scope_opens_its_operations_and_no_other() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let org_id = &club.organization_id;
    for held in [Scope::OrganizationRead, Scope::MembersRead, Scope::MembersWrite] {
        let key = club.create_key_for(held).await;
        for (needed, path) in [(Scope::OrganizationRead, club.path("")), (Scope::MembersRead, club.path("/members"))] {
            let answer = server.request("get", &path).bearer_auth(&key.secret).send().await.expect("answered");
            if held == needed {
                assert_eq!(answer.status(), 200, "{held} on {path}");
                continue;
            }
            assert_eq!(answer.status(), 403, "{held} on {path}");
            let challenge = answer.headers()["www-authenticate"].to_str().expect("text");
            assert_eq!(challenge, format!("Bearer realm=\"astral\", error=\"insufficient_scope\", scope=\"{needed}\""));
        }
        let new = types::NewMember::builder().display_name("New");
        let added = server.client(&key.secret).create_member().org_id(org_id).body(new).send().await;
        assert_eq!(added.is_ok(), held == Scope::MembersWrite);
    }
}

#[tokio::test]
async fn a_change_holds_from_its_answer_on() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (client, org_id) = (&club.head_coach.client, &club.organization_id);
    let key = club.create_key("Sync").await;
    assert_eq!(key.scopes.len(), 3, "everything, if none is named");
    let with_key = server.client(&key.secret);
    let change = |change: types::builder::ApiKeyChange| {
        client.update_api_key().org_id(org_id).key_id(&key.id).body(change).send()
    };
    with_key.list_members().org_id(org_id).send().await.expect("reads");
    change(types::ApiKeyChange::builder().scopes(vec![Scope::MembersWrite])).await.expect("narrowed");
    assert_eq!(refusal(with_key.list_members().org_id(org_id).send().await).code, "scope_required");
    let widened = types::ApiKeyChange::builder().scopes(vec![Scope::MembersRead]).name(Some("Renamed".to_owned()));
    let after = change(widened).await.expect("widened").into_inner();
    assert_eq!((&*after.name, &after.hint), ("Renamed", &key.hint));
    with_key.list_members().org_id(org_id).send().await.expect("the same secret");

    let path = club.path(&format!("/api-keys/{}", key.id));
    for (change, field, says) in [
        (json!({ "expires_at": null }), "expires_at", "'clear'"),
        (json!({ "scopes": [] }), "scopes", "at least one scope"),
    ] {
        let request = server.request("patch", &path).bearer_auth(&club.head_coach.token).json(&change);
        let problem: Value = request.send().await.expect("answered").json().await.expect("JSON");
        assert_eq!(problem["errors"][0]["field"], field);
        assert!(problem["errors"][0]["message"].as_str().expect("text").contains(says), "{problem}");
    }
}

#[tokio::test]
async fn the_hint_shows_six_of_the_random_characters() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    let random = &key.secret["astral_live_".len()..key.secret.len() - 6];
    assert_eq!(key.hint, format!("astral_live_{}…{}", &random[..3], &random[23..]));
}

#[tokio::test]
async fn a_key_may_come_in_x_api_key_and_only_there_alone() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    let get = || server.request("get", "/api/v1/auth/me");
    let status = async |request: reqwest::RequestBuilder| request.send().await.expect("answered").status().as_u16();
    assert_eq!(status(get().header("X-API-Key", &key.secret)).await, 200);
    assert_eq!(status(get().header("Authorization", format!("bearer {}", key.secret))).await, 200);
    assert_eq!(status(get().header("X-API-Key", &key.secret).bearer_auth(&key.secret)).await, 400);
    assert_eq!(status(get().header("X-API-Key", &club.coach.token)).await, 401, "a session's token is no key");
    assert_eq!(status(get().header("Authorization", format!("Basic {}", key.secret))).await, 401);
    assert_eq!(status(server.request("get", &format!("/api/v1/auth/me?api_key={}", key.secret))).await, 401);
    let mut forged = key.secret.clone();
    forged.replace_range(20..21, if &forged[20..21] == "x" { "y" } else { "x" });
    assert_eq!(refusal(server.client(&forged).get_caller().send().await).code, "credential_invalid");
}

#[tokio::test]
async fn lists_are_newest_first_and_by_status() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (client, org_id) = (&club.head_coach.client, &club.organization_id);
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(club.create_key(&format!("Key {number}")).await.id);
    }
    for id in [&made[1], &made[4]] {
        client.revoke_api_key().org_id(org_id).key_id(id).send().await.expect("revoked");
    }
    let pick = |numbers: &[usize]| numbers.iter().map(|number| made[*number].clone()).collect::<Vec<_>>();
    for (status, expected) in [
        (KeyStatusFilter::Active, pick(&[6, 5, 3, 2, 0])),
        (KeyStatusFilter::Revoked, pick(&[4, 1])),
        (KeyStatusFilter::Expired, vec![]),
        (KeyStatusFilter::All, pick(&[6, 5, 4, 3, 2, 1, 0])),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut request = client.list_api_keys().org_id(org_id).status(status).limit(2);
            if let Some(cursor) = cursor.take() {
                request = request.cursor(cursor);
            }
            let page = request.send().await.expect("listed").into_inner();
            seen.extend(page.data.into_iter().map(|key| key.id));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{status}");
    }
}

#[tokio::test]
async fn the_last_use_survives_a_stop_and_is_never_written_on_the_way() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    server.client(&key.secret).get_caller().send().await.expect("used");
    let last_use = async |client: &astral_client::Client| {
        let seen = client.get_api_key().org_id(&club.organization_id).key_id(&key.id).send().await;
        seen.expect("found").into_inner().last_used_at.expect("shown at once, though not yet written")
    };
    let before = last_use(&club.head_coach.client).await;
    assert!(server.stop().await.expect("a process").success(), "stops well on SIGTERM");
    let server = TestServer::start_in(server.folder.clone(), &[]).await;
    assert_eq!(last_use(&server.client(&club.head_coach.token)).await, before);
}

#[tokio::test]
async fn a_key_bound_to_addresses_works_from_there_alone() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let bound = |ips: &[&str]| {
        let ips = ips.iter().map(|ip| (*ip).to_owned()).collect::<Vec<_>>();
        club.create_key_with(types::NewApiKey::builder().name("Bound").allowed_ips(Some(ips)))
    };
    let (here, elsewhere) = (bound(&["127.0.0.0/8", "2001:db8::1"]).await, bound(&["203.0.113.7"]).await);
    assert_eq!(here.allowed_ips, ["127.0.0.0/8", "2001:db8::1"]);
    server.client(&here.secret).get_caller().send().await.expect("from here");
    assert_eq!(refusal(server.client(&elsewhere.secret).get_caller().send().await).code, "address_not_allowed");
    // Nobody named a proxy: what a client says of itself is not believed.
    let claimed = server
        .request("get", "/api/v1/auth/me")
        .bearer_auth(&elsewhere.secret)
        .header("X-Forwarded-For", "203.0.113.7");
    assert_eq!(claimed.send().await.expect("answered").status(), 403);
}

#[tokio::test]
async fn behind_a_named_proxy_the_last_address_that_is_no_proxy_counts() {
    let folder = std::sync::Arc::new(tempfile::TempDir::new().expect("a folder"));
    let proxies = vec!["127.0.0.0/8".parse().expect("a range"), "10.0.0.0/8".parse().expect("a range")];
    let http = HttpSettings { trusted_proxies: proxies, ..HttpSettings::default() };
    let server = TestServer::start_here(folder, Clock::system(), Settings::default(), http).await;
    let club = server.club("Summit").await;
    // The proxy's own address is allowed: it must not stand for a client that cannot be read.
    let ips = Some(vec!["203.0.113.7".to_owned(), "127.0.0.1".to_owned()]);
    let key = club.create_key_with(types::NewApiKey::builder().name("Bound").allowed_ips(ips)).await;
    for (forwarded, status) in [
        (vec!["203.0.113.7"], 200),
        (vec!["198.51.100.1, 203.0.113.7, 10.1.2.3"], 200),
        (vec!["198.51.100.1", "::ffff:203.0.113.7", "10.1.2.3"], 200),
        (vec!["203.0.113.7, 198.51.100.1"], 403),
        (vec!["203.0.113.7:4711"], 200),
        (vec!["198.51.100.1:4711"], 403),
        (vec!["203.0.113.7, nonsense"], 403),
        (vec!["\u{e9}, 198.51.100.1"], 403),
        (vec![], 200),
    ] {
        let request = server.request("get", "/api/v1/auth/me").bearer_auth(&key.secret);
        let request =
            forwarded.iter().fold(request, |request, line| request.header("X-Forwarded-For", line.as_bytes()));
        assert_eq!(request.send().await.expect("answered").status(), status, "{forwarded:?}");
    }
}

/// The club says how long its keys last, and creation keeps to it.
#[tokio::test]
async fn a_club_limits_how_long_its_keys_last() {
    let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock.clone()).await;
    let club = server.club("Summit").await;
    let (org_id, client) = (&club.organization_id, &club.head_coach.client);
    let limit = async |change: types::builder::OrganizationChange| {
        client.update_organization().org_id(org_id).body(change).send().await
    };
    let at = |text: &str| Some(text.parse::<chrono::DateTime<chrono::Utc>>().expect("a date"));
    let before = club.create_key("Before").await;
    assert_eq!(before.expires_at, None);

    let change = || types::OrganizationChange::builder();
    let limited = limit(change().longest_key_days(NonZero::new(90))).await.expect("limited").into_inner();
    assert_eq!((limited.longest_key_days, limited.usual_key_days), (Some(90), None));
    assert_eq!(club.create_key("Longest").await.expires_at, at("2026-05-30T08:00:00Z"), "where nothing is said");
    limit(change().usual_key_days(NonZero::new(7))).await.expect("limited");
    assert_eq!(club.create_key("Usual").await.expires_at, at("2026-03-08T08:00:00Z"));
    let kept = client.get_api_key().org_id(org_id).key_id(&before.id).send().await.expect("read").into_inner();
    assert_eq!(kept.expires_at, None, "what was there before keeps its end");

    // To the millisecond, at creation and later.
    let create = async |end| {
        let new = types::NewApiKey::builder().name("Explicit").expires_at(end);
        client.create_api_key().org_id(org_id).body(new).send().await
    };
    let last = create(at("2026-05-30T08:00:00Z")).await.expect("created").into_inner();
    let too_long = refusal(create(at("2026-05-30T08:00:00.001Z")).await);
    let message = "must be at most 90 days ahead, 2026-05-30T08:00:00Z: the organization lets no key last longer";
    assert_eq!((&*too_long.errors[0].field, &*too_long.errors[0].message), ("expires_at", message));
    clock.advance(TimeDelta::days(1));
    let update = async |id: &str, change: types::builder::ApiKeyChange| {
        client.update_api_key().org_id(org_id).key_id(id).body(change).send().await
    };
    let later = |text: &str| types::ApiKeyChange::builder().expires_at(at(text));
    update(&last.id, later("2026-05-31T08:00:00Z")).await.expect("90 days from now");
    assert_eq!(refusal(update(&last.id, later("2026-06-01T08:00:00Z")).await).errors[0].field, "expires_at");
    let clear = types::ApiKeyChange::builder().clear(Some(vec![types::ClearableApiKeyField::ExpiresAt]));
    assert_eq!(refusal(update(&last.id, clear).await).errors[0].field, "expires_at");
    let renamed = types::ApiKeyChange::builder().name("Before, renamed".to_owned());
    update(&before.id, renamed).await.expect("what else changes is not the limit's business");

    // What cannot be meant, and how to be rid of it.
    let wrong = refusal(limit(change().usual_key_days(NonZero::new(91))).await);
    assert_eq!(wrong.errors[0].message, "must be at most longest_key_days, which is 90");
    use types::ClearableOrganizationField as Clear;
    let none = limit(change().clear(Some(vec![Clear::LongestKeyDays, Clear::UsualKeyDays])))
        .await
        .expect("cleared")
        .into_inner();
    assert_eq!((none.longest_key_days, none.usual_key_days), (None, None));
    assert_eq!(club.create_key("Endless").await.expires_at, None);
    // Nobody else sets it.
    let refused =
        club.coach.client.update_organization().org_id(org_id).body(change().longest_key_days(NonZero::new(1)));
    assert_eq!(refusal(refused.send().await).code, "head_coach_required");
}
