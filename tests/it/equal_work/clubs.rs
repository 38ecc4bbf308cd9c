//! What belongs to another club is like what does not exist: the club itself, its members and its keys.

use astral_tests::{Club, Person, document::operations, password};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{beside, scene, twins::alike};
use crate::requests::{Caller, Request, valid, variants};

/// The head coach, a coach and a key of a club.
async fn callers(club: &Club) -> [Caller; 3] {
    let person = |name, person: &Person| Caller {
        name,
        credential: Some(person.token.clone()),
        password: person.password.clone(),
        member_id: Some(person.member_id.clone()),
    };
    let key = club.create_key("All scopes").await;
    let key = Caller { name: "key", credential: Some(key.secret), password: password("nobody"), member_id: None };
    [person("head coach", &club.head_coach), person("coach", &club.coach), key]
}

/// The same request at the path that `change` makes of its own.
fn at(request: &Request, change: impl Fn(&str) -> String) -> Request {
    let mut moved = request.clone();
    moved.path = change(&request.path);
    moved
}

#[tokio::test]
async fn a_club_of_others_is_like_none() {
    let (server, _) = scene().await;
    let (home, others) = (server.club("Summit").await, server.club("Valley").await);
    let callers = callers(&home).await;
    let none = beside(&others.organization_id);
    let mut tried = 0;
    for operation in operations().iter().filter(|operation| operation.path.contains("{org_id}")) {
        for variant in variants(&operation.id) {
            for caller in &callers {
                let Some(of_others) = valid(&server, &others, operation, variant, caller).await else { continue };
                let of_none = at(&of_others, |path| path.replace(&others.organization_id, &none));
                let credential = caller.credential.as_deref();
                let twins = [
                    ("a club of others", of_others.by(&server, credential)),
                    ("none", of_none.by(&server, credential)),
                ];
                let (answer, work) = alike(&server, &twins).await;
                let what = format!("{} ({variant}) by {}", operation.id, caller.name);
                assert!(answer.status == 404 && answer.body.contains("\"not_found\""), "{what}: {answer:?}");
                assert_eq!((work.hashes, work.commits), (0, 0), "{what}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 3 * 20, "only {tried} requests");
}

/// The member or key that a path names.
fn target(path: &str) -> &str {
    let mut parts = path.split(['/', '?']);
    parts.find(|part| part.starts_with("mem_") || part.starts_with("key_")).expect("a target")
}

#[tokio::test]
async fn what_another_club_has_is_like_nothing() {
    let (server, _) = scene().await;
    let (home, others) = (server.club("Summit").await, server.club("Valley").await);
    let callers = callers(&home).await;
    let mut tried = 0;
    for operation in operations().iter().filter(|operation| has_target(&operation.path)) {
        // Itself is of no other club.
        for variant in variants(&operation.id).iter().filter(|variant| **variant != "itself") {
            for caller in &callers {
                let request = valid(&server, &others, operation, variant, caller).await.expect("a request");
                let of_others = at(&request, |path| path.replace(&others.organization_id, &home.organization_id));
                let of_nothing = at(&of_others, |path| path.replace(target(path), &beside(target(path))));
                let credential = caller.credential.as_deref();
                let twins = [
                    ("of another club", of_others.by(&server, credential)),
                    ("nothing", of_nothing.by(&server, credential)),
                ];
                let (answer, work) = alike(&server, &twins).await;
                let what = format!("{} ({variant}) by {}", operation.id, caller.name);
                let expected: &[u16] = if caller.name == "head coach" { &[404] } else { &[403, 404] };
                assert!(expected.contains(&answer.status), "{what}: {answer:?}");
                assert_eq!((work.hashes, work.commits), (0, 0), "{what}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 3 * 12, "only {tried} requests");
}

fn has_target(path: &str) -> bool {
    path.contains("{member_id}") || path.contains("{key_id}")
}

/// As [`what_another_club_has_is_like_nothing`], for ids that do not stand in the path.
#[tokio::test]
async fn what_another_club_has_is_like_nothing_in_a_body_and_in_a_filter_too() {
    let (server, _) = scene().await;
    let (home, others) = (server.club("Summit").await, server.club("Valley").await);
    let theirs = others.create_key("Theirs").await;
    let (head_coach, coach) = (&home.head_coach, &others.coach.member_id);
    let sent = |method: &str, rest: &str, body: Option<Value>| {
        let request = server.request(method, &home.path(rest)).bearer_auth(&head_coach.token);
        body.iter().fold(request, RequestBuilder::json)
    };
    let hand_over =
        |to: &str| sent("post", "/head-coach", Some(json!({ "member_id": to, "password": head_coach.password })));
    let coached_by =
        |coach: &str| sent("post", "/members", Some(json!({ "display_name": "Nia New", "coach_id": coach })));
    let athletes_of = |coach: &str| sent("get", &format!("/members?coach_id={coach}"), None);
    let done_to = |target: &str| sent("get", &format!("/audit-events?target={target}"), None);
    let done_by = |actor: &str| sent("get", &format!("/audit-events?actor={actor}"), None);
    let user = &others.coach.user_id;
    for (what, status, hashes, twins) in [
        ("hand over", 404, 1, [hand_over(coach), hand_over(&beside(coach))]),
        ("a new athlete's coach", 422, 0, [coached_by(coach), coached_by(&beside(coach))]),
        ("athletes by coach", 200, 0, [athletes_of(coach), athletes_of(&beside(coach))]),
        ("events by target", 200, 0, [done_to(&theirs.id), done_to(&beside(&theirs.id))]),
        ("events by key", 200, 0, [done_by(&theirs.id), done_by(&beside(&theirs.id))]),
        ("events by user", 200, 0, [done_by(user), done_by(&beside(user))]),
    ] {
        let [of_others, of_nothing] = twins;
        let (answer, work) = alike(&server, &[("of another club", of_others), ("nothing", of_nothing)]).await;
        assert_eq!((answer.status, work.hashes, work.commits), (status, hashes, 0), "{what}: {answer:?}");
    }
}
