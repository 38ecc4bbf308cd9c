//! Nothing tells whether there is such an email, organization, key, member, invitation or session: the answer is the same,
//! and so is the work behind it. How long it takes is measured in `in_time.rs`.
//!
//! By design this is told: whoever has a secret that a key once had hears what became of the key, and whoever has an
//! invitation that counts hears whether its email has an account.

mod clubs;
mod in_time;
mod twins;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use astral_client::types;
use astral_server::{
    HttpSettings,
    service::{Clock, Entropy, Password, Secret, SecretKind, Settings, ShellAccess},
};
use astral_tests::{Club, Person, TestServer, password};
use chrono::TimeDelta;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use self::twins::{Answer, ROUNDS, Work, alike, measured};

/// How many clubs there are already: so many that the tables are large, and each look-up counts.
const CLUBS: usize = 150;

/// A server with clubs on it, whose clock stands still.
async fn scene() -> (TestServer, Clock) {
    let clock = Clock::fixed("2030-01-01T00:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock.clone()).await;
    let password_hash = server.service().hash_password(Password::typed(password("coach"))).await.expect("hashed");
    let seeded = server.service().write(move |tx| {
        let operator = tx.operator(ShellAccess::asserted_by_command_line());
        for number in 0..CLUBS {
            let club = operator.seed_club(number, password_hash.clone())?;
            operator.seed_members(&club, number, 0..3)?;
            operator.seed_keys(&club, number, 2)?;
        }
        Ok(())
    });
    seeded.await.expect("seeded");
    (server, clock)
}

/// A secret that was never issued, with a checksum that is right.
fn never_issued(kind: SecretKind) -> String {
    Secret::generate(kind, || Entropy::system().bytes()).reveal()
}

/// The id beside this one, which nothing has.
fn beside(id: &str) -> String {
    let (rest, last) = id.split_at(id.len() - 1);
    format!("{rest}{}", if last == "0" { '1' } else { '0' })
}

/// The email beside this one, as long, which nobody has.
fn email_beside(email: &str) -> String {
    let (local, domain) = email.split_once('@').expect("an email");
    let (rest, last) = local.split_at(local.len() - 1);
    format!("{rest}{}@{domain}", if last == "x" { 'y' } else { 'x' })
}

fn post(server: &TestServer, path: &str, body: &Value) -> RequestBuilder {
    server.request("post", path).json(body)
}

fn login(server: &TestServer, email: &str) -> RequestBuilder {
    post(server, "/api/v1/auth/login", &json!({ "email": email, "password": password("wrong") }))
}

fn accept(server: &TestServer, code: &str, password: &str) -> RequestBuilder {
    post(server, "/api/v1/invitations/accept", &json!({ "code": code, "password": password }))
}

fn report(server: &TestServer, secret: &str) -> RequestBuilder {
    post(server, "/api/v1/leaked-secrets", &json!({ "secret": secret }))
}

/// Somebody who may not act in the only club that they are a member of.
async fn suspended(server: &TestServer, club: &Club) -> Person {
    let (head_coach, org_id) = (&club.head_coach, &club.organization_id);
    let person = server.person(head_coach, org_id, "Sue Suspended", types::AssignableRole::Coach).await;
    let change = types::MemberChange::builder().status(types::MemberStatus::Suspended);
    let update = head_coach.client.update_member().org_id(org_id).member_id(&person.member_id).body(change);
    update.send().await.expect("suspended");
    person
}

#[tokio::test]
async fn an_email_that_has_an_account_is_like_one_that_has_none() {
    let (server, _) = scene().await;
    let club = server.club("Summit").await;
    let suspended = suspended(&server, &club).await;
    let twins = [
        ("an account", login(&server, &club.coach.email)),
        ("an account that is suspended in each of its clubs", login(&server, &suspended.email)),
        ("no account", login(&server, &email_beside(&club.coach.email))),
    ];
    let (answer, work) = alike(&server, &twins).await;
    assert!(answer.status == 401 && answer.body.contains("wrong_email_or_password"), "{answer:?}");
    assert_eq!((work.hashes, work.commits), (1, 0));
    assert!(work.pages >= 2, "the email and the user: {work:?}");
}

#[tokio::test]
async fn an_invitation_that_counts_no_more_is_like_none() {
    let (server, clock) = scene().await;
    let club = server.club("Summit").await;
    let invite = async |name: &str, email: &str| {
        let id = club.add_athlete(name).await.id.to_string();
        (server.invite(&club.head_coach, &club.organization_id, &id, email).await, id)
    };
    let (used, _) = invite("Uma Used", "uma@runner.example").await;
    accept(&server, &used, &password("uma")).send().await.expect("answered").error_for_status().expect("accepted");
    let (replaced, id) = invite("Rob Replaced", "rob@runner.example").await;
    server.invite(&club.head_coach, &club.organization_id, &id, "rob@runner.example").await;
    let (removed, id) = invite("Ray Removed", "ray@runner.example").await;
    let remove = club.head_coach.client.delete_member().org_id(&club.organization_id).member_id(&id);
    remove.send().await.expect("removed");
    let (leaked, _) = invite("Lea Leaked", "lea@runner.example").await;
    assert_eq!(report(&server, &leaked).send().await.expect("answered").status(), 202);
    // Of an email that has an account, and of one that has none.
    let (expired, _) = invite("Eva Expired", "eva@runner.example").await;
    let (expired_of_account, _) = invite("Ben again", &club.coach.email).await;
    for number in 0..50 {
        invite("Ina Invited", &format!("ina{number}@runner.example")).await;
    }
    clock.advance(TimeDelta::days(14));
    for password in [password("new"), "too short".to_owned()] {
        let accept = |code: &str| accept(&server, code, &password);
        let twins = [
            ("never was", accept(&never_issued(SecretKind::Invitation))),
            ("used", accept(&used)),
            ("replaced", accept(&replaced)),
            ("removed with its member", accept(&removed)),
            ("leaked", accept(&leaked)),
            ("expired", accept(&expired)),
            ("expired, of an account", accept(&expired_of_account)),
        ];
        let (answer, work) = alike(&server, &twins).await;
        assert!(answer.status == 401 && answer.body.contains("invitation_invalid"), "{answer:?}");
        assert_eq!((work.hashes, work.commits), (0, 0));
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_like_one_that_never_was() {
    let (server, clock) = scene().await;
    let club = server.club("Summit").await;
    let ended = server.sign_in(&club.coach.email, &club.coach.password).await;
    ended.client.logout().send().await.expect("signed out");
    for _ in 0..80 {
        server.sign_in(&club.coach.email, &club.coach.password).await;
    }
    clock.advance(TimeDelta::days(30));
    let call = |token: &str| server.request("get", "/api/v1/auth/me").bearer_auth(token);
    let twins = [
        ("never was", call(&never_issued(SecretKind::Session))),
        ("ended", call(&ended.token)),
        ("expired", call(&club.athlete.token)),
    ];
    let (answer, work) = alike(&server, &twins).await;
    assert!(answer.status == 401 && answer.body.contains("session_over"), "{answer:?}");
    assert_eq!((work.hashes, work.commits), (0, 0));
}

/// The same server twice, from the same folder: on one of them the email has an account. What a commit takes depends on all
/// that was written before it.
#[tokio::test]
async fn adding_and_inviting_do_the_same_whether_or_not_there_is_an_account() {
    let (mut server, clock) = scene().await;
    let (club, others) = (server.club("Summit").await, server.club("Valley").await);
    let known = server.person(&others.head_coach, &others.organization_id, "Kim", types::AssignableRole::Coach).await;
    let invited = club.add_athlete("Ivy Invited").await.id;
    server.stop().await;
    let mut twins = Vec::new();
    for email in [known.email.clone(), email_beside(&known.email)] {
        let folder = Arc::new(tempfile::TempDir::new().expect("a folder"));
        for file in std::fs::read_dir(server.folder.path()).expect("a folder") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), folder.path().join(file.file_name())).expect("copied");
        }
        let twin = TestServer::start_here(folder, clock.clone(), Settings::default(), HttpSettings::default()).await;
        twins.push(added_and_invited(&twin, &club, &invited, &email).await);
    }
    let mut alike = 0;
    for ((answer, work), (other, took)) in twins[0].iter().zip(&twins[1]) {
        assert_eq!(answer, other);
        assert!(work.hashes == 0 && took.hashes == 0 && work.pages > 0);
        alike += usize::from(work == took);
    }
    // What the servers do by themselves meanwhile meets a few.
    assert!(alike > ROUNDS, "{twins:?}");
}

/// Adds a member with this email, invites another under it, and removes the first, several times over; what was answered,
/// and what it took.
async fn added_and_invited(server: &TestServer, club: &Club, invited: &str, email: &str) -> Vec<(Answer, Work)> {
    let token = &club.head_coach.token;
    let invite = club.path(&format!("/members/{invited}/invitation"));
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        let new = json!({ "display_name": "Nia New", "email": email });
        let (answer, work) = measured(server, post(server, &club.path("/members"), &new).bearer_auth(token)).await;
        let member: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!((answer.status, &member["user_id"]), (201, &Value::Null), "{email}");
        seen.push((answer.outlined(), work));
        let new = json!({ "email": email });
        let (answer, work) = measured(server, post(server, &invite, &new).bearer_auth(token)).await;
        assert_eq!(answer.status, 201, "{email}");
        seen.push((answer.outlined(), work));
        let path = club.path(&format!("/members/{}", member["id"].as_str().expect("an id")));
        let removed = server.request("delete", &path).bearer_auth(token).send().await.expect("answered");
        assert_eq!(removed.status(), 204);
    }
    seen
}

/// How soon a report is answered at the soonest: what ends takes a commit, which is not to be told from nothing.
const SOONEST: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_leak_is_answered_alike_whatever_was_reported() {
    let (server, _) = scene().await;
    let club = server.club("Summit").await;
    let live = club.create_key("Live").await;
    let revoked = club.create_key("Revoked").await;
    let revoke = club.head_coach.client.revoke_api_key().org_id(&club.organization_id).key_id(&revoked.id);
    revoke.send().await.expect("revoked");
    let rotated = club.create_key("Rotated").await;
    let rotate = club.head_coach.client.rotate_api_key().org_id(&club.organization_id).key_id(&rotated.id);
    rotate.body(types::Rotation::builder()).send().await.expect("rotated");
    let invited = club.add_athlete("Ivy Invited").await.id;
    let invitation = server.invite(&club.head_coach, &club.organization_id, &invited, "ivy@runner.example").await;
    let ended = server.sign_in(&club.coach.email, &club.coach.password).await;
    ended.client.logout().send().await.expect("signed out");
    let secrets = [
        ("no key's", never_issued(SecretKind::ApiKey), 0),
        ("a key's", live.secret.to_string(), 1),
        ("a key's that was revoked", revoked.secret.to_string(), 0),
        ("a key's before its present one", rotated.secret.to_string(), 1),
        ("no session's", never_issued(SecretKind::Session), 0),
        ("a session's", club.athlete.token.clone(), 1),
        ("a session's that was over", ended.token, 0),
        ("no invitation's", never_issued(SecretKind::Invitation), 0),
        ("an invitation's", invitation, 1),
    ];
    let mut first: Option<Answer> = None;
    for (name, secret, commits) in secrets {
        let sent = Instant::now();
        let (answer, work) = measured(&server, report(&server, &secret)).await;
        assert!(sent.elapsed() >= SOONEST, "{name}: {:?}", sent.elapsed());
        assert!(work.commits >= commits, "{name}");
        assert_eq!((answer.status, &*answer.body), (202, ""), "{name}");
        assert_eq!(answer, *first.get_or_insert_with(|| answer.clone()), "{name}");
    }
}

#[tokio::test]
async fn a_setup_code_tells_nothing_once_there_is_a_club() {
    let (server, _) = scene().await;
    let right = server.setup_code();
    let wrong = beside(&right);
    let club = server.club("Summit").await;
    let set_up = |code: &str, email: &str| {
        let body = json!({
            "setup_code": code, "organization_name": "Second Club", "display_name": "Sam Second",
            "email": email, "password": password("sam"),
        });
        post(&server, "/api/v1/setup", &body)
    };
    let (account, none) = (&club.coach.email, &email_beside(&club.coach.email));
    let twins = [
        ("the code, an account", set_up(&right, account)),
        ("the code, no account", set_up(&right, none)),
        ("another, an account", set_up(&wrong, account)),
        ("another, no account", set_up(&wrong, none)),
    ];
    let (answer, work) = alike(&server, &twins).await;
    assert!(answer.status == 409 && answer.body.contains("already_set_up"), "{answer:?}");
    assert_eq!((work.hashes, work.commits), (0, 0));
}

/// Ten thousand of each, where something could be told: `just answers-in-time`. Of the few here nothing can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_time() {
    let wrong = in_time::told_apart().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}
