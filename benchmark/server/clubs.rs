//! Clubs of a set, and those who act in them.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    data::{Key, PASSWORD},
    load::Request,
    program::{Running, astral_server},
    reads::club,
};

/// How many keys a club may have where keys are created.
pub const KEYS_A_CLUB: usize = 2_000;

/// Starts the server on this data, with room for that many.
pub fn serve(data: &Path) -> Running {
    Running::start(astral_server(data).args(["--max-active-keys", &KEYS_A_CLUB.to_string()]))
}

/// The request that signs in the head coach of the club with that number.
pub fn login(number: usize) -> Request {
    let body = json!({ "email": format!("coach-{number:07}@seed.example"), "password": PASSWORD });
    request("POST", "/api/v1/auth/login".to_owned(), "", &body)
}

/// A request with a body, unless that is null.
pub fn request(method: &'static str, path: String, credential: &str, body: &Value) -> Request {
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
        let answer = server.json(&login(number)).await;
        let session = answer["token"].as_str().expect("a token").to_owned();
        clubs.push(Club { path: club(key), key, session });
    }
    clubs
}

/// Requests that create keys.
pub fn creating_keys(clubs: &[Club<'_>]) -> Vec<Request> {
    let create = |Club { path, session, .. }: &Club<'_>| {
        request("POST", format!("{path}/api-keys"), session, &json!({ "name": "Roster sync" }))
    };
    clubs.iter().map(create).collect()
}
