//! What is served beside the API: the document, its reference, the page of each problem; other origins, and
//! compression.

use std::{io::Read as _, path::Path, process::Command};

use astral_tests::{TestServer, repository};
use reqwest::Response;
use serde_json::Value;

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = server.request("get", path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("answered")
}

fn said<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).expect("gzip");
    plain
}

#[tokio::test]
async fn the_document_is_served_compressed_and_once() {
    let server = TestServer::start().await;
    let plain = get(&server, "/openapi.json", &[]).await;
    let etag = said(&plain, "etag").to_owned();
    assert_eq!((said(&plain, "content-type"), said(&plain, "content-encoding")), ("application/json", ""));
    assert_eq!(said(&plain, "vary"), "Accept-Encoding");
    let plain = plain.bytes().await.expect("read");
    assert_eq!(plain, astral_server::openapi().as_bytes());

    let gzip = get(&server, "/openapi.json", &[("Accept-Encoding", "br;q=1.0, gzip;q=0.8")]).await;
    assert_eq!(said(&gzip, "content-encoding"), "gzip");
    assert_ne!(said(&gzip, "etag"), etag, "other bytes, another tag");
    let gzip_etag = said(&gzip, "etag").to_owned();
    let gzip = gzip.bytes().await.expect("read");
    assert!(gzip.len() * 5 < plain.len());
    assert_eq!(gunzip(&gzip), plain);

    for (known, encoding) in [(&*etag, "identity"), ("*", "identity"), (&*gzip_etag, "gzip")] {
        let headers = [("If-None-Match", known), ("Accept-Encoding", encoding)];
        let answer = get(&server, "/openapi.json", &headers).await;
        assert_eq!((answer.status().as_u16(), answer.bytes().await.expect("read").len()), (304, 0), "{known}");
    }
    let other = get(&server, "/openapi.json", &[("If-None-Match", &gzip_etag)]).await;
    assert_eq!(other.status(), 200, "the client has other bytes than those it asks for");
    for refusing in ["identity", "gzip;q=0", "gzip; Q=0", "br", "*;q=0"] {
        let answer = get(&server, "/openapi.json", &[("Accept-Encoding", refusing)]).await;
        assert_eq!(said(&answer, "content-encoding"), "", "{refusing}");
    }
}

/// What the server prints when it starts is the address of a page.
#[tokio::test]
async fn whoever_opens_the_address_finds_a_page() {
    let server = TestServer::start().await;
    for path in ["/", "/docs", "/docs/", "/docs/problems", "/invitations/accept"] {
        let page = get(&server, path, &[]).await;
        assert_eq!((page.status().as_u16(), said(&page, "content-type")), (200, "text/html; charset=utf-8"), "{path}");
    }
    let home = get(&server, "/", &[]).await.text().await.expect("text");
    assert!(home.contains("href=\"/docs\"") && home.contains("href=\"/openapi.json\""));
    for path in ["/nothing", "/api", "/api/v1", "/api/v2/auth/me"] {
        assert_eq!(get(&server, path, &[]).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn long_lists_are_compressed() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    for number in 0..30 {
        club.add_athlete(&format!("Athlete {number}")).await;
    }
    let key = club.create_key("Sync").await.secret;
    let bearer = format!("Bearer {key}");
    let headers = |encoding| [("Authorization", &*bearer), ("Accept-Encoding", encoding)];
    let path = club.path("/members");
    let plain = get(&server, &path, &headers("identity")).await.bytes().await.expect("read");
    let gzip = get(&server, &path, &headers("gzip")).await;
    assert_eq!(said(&gzip, "content-encoding"), "gzip");
    let gzip = gzip.bytes().await.expect("read");
    assert_eq!(gunzip(&gzip), plain);
    let short = get(&server, &club.path("/members?limit=1"), &headers("gzip")).await;
    assert_eq!(said(&short, "content-encoding"), "");
}

#[tokio::test]
async fn pages_of_other_origins_may_not_call_unless_they_are_named() {
    let asks = [("Origin", "https://dashboard.example"), ("Access-Control-Request-Method", "GET")];
    let server = TestServer::start().await;
    let answer = get(&server, "/api/v1/auth/me", &asks[..1]).await;
    assert_eq!((answer.status().as_u16(), said(&answer, "access-control-allow-origin")), (401, ""));

    let server = TestServer::start_with(&["--cors-origin", "https://dashboard.example,http://localhost:5173"]).await;
    let club = server.club("Summit").await;
    let mut preflight = server.request("options", &club.path("/members"));
    for (name, value) in asks {
        preflight = preflight.header(name, value);
    }
    let answer = preflight.send().await.expect("answered");
    assert_eq!(answer.status(), 204);
    assert_eq!(said(&answer, "access-control-allow-origin"), "https://dashboard.example");
    assert_eq!(said(&answer, "access-control-allow-methods"), "GET, POST, HEAD");
    for name in ["Authorization", "Idempotency-Key", "If-Match", "X-API-Key"] {
        assert!(said(&answer, "access-control-allow-headers").contains(name), "{name}");
    }
    let answer = get(&server, "/api/v1/auth/me", &asks[..1]).await;
    assert_eq!(said(&answer, "access-control-allow-origin"), "https://dashboard.example", "of a refusal too");
    for name in ["Astral-Version", "Retry-After"] {
        assert!(said(&answer, "access-control-expose-headers").contains(name), "{name}");
    }
    let varies: Vec<_> = answer.headers().get_all("vary").iter().collect();
    assert!(varies.iter().any(|vary| vary.as_bytes() == b"Origin"));
    for other in ["https://evil.example", "null", "https://dashboard.example.evil.example", "http://dashboard.example"]
    {
        let answer = get(&server, "/api/v1/auth/me", &[("Origin", other)]).await;
        assert_eq!(said(&answer, "access-control-allow-origin"), "", "{other}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    for path in ["", "/members", "/api-keys"].map(|path| club.path(path)).iter().chain([&"/openapi.json".to_owned()]) {
        let ask = |method| server.request(method, path).bearer_auth(&club.head_coach.token).send();
        let (get, head) = (ask("get").await.expect("answered"), ask("head").await.expect("answered"));
        assert_eq!(head.status(), get.status(), "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control", "vary"] {
            assert_eq!(head.headers().get(name), get.headers().get(name), "{path} {name}");
        }
        assert_eq!(head.bytes().await.expect("read").len(), 0);
    }
}

/// Each page that a problem's `type` names is there, and none else.
#[tokio::test]
async fn every_problem_has_a_page() {
    let server = TestServer::start().await;
    let document: Value = serde_json::from_str(astral_server::openapi()).expect("JSON");
    for (code, example) in document.pointer("/components/examples").and_then(Value::as_object).expect("examples") {
        let page = get(&server, example["value"]["type"].as_str().expect("a page"), &[]).await;
        assert_eq!(page.status(), 200, "{code}");
        assert!(said(&page, "content-security-policy").contains("default-src 'none'"));
        let page = page.text().await.expect("text");
        assert!(page.contains(code) && page.contains(example["value"]["title"].as_str().expect("a title")), "{code}");
    }
    assert_eq!(get(&server, "/docs/problems/no_such_code", &[]).await.status(), 404);
}

/// The reference in a browser, narrow and wide, light and dark: nothing is asked of another host, nothing
/// fails, and a request can be tried out with a key that was pasted.
#[tokio::test]
async fn requests_can_be_tried_out_in_the_reference() {
    let server = TestServer::start().await;
    let club = server.club("Summit Running Club").await;
    let key = club.create_key("Pasted").await;
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference");
    let browser = tokio::task::spawn_blocking(move || {
        Command::new(std::env::var_os("ASTRAL_NODE").unwrap_or_else(|| "node".into()))
            .arg("tests/browser/reference.mjs")
            .env("ASTRAL_URL", &server.url)
            .env("ASTRAL_API_KEY", &key.secret)
            .env("PICTURES", pictures)
            .current_dir(repository())
            .output()
            .expect("./check installs the tools; run it once")
    });
    let done = browser.await.expect("ran");
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("200 OK") && said.contains("\"Pasted\""), "{said}");
}
