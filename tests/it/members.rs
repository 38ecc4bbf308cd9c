//! Members: who may do what to whom, pages, filters.

use std::collections::HashSet;

use astral_client::types::{self, AssignableRole, MemberStatus};
use astral_tests::{Club, TestServer, refusal};
use serde_json::{Value, json};

/// Every member that a listing with this query answers, page by page, and how many pages there were.
async fn list(server: &TestServer, club: &Club, query: &str) -> (Vec<Value>, usize) {
    let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let path = club.path(&format!("/members?{query}{cursor}"));
        let answer = server.request("get", &path).bearer_auth(&club.head_coach.token).send().await.expect("answered");
        assert_eq!(answer.status(), 200, "{path}");
        let page: Value = answer.json().await.expect("JSON");
        found.extend(page["data"].as_array().expect("rows").iter().cloned());
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (found, pages),
        }
    }
}

fn names(members: &[Value]) -> Vec<&str> {
    members.iter().map(|member| member["display_name"].as_str().expect("a name")).collect()
}

async fn add(server: &TestServer, club: &Club, member: Value) -> Value {
    let request = server.request("post", &club.path("/members")).bearer_auth(&club.head_coach.token).json(&member);
    let answer = request.send().await.expect("answered");
    assert_eq!(answer.status(), 201, "{member}");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn pages_are_stable_while_members_come_and_go() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let mut kept = Vec::new();
    for number in 0..25 {
        kept.push(club.add_athlete(&format!("Athlete {number}")).await.id);
    }
    let client = &club.head_coach.client;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let mut request = client.list_members().org_id(&club.organization_id).limit(4);
        if let Some(cursor) = cursor.take() {
            request = request.cursor::<String>(cursor);
        }
        let page = request.send().await.expect("listed").into_inner();
        assert!(page.data.len() <= 4);
        seen.extend(page.data.iter().map(|member| member.id.clone()));
        // The row at which the next page begins goes away, and another comes.
        let passing = club.add_athlete("Passing").await;
        if let Some(last) = page.data.last().filter(|member| member.display_name == "Passing") {
            client.delete_member().org_id(&club.organization_id).member_id(&last.id).send().await.expect("removed");
        }
        client.delete_member().org_id(&club.organization_id).member_id(&passing.id).send().await.expect("removed");
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), seen.iter().collect::<HashSet<_>>().len(), "each once");
    assert!(seen.is_sorted());
    assert!(kept.iter().all(|id| seen.contains(id)), "all there");
}

#[tokio::test]
async fn filters_hold_together_and_search_finds_words() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let coach = &club.coach.member_id;
    for (name, labels, email, assigned) in [
        ("José Ángel Muñoz", vec!["U16", "Sprint"], Some("jose@runner.example"), true),
        ("Josefine Strauß", vec!["U16"], None, false),
        ("Anna Josephs", vec!["Sprint"], Some("anna.josephs@runner.example"), true),
        ("李小龍", vec!["U18"], None, false),
    ] {
        let coach_id = assigned.then_some(coach);
        add(&server, &club, json!({ "display_name": name, "labels": labels, "email": email, "coach_id": coach_id }))
            .await;
    }
    for (query, expected) in [
        ("label=U16", vec!["José Ángel Muñoz", "Josefine Strauß"]),
        ("label=Sprint&q=anna", vec!["Anna Josephs"]),
        ("label=u16", vec![]),
        (&format!("coach_id={coach}"), vec!["José Ángel Muñoz", "Anna Josephs"]),
        (&format!("coach_id={coach}&label=U16&status=active&role=athlete"), vec!["José Ángel Muñoz"]),
        ("role=coach", vec!["Ben Coach"]),
        ("role=head_coach", vec!["Ana Head"]),
        ("status=suspended", vec![]),
        // By the word that matched: jose, josefine, josephs. Each member once, though several words match.
        ("q=JOSE", vec!["José Ángel Muñoz", "Josefine Strauß", "Anna Josephs"]),
        ("q=munoz", vec!["José Ángel Muñoz"]),
        ("q=strauss", vec!["Josefine Strauß"]),
        ("q=jo%20an", vec!["José Ángel Muñoz", "Anna Josephs"]),
        ("q=anna.josephs%40runner", vec!["Anna Josephs"]),
        ("q=runner", vec!["José Ángel Muñoz", "Anna Josephs"]),
        ("q=%E6%9D%8E", vec!["李小龍"]),
        ("q=nobody", vec![]),
    ] {
        for limit in [1, 50] {
            let (found, _) = list(&server, &club, &format!("{query}&limit={limit}")).await;
            assert_eq!(names(&found), expected, "{query} by {limit}");
        }
    }
}

#[tokio::test]
async fn one_page_examines_a_thousand_entries_at_most() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let add = |number| add(&server, &club, json!({ "display_name": format!("Athlete {number}"), "labels": ["All"] }));
    for hundred in 0..11 {
        let mut added = tokio::task::JoinSet::new();
        for number in 0..100 {
            let body = json!({ "display_name": format!("Athlete {hundred}-{number}"), "labels": ["All"] });
            added.spawn(
                server.request("post", &club.path("/members")).bearer_auth(&club.head_coach.token).json(&body).send(),
            );
        }
        for answer in added.join_all().await {
            assert_eq!(answer.expect("answered").status(), 201);
        }
    }
    let last = add(9999).await["id"].as_str().expect("an id").to_owned();
    let path = club.path(&format!("/members/{last}"));
    let change =
        server.request("patch", &path).bearer_auth(&club.head_coach.token).json(&json!({ "status": "suspended" }));
    assert_eq!(change.send().await.expect("answered").status(), 200);
    let (found, pages) = list(&server, &club, "label=All&status=suspended").await;
    assert_eq!((found.len(), pages), (1, 2), "the first page is empty and still has a next one");
}

#[tokio::test]
async fn coaches_and_keys_manage_athletes_alone() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key_for(types::Scope::MembersWrite).await;
    let org_id = &club.organization_id;
    let second = server.person(&club.head_coach, org_id, "Second Coach", AssignableRole::Coach).await;
    for (who, client) in [("coach", &club.coach.client), ("key", &server.client(&key.secret))] {
        let coach = types::NewMember::builder().display_name("A coach").role(AssignableRole::Coach);
        let add_coach = client.create_member().org_id(org_id).body(coach).send().await;
        let rename = types::MemberChange::builder().display_name(Some("Renamed".to_owned()));
        let change_coach =
            client.update_member().org_id(org_id).member_id(&second.member_id).body(rename.clone()).send().await;
        let promote = types::MemberChange::builder().role(AssignableRole::Coach);
        let promote =
            client.update_member().org_id(org_id).member_id(&club.athlete.member_id).body(promote).send().await;
        let remove_head = client.delete_member().org_id(org_id).member_id(&club.head_coach.member_id).send().await;
        for problem in [refusal(add_coach), refusal(change_coach), refusal(promote), refusal(remove_head)] {
            assert_eq!((problem.status, &*problem.code), (403, "head_coach_required"), "{who}");
        }
        let athlete = types::NewMember::builder().display_name("An athlete");
        let athlete = client.create_member().org_id(org_id).body(athlete).send().await.expect("added").into_inner();
        client.update_member().org_id(org_id).member_id(&athlete.id).body(rename).send().await.expect("changed");
        client.delete_member().org_id(org_id).member_id(&athlete.id).send().await.expect("removed");
    }
}

/// A coach who becomes an athlete is still a coach in what is stored: it must not be its own.
#[tokio::test]
async fn nobody_is_their_own_coach() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let change =
        types::MemberChange::builder().role(AssignableRole::Athlete).coach_id(Some(club.coach.member_id.clone()));
    let change = club
        .head_coach
        .client
        .update_member()
        .org_id(&club.organization_id)
        .member_id(&club.coach.member_id)
        .body(change);
    assert_eq!(refusal(change.send().await).errors[0].field, "coach_id");
}

#[tokio::test]
async fn a_wrong_parameter_is_explained_in_plain_words() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    for (query, field, message) in [
        ("limit=0", "limit", "must be a whole number from 1 to 200"),
        ("q=-", "q", "must contain a letter or a digit"),
        ("role=boss", "role", "must be one of: head_coach, coach, athlete"),
        ("label=", "label", "must not be empty"),
        (
            "page=2",
            "page",
            "is not a query parameter of this request; there are: limit, cursor, role, status, label, coach_id, q",
        ),
        ("limit=1&limit=2", "limit", "occurs more than once"),
    ] {
        let path = club.path(&format!("/members?{query}"));
        let answer = server.request("get", &path).bearer_auth(&club.head_coach.token).send().await.expect("answered");
        let problem: Value = answer.json().await.expect("JSON");
        assert_eq!(problem["errors"], json!([{ "field": field, "message": message }]), "{query}");
    }
}

#[tokio::test]
async fn an_athlete_sees_itself_alone() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (client, org_id) = (&club.athlete.client, &club.organization_id);
    client.get_member().org_id(org_id).member_id(&club.athlete.member_id).send().await.expect("itself");
    let other = refusal(client.get_member().org_id(org_id).member_id(&club.coach.member_id).send().await);
    assert_eq!((other.status, &*other.code), (404, "not_found"));
    let all = refusal(client.list_members().org_id(org_id).send().await);
    assert_eq!((all.status, &*all.code), (403, "coach_required"));
}

#[tokio::test]
async fn email_and_external_id_are_unique_in_a_club() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let first =
        add(&server, &club, json!({ "display_name": "One", "email": "One@runner.example", "external_id": "4711" }))
            .await;
    for (field, value, code) in
        [("email", "oNE@RUNNER.example", "email_taken"), ("external_id", "4711", "external_id_taken")]
    {
        let body = json!({ "display_name": "Two", field: value });
        let answer =
            server.request("post", &club.path("/members")).bearer_auth(&club.head_coach.token).json(&body).send().await;
        let problem: Value = answer.expect("answered").json().await.expect("JSON");
        assert_eq!((&problem["code"], &problem["resource_id"]), (&json!(code), &first["id"]));
    }
    let other = server.club("Elsewhere").await;
    add(&server, &other, json!({ "display_name": "One", "email": "one@runner.example", "external_id": "4711" })).await;
    // Emptied by name, and then free for another.
    let path = club.path(&format!("/members/{}", first["id"].as_str().expect("an id")));
    let clear = json!({ "clear": ["email", "external_id"] });
    let answer =
        server.request("patch", &path).bearer_auth(&club.head_coach.token).json(&clear).send().await.expect("answered");
    let cleared: Value = answer.json().await.expect("JSON");
    assert_eq!((&cleared["email"], &cleared["external_id"]), (&Value::Null, &Value::Null));
    add(&server, &club, json!({ "display_name": "Two", "email": "one@runner.example" })).await;
}

#[tokio::test]
async fn a_coach_who_goes_leaves_its_athletes_without_one() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (client, org_id) = (&club.head_coach.client, &club.organization_id);
    let assigned = types::NewMember::builder().display_name("Assigned").coach_id(Some(club.coach.member_id.clone()));
    let athlete = client.create_member().org_id(org_id).body(assigned).send().await.expect("added").into_inner();
    client.delete_member().org_id(org_id).member_id(&club.coach.member_id).send().await.expect("removed");
    let athlete = client.get_member().org_id(org_id).member_id(&athlete.id).send().await.expect("found").into_inner();
    assert_eq!(athlete.coach_id, None);
    // The coach's session goes on, and sees nothing of the club any more.
    assert_eq!(refusal(club.coach.client.get_organization().org_id(org_id).send().await).code, "not_found");
    assert!(club.coach.client.get_caller().send().await.expect("known").memberships.is_empty());
    for (change, field) in [
        (json!({ "role": "athlete", "coach_id": club.head_coach.member_id }), None),
        (json!({ "coach_id": athlete.id }), Some("coach_id")),
    ] {
        let path = club.path(&format!("/members/{}", athlete.id));
        let request = server.request("patch", &path).bearer_auth(&club.head_coach.token).json(&change);
        let answer: Value = request.send().await.expect("answered").json().await.expect("JSON");
        assert_eq!(answer["errors"][0]["field"].as_str(), field, "{change}");
    }
    let to_nobody = types::MemberChange::builder().coach_id(Some(club.coach.member_id.clone()));
    let problem = refusal(client.update_member().org_id(org_id).member_id(&athlete.id).body(to_nobody).send().await);
    assert_eq!((problem.status, &*problem.errors[0].field), (422, "coach_id"));
}

#[tokio::test]
async fn the_head_coach_stays_and_only_the_accepted_are_promoted() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let (client, org_id) = (&club.head_coach.client, &club.organization_id);
    let own = &club.head_coach.member_id;
    let suspend = types::MemberChange::builder().status(MemberStatus::Suspended);
    assert_eq!(
        refusal(client.update_member().org_id(org_id).member_id(own).body(suspend).send().await).code,
        "head_coach_must_stay"
    );
    assert_eq!(refusal(client.delete_member().org_id(org_id).member_id(own).send().await).code, "head_coach_must_stay");
    let promote = types::MemberChange::builder().role(AssignableRole::Coach);
    let unaccepted = club.add_athlete("Not here yet").await;
    let outcome = client.update_member().org_id(org_id).member_id(&unaccepted.id).body(promote.clone()).send().await;
    assert_eq!(refusal(outcome).code, "invitation_not_accepted");
    let athlete = |change| client.update_member().org_id(org_id).member_id(&club.athlete.member_id).body(change).send();
    let assign = types::MemberChange::builder().coach_id(Some(own.clone()));
    athlete(assign).await.expect("assigned");
    // A coach has none: it was once dropped without a word where the request named the present one.
    let insist = promote.clone().coach_id(Some(own.clone()));
    assert_eq!(refusal(athlete(insist).await).errors[0].field, "coach_id");
    assert_eq!(athlete(promote).await.expect("promoted").into_inner().coach_id, None);
    club.athlete.client.list_members().org_id(org_id).send().await.expect("a coach now");
}

#[tokio::test]
async fn suspending_a_member_holds_at_once() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let org_id = &club.organization_id;
    club.coach.client.list_members().org_id(org_id).send().await.expect("a coach");
    for (status, code) in [(MemberStatus::Suspended, "not_found"), (MemberStatus::Inactive, "not_found")] {
        let change = types::MemberChange::builder().status(status);
        let change =
            club.head_coach.client.update_member().org_id(org_id).member_id(&club.coach.member_id).body(change);
        change.send().await.expect("changed");
        assert_eq!(refusal(club.coach.client.list_members().org_id(org_id).send().await).code, code);
    }
}
