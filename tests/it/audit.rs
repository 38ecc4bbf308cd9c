//! Who did what: every change and every refusal, in chains that prove themselves.

use std::{collections::BTreeSet, path::Path, process::Output};

use astral_client::types::{self, ActorKind, ApiKeyChange, NewApiKey, Rotation, Scope};
use astral_server::service::{Clock, Id as _, OrganizationId};
use astral_tests::{Club, Person, TestServer, operator, refusal};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use redb::{ReadableTable as _, TableDefinition};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

async fn scene() -> (TestServer, Club, Clock) {
    let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock.clone()).await;
    let club = server.club("Summit").await;
    (server, club, clock)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a date")
}

/// All events that a query finds, newest first, page by page.
async fn events(server: &TestServer, club: &Club, query: &str) -> Vec<types::AuditEvent> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = club.path(&format!("/audit-events?limit=7{query}{cursor}"));
        let answer = server.request("get", &path).bearer_auth(&club.head_coach.token).send().await.expect("answered");
        assert_eq!(answer.status(), 200, "{path}");
        let page: types::AuditEventPage = answer.json().await.expect("a page");
        found.extend(page.data);
        let Some(next) = page.next_cursor else { return found };
        cursor = format!("&cursor={}", &*next);
    }
}

fn actions(events: &[types::AuditEvent]) -> Vec<&str> {
    events.iter().map(|event| &*event.action).collect()
}

/// Each event proves itself and all before it, by nothing but what is answered.
fn assert_proven(newest_first: &[types::AuditEvent]) {
    let mut previous = vec![0; 32];
    for (number, event) in newest_first.iter().rev().enumerate() {
        assert_eq!(event.number, number as i64, "no number is left out");
        let hash = Sha256::new().chain_update(&previous).chain_update(&event.content).finalize();
        assert_eq!(HEXLOWER.encode(&hash), *event.hash, "event {number}");
        previous = hash.to_vec();
        let content: Value = serde_json::from_str(&event.content).expect("JSON");
        assert_eq!(content["id"], *event.id);
        assert_eq!(content["action"], *event.action);
        assert_eq!(content["target"], event.target.id);
        assert_eq!(content["changes"], json!(event.changes));
        assert_eq!(content["address"], json!(event.address));
        assert_eq!(content["request_id"], json!(event.request_id));
        assert_eq!(content["at"].as_str().expect("a time").parse::<DateTime<Utc>>().expect("a time"), event.at);
    }
}

#[tokio::test]
async fn every_change_is_told_with_who_what_from_where_and_proven() {
    let (server, club, clock) = scene().await;
    let (org_id, client) = (&club.organization_id, &club.head_coach.client);
    let key = club.create_key("Roster sync").await;
    clock.advance(TimeDelta::minutes(5));
    let change = ApiKeyChange::builder().name("Roster sync, nightly".to_owned()).scopes(vec![Scope::MembersWrite]);
    let changed = client.update_api_key().org_id(org_id).key_id(&key.id).body(change).send().await.expect("changed");
    let request_id = changed.headers()["x-request-id"].to_str().expect("text").to_owned();
    let rotation = Rotation::builder().overlap_seconds(Some(3600));
    let rotated = client.rotate_api_key().org_id(org_id).key_id(&key.id).body(rotation).send().await.expect("rotated");
    client.end_previous_secret().org_id(org_id).key_id(&key.id).send().await.expect("ended");
    let new = types::NewMember::builder().display_name("Nia New");
    let with_key = server.client(&rotated.secret);
    let member = with_key.create_member().org_id(org_id).body(new).send().await.expect("added").into_inner();
    client.revoke_api_key().org_id(org_id).key_id(&key.id).reason("Laptop lost").send().await.expect("revoked");

    let told = events(&server, &club, "").await;
    assert_proven(&told);
    assert_eq!(
        actions(&told)[..6],
        [
            "api_key.revoke",
            "member.create",
            "api_key.end_previous_secret",
            "api_key.rotate",
            "api_key.change",
            "api_key.create",
        ]
    );
    let [revoked, added, _, _, change, create] = &told[..6] else { panic!("six") };
    assert_eq!((revoked.actor.kind, revoked.actor.id.as_deref()), (ActorKind::User, Some(&*club.head_coach.user_id)));
    assert_eq!(revoked.actor.display_name.as_deref(), Some("Ana Head"));
    assert_eq!(revoked.changes["reason"], "Laptop lost");
    assert_eq!((added.actor.kind, added.actor.id.as_deref()), (ActorKind::ApiKey, Some(&*key.id)));
    assert_eq!(added.actor.display_name.as_deref(), Some("Roster sync, nightly"));
    assert_eq!((&*added.target.id, added.target.display_name.as_deref()), (&*member.id, Some("Nia New")));
    assert_eq!(change.request_id.as_deref(), Some(&*request_id));
    assert_eq!(change.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(json!(change.changes), json!({ "name": "Roster sync, nightly", "scopes": ["members:write"] }));
    assert_eq!((create.at, change.at), (at("2026-03-01T08:00:00Z"), at("2026-03-01T08:05:00Z")));
    assert_eq!(create.changes["name"], "Roster sync", "as it was called then");
    let all = serde_json::to_string(&told).expect("JSON");
    assert!(
        !all.contains(&key.secret) && !all.contains(&*rotated.secret) && !all.contains(astral_tests::PASSWORD_MARK)
    );
}

#[tokio::test]
async fn events_are_found_by_actor_action_target_and_time() {
    let (server, club, clock) = scene().await;
    let (org_id, client) = (&club.organization_id, &club.head_coach.client);
    let first = club.create_key("First").await;
    clock.advance(TimeDelta::hours(1));
    let second = club.create_key("Second").await;
    clock.advance(TimeDelta::hours(1));
    for key in [&first, &second] {
        client.revoke_api_key().org_id(org_id).key_id(&key.id).send().await.expect("revoked");
    }
    let new = types::NewMember::builder().display_name("Nia New");
    club.coach.client.create_member().org_id(org_id).body(new).send().await.expect("added");

    let found = async |query: &str| {
        let found = events(&server, &club, query).await;
        found
            .iter()
            .map(|event| format!("{} {}", &*event.action, event.target.display_name.as_deref().unwrap_or("-")))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(&format!("&actor={}", club.coach.user_id)).await,
        ["member.create Nia New", "member.accept Ben Coach"]
    );
    assert_eq!(found("&action=api_key.revoke").await, ["api_key.revoke Second", "api_key.revoke First"]);
    assert_eq!(found("&action=api_key").await.len(), 4, "of the noun");
    assert_eq!(found("&action=api").await.len(), 0, "and of no part of it");
    assert_eq!(found(&format!("&target={}", first.id)).await, ["api_key.revoke First", "api_key.create First"]);
    assert_eq!(
        found("&action=api_key&since=2026-03-01T09:00:00Z&until=2026-03-01T10:00:00Z").await,
        ["api_key.create Second"]
    );
    assert_eq!(found("&since=2026-03-02T00:00:00Z").await.len(), 0);
    assert_eq!(found(&format!("&actor=operator&target={}", first.id)).await.len(), 0, "all must match");

    for (query, field) in [
        ("actor=Ana", "actor"),
        ("action=", "action"),
        ("target=key%20", "target"),
        ("since=yesterday", "since"),
        ("since=2026-03-02T00:00:00Z&until=2026-03-02T00:00:00Z", "until"),
        ("cursor=o1yHkQ3Zr8MBmTl3bsakXg", "cursor"),
    ] {
        let request = server.request("get", &club.path(&format!("/audit-events?{query}")));
        let answer = request.bearer_auth(&club.head_coach.token).send().await.expect("answered");
        assert_eq!(answer.status(), 422, "{query}");
        assert_eq!(answer.json::<Value>().await.expect("JSON")["errors"][0]["field"], field);
    }
}

/// Refusals of members and of the club's own keys, one event for each caller, operation, reason and minute.
#[tokio::test]
async fn refusals_are_told_by_the_minute_and_in_no_callers_request() {
    let (server, club, clock) = scene().await;
    let other = server.club("Other").await;
    let org_id = &club.organization_id;
    let reader = club.create_key_with(NewApiKey::builder().name("Reader").scopes(Some(vec![Scope::MembersRead]))).await;
    let gone = club.create_key("Gone").await;
    club.head_coach.client.revoke_api_key().org_id(org_id).key_id(&gone.id).send().await.expect("revoked");
    let refuse =
        async |person: &Person| person.client.list_api_keys().org_id(org_id).send().await.expect_err("refused");
    for _ in 0..3 {
        refuse(&club.coach).await;
        let with_key = server.client(&reader.secret);
        assert_eq!(refusal(with_key.get_organization().org_id(org_id).send().await).code, "scope_required");
    }
    // Whoever writes a letter as its number is refused, and told of, all the same.
    let disguised = club.path("/api-keys").replace("org_", "org%5F");
    let answer = server.request("get", &disguised).bearer_auth(&club.coach.token).send().await.expect("answered");
    assert_eq!(answer.status(), 403);
    assert_eq!(refusal(server.client(&gone.secret).get_caller().send().await).code, "key_revoked");
    // What is wrong about a request is no want of right, and outsiders are told nothing, here too.
    club.coach
        .client
        .get_member()
        .org_id(org_id)
        .member_id("mem_01jddjyz00fqqt3cp3tkjzc1rr")
        .send()
        .await
        .expect_err("gone");
    refuse(&other.head_coach).await;
    server.request("get", &club.path("/members")).send().await.expect("answered");

    let refused = async || events(&server, &club, "&action=request.refuse").await;
    assert_eq!(refused().await.len(), 0);
    server.service().flush().await.expect("flushed");
    assert_eq!(refused().await.len(), 0, "the minute is not over");
    clock.advance(TimeDelta::minutes(1));
    refuse(&club.coach).await;
    server.service().flush().await.expect("flushed");
    let told = refused().await;
    let row = |event: &types::AuditEvent| {
        let changes = &event.changes;
        let who = event.actor.display_name.as_deref().unwrap_or("-");
        format!("{who}: {} {} {}", changes["operation"], changes["code"], changes["count"]).replace('"', "")
    };
    let rows: BTreeSet<String> = told.iter().map(row).collect();
    let expected = [
        "Ben Coach: list_api_keys head_coach_required 4",
        "Gone: get_caller key_revoked 1",
        "Reader: get_organization scope_required 3",
    ];
    assert_eq!(rows, expected.map(str::to_owned).into());
    assert_eq!(told[0].address.as_deref(), Some("127.0.0.1"));
    assert!(told[0].request_id.is_some());
    clock.advance(TimeDelta::minutes(1));
    server.service().flush().await.expect("flushed");
    assert_eq!(refused().await.len(), 4, "the coach's of the next minute");
    assert_proven(&events(&server, &club, "").await);
    let elsewhere = events(&server, &other, "&action=request.refuse").await;
    assert_eq!(elsewhere.len(), 0, "nor in the outsider's own club");
}

/// 30, 7 and 1 day ahead, once each; and not of a key that is revoked or was given more time.
#[tokio::test]
async fn keys_that_come_near_their_end_are_told() {
    let (server, mut club, clock) = scene().await;
    server.service().keep_audit().await.expect("kept");
    let ends = |text: &str| NewApiKey::builder().name(text).expires_at(Some(at(text)));
    let late = club.create_key_with(ends("2026-04-15T08:00:00Z")).await;
    let soon = club.create_key_with(ends("2026-03-04T08:00:00Z")).await;
    let revoked = club.create_key_with(ends("2026-04-15T09:00:00Z")).await;
    let (org_id, client) = (&club.organization_id, &club.head_coach.client);
    client.revoke_api_key().org_id(org_id).key_id(&revoked.id).send().await.expect("revoked");
    for _ in 0..24 * 46 {
        clock.advance(TimeDelta::hours(1));
        server.service().keep_audit().await.expect("kept");
    }
    club.head_coach.client = server.sign_in(&club.head_coach.email, &club.head_coach.password).await.client;
    club.head_coach.token = server.sign_in(&club.head_coach.email, &club.head_coach.password).await.token;
    let told = events(&server, &club, "&action=api_key.expire_soon").await;
    let rows: Vec<_> = told
        .iter()
        .rev()
        .map(|event| (event.at.format("%m-%d").to_string(), event.target.id.clone(), event.changes["days"].clone()))
        .collect();
    assert_eq!(
        rows,
        [
            // When it was made its end was nearer than 7 days already.
            ("03-03".to_owned(), soon.id.to_string(), json!(1)),
            ("03-16".to_owned(), late.id.to_string(), json!(30)),
            ("04-08".to_owned(), late.id.to_string(), json!(7)),
            ("04-14".to_owned(), late.id.to_string(), json!(1)),
        ]
    );
    assert_eq!(told[0].actor.kind, ActorKind::Server);
    assert_eq!(told[0].changes["expires_at"], "2026-04-15T08:00:00Z");
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn verify(folder: &Path, arguments: &[&str]) -> Output {
    operator(folder, &[&["audit", "verify"], arguments].concat(), "")
}

const EVENTS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("audit_events");
const HEADS: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("audit_heads");

/// Of a table: place and bytes.
type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A copy of the database in `folder`, with what `change` makes of its rows of one chain, newest last.
fn tampered(folder: &Path, chain: &str, change: impl Fn(&mut Rows)) -> (TempDir, String) {
    let copy = TempDir::new().expect("a folder");
    let file = copy.path().join("copy.redb");
    std::fs::copy(folder.join("astral.redb"), &file).expect("copied");
    let database = redb::Database::open(&file).expect("opens");
    let transaction = database.begin_write().expect("begun");
    {
        let mut table = transaction.open_table(EVENTS).expect("a table");
        let rows: Rows = table
            .iter()
            .expect("rows")
            .map(|row| row.map(|(place, bytes)| (place.value().to_vec(), bytes.value().to_vec())).expect("a row"))
            .collect();
        let named = chain.parse::<OrganizationId>().expect("an id").to_bytes();
        let (mut ours, _): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(place, _)| place.starts_with(&named));
        for (place, _) in &ours {
            table.remove(&place[..]).expect("removed");
        }
        change(&mut ours);
        for (place, bytes) in &ours {
            table.insert(&place[..], &bytes[..]).expect("inserted");
        }
        // As somebody would who knows that there is a head.
        let (place, bytes) = ours.last().expect("a row");
        let mut heads = transaction.open_table(HEADS).expect("a table");
        heads.insert(&named[..], &[&place[16..], &bytes[..32]].concat()[..]).expect("inserted");
    }
    transaction.commit().expect("committed");
    drop(database);
    (copy, file.to_str().expect("UTF-8").to_owned())
}

#[tokio::test]
async fn the_operator_proves_that_the_chains_are_whole() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    for number in 0..4 {
        club.create_key(&format!("Key {number}")).await;
    }
    let folder = server.folder.path().to_owned();
    let running = verify(&folder, &[]);
    assert!(running.status.success(), "{}", said(&running));
    assert!(
        said(&running).starts_with("2 chains, ") && said(&running).ends_with(" events: whole\n"),
        "{}",
        said(&running)
    );
    let heads = operator(&folder, &["audit", "heads"], "");
    let heads = String::from_utf8(heads.stdout).expect("UTF-8");
    let printed: Vec<&str> = heads.lines().map(|line| line.split(' ').next().expect("a word")).collect();
    assert_eq!(printed, ["server", &club.organization_id]);
    let kept = TempDir::new().expect("a folder");
    let kept = kept.path().join("heads");
    std::fs::write(&kept, &heads).expect("written");
    let kept = kept.to_str().expect("UTF-8").to_owned();

    // It grows, and what was kept is still in it.
    club.create_key("Key 5").await;
    let with_heads = verify(&folder, &["--heads", &kept]);
    assert!(with_heads.status.success(), "{}", said(&with_heads));
    assert!(said(&with_heads).ends_with("whole, with 2 heads that were kept\n"), "{}", said(&with_heads));
    let told: Value = serde_json::from_slice(&verify(&folder, &["--json"]).stdout).expect("JSON");
    assert_eq!((&told["chains"][0]["chain"], &told["chains"][0]["broken"]), (&json!("server"), &Value::Null));

    server.stop().await;
    assert!(verify(&folder, &["--heads", &kept]).status.success(), "without a server");
    let (_copy, whole) = tampered(&folder, &club.organization_id, |_| {});
    assert!(verify(&folder, &["--heads", &kept, &whole]).status.success(), "a backup, as it is");

    let broken = |change: &dyn Fn(&mut Rows), heads: bool| {
        let (_copy, file) = tampered(&folder, &club.organization_id, change);
        let before = std::fs::read(&file).expect("read");
        let arguments = if heads { vec!["--heads", &kept, &file] } else { vec![&*file] };
        let output = verify(&folder, &arguments);
        assert_eq!(std::fs::read(&file).expect("read"), before, "the backup is not changed");
        (output.status.code(), said(&output))
    };
    let (status, text) = broken(&|rows| drop(rows.remove(3)), false);
    assert_eq!(status, Some(1));
    assert!(text.starts_with(&format!("{}: event 3 is not there", club.organization_id)), "{text}");
    assert!(text.contains("1 of 2 chains broken"), "{text}");
    let (_, text) = broken(
        &|rows| {
            let text = String::from_utf8_lossy(&rows[4].1[32..]).replace("127.0.0.1", "127.0.0.2");
            rows[4].1.truncate(32);
            rows[4].1.extend(text.bytes());
        },
        false,
    );
    assert!(text.contains("event 4 is not what was written"), "{text}");
    // The newest are taken away, and the head with them: the chain fits in itself, and only the kept head tells.
    let shorten = |rows: &mut Rows| rows.truncate(rows.len() - 2);
    assert_eq!(broken(&shorten, false).0, Some(0));
    let (status, text) = broken(&shorten, true);
    assert_eq!(status, Some(1));
    assert!(text.contains("was known by a head that was kept, and is gone"), "{text}");
}

/// The server's chain knows where the others stood: whoever shortens one must forge both.
#[tokio::test]
async fn the_servers_chain_records_the_heads_of_the_others_each_day() {
    let (server, club, clock) = scene().await;
    server.service().keep_audit().await.expect("kept");
    club.create_key("Roster sync").await;
    clock.advance(TimeDelta::hours(25));
    server.service().keep_audit().await.expect("kept");
    let folder = server.folder.path().to_owned();
    let (_copy, file) = tampered(&folder, &club.organization_id, |rows| drop(rows.pop()));
    let output = verify(&folder, &[&file]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("was known by a head that was kept, and is gone"), "{}", said(&output));
}

#[test]
fn what_cannot_be_verified_is_said() {
    let folder = TempDir::new().expect("a folder");
    let (file, heads) = (folder.path().join("file"), folder.path().join("heads"));
    std::fs::write(&file, "no database").expect("written");
    std::fs::write(&heads, "server 3 abc\n").expect("written");
    let (file, heads) = (file.to_str().expect("UTF-8"), heads.to_str().expect("UTF-8"));
    for (arguments, message) in [
        (vec![], "there is no database in"),
        (vec!["missing.redb"], "cannot copy missing.redb: No such file"),
        (vec![file], "cannot be opened as a database of Astral's"),
        (vec!["--heads", "missing"], "cannot read missing"),
        (
            vec!["--heads", heads],
            "line 1: must be a chain, the number of an event and its hash, as 'audit heads' prints them",
        ),
    ] {
        let output = verify(&folder.path().join("data"), &arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(message), "{arguments:?}: {}", said(&output));
    }
}
