//! The operations of the API one by one: what reads, what writes, and signing in.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    BESIDE, CONNECTIONS, SECONDS,
    data::{DataSet, Key, PASSWORD},
    load::{Request, Requests, load},
    program::{Running, astral_server},
    reads::{club, fifty_members},
    rounds::{self, Operation, Row, metric},
    writes::KEYS_A_CLUB,
};

/// How often each is measured. Those that cannot be done twice less often, since there is only so much to do them to.
const TIMES: u32 = 5;
const TIMES_ONCE: u32 = 3;
/// How long a round of sign-ins is, in seconds: there are few in one.
const SIGNING_IN: u32 = 4;

/// What came of them.
pub struct Operations {
    pub rows: Vec<Row>,
    /// How long argon2 took of each sign-in, as the server says.
    pub hashing: Duration,
}

/// The request that signs in the head coach of the club with that number.
fn login(number: usize) -> Request {
    let body = json!({ "email": format!("coach-{number:07}@seed.example"), "password": PASSWORD }).to_string();
    Request { method: "POST", path: "/api/v1/auth/login".to_owned(), credential: String::new(), body }
}

/// A request that writes.
fn write(method: &'static str, path: String, credential: &str, body: &Value) -> Request {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Request { method, path, credential: credential.to_owned(), body }
}

/// A club of a set, and those who act in it.
pub struct Club<'a> {
    pub path: String,
    pub key: &'a Key,
    /// The head coach's.
    pub session: String,
}

/// Signs in the head coaches of a set.
pub async fn sign_in<'a>(server: &Running, keys: &'a [Key]) -> Vec<Club<'a>> {
    let mut clubs = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let answer = rounds::json(server, &login(number)).await;
        let session = answer["token"].as_str().expect("a token").to_owned();
        clubs.push(Club { path: club(key), key, session });
    }
    clubs
}

/// Requests that create keys.
pub fn creating_keys(clubs: &[Club<'_>]) -> Vec<Request> {
    let create = |Club { path, session, .. }: &Club<'_>| {
        write("POST", format!("{path}/api-keys"), session, &json!({ "name": "Roster sync" }))
    };
    clubs.iter().map(create).collect()
}

/// The ids of all that is on a list.
async fn ids(server: &Running, list: &str, credential: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = rounds::json(server, &Request::get(format!("{list}&limit=200{cursor}"), credential)).await;
        let data = page["data"].as_array().expect("a list");
        ids.extend(data.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)));
        let Some(next) = page["next_cursor"].as_str() else { return ids };
        cursor = format!("&cursor={next}");
    }
}

/// A request for each club, and then again with another word to write, so that each changes something.
fn in_turn(clubs: &[Club<'_>], request: impl Fn(usize, &Club<'_>, &str) -> Request) -> Vec<Request> {
    let request = &request;
    ["U12", "U14"]
        .iter()
        .flat_map(|turn| clubs.iter().enumerate().map(move |(number, club)| request(number, club, turn)))
        .collect()
}

/// What reads.
fn reads<'a>(server: &'a Running, clubs: &[Club<'_>], keys: &[String], members: &[String]) -> Vec<Operation<'a>> {
    let each = |name: &str, path: &dyn Fn(usize, &Club<'_>) -> String| {
        let request = |(number, club)| Request::get(path(number, club), &club.session);
        Operation::new(server, name, clubs.iter().enumerate().map(request).collect())
    };
    let identify = |club: &Club<'_>| {
        let text = json!({ "text": format!("ASTRAL_KEY={}", club.key.secret) });
        write("POST", format!("{}/api-keys/identify", club.path), &club.session, &text)
    };
    let of_key = |path: &'static str| {
        move |number: usize, club: &Club<'_>| format!("{}/api-keys/{}{path}", club.path, keys[number])
    };
    vec![
        each("`list_members`, 50", &|_, club| format!("{}/members?limit=50", club.path)),
        each("`get_member`", &|number, club| format!("{}/members/{}", club.path, members[number])),
        each("`get_caller`", &|_, _| "/api/v1/auth/me".to_owned()),
        each("`list_organizations`", &|_, _| "/api/v1/organizations".to_owned()),
        each("`get_organization`", &|_, club| club.path.clone()),
        each("`list_api_keys`, 1", &|_, club| format!("{}/api-keys", club.path)),
        each("`get_api_key`", &of_key("")),
        each("`get_api_key_usage`", &of_key("/usage")),
        each("`get_api_key_impact`", &of_key("/impact?action=revoke")),
        each("`list_audit_events`", &|_, club| format!("{}/audit-events", club.path)),
        Operation::new(server, "`identify_api_keys`, 1", clubs.iter().map(identify).collect()),
    ]
}

/// What writes and can be asked for again and again.
fn writes<'a>(server: &'a Running, clubs: &[Club<'_>], keys: &[String], members: &[String]) -> Vec<Operation<'a>> {
    let create_member = |_: usize, Club { path, key, .. }: &Club<'_>, _: &str| {
        let member = json!({ "display_name": "Ana Ruiz", "role": "athlete", "labels": ["U14"] });
        write("POST", format!("{path}/members"), &key.secret, &member)
    };
    let update_member = |number: usize, Club { path, key, .. }: &Club<'_>, turn: &str| {
        let labels = json!({ "labels": [turn] });
        write("PATCH", format!("{path}/members/{}", members[number]), &key.secret, &labels)
    };
    let create_invitation = |number: usize, Club { path, session, .. }: &Club<'_>, _: &str| {
        write("POST", format!("{path}/members/{}/invitation", members[number]), session, &json!({}))
    };
    let update_organization = |_, Club { path, session, .. }: &Club<'_>, turn: &str| {
        write("PATCH", path.clone(), session, &json!({ "name": turn }))
    };
    let update_key = |number: usize, Club { path, session, .. }: &Club<'_>, turn: &str| {
        let name = json!({ "name": turn });
        write("PATCH", format!("{path}/api-keys/{}", keys[number]), session, &name)
    };
    let rotate_key = |number: usize, Club { path, session, .. }: &Club<'_>, _: &str| {
        let at_once = json!({ "overlap_seconds": 0 });
        write("POST", format!("{path}/api-keys/{}/rotate", keys[number]), session, &at_once)
    };
    vec![
        Operation::new(server, "`create_member`", in_turn(clubs, create_member)).answering(201),
        Operation::new(server, "`update_member`", in_turn(clubs, update_member)),
        Operation::new(server, "`create_invitation`", in_turn(clubs, create_invitation)).answering(201),
        Operation::new(server, "`update_organization`", in_turn(clubs, update_organization)),
        Operation::new(server, "`create_api_key`", creating_keys(clubs)).answering(201),
        Operation::new(server, "`update_api_key`", in_turn(clubs, update_key)),
        Operation::new(server, "`rotate_api_key`", in_turn(clubs, rotate_key)),
    ]
}

/// What can be done to each thing but once: to these keys of the clubs and to athletes of all.
async fn once<'a>(server: &'a Running, clubs: &[Club<'_>], keys: &[Key]) -> [Operation<'a>; 2] {
    let (mut deleting, mut revoking) = (Vec::new(), Vec::new());
    for key in keys {
        let path = club(key);
        let athletes = ids(server, &format!("{path}/members?role=athlete"), &key.secret).await;
        let delete = |id| write("DELETE", format!("{path}/members/{id}"), &key.secret, &Value::Null);
        deleting.extend(athletes.into_iter().map(delete));
    }
    for Club { path, session, .. } in clubs {
        let created = ids(server, &format!("{path}/api-keys?"), session).await;
        let revoke = |id| write("DELETE", format!("{path}/api-keys/{id}"), session, &Value::Null);
        revoking.extend(created.into_iter().map(revoke));
    }
    let once = |name, requests| Operation { is_once: true, ..Operation::new(server, name, requests).answering(204) };
    [once("`delete_member`", deleting), once("`revoke_api_key`", revoking)]
}

/// Measures them on a copy of a set, with one key in each club.
pub async fn measure(set: &DataSet, keys: &[Key]) -> Operations {
    // Beside the set, so that it is the same disk.
    let folder = tempfile::tempdir_in(set.folder().parent().expect("a folder")).expect("a folder");
    fs::copy(set.folder().join("astral.redb"), folder.path().join("astral.redb")).expect("copied");
    let most = KEYS_A_CLUB.to_string();
    let server = Running::start(astral_server(folder.path()).args(["--max-active-keys", &most]));
    let clubs = sign_in(&server, keys).await;
    let (mut a_key, mut an_athlete) = (Vec::new(), Vec::new());
    for Club { path, key, session } in &clubs {
        // One that nobody uses: a secret that ends would end the requests of those who do.
        let created = write("POST", format!("{path}/api-keys"), session, &json!({ "name": "Results" }));
        let created = rounds::json(&server, &created).await;
        a_key.push(created["id"].as_str().expect("an id").to_owned());
        an_athlete.push(ids(&server, &format!("{path}/members?role=athlete"), &key.secret).await.swap_remove(0));
    }
    let with_a_key = Operation::new(&server, "`list_members`, 50, with a key", fifty_members(keys));
    let reading: Vec<_> = std::iter::once(with_a_key).chain(reads(&server, &clubs, &a_key, &an_athlete)).collect();
    let mut rows = rounds::measure(&reading, TIMES).await;
    rows.extend(rounds::measure(&writes(&server, &clubs, &a_key, &an_athlete), TIMES).await);
    // So that there are enough to be revoked.
    let files = tempfile::tempdir().expect("a folder");
    load(&server, &Requests::new(files.path(), "create", &creating_keys(&clubs), false), CONNECTIONS, SECONDS);
    // One after the other, since whoever deletes does so with a key that is revoked in the end.
    for operation in once(&server, &clubs, keys).await {
        rows.extend(rounds::measure(&[operation], TIMES_ONCE).await);
    }
    let before = hashed(&server).await;
    let coaches = (0..keys.len()).map(login).collect();
    // No more from one address at once than may fail there before it is slowed.
    let signing_in = Operation::new(&server, format!("`login`, over {BESIDE} connections"), coaches);
    let signing_in = Operation { seconds: SIGNING_IN, connections: BESIDE, ..signing_in };
    rows.extend(rounds::measure(&[signing_in], TIMES).await);
    let after = hashed(&server).await;
    server.stop();
    let hashing = Duration::from_secs_f64((after.0 - before.0) / (after.1 - before.1));
    Operations { rows, hashing }
}

/// How long argon2 took so far in all, in seconds, and how often.
async fn hashed(server: &Running) -> (f64, f64) {
    let [sum, count] = ["sum", "count"].map(|of| format!("astral_argon2_duration_seconds_{of}"));
    (metric(server, &sum).await, metric(server, &count).await)
}
