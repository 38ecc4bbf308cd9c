//! The operations of the API one by one: what reads, what writes, and signing in.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    clubs::{self, Club, creating_keys, login, request, sign_in},
    data::{DataSet, Key},
    load::Request,
    program::Running,
    reads::fifty_members,
    rounds::{self, Operation, Row},
};

/// How often each is measured. Those that cannot be done twice less often, since there is only so much to do them to.
pub const TIMES: u32 = 5;
pub const TIMES_ONCE: u32 = 3;
/// How long a round of sign-ins is, in seconds: there are few in one.
const SIGNING_IN: u32 = 4;
/// Over how many connections. Those on their way when a round ends are for the server attempts that have failed, of which
/// an address has 30 before it is slowed.
const SIGNING_IN_AT_ONCE: u32 = 4;

/// What came of them.
pub struct Operations {
    pub rows: Vec<Row>,
    /// How long argon2 took of each sign-in, as the server says.
    pub hashing: Duration,
}

/// The ids of all that is on a list.
async fn ids(server: &Running, list: &str, credential: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.json(&Request::get(format!("{list}&limit=200{cursor}"), credential)).await;
        let data = page["data"].as_array().expect("a list");
        ids.extend(data.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)));
        let Some(next) = page["next_cursor"].as_str() else { return ids };
        cursor = format!("&cursor={next}");
    }
}

/// What is done in each club: `request` makes it of its number and of it.
fn each(clubs: &[Club<'_>], request: impl Fn(usize, &Club<'_>) -> Request) -> Vec<Request> {
    clubs.iter().enumerate().map(|(number, club)| request(number, club)).collect()
}

/// The same, and then again with another word to write, so that each changes something.
fn in_turn(clubs: &[Club<'_>], request: impl Fn(usize, &Club<'_>, &str) -> Request) -> Vec<Request> {
    ["U12", "U14"].iter().flat_map(|turn| each(clubs, |number, club| request(number, club, turn))).collect()
}

/// The first of each club, then the second of each, and so on.
fn by_turns(clubs: Vec<Vec<Request>>) -> Vec<Request> {
    let mut clubs: Vec<_> = clubs.into_iter().map(Vec::into_iter).collect();
    let mut requests = Vec::new();
    loop {
        let before = requests.len();
        requests.extend(clubs.iter_mut().filter_map(Iterator::next));
        if requests.len() == before {
            return requests;
        }
    }
}

/// Keys and members by the number of their club.
struct Known {
    /// A key that the programs use, and one that nobody does.
    used: Vec<String>,
    unused: Vec<String>,
    athletes: Vec<String>,
}

impl Known {
    /// Of these clubs, in each of which a key is created.
    async fn of(server: &Running, clubs: &[Club<'_>]) -> Self {
        let mut known = Self { used: Vec::new(), unused: Vec::new(), athletes: Vec::new() };
        for Club { path, key, session } in clubs {
            known.used.push(ids(server, &format!("{path}/api-keys?"), session).await.swap_remove(0));
            let create = request("POST", format!("{path}/api-keys"), session, &json!({ "name": "Results" }));
            known.unused.push(server.json(&create).await["id"].as_str().expect("an id").to_owned());
            let athletes = ids(server, &format!("{path}/members?role=athlete"), &key.secret).await;
            known.athletes.extend(athletes.into_iter().next());
        }
        known
    }
}

/// What reads.
fn reads<'a>(server: &'a Running, keys: &[Key], clubs: &[Club<'_>], known: &Known) -> Vec<Operation<'a>> {
    let get = |name: &str, path: &dyn Fn(usize, &str) -> String| {
        let request = |number, club: &Club<'_>| Request::get(path(number, &club.path), &club.session);
        Operation::new(server, name, each(clubs, request))
    };
    let of_key =
        |after: &'static str| move |number: usize, club: &str| format!("{club}/api-keys/{}{after}", known.used[number]);
    let identify = |_, Club { path, key, session }: &Club<'_>| {
        let text = json!({ "text": format!("ASTRAL_KEY={}", key.secret) });
        request("POST", format!("{path}/api-keys/identify"), session, &text)
    };
    vec![
        Operation::new(server, "`list_members`, 50, with a key", fifty_members(keys)),
        get("`list_members`, 50", &|_, club| format!("{club}/members?limit=50")),
        get("`get_member`", &|number, club| format!("{club}/members/{}", known.athletes[number])),
        get("`get_caller`", &|_, _| "/api/v1/auth/me".to_owned()),
        get("`list_organizations`, 1", &|_, _| "/api/v1/organizations".to_owned()),
        get("`get_organization`", &|_, club| club.to_owned()),
        get("`list_api_keys`, 2", &|_, club| format!("{club}/api-keys")),
        get("`get_api_key`", &of_key("")),
        get("`get_api_key_usage`", &of_key("/usage")),
        get("`get_api_key_impact`", &of_key("/impact?action=revoke")),
        Operation::new(server, "`identify_api_keys`, 1", each(clubs, identify)),
    ]
}

/// What writes and can be asked for again and again.
fn writes<'a>(server: &'a Running, clubs: &[Club<'_>], known: &Known) -> Vec<Operation<'a>> {
    let create_member = |_, Club { path, key, .. }: &Club<'_>| {
        let member = json!({ "display_name": "Ana Ruiz", "role": "athlete", "labels": ["U14"] });
        request("POST", format!("{path}/members"), &key.secret, &member)
    };
    let update_member = |number: usize, Club { path, key, .. }: &Club<'_>, turn: &str| {
        let labels = json!({ "labels": [turn] });
        request("PATCH", format!("{path}/members/{}", known.athletes[number]), &key.secret, &labels)
    };
    let create_invitation = |number: usize, Club { path, session, .. }: &Club<'_>| {
        request("POST", format!("{path}/members/{}/invitation", known.athletes[number]), session, &json!({}))
    };
    let update_organization = |_: usize, Club { path, session, .. }: &Club<'_>, turn: &str| {
        request("PATCH", path.clone(), session, &json!({ "name": turn }))
    };
    let update_key = |number: usize, Club { path, session, .. }: &Club<'_>, turn: &str| {
        request("PATCH", format!("{path}/api-keys/{}", known.unused[number]), session, &json!({ "name": turn }))
    };
    vec![
        Operation::new(server, "`create_member`", each(clubs, create_member)).answering(201),
        Operation::new(server, "`update_member`", in_turn(clubs, update_member)),
        Operation::new(server, "`create_invitation`", each(clubs, create_invitation)).answering(201),
        Operation::new(server, "`update_organization`", in_turn(clubs, update_organization)),
        Operation::new(server, "`update_api_key`", in_turn(clubs, update_key)),
    ]
}

/// What can be done to each thing but once, in an order in which none needs what another has ended.
async fn once<'a>(server: &'a Running, clubs: &[Club<'_>]) -> [Operation<'a>; 3] {
    let (mut deleting, mut rotating, mut revoking) = (Vec::new(), Vec::new(), Vec::new());
    for Club { path, key, session } in clubs {
        let athletes = ids(server, &format!("{path}/members?role=athlete"), &key.secret).await;
        let delete = |id: &String| request("DELETE", format!("{path}/members/{id}"), &key.secret, &Value::Null);
        deleting.push(athletes.iter().map(delete).collect());
        let keys = ids(server, &format!("{path}/api-keys?"), session).await;
        let rotate = |id: &String| request("POST", format!("{path}/api-keys/{id}/rotate"), session, &json!({}));
        rotating.push(keys.iter().map(rotate).collect());
        let revoke = |id: &String| request("DELETE", format!("{path}/api-keys/{id}"), session, &Value::Null);
        revoking.push(keys.iter().map(revoke).collect());
    }
    let once = |name, clubs, status| Operation {
        is_once: true,
        ..Operation::new(server, name, by_turns(clubs)).answering(status)
    };
    [
        once("`delete_member`", deleting, 204),
        once("`rotate_api_key`", rotating, 200),
        once("`revoke_api_key`", revoking, 204),
    ]
}

/// Measures them on a copy of a set, with one key in each club.
pub async fn measure(set: &DataSet, keys: &[Key]) -> Operations {
    let folder = set.copy();
    let server = clubs::serve(folder.path());
    let clubs = sign_in(&server, keys).await;
    let known = Known::of(&server, &clubs).await;
    let mut rows = rounds::measure(&reads(&server, keys, &clubs, &known), TIMES).await;
    rows.extend(rounds::measure(&writes(&server, &clubs, &known), TIMES).await);
    // Now that each club has that many.
    let events = |_, club: &Club<'_>| Request::get(format!("{}/audit-events?limit=50", club.path), &club.session);
    let events = Operation::new(&server, "`list_audit_events`, 50", each(&clubs, events));
    rows.extend(rounds::measure(&[events], TIMES).await);
    // After what depends on how many keys a club has.
    let creating = Operation::new(&server, "`create_api_key`", creating_keys(&clubs)).answering(201);
    rows.extend(rounds::measure(&[creating], TIMES).await);
    for operation in once(&server, &clubs).await {
        rows.extend(rounds::measure(&[operation], TIMES_ONCE).await);
    }
    let before = hashed(&server).await;
    let name = format!("`login`, over {SIGNING_IN_AT_ONCE} connections");
    let signing_in = Operation::new(&server, name, (0..keys.len()).map(login).collect());
    let signing_in = Operation { seconds: SIGNING_IN, connections: SIGNING_IN_AT_ONCE, ..signing_in };
    rows.extend(rounds::measure(&[signing_in], TIMES).await);
    let after = hashed(&server).await;
    server.stop();
    let hashing = Duration::from_secs_f64((after.0 - before.0) / (after.1 - before.1));
    Operations { rows, hashing }
}

/// How long argon2 took so far in all, in seconds, and how often.
async fn hashed(server: &Running) -> (f64, f64) {
    let [sum, count] = ["sum", "count"].map(|of| format!("astral_argon2_duration_seconds_{of}"));
    (server.metric(&sum).await, server.metric(&count).await)
}
