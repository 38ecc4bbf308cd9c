//! A database that an earlier program has written keeps opening. `formats/N.redb.gz` is one of format N, and
//! `formats/N.json.gz` is what the program that wrote it has answered.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use astral_client::types;
use astral_tests::{TestServer, operator};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

/// A request, and what was answered.
#[derive(Deserialize)]
struct Asked {
    path: String,
    secret: String,
    status: u16,
    answer: Value,
}

fn unpacked(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/formats").join(name);
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(file).expect("there")).read_to_end(&mut bytes).expect("unpacked");
    bytes
}

/// A data folder with a database of that format.
fn folder_of_format(format: u32) -> Arc<TempDir> {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("astral.redb"), unpacked(&format!("{format}.redb.gz"))).expect("written");
    Arc::new(folder)
}

async fn answers_as_before(server: &TestServer, asked: &[Asked]) {
    for Asked { path, secret, status, answer } in asked {
        let answered = server.request("get", path).bearer_auth(secret).send().await.expect("answered");
        assert_eq!(answered.status().as_u16(), *status, "{path}");
        let mut body: Value = answered.json().await.expect("JSON");
        body.as_object_mut().expect("an object").remove("request_id");
        assert_eq!(body, *answer, "{path}");
    }
}

#[tokio::test]
async fn a_database_of_format_1_answers_as_before() {
    let asked: Vec<Asked> = serde_json::from_slice(&unpacked("1.json.gz")).expect("JSON");
    let folder = folder_of_format(1);
    let mut server = TestServer::start_in(Arc::clone(&folder), &[]).await;
    answers_as_before(&server, &asked).await;

    // It is changed, and starts again.
    let (client, org_id) = (server.client(&asked[0].secret), asked[0].path.split('/').nth(4).expect("a club"));
    let everybody = client.list_members().org_id(org_id).limit(200).send().await.expect("listed").into_inner().data;
    let athletes = everybody.iter().filter(|member| member.role == types::Role::Athlete);
    for member in athletes.clone() {
        let renamed = types::MemberChange::builder().display_name(Some(format!("{} {}", member.id, member.id)));
        client.update_member().org_id(org_id).member_id(&member.id).body(renamed).send().await.expect("changed");
    }
    server.stop().await;
    let server = TestServer::start_in(Arc::clone(&folder), &[]).await;
    let client = server.client(&asked[0].secret);
    let changed = client.list_members().org_id(org_id).limit(200).send().await.expect("listed").into_inner().data;
    let ids = |members: &[types::Member]| members.iter().map(|member| member.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&changed), ids(&everybody));
    let renamed = changed.iter().filter(|member| member.display_name == format!("{} {}", member.id, member.id));
    assert_eq!(renamed.count(), athletes.count());

    // What it was lies beside it, and is whole.
    let kept = TempDir::new().expect("a folder");
    std::fs::copy(folder.path().join("astral.redb.format-1"), kept.path().join("astral.redb")).expect("copied");
    answers_as_before(&TestServer::start_in(Arc::new(kept), &[]).await, &asked).await;
}

/// Where a database cannot be given the newer format, nothing of it is changed.
#[test]
fn a_database_that_cannot_be_given_another_format_stays_as_it_is() {
    let folder = folder_of_format(1);
    // A member that cannot be read.
    let members: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("members");
    let count = |database: &redb::Database| {
        use redb::{ReadableDatabase as _, ReadableTableMetadata as _};
        database.begin_read().expect("reads").open_table(members).expect("there").len().expect("counted")
    };
    let before = {
        let database = redb::Database::open(folder.path().join("astral.redb")).expect("opens");
        let transaction = database.begin_write().expect("begins");
        transaction.open_table(members).expect("opens").insert(&[9; 32][..], &[7; 40][..]).expect("written");
        transaction.commit().expect("committed");
        count(&database)
    };
    let output = operator(folder.path(), &["org", "list"], "");
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.contains("has format 1 and cannot be given format 2"), "{said}");
    assert!(said.contains("it is as it was before"), "{said}");
    let database = redb::Database::open(folder.path().join("astral.redb")).expect("opens");
    assert_eq!(count(&database), before);
}
