//! What writes: many clients share a commit.

use std::{fs, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    BESIDE, SECONDS,
    data::{DataSet, Key, PASSWORD},
    load::{Load, Loading, Request, Requests, load},
    program::{Running, as_role, astral_server},
    reads,
};

/// How many clients create keys at once.
pub const CLIENTS: [u32; 4] = [1, 8, 64, 256];

/// What came of a disk.
pub struct Disk {
    pub name: String,
    /// By the number of clients: what came of it, and of the same requests to the same framework, which answers the same
    /// bytes from memory.
    pub created: Vec<(u32, Load, Load)>,
    /// A checked request while nobody writes, and while 64 create keys.
    pub reads: (Load, Load),
}

/// In how many clubs, and how many each may have.
const CLUBS: usize = 256;
pub const KEYS_A_CLUB: usize = 2_000;

/// The session of the head coach of the club with that number.
async fn sign_in(server: &Running, number: usize) -> String {
    let body = json!({ "email": format!("coach-{number:07}@seed.example"), "password": PASSWORD }).to_string();
    let request =
        server.client.post(format!("{}/api/v1/auth/login", server.url)).header("Content-Type", "application/json");
    let answer = request.body(body).send().await.expect("answered");
    assert_eq!(answer.status().as_u16(), 200, "the head coach signs in");
    let answer: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    answer["token"].as_str().expect("a token").to_owned()
}

/// Requests that create keys, in [`CLUBS`] of the clubs.
pub async fn creating(server: &Running, keys: &[Key]) -> Vec<Request> {
    let mut creating = Vec::new();
    for (number, key) in keys[..CLUBS].iter().enumerate() {
        creating.push(Request {
            method: "POST",
            path: format!("/api/v1/organizations/{}/api-keys", key.club),
            credential: sign_in(server, number).await,
            body: json!({ "name": "Roster sync" }).to_string(),
        });
    }
    creating
}

/// What the server answers to a request that creates a key.
async fn create(server: &Running, request: &Request) -> Vec<u8> {
    let asked = server.client.post(format!("{}{}", server.url, request.path)).bearer_auth(&request.credential);
    let asked = asked.header("Content-Type", "application/json").body(request.body.clone());
    let answer = asked.send().await.expect("answered");
    assert_eq!(answer.status().as_u16(), 201, "the key is created");
    answer.bytes().await.expect("a body").to_vec()
}

/// How many keys these clubs have, as the operator counts them.
fn count_keys(data: &Path, keys: &[Key]) -> usize {
    let of_club = |key: &Key| {
        let mut command = Command::new(crate::program::beside("astral-server"));
        let output = command.args(["key", "list", &key.club, "--json", "--data"]).arg(data).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let listed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        listed.as_array().map_or(0, Vec::len)
    };
    keys.iter().map(of_club).sum()
}

/// Creates keys on a copy of the set, with more and more clients.
pub async fn measure(set: &DataSet, keys: &[Key]) -> Vec<Disk> {
    let mut disks = Vec::new();
    for slow in [false, true] {
        // Beside the set, so that it is the same disk.
        let folder = tempfile::tempdir_in(set.folder().parent().expect("a folder")).expect("a folder");
        fs::copy(set.folder().join("astral.redb"), folder.path().join("astral.redb")).expect("copied");
        let server = if slow {
            Running::start(&mut as_role("slow", folder.path()))
        } else {
            Running::start(astral_server(folder.path()).args(["--max-active-keys", &KEYS_A_CLUB.to_string()]))
        };
        let files = tempfile::tempdir().expect("a folder");
        let requests = creating(&server, keys).await;
        let creating = Requests::new(files.path(), "create", &requests, false);
        let reading = Requests::new(files.path(), "read", &reads::fifty_members(keys), false);
        load(&server, &reading, BESIDE, 2);
        let alone = load(&server, &reading, BESIDE, SECONDS);
        let writers = Loading::begin(&server, &creating, 64, SECONDS + 2);
        std::thread::sleep(Duration::from_secs(1));
        let beside = load(&server, &reading, BESIDE, SECONDS);
        let mut answered = writers.end().requests;
        let bodies = tempfile::tempdir().expect("a folder");
        fs::write(bodies.path().join("0"), create(&server, &requests[0]).await).expect("written");
        let fixed = Running::start(&mut as_role("fixed", bodies.path()));
        let same = Request { path: "/0".to_owned(), ..requests[0].clone() };
        let same = Requests::new(files.path(), "fixed", &[same], false);
        let both =
            |clients| (clients, load(&server, &creating, clients, SECONDS), load(&fixed, &same, clients, SECONDS));
        let created: Vec<_> = CLIENTS.map(both).into();
        answered += created.iter().map(|(_, load, _)| load.requests).sum::<u64>();
        server.kill();
        // Whatever was answered before the plug was pulled is there.
        let there = count_keys(folder.path(), &keys[..CLUBS]);
        assert!(there as u64 >= answered, "{answered} keys were answered, and {there} are there");
        let name =
            if slow { format!("{} ms more a sync", crate::slow::SYNC.as_millis()) } else { "as it is".to_owned() };
        disks.push(Disk { name, created, reads: (alone, beside) });
    }
    disks
}
