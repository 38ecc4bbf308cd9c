//! Bodies that are no JSON object, credentials that do not count, ids and cursors that are none.

use astral_client::types::NewApiKey;
use astral_tests::document::operations;
use reqwest::{RequestBuilder, header::CONTENT_TYPE};

use super::{Bench, Ground, answer::Answer};

/// Makes a body of the text of a valid one.
type Spoil = fn(&str) -> Vec<u8>;

/// Bodies that cannot be read.
const UNREADABLE: &[(&str, Spoil)] = &[
    ("nothing", |_| Vec::new()),
    ("cut off", |good| good[..good.len() - 1].into()),
    ("two at once", |good| good.repeat(2).into()),
    ("in an array", |good| format!("[{good}]").into()),
    ("null", |_| "null".into()),
    ("a string", |_| "\"text\"".into()),
    ("a number", |_| "7".into()),
    ("a name twice", |good| format!("{}{}", first_twice(good), &good[1..]).into()),
    ("a name twice inside", |good| format!(r#"{{"a":{{"b":1,"b":2}},{}"#, &good[1..]).into()),
    ("not UTF-8", |good| [b"{\"a\":\"\xff\",", &good.as_bytes()[1..]].concat()),
    ("half a character", |good| format!(r#"{{"a":"\ud83c",{}"#, &good[1..]).into()),
    ("UTF-16", |good| good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ("a byte order mark", |good| format!("\u{feff}{good}").into()),
    ("a comment", |good| format!("{good} // text").into()),
    ("a comma too many", |good| format!("{},}}", &good[..good.len() - 1]).into()),
    ("a number that is none", |good| format!(r#"{{"a":NaN,{}"#, &good[1..]).into()),
    ("a number out of range", |good| format!(r#"{{"a":1e999,{}"#, &good[1..]).into()),
    ("a bare control character", |good| format!("{{\"a\":\"\u{7}\",{}", &good[1..]).into()),
    ("nested 33 deep", |good| format!("{{\"a\":{}{},{}", "[".repeat(32), "]".repeat(32), &good[1..]).into()),
    ("nested 100,000 deep", |good| format!("{{\"a\":{},{}", "[".repeat(100_000), &good[1..]).into()),
];

/// An object's opening with its first name and another value.
fn first_twice(good: &str) -> String {
    let (name, _) = good[1..].split_once(':').expect("a field");
    format!("{{{name}:null,")
}

/// Headers that say something other than plain JSON in UTF-8.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("content-type", ""),
    ("content-type", "text/plain"),
    ("content-type", "text/json"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-type", "multipart/form-data; boundary=x"),
    ("content-type", "application/merge-patch+json"),
    ("content-type", "application/json; charset=iso-8859-1"),
    ("content-encoding", "gzip"),
];

/// What lies deep is refused for that alone.
#[tokio::test]
async fn a_body_is_nested_at_most_32_deep() {
    let ground = Ground::new().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for (depth, status) in [(31, 422), (32, 400), (127, 400)] {
            let body = format!("{{\"a\":{}0{}}}", open.repeat(depth), close.repeat(depth));
            let login = ground.server.request("post", "/api/v1/auth/login").header(CONTENT_TYPE, "application/json");
            let answer = Answer::to(login.body(body)).await;
            assert_eq!(answer.status, status, "{open} {depth}: {}", answer.body);
            let detail = answer.body["detail"].as_str().expect("text");
            assert_eq!(detail.contains("nested too deeply: at most 32"), status == 400, "{detail}");
        }
    }
    // Brackets in a text are text.
    let body = format!("{{\"email\":\"{}\"}}", "[{".repeat(100));
    let login = ground.server.request("post", "/api/v1/auth/login").header(CONTENT_TYPE, "application/json");
    assert_eq!(Answer::to(login.body(body)).await.status, 422);
}

#[tokio::test]
async fn a_body_is_one_json_object() {
    let ground = Ground::new().await;
    let mut faults = Vec::new();
    for operation in operations().iter().filter(|operation| operation.body.is_some()) {
        let mut bench = Bench::new(&ground, operation).await;
        for (what, spoil) in UNREADABLE {
            let bytes = spoil(&good(&bench));
            let answer = bench.send(what, with_body(&bench, bytes)).await;
            bench.expect(what, &answer, 400, "malformed_request");
        }
        for (header, value) in MEDIA_TYPES {
            let what = format!("{header}: {value}");
            let mut request = bench.request.clone();
            let body = request.body.take().expect("a body").to_string();
            let mut sent = bench.by_head_coach(&request).body(body);
            if *header != CONTENT_TYPE.as_str() {
                sent = sent.header(CONTENT_TYPE, "application/json");
            }
            let answer = bench.send(&what, sent.header(*header, *value)).await;
            bench.expect(&what, &answer, 415, "unsupported_media_type");
        }
        // One takes more, as `leaks` tries.
        if operation.id != "identify_api_keys" {
            let large = format!("{{\"a\":\"{}\",{}", "x".repeat(2_000_000), &good(&bench)[1..]);
            let answer = bench.send("2 MB", with_body(&bench, large.into())).await;
            bench.expect("2 MB", &answer, 413, "body_too_large");
        }
        let unknown = format!("{{\"unexpected\":1,{}", &good(&bench)[1..]);
        let answer = bench.send("an unknown field", with_body(&bench, unknown.into())).await;
        bench.expect_refused("an unknown field", &answer, "unexpected");
        faults.extend(bench.finish().await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The valid body as text.
fn good(bench: &Bench<'_>) -> String {
    bench.request.body.as_ref().expect("a body").to_string()
}

fn with_body(bench: &Bench<'_>, body: Vec<u8>) -> RequestBuilder {
    let mut request = bench.request.clone();
    request.body = None;
    bench.by_head_coach(&request).header(CONTENT_TYPE, "application/json").body(body)
}

#[tokio::test]
async fn a_credential_comes_once_and_in_a_header() {
    let ground = Ground::new().await;
    let mut faults = Vec::new();
    for operation in operations().iter().filter(|operation| operation.secured) {
        let mut bench = Bench::new(&ground, operation).await;
        let key = bench.club.create_key("All scopes").await.secret;
        bench.before = bench.club.everything().await;
        let token = bench.club.head_coach.token.clone();
        let bearer = |token: &str| format!("Bearer {token}");
        let bare = |bench: &Bench<'_>| bench.request.by(&ground.server, None);

        for headers in [
            [("authorization", bearer(&token)), ("x-api-key", key.clone())],
            [("authorization", bearer(&key)), ("x-api-key", key.clone())],
            [("authorization", bearer(&token)), ("authorization", bearer(&token))],
            [("x-api-key", key.clone()), ("x-api-key", key.clone())],
        ] {
            let what = format!("{} and {}", headers[0].0, headers[1].0);
            let sent = headers.iter().fold(bare(&bench), |sent, (name, value)| sent.header(*name, value));
            let answer = bench.send(&what, sent).await;
            bench.expect(&what, &answer, 400, "two_credentials");
        }
        for (name, value) in
            [("access_token", &token), ("api_key", &key), ("x-api-key", &key), ("authorization", &bearer(&token))]
        {
            let what = format!("{name} in the query");
            let answer = bench.send(&what, bare(&bench).query(&[(name, value)])).await;
            bench.expect(&what, &answer, 401, "credential_missing");
        }
        for (name, value) in [
            ("authorization", token.clone()),
            ("authorization", format!("Basic {token}")),
            ("authorization", "Bearer ".to_owned()),
            ("authorization", bearer("🏃")),
            ("authorization", bearer(&key[..key.len() - 1])),
            ("authorization", bearer(&key.to_lowercase())),
            ("x-api-key", token.clone()),
            ("x-api-key", String::new()),
        ] {
            // A scheme of another kind holds no credential of ours: RFC 6750, section 3.1.
            let is_ours = name == "x-api-key" || value.strip_prefix("Bearer ").is_some_and(|token| !token.is_empty());
            let what = format!("a credential that is none in {name}");
            let answer = bench.send(&what, bare(&bench).header(name, value)).await;
            bench.expect(&what, &answer, 401, if is_ours { "credential_invalid" } else { "credential_missing" });
        }
        faults.extend(bench.finish().await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_query_parameter_is_known_and_comes_once() {
    let ground = Ground::new().await;
    let mut faults = Vec::new();
    for operation in &operations() {
        let mut bench = Bench::new(&ground, operation).await;
        let answer = bench.send("unknown", bench.by_head_coach(&bench.request).query(&[("unexpected", "1")])).await;
        bench.expect_refused("unknown", &answer, "unexpected");
        let mut raw = bench.request.clone();
        raw.path.push_str("?%ff=%ff");
        let answer = bench.send("not UTF-8", bench.by_head_coach(&raw)).await;
        bench.expect("not UTF-8", &answer, 422, "invalid_request");
        for name in operation.parameters.iter().filter(|parameter| parameter.in_query).map(|parameter| &parameter.name)
        {
            let what = format!("{name} twice");
            let twice = [(name, "1"), (name, "1")];
            let answer = bench.send(&what, bench.by_head_coach(&bench.request).query(&twice)).await;
            bench.expect_refused(&what, &answer, name);
        }
        faults.extend(bench.finish().await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// In the place of an id in a path. The last is one, of something that never was.
const IDS: &[&str] = &[
    "x",
    "me",
    "%20",
    "%00",
    "%ff",
    "%F0%9F%8F%83",
    "evt_01jddjyz00fqqt3cp3tkjzc1rr",
    "{prefix}",
    "{prefix}01jddjyz00fqqt3cp3tkjzc1r",
    "{prefix}01jddjyz00fqqt3cp3tkjzc1rrr",
    "{prefix}01JDDJYZ00FQQT3CP3TKJZC1RR",
    "{prefix}81jddjyz00fqqt3cp3tkjzc1rr",
    "{prefix}01jddjyz00fqqt3cp3tkjzc1ri",
    "{prefix}01jddjyz00fqqt3cp3tkjzc1rr%20",
    "{prefix}01jddjyz00fqqt3cp3tkjzc1rr",
];

#[tokio::test]
async fn what_is_no_id_is_not_found() {
    let ground = Ground::new().await;
    let mut faults = Vec::new();
    for operation in operations().iter().filter(|operation| operation.path.contains('{')) {
        let mut bench = Bench::new(&ground, operation).await;
        for (position, name) in operation.path.split('/').enumerate().filter(|(_, part)| part.starts_with('{')) {
            let prefix = ["{org_id}", "{member_id}", "{key_id}"].iter().position(|known| *known == name);
            let prefix = ["org_", "mem_", "key_"][prefix.expect("an id with a known prefix")];
            for id in IDS {
                let id = id.replace("{prefix}", prefix);
                let mut request = bench.request.clone();
                let mut parts: Vec<&str> = request.path.split('/').collect();
                parts[position] = &id;
                request.path = parts.join("/");
                let answer = bench.send(&id, bench.by_head_coach(&request)).await;
                bench.expect(&id, &answer, 404, "not_found");
            }
        }
        faults.extend(bench.finish().await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list_and_filters() {
    let ground = Ground::new().await;
    let club = ground.server.club("Summit").await;
    let other = ground.server.club("Elsewhere").await;
    for club in [&club, &other] {
        for name in ["First", "Second"] {
            club.create_key_with(NewApiKey::builder().name(name)).await;
        }
    }
    let get =
        async |path: String| Answer::to(ground.server.request("get", &path).bearer_auth(&club.head_coach.token)).await;
    let next = async |path: String| {
        let page = get(path).await.body;
        page["next_cursor"].as_str().map(str::to_owned).expect("a next page")
    };
    let members = next(club.path("/members?limit=1")).await;
    let athletes_and_others = next(club.path("/members?limit=1&status=active")).await;
    let found = next(club.path("/members?limit=1&q=a")).await;
    let keys = next(club.path("/api-keys?limit=1")).await;
    let of_another_club = {
        let path = other.path("/members?limit=1");
        let page = Answer::to(ground.server.request("get", &path).bearer_auth(&other.head_coach.token)).await.body;
        page["next_cursor"].as_str().map(str::to_owned).expect("a next page")
    };
    // The position in the list begins within the 11th character; the last one may not hold any bits.
    let garbled = |cursor: &str, by: char| {
        let (head, tail, last) = (&cursor[..12], cursor.len() - 13, &cursor[cursor.len() - 1..]);
        format!("{head}{}{last}", by.to_string().repeat(tail))
    };
    let first = |cursor: &str| format!("{}{}", if cursor.starts_with('A') { 'B' } else { 'A' }, &cursor[1..]);

    let mut faults = Vec::new();
    assert_eq!(get(club.path(&format!("/members?limit=2&cursor={members}"))).await.status, 200, "limit may change");
    for path in [
        format!("/members?status=active&cursor={members}"),
        format!("/members?q=a&cursor={members}"),
        format!("/members?cursor={athletes_and_others}"),
        format!("/members?status=inactive&cursor={athletes_and_others}"),
        format!("/members?q=b&cursor={found}"),
        format!("/members?cursor={found}"),
        format!("/members?cursor={keys}"),
        format!("/members?cursor={of_another_club}"),
        format!("/members?cursor={}", first(&members)),
        format!("/members?cursor={}", garbled(&members, '_')),
        format!("/members?cursor={}", garbled(&members, 'A')),
        format!("/members?q=a&cursor={}", garbled(&found, '_')),
        format!("/members?q=a&cursor={}", garbled(&found, 'A')),
        format!("/members?cursor={members}AAAA"),
        format!("/members?cursor={}", &members[..members.len() - 4]),
        format!("/members?cursor={}", &members[..12]),
        format!("/members?cursor={members}%3D"),
        format!("/api-keys?cursor={}", garbled(&keys, '_')),
        format!("/api-keys?cursor={}", &keys[..keys.len() - 4]),
        format!("/api-keys?cursor={members}"),
        format!("/api-keys?status=all&cursor={keys}"),
        format!("/api-keys?status=revoked&cursor={keys}"),
    ] {
        let answer = get(club.path(&path)).await;
        faults.extend(answer.faults().into_iter().map(|fault| format!("{path}: {fault}")));
        if !answer.is(422, "invalid_request") || answer.message_about("cursor").is_none() {
            faults.push(format!("{path}: not a 422 that names cursor but {}", answer.status));
        }
    }
    let answer = get(format!("/api/v1/organizations?cursor={members}")).await;
    assert!(answer.is(422, "invalid_request"), "{}", answer.body);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
