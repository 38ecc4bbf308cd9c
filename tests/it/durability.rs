//! What was acknowledged is there, whatever happens to the process.

use std::{collections::HashSet, sync::Arc};

use astral_client::types;
use astral_tests::TestServer;
use tokio::task::JoinSet;

/// Writers run side by side until the process is killed under them; every member that a 201 has answered
/// must be there afterwards, and in the index as well as in the rows.
#[tokio::test]
async fn acknowledged_writes_survive_a_kill() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Writer").await;
    let mut acknowledged = HashSet::new();
    for round in 0..8 {
        let mut writers = JoinSet::new();
        let first = Arc::new(tokio::sync::Notify::new());
        for writer in 0..8 {
            let (client, org_id) = (server.client(&key.secret), club.organization_id.clone());
            let first = Arc::clone(&first);
            writers.spawn(async move {
                let mut added = Vec::new();
                for number in 0.. {
                    let new = types::NewMember::builder().display_name(format!("R{round} W{writer} N{number}"));
                    match client.create_member().org_id(&org_id).body(new).send().await {
                        Ok(member) => added.push(member.into_inner().id),
                        Err(_) => break,
                    }
                    if number == round {
                        first.notify_one();
                    }
                }
                added
            });
        }
        first.notified().await;
        server.kill();
        for added in writers.join_all().await {
            acknowledged.extend(added);
        }
        server = TestServer::start_in(server.folder.clone(), &[]).await;
        for query in ["", "&status=active"] {
            let seen = every_member(&server, &key.secret, &club.organization_id, query).await;
            assert!(acknowledged.is_subset(&seen), "round {round}: an acknowledged member is missing");
        }
    }
    assert!(acknowledged.len() >= 8);
}

async fn every_member(server: &TestServer, secret: &str, org_id: &str, query: &str) -> HashSet<String> {
    let (mut seen, mut cursor) = (HashSet::new(), String::new());
    loop {
        let path = format!("/api/v1/organizations/{org_id}/members?limit=200{query}{cursor}");
        let page: serde_json::Value = server
            .request("get", &path)
            .bearer_auth(secret)
            .send()
            .await
            .expect("answered")
            .json()
            .await
            .expect("JSON");
        seen.extend(
            page["data"].as_array().expect("rows").iter().map(|row| row["id"].as_str().expect("an id").to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

/// Revoked stays revoked: the 204 was sent after the commit was on disk.
#[tokio::test]
async fn a_revocation_survives_a_kill() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Leaked").await;
    club.head_coach
        .client
        .revoke_api_key()
        .org_id(&club.organization_id)
        .key_id(&key.id)
        .send()
        .await
        .expect("revoked");
    server.kill();
    let server = TestServer::start_in(server.folder.clone(), &[]).await;
    assert_eq!(astral_tests::refusal(server.client(&key.secret).get_caller().send().await).code, "key_revoked");
}

/// Many clients write at once while one of them is refused each time: nobody else notices.
#[tokio::test]
async fn a_refused_write_harms_none_of_its_batch() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let taken = types::NewMember::builder().display_name("First").external_id(Some("taken".to_owned()));
    club.head_coach.client.create_member().org_id(&club.organization_id).body(taken).send().await.expect("added");
    let mut writers = JoinSet::new();
    for number in 0..200 {
        let (client, org_id) = (server.client(&club.head_coach.token), club.organization_id.clone());
        let external_id = if number % 2 == 0 { "taken".to_owned() } else { number.to_string() };
        writers.spawn(async move {
            let new = types::NewMember::builder().display_name(format!("N{number}")).external_id(Some(external_id));
            (number, client.create_member().org_id(org_id).body(new).send().await.is_ok())
        });
    }
    for (number, added) in writers.join_all().await {
        assert_eq!(added, number % 2 == 1, "{number}");
    }
}
