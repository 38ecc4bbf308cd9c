//! What reads: the requests of an integration, in clubs of a set.

use crate::{
    data::{DataSet, Key},
    load::Request,
    program::{Running, astral_server},
    rounds::Operation,
};

/// The path of a key's club.
pub fn club(key: &Key) -> String {
    format!("/api/v1/organizations/{}", key.club)
}

/// The first members of each key's club.
pub fn fifty_members(keys: &[Key]) -> Vec<Request> {
    keys.iter().map(|key| Request::get(club(key) + "/members?limit=50", &key.secret)).collect()
}

/// The requests of an integration, with each of these keys.
pub fn integration<'a>(server: &'a Running, keys: &[Key]) -> Vec<Operation<'a>> {
    let each = |name: &str, path: &dyn Fn(&Key) -> String| {
        Operation::new(server, name, keys.iter().map(|key| Request::get(path(key), &key.secret)).collect()).steady()
    };
    // The last character belongs to the checksum, and this one has a right one.
    let unknown = "astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr";
    let with_unknown = keys.iter().map(|key| Request::get(club(key) + "/members?limit=50", unknown)).collect();
    vec![
        Operation::new(server, "50 members, with a key", fifty_members(keys)).steady(),
        each("1 member, with a key", &|key| club(key) + "/members?limit=1"),
        each("the club, with a key", &club),
        each("who am I, with a key", &|_| "/api/v1/auth/me".to_owned()),
        Operation::new(server, "a key that nobody has", with_unknown).answering(401),
    ]
}

/// Holds what the server answers against what must be there.
pub async fn check(server: &Running, keys: &[Key], set: &DataSet) {
    for key in keys.iter().step_by((keys.len() / 50).max(1)) {
        let page = server.json(&Request::get(club(key) + "/members?limit=200", &key.secret)).await;
        let members = page["data"].as_array().expect("a list");
        assert_eq!(members.len(), (set.members + 1).min(200));
        assert!(members.iter().all(|member| member["organization_id"] == *key.club), "of that club alone");
        if let Some(other) = keys.iter().find(|other| other.club != key.club) {
            let (status, _) = server.answer(&Request::get(club(other) + "/members", &key.secret)).await;
            assert_eq!(status, 404, "nothing of another club");
        }
        let (most, last) = key.secret.split_at(key.secret.len() - 1);
        let wrong = format!("{most}{}", if last == "0" { "1" } else { "0" });
        let (status, _) = server.answer(&Request::get(club(key) + "/members", &wrong)).await;
        assert_eq!(status, 401, "a wrong key opens nothing");
    }
}

/// Starts the server on a set, and checks what it answers.
pub async fn serve(set: &DataSet, keys: &[Key]) -> Running {
    let server = Running::start(&mut astral_server(&set.folder()));
    check(&server, keys, set).await;
    server
}

/// The keys of so many clubs, which lie far from each other.
pub fn spread(keys: &[Key], clubs: usize, keys_a_club: usize) -> Vec<Key> {
    keys.iter().step_by((keys.len() / clubs).max(keys_a_club)).take(clubs).cloned().collect()
}
