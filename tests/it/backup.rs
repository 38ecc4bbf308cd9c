//! Backups: made while the server is used, put back, and never giving back what was taken away.

use std::{fs, path::Path, process::Output, sync::Arc};

use astral_client::types;
use astral_server::service::Plan;
use astral_tests::{Club, TestServer, operator, password, refusal};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::metrics::Scrape;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a command that must succeed; what it said.
fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = operator(folder, arguments, "");
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn back_up(server: &TestServer, into: &TempDir) -> String {
    let file = into.path().join("astral.backup").to_str().expect("UTF-8").to_owned();
    assert!(run(server.folder.path(), &["backup", &file]).contains("rows, whole"));
    assert!(run(server.folder.path(), &["check", &file]).contains("rows, whole"));
    file
}

async fn patch_member(club: &Club, id: &str, change: types::builder::MemberChange) {
    let changed =
        club.head_coach.client.update_member().org_id(&club.organization_id).member_id(id).body(change).send().await;
    changed.expect("changed");
}

/// The story of a restore, from a backup of a running server to a server that runs on it: each kind of power that was
/// taken away since is still away.
#[tokio::test]
async fn what_was_taken_away_since_the_backup_stays_away() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let org = &club.organization_id;
    let head_coach = &club.head_coach.client;
    let [revoked, narrowed, rotated, bounded, leaked] =
        ["Revoked", "Narrowed", "Rotated", "Bounded", "Leaked"].map(|name| club.create_key(name));
    let (revoked, narrowed, rotated) = (revoked.await, narrowed.await, rotated.await);
    let (bounded, leaked) = (bounded.await, leaked.await);
    let untouched = club.create_key("Untouched").await;
    let second = server.person(&club.head_coach, org, "Dana Coach", types::AssignableRole::Coach).await;
    let third = server.person(&club.head_coach, org, "Emil Coach", types::AssignableRole::Coach).await;
    let invited = club.add_athlete("Fay").await;
    let code = server.invite(&club.head_coach, org, &invited.id, "fay@summit.example").await;
    let other = server.club("Other").await;
    let backups = TempDir::new().expect("a folder");
    let file = back_up(&server, &backups);

    // Everything that takes power away.
    head_coach.revoke_api_key().org_id(org).key_id(&revoked.id).reason("Lost").send().await.expect("revoked");
    let scopes = types::ApiKeyChange::builder().scopes(vec![types::Scope::OrganizationRead]);
    head_coach.update_api_key().org_id(org).key_id(&narrowed.id).body(scopes).send().await.expect("narrowed");
    let addresses = types::ApiKeyChange::builder().allowed_ips(vec!["203.0.113.7".to_owned()]);
    head_coach.update_api_key().org_id(org).key_id(&bounded.id).body(addresses).send().await.expect("bounded");
    let rotation = types::Rotation::builder().overlap_seconds(Some(0));
    let renewed = head_coach.rotate_api_key().org_id(org).key_id(&rotated.id).body(rotation).send().await;
    let renewed = renewed.expect("rotated").into_inner();
    let report = types::LeakedSecret::builder().secret(leaked.secret.clone());
    server.anonymous().report_leaked_secret().body(report).send().await.expect("reported");
    patch_member(
        &club,
        &club.coach.member_id,
        types::MemberChange::builder().status(Some(types::MemberStatus::Suspended)),
    )
    .await;
    patch_member(&club, &second.member_id, types::MemberChange::builder().role(Some(types::AssignableRole::Athlete)))
        .await;
    head_coach.delete_member().org_id(org).member_id(&third.member_id).send().await.expect("removed");
    let acceptance = types::InvitationAcceptance::builder().code(code.clone()).password(password("fay"));
    server.anonymous().accept_invitation().body(acceptance).send().await.expect("accepted");
    club.athlete.client.logout().send().await.expect("signed out");
    let change =
        types::PasswordChange::builder().current_password(&club.head_coach.password).new_password(password("new"));
    head_coach.change_password().body(change).send().await.expect("changed");
    server.set_plan(&other.organization_id, Plan::Free).await;
    let later = club.create_key("Later").await;
    server.stop().await;

    // A newer database is not replaced by accident.
    let refused = operator(server.folder.path(), &["restore", &file], "");
    assert!(!refused.status.success() && said(&refused).contains("--force"), "{}", said(&refused));
    let restored = run(server.folder.path(), &["restore", &file, "--force"]);
    for (what, id) in [("revoked", &revoked.id), ("active", &narrowed.id), ("suspended", &club.coach.member_id)] {
        let line = restored.lines().find(|line| line.contains(id.as_str()));
        assert!(line.is_some_and(|line| line.contains(what)), "{restored}");
    }
    assert!(server.folder.path().join("astral.redb.replaced-1").exists(), "{restored}");
    assert!(run(server.folder.path(), &["check"]).contains("whole"));
    assert!(run(server.folder.path(), &["audit", "verify"]).contains("whole"));

    let server = TestServer::start_in(server.folder.clone(), &[]).await;
    let code_of = async |secret: &str| refusal(server.client(secret).get_caller().send().await).code;
    assert_eq!(code_of(&revoked.secret).await, "key_revoked");
    assert_eq!(code_of(&leaked.secret).await, "key_revoked");
    assert_eq!(code_of(&rotated.secret).await, "secret_replaced");
    assert_eq!(code_of(&bounded.secret).await, "address_not_allowed");
    assert_eq!(code_of(&later.secret).await, "credential_invalid", "it is not in the backup");
    assert_eq!(code_of(&club.athlete.token).await, "session_over");
    server.client(&renewed.secret).get_caller().send().await.expect("the new secret works");
    let members = server.client(&narrowed.secret).list_members().org_id(org).send().await;
    assert_eq!(refusal(members).code, "scope_required");
    server.client(&untouched.secret).list_members().org_id(org).send().await.expect("nothing was taken from it");
    for gone in [&club.coach, &third] {
        let members = server.client(&gone.token).list_members().org_id(org).send().await;
        assert_eq!(refusal(members).code, "not_found");
    }
    let members = server.client(&second.token).list_members().org_id(org).send().await;
    assert_eq!(refusal(members).code, "coach_required");
    let again = types::InvitationAcceptance::builder().code(code).password(password("fay"));
    assert_eq!(refusal(server.anonymous().accept_invitation().body(again).send().await).code, "invitation_invalid");
    let old = types::Login::builder().email(&club.head_coach.email).password(&club.head_coach.password);
    assert_eq!(refusal(server.anonymous().login().body(old).send().await).code, "wrong_email_or_password");
    let head_coach = server.sign_in(&club.head_coach.email, &password("new")).await;
    let plan = server.sign_in(&other.head_coach.email, &other.head_coach.password).await;
    let plan = plan.client.get_organization().org_id(&other.organization_id).send().await.expect("read").into_inner();
    assert_eq!(plan.plan, types::Plan::Free);
    let events = head_coach.client.list_audit_events().org_id(org).action("api_key.catch_up").send().await;
    assert!(events.expect("listed").into_inner().data.len() >= 5);
}

/// On a new machine nobody knows what was taken away: nothing works but passwords, until the operator says so.
#[tokio::test]
async fn without_the_log_every_key_is_held() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (key, other) = (club.create_key("Sync").await, club.create_key("Dashboard").await);
    let invited = club.add_athlete("Fay").await;
    let code = server.invite(&club.head_coach, &club.organization_id, &invited.id, "fay@summit.example").await;
    let backups = TempDir::new().expect("a folder");
    let file = back_up(&server, &backups);

    let machine = Arc::new(TempDir::new().expect("a folder"));
    let restored = run(machine.path(), &["restore", &file]);
    assert!(restored.contains("every key held (2)") && restored.contains("'key release'"), "{restored}");
    let server = TestServer::start_in(Arc::clone(&machine), &["--metrics-listen", "127.0.0.1:0"]).await;
    for secret in [&key.secret, &other.secret] {
        assert_eq!(refusal(server.client(secret).get_caller().send().await).code, "key_held");
    }
    assert_eq!(refusal(server.client(&club.head_coach.token).get_caller().send().await).code, "session_over");
    let acceptance = types::InvitationAcceptance::builder().code(code).password(password("fay"));
    assert_eq!(
        refusal(server.anonymous().accept_invitation().body(acceptance).send().await).code,
        "invitation_invalid"
    );
    let head_coach = server.sign_in(&club.head_coach.email, &club.head_coach.password).await;
    let held = head_coach.client.list_api_keys().org_id(&club.organization_id).status("held").send().await;
    assert_eq!(held.expect("listed").into_inner().data.len(), 2);
    let change = types::ApiKeyChange::builder().name(Some("Other".to_owned()));
    let changed =
        head_coach.client.update_api_key().org_id(&club.organization_id).key_id(&key.id).body(change).send().await;
    assert_eq!(refusal(changed).code, "key_not_active");

    let counted = async || {
        let scrape = Scrape::of(&server).await;
        ["active", "held", "revoked"].map(|state| scrape.value(&format!("astral_api_keys{{state=\"{state}\"}}")))
    };
    assert_eq!(counted().await, [0.0, 2.0, 0.0]);

    // One is released, and the other all the same revoked.
    run(machine.path(), &["key", "release", &club.organization_id, &key.id]);
    assert_eq!(counted().await, [1.0, 1.0, 0.0]);
    server.client(&key.secret).get_caller().send().await.expect("released");
    assert_eq!(refusal(server.client(&other.secret).get_caller().send().await).code, "key_held");
    let report = types::LeakedSecret::builder().secret(other.secret.clone());
    server.anonymous().report_leaked_secret().body(report).send().await.expect("reported");
    assert!(run(machine.path(), &["key", "release", &club.organization_id]).contains("released: 0"));
    assert_eq!(refusal(server.client(&other.secret).get_caller().send().await).code, "key_revoked");
    assert_eq!(counted().await, [1.0, 0.0, 1.0]);
}

/// Who copies a backup over the database by hand, as anyone would, is caught up with at the start.
#[tokio::test]
async fn a_database_that_was_put_back_by_hand_is_caught_up_with() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    server.stop().await;
    let database = server.folder.path().join("astral.redb");
    let copy = server.folder.path().join("copy");
    fs::copy(&database, &copy).expect("copied");
    let mut server = TestServer::start_in(server.folder.clone(), &[]).await;
    let revoked = server.operator(&["key", "revoke", &club.organization_id, &key.id], "");
    assert!(revoked.status.success());
    server.stop().await;
    fs::rename(&copy, &database).expect("put back");
    let server = TestServer::start_in(server.folder.clone(), &[]).await;
    assert_eq!(refusal(server.client(&key.secret).get_caller().send().await).code, "key_revoked");
}

/// A backup is one state of the database, whatever is written meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_whole() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Writer").await;
    let before: Vec<String> = {
        let mut ids = Vec::new();
        for number in 0..20 {
            ids.push(club.add_athlete(&format!("Before {number}")).await.id);
        }
        ids
    };
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (client, org_id, stop) = (server.client(&key.secret), club.organization_id.clone(), Arc::clone(&stop));
        writers.spawn(async move {
            for number in 0.. {
                let new = types::NewMember::builder().display_name(format!("W{writer} N{number}"));
                client.create_member().org_id(&org_id).body(new).send().await.expect("added");
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
            }
        });
    }
    let backups = TempDir::new().expect("a folder");
    let files: Vec<String> = tokio::task::block_in_place(|| {
        (0..3)
            .map(|number| {
                let file = backups.path().join(number.to_string()).to_str().expect("UTF-8").to_owned();
                run(server.folder.path(), &["backup", &file]);
                file
            })
            .collect()
    });
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writers.join_all().await;
    for file in files {
        assert!(run(backups.path(), &["check", &file]).contains("whole"));
        let folder = Arc::new(TempDir::new().expect("a folder"));
        run(folder.path(), &["restore", &file]);
        run(folder.path(), &["key", "release", &club.organization_id]);
        let server = TestServer::start_in(folder, &[]).await;
        let answer = server.request("get", &club.path("/members?limit=200&q=before")).bearer_auth(&key.secret).send();
        let page: Value = answer.await.expect("answered").json().await.expect("JSON");
        let ids: Vec<_> =
            page["data"].as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id")).collect();
        assert!(before.iter().all(|id| ids.contains(&id.as_str())), "what was there before is in it");
    }
}

/// A backup or database that was cut or changed is told of with a sentence, never with a panic; and a server that starts
/// on one all the same has found nothing wrong because nothing that counts is.
#[tokio::test]
async fn a_damaged_file_is_refused() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    for number in 0..200 {
        club.add_athlete(&format!("Athlete {number}")).await;
    }
    let backups = TempDir::new().expect("a folder");
    let file = back_up(&server, &backups);
    server.stop().await;
    let whole = fs::read(&file).expect("read");
    let database = fs::read(server.folder.path().join("astral.redb")).expect("read");
    let damaged = backups.path().join("damaged").to_str().expect("UTF-8").to_owned();
    let seed = std::process::id() as usize;
    let places = (0..24).map(|number| (number * 7919 + seed * 104_729) % whole.len());
    let flipped = places.map(|place| {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        (format!("byte {place}"), bytes)
    });
    let cut = [0, 1, 4096, whole.len() / 2, whole.len() - 1]
        .map(|length| (format!("cut at {length}"), whole[..length].to_vec()));
    let mut found = 0;
    for (how, bytes) in flipped.chain(cut) {
        fs::write(&damaged, bytes).expect("written");
        let checked = operator(backups.path(), &["check", &damaged], "");
        let folder = TempDir::new().expect("a folder");
        let restored = operator(folder.path(), &["restore", &damaged], "");
        assert_eq!(
            checked.status.success(),
            restored.status.success(),
            "{how}: {} {}",
            said(&checked),
            said(&restored)
        );
        for output in [&checked, &restored] {
            assert!(!said(output).contains("panicked"), "{how}: {}", said(output));
        }
        found += usize::from(!checked.status.success());
        assert!(
            restored.status.success() || !folder.path().join("astral.redb").exists(),
            "{how}: nothing is put there"
        );
    }
    assert!(found > 5, "{found}");
    // The same of the database itself.
    for number in 0..12 {
        let place = (number * 7907 + seed * 7) % database.len();
        let mut bytes = database.clone();
        bytes[place] ^= 0x10;
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join("astral.redb"), bytes).expect("written");
        let checked = operator(folder.path(), &["check"], "");
        let listed = operator(folder.path(), &["org", "list"], "");
        assert!(!said(&checked).contains("panicked"), "byte {place}: {}", said(&checked));
        assert!(!said(&listed).contains("panicked"), "byte {place}: {}", said(&listed));
        if !listed.status.success() {
            assert!(!checked.status.success(), "byte {place}");
            assert!(said(&listed).contains("astral-server restore"), "byte {place}: {}", said(&listed));
        }
    }
}

/// A database of which the disk is nearly full answers who reads, and lets power be taken away.
#[tokio::test]
async fn a_disk_that_is_nearly_full_refuses_what_is_not_urgent() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    let free =
        std::process::Command::new("df").args(["--output=avail", "--block-size=1M"]).arg(server.folder.path()).output();
    let free = String::from_utf8(free.expect("df runs").stdout).expect("UTF-8");
    let free: u64 = free.lines().last().expect("a line").trim().parse().expect("a number");
    let mut stopping = server;
    stopping.stop().await;
    let server = TestServer::start_in(stopping.folder.clone(), &["--disk-reserve-mb", &(free * 2).to_string()]).await;
    let head_coach = server.client(&club.head_coach.token);
    let new = types::NewMember::builder().display_name("Zoe");
    let added = head_coach.create_member().org_id(&club.organization_id).body(new).send().await;
    assert_eq!(refusal(added).code, "insufficient_storage");
    head_coach.list_members().org_id(&club.organization_id).send().await.expect("who reads is answered");
    head_coach.revoke_api_key().org_id(&club.organization_id).key_id(&key.id).send().await.expect("revoked");
    assert_eq!(refusal(server.client(&key.secret).get_caller().send().await).code, "key_revoked");
}
