//! How many requests a caller may send, and what they are told of it.

use astral_tests::{Club, TestServer};
use reqwest::Response;
use serde_json::Value;

async fn get(server: &TestServer, credential: Option<&str>, path: &str) -> Response {
    let request = server.request("get", path);
    let request = match credential {
        Some(credential) => request.bearer_auth(credential),
        None => request,
    };
    request.send().await.expect("answered")
}

async fn server(flags: &[&str]) -> (TestServer, Club) {
    let server = TestServer::start_with(flags).await;
    let club = server.club("Summit").await;
    (server, club)
}

fn said<'a>(answer: &'a Response, header: &str) -> &'a str {
    answer.headers().get(header).map_or("", |value| value.to_str().expect("text"))
}

/// Sends requests until one is refused; how many went through before.
async fn exhaust(server: &TestServer, credential: Option<&str>, most: usize) -> (usize, Response) {
    for sent in 0..=most {
        let answer = get(server, credential, "/api/v1/auth/me").await;
        if answer.status() == 429 {
            return (sent, answer);
        }
    }
    panic!("{most} requests went through");
}

#[tokio::test]
async fn every_answer_says_what_is_left() {
    let (server, club) = server(&["--rate-limit-key", "600", "--rate-limit-organization", "1200"]).await;
    let key = club.create_key("Sync").await.secret;
    let answer = get(&server, Some(&key), "/api/v1/auth/me").await;
    assert_eq!(said(&answer, "ratelimit-policy"), "\"key\";q=600;w=60, \"organization\";q=1200;w=60");
    assert_eq!(said(&answer, "ratelimit"), "\"key\";r=599;t=1, \"organization\";r=1199;t=1");
    // A refusal counts too, and says so.
    let refused = get(&server, Some(&key), &club.path("/api-keys")).await;
    assert_eq!(refused.status(), 403);
    let left = said(&refused, "ratelimit").split([';', ',']).find_map(|part| part.strip_prefix("r="));
    assert!(left.expect("a number").parse::<u32>().expect("a number") < 599, "a refusal counts too");
    // A person has a bucket of their own, and draws on no organization's.
    let person = get(&server, Some(&club.coach.token), "/api/v1/auth/me").await;
    assert_eq!(said(&person, "ratelimit-policy"), "\"session\";q=600;w=60");
    let nobody = get(&server, None, "/api/v1/auth/me").await;
    assert_eq!((nobody.status().as_u16(), said(&nobody, "ratelimit-policy")), (401, "\"address\";q=600;w=60"));
    // What is no operation counts towards nothing.
    assert_eq!(said(&get(&server, None, "/openapi.json").await, "ratelimit"), "");
    assert_eq!(said(&get(&server, None, "/health/live").await, "ratelimit"), "");
}

#[tokio::test]
async fn a_key_that_runs_wild_slows_itself_alone() {
    let (server, club) = server(&["--rate-limit-key", "20"]).await;
    let (wild, calm) = (club.create_key("Wild").await.secret, club.create_key("Calm").await.secret);
    let (sent, refused) = exhaust(&server, Some(&wild), 40).await;
    assert!(sent >= 20, "the bucket holds 20, and {sent} went through");
    assert!(said(&refused, "retry-after").parse::<u64>().expect("seconds") <= 3);
    assert!(said(&refused, "ratelimit").starts_with("\"key\";r=0;t="));
    let problem = refused.json::<Value>().await.expect("a problem");
    assert_eq!(problem["code"], "rate_limited");
    assert_eq!(get(&server, Some(&calm), "/api/v1/auth/me").await.status(), 200);
    assert_eq!(get(&server, Some(&club.head_coach.token), "/api/v1/auth/me").await.status(), 200);
    // 401 comes before 429: a dead secret is told so however often it comes.
    assert_eq!(
        get(&server, Some("astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr"), "/api/v1/auth/me").await.status(),
        401
    );
}

#[tokio::test]
async fn the_keys_of_an_organization_share_a_bucket_and_its_people_do_not() {
    let (server, club) = server(&["--rate-limit-organization", "20", "--rate-limit-key", "1000"]).await;
    let (one, two) = (club.create_key("One").await.secret, club.create_key("Two").await.secret);
    let (_, refused) = exhaust(&server, Some(&one), 40).await;
    assert!(said(&refused, "ratelimit").contains("\"organization\";r=0;"));
    assert_eq!(get(&server, Some(&two), "/api/v1/auth/me").await.status(), 429);
    let other = server.club("Valley").await;
    let theirs = other.create_key("Theirs").await.secret;
    assert_eq!(get(&server, Some(&theirs), "/api/v1/auth/me").await.status(), 200);
    // The head coach can still find out which key it is, and revoke it.
    assert_eq!(get(&server, Some(&club.head_coach.token), &club.path("/api-keys")).await.status(), 200);
}

#[tokio::test]
async fn an_address_without_a_credential_is_limited_and_its_users_are_not() {
    let (server, club) = server(&["--rate-limit-address", "40"]).await;
    let key = club.create_key("Sync").await.secret;
    let (_, refused) = exhaust(&server, None, 80).await;
    assert!(said(&refused, "ratelimit").starts_with("\"address\";r=0;"));
    assert_eq!(
        get(&server, Some("astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr"), "/api/v1/auth/me").await.status(),
        429
    );
    assert_eq!(get(&server, Some(&key), "/api/v1/auth/me").await.status(), 200);
    assert_eq!(get(&server, Some(&club.head_coach.token), "/api/v1/auth/me").await.status(), 200);
}

#[tokio::test]
async fn addresses_behind_a_trusted_proxy_are_told_apart() {
    let server = TestServer::start_with(&["--rate-limit-address", "20", "--trusted-proxy", "127.0.0.0/8"]).await;
    let from = |address: &str| {
        let request = server.request("get", "/api/v1/auth/me").header("X-Forwarded-For", address).send();
        async move { request.await.expect("answered").status().as_u16() }
    };
    let mut sent = 0;
    while from("2001:db8:1:2::1").await == 401 && sent < 40 {
        sent += 1;
    }
    // One host has a whole /64 to choose from, and gets one bucket for it.
    assert_eq!(from("2001:db8:1:2:ffff::9").await, 429);
    assert_eq!(from("2001:db8:1:3::1").await, 401);
    assert_eq!(from("203.0.113.7").await, 401);
}

#[tokio::test]
async fn limits_can_be_taken_away() {
    let (server, club) =
        server(&["--rate-limit-key", "0", "--rate-limit-organization", "0", "--rate-limit-address", "0"]).await;
    let key = club.create_key("Sync").await.secret;
    for credential in [Some(&*key), Some(&*club.coach.token), None] {
        let answer = get(&server, credential, "/api/v1/auth/me").await;
        assert!(!answer.headers().contains_key("ratelimit") && !answer.headers().contains_key("ratelimit-policy"));
    }
}
