//! Secrets that stand where they should not: whose they are, and what a report ends.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use astral_client::types::{self, IdentifiedKey, KeyStatus, Rotation, SecretStanding};
use astral_server::{
    HttpSettings,
    service::{Clock, Entropy, Plan, Secret, SecretKind, Settings, ShellAccess, find_secrets},
};
use astral_tests::{Club, TestServer, refusal};
use chrono::{TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const MIB: usize = 1 << 20;

/// A server whose clock stands still, and a club.
async fn scene() -> (TestServer, Club, Clock) {
    let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock.clone()).await;
    let club = server.club("Summit").await;
    (server, club, clock)
}

fn unknown(kind: SecretKind) -> String {
    Secret::generate(kind, || Entropy::system().bytes()).reveal()
}

async fn rotate(club: &Club, id: &str, rotation: types::builder::Rotation) -> types::CreatedApiKey {
    let request = club.head_coach.client.rotate_api_key().org_id(&club.organization_id).key_id(id).body(rotation);
    request.send().await.expect("rotated").into_inner()
}

async fn revoke(club: &Club, id: &str) {
    let request = club.head_coach.client.revoke_api_key().org_id(&club.organization_id).key_id(id);
    request.send().await.expect("revoked");
}

async fn read(club: &Club, id: &str) -> types::ApiKey {
    let request = club.head_coach.client.get_api_key().org_id(&club.organization_id).key_id(id);
    request.send().await.expect("read").into_inner()
}

async fn identify(club: &Club, text: &str) -> types::IdentifiedKeys {
    let request = club.head_coach.client.identify_api_keys().org_id(&club.organization_id);
    request.body(types::TextToIdentify::builder().text(text)).send().await.expect("identified").into_inner()
}

/// What the server answers to a text, or to anything else as the body.
async fn answer_to(server: &TestServer, club: &Club, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
    let request = server.request("post", &club.path("/api-keys/identify")).bearer_auth(&club.head_coach.token);
    let answer = request.header("content-type", "application/json").body(body).send().await.expect("answered");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// The code with which a secret is refused; `None` if it is not.
async fn refused(server: &TestServer, secret: &str) -> Option<String> {
    server.client(secret).get_caller().send().await.err().map(|error| refusal::<()>(Err(error)).code)
}

async fn report(server: &TestServer, secret: &str) -> StatusCode {
    let body = types::LeakedSecret::builder().secret(secret);
    server.anonymous().report_leaked_secret().body(body).send().await.expect("taken").status()
}

/// What was done, newest first: action, actor, changes.
async fn events(club: &Club) -> Vec<(String, types::ActorKind, Value)> {
    let listed = club.head_coach.client.list_audit_events().org_id(&club.organization_id).send().await;
    let told = listed.expect("listed").into_inner().data.into_iter();
    told.map(|event| (event.action.to_string(), event.actor.kind, json!(event.changes))).collect()
}

#[tokio::test]
async fn every_secret_in_a_text_that_is_or_was_the_clubs_is_named() {
    let (server, club, clock) = scene().await;
    let other = server.club("Valley").await;
    let plain = club.create_key("Plain").await;
    let revoked = club.create_key("Revoked").await;
    revoke(&club, &revoked.id).await;
    let ends = clock.now().plus(TimeDelta::hours(1));
    let ends: chrono::DateTime<Utc> = ends.to_string().parse().expect("a date");
    let expired = club.create_key_with(types::NewApiKey::builder().name("Expired").expires_at(Some(ends))).await;
    let replaced = club.create_key("Replaced").await;
    let successor = rotate(&club, &replaced.id, Rotation::builder().overlap_seconds(Some(0))).await;
    clock.advance(TimeDelta::hours(1));
    let rotated = club.create_key("Rotated").await;
    server.client(&rotated.secret).get_caller().send().await.expect("works");
    let newer = rotate(&club, &rotated.id, Rotation::builder()).await;
    let theirs = other.create_key("Theirs").await;

    let text = format!(
        "{} first\r\nexport KEY='{}'\n\n{}{}\n\\n{}x {} y{}\n{} {}\u{0}{} {}",
        &*newer.secret,
        &*plain.secret,
        &*rotated.secret,
        &*revoked.secret,
        &*expired.secret,
        &*replaced.secret,
        &*successor.secret,
        &*plain.secret,
        &*theirs.secret,
        club.coach.token,
        unknown(SecretKind::ApiKey),
    );
    let told = identify(&club, &text).await;
    let row = |key: &IdentifiedKey| {
        let name = key.name.to_string();
        (name, key.line, key.occurrences, key.status, key.standing, key.works)
    };
    let (active, current, ended) = (KeyStatus::Active, SecretStanding::Current, SecretStanding::Ended);
    assert_eq!(
        told.data.iter().map(row).collect::<Vec<_>>(),
        [
            ("Rotated".to_owned(), 1, 1, active, current, true),
            ("Plain".to_owned(), 2, 2, active, current, true),
            ("Rotated".to_owned(), 4, 1, active, SecretStanding::Previous, true),
            ("Revoked".to_owned(), 4, 1, KeyStatus::Revoked, current, false),
            ("Expired".to_owned(), 5, 1, KeyStatus::Expired, current, false),
            ("Replaced".to_owned(), 5, 1, active, ended, false),
            ("Replaced".to_owned(), 5, 1, active, current, true),
        ]
    );
    assert_eq!(told.others, 3, "another club's, a session's, and one that nobody knows");
    let [now, _, before, ..] = &told.data[..] else { panic!("seven") };
    assert_eq!((&*now.id, &*before.id), (&*rotated.id, &*rotated.id), "one key, two secrets");
    assert_eq!((&*now.hint, now.last_used_at), (&*newer.hint, None));
    assert_eq!(before.last_used_at.map(|at| at.to_rfc3339()).as_deref(), Some("2026-03-01T09:00:00+00:00"));
    assert!(!serde_json::to_string(&told).expect("JSON").contains(&theirs.id.to_string()), "nothing of another club");
    assert_eq!(find_secrets(&serde_json::to_vec(&told).expect("JSON")).count(), 0, "nothing of it is repeated");
}

#[tokio::test]
async fn a_text_without_secrets_or_with_broken_ones_names_nothing() {
    let (_server, club, _) = scene().await;
    let key = club.create_key("Roster sync").await;
    let cut = &key.secret[..43];
    let changed = key.secret.replace(&key.secret[20..22], "-_");
    for text in ["", "nothing here", "astral_live_", cut, &changed] {
        let told = identify(&club, text).await;
        assert!(told.data.is_empty() && told.others == 0, "{text:?}: {told:?}");
    }
}

/// Begins a request whose body announces so many bytes, and sends none of them.
async fn begin(server: &TestServer, club: &Club, token: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.strip_prefix("http://").expect("a URL")).await.expect("connected");
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
        club.path("/api-keys/identify"),
        token
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream
}

async fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    String::from_utf8(answer).expect("text")
}

/// The server asks for the body: there is room for it.
async fn wait_until_asked(stream: &mut TcpStream) {
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.expect("asked");
    assert!(asked.starts_with(b"HTTP/1.1 100 Continue"), "{}", String::from_utf8_lossy(&asked));
}

#[tokio::test]
async fn ten_mebibytes_are_searched_and_one_byte_more_is_not() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Roster sync").await;
    let line = "2026-11-23T02:00:03Z \"GET /members\" 200\n";
    let mut text = line.repeat(10 * MIB / line.len());
    let lines = text.len() / line.len();
    text.truncate(text.len() - key.secret.len());
    text += &key.secret;
    let fill = " ".repeat(10 * MIB - text.len());
    text = fill + &text;
    assert_eq!(text.len(), 10 * MIB);
    let told = identify(&club, &text).await;
    assert_eq!((told.data[0].line, &*told.data[0].id), (i64::try_from(lines).expect("few") - 1, &*key.id));
    // Of a length that is not announced.
    let body = json!({ "text": text }).to_string();
    let parts = futures_util::stream::iter([Ok::<_, std::io::Error>(body)]);
    let (status, told) = answer_to(&server, &club, reqwest::Body::wrap_stream(parts)).await;
    assert_eq!((status, &told["data"][0]["id"]), (StatusCode::OK, &json!(key.id)));

    let (status, problem) = answer_to(&server, &club, json!({ "text": text.clone() + "x" }).to_string()).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_request")));
    let message = problem["errors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("10485760 bytes") && message.contains("has 10485761"), "{message}");
    let mut stream = begin(&server, &club, &club.head_coach.token, 32 * MIB + 1).await;
    let answer = read_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("Send at most 32 MiB."), "{answer}");
    // As an encoder writes it that knows ASCII alone.
    let escaped = format!("{{\"text\": \"{}{}\"}}", "\\u0430".repeat(5 * MIB - 100), &*key.secret);
    let (status, told) = answer_to(&server, &club, escaped).await;
    assert_eq!((status, &told["data"][0]["id"]), (StatusCode::OK, &json!(key.id)));
    // As much as is needed and no more: other bodies keep their limit.
    let new = format!("{{\"name\": \"{}\"}}", "x".repeat(MIB));
    let request = server.request("post", &club.path("/api-keys")).bearer_auth(&club.head_coach.token);
    let answer = request.header("content-type", "application/json").body(new).send().await.expect("answered");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json::<Value>().await.expect("JSON")["detail"], "Send at most 1 MiB.");
}

#[tokio::test]
async fn whoever_sends_large_bodies_cannot_fill_the_memory() {
    let http = HttpSettings { body_timeout: Duration::from_secs(4), ..HttpSettings::default() };
    let folder = Arc::new(tempfile::TempDir::new().expect("a folder"));
    let server = TestServer::start_here(folder, Clock::system(), Settings::default(), http).await;
    let club = server.club("Summit").await;
    let key = club.create_key("Roster sync").await;
    let token = &club.head_coach.token;
    // Of those who may not search, no large body is read at all.
    for stranger in [&club.athlete.token, &club.coach.token, &key.secret.to_string()] {
        let mut stream = begin(&server, &club, stranger, 2 * MIB).await;
        let answer = read_answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = begin(&server, &club, token, 2 * MIB).await;
        wait_until_asked(&mut stream).await;
        slow.push(stream);
    }
    // A fifth is not asked for its body. What is small does not wait.
    let mut fifth = begin(&server, &club, token, 2 * MIB).await;
    assert_eq!(identify(&club, &key.secret).await.data.len(), 1);
    assert!(fifth.try_read(&mut [0; 1]).is_err(), "nothing was said");
    let answer = read_answer(&mut fifth).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("Try again in a moment"), "{answer}");
    // Who goes makes room.
    let mut sixth = begin(&server, &club, token, 2 * MIB).await;
    drop(slow.pop());
    wait_until_asked(&mut sixth).await;
}

/// A number takes a byte of JSON, and a hundred in memory.
#[tokio::test]
async fn a_large_body_is_a_text_and_little_else() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let many = "0,".repeat(10 * MIB);
    for body in [
        format!("{{\"text\":\"\",\"a\":[{many}0]}}"),
        format!("[{}{{}}]", "{\"\":0},".repeat(MIB)),
        format!("{}{}", "[".repeat(32), many),
    ] {
        let (status, problem) = answer_to(&server, &club, body).await;
        assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("malformed_request")));
        assert!(
            problem["detail"].as_str().expect("text").contains("more values than this request can have"),
            "{problem}"
        );
    }
}

/// A thief begins a request with the head coach's token, and lets it arrive slowly.
#[tokio::test]
async fn a_session_that_ends_while_the_text_arrives_is_told_nothing() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Roster sync").await;
    let stolen = server.sign_in(&club.head_coach.email, &club.head_coach.password).await.token;
    let body = json!({ "text": format!("{}{}", " ".repeat(2 * MIB), &*key.secret) }).to_string();
    let mut stream = begin(&server, &club, &stolen, body.len()).await;
    wait_until_asked(&mut stream).await;
    assert_eq!(report(&server, &stolen).await, StatusCode::ACCEPTED);
    stream.write_all(body.as_bytes()).await.expect("sent");
    let answer = read_answer(&mut stream).await;
    assert!(answer.starts_with("\r\nHTTP/1.1 401") || answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("session_over") && !answer.contains("Roster sync"), "{answer}");
}

#[tokio::test]
async fn the_text_is_kept_nowhere() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Roster sync").await;
    let mut text = String::new();
    for number in 0..1000 {
        writeln!(text, "{number} mark-of-the-pasted-text {}", &*key.secret).expect("written");
    }
    assert_eq!(identify(&club, &text).await.data[0].occurrences, 1000);
    server.stop().await;
    let mark = b"mark-of-the-pasted-text";
    let mut searched = Vec::new();
    for file in std::fs::read_dir(server.folder.path()).expect("a folder") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("read");
        assert!(!bytes.windows(mark.len()).any(|part| part == mark), "{}", path.display());
        assert_eq!(find_secrets(&bytes).count(), 0);
        searched.push(path.file_name().expect("a name").to_owned());
    }
    assert!(searched.contains(&"astral.redb".into()), "{searched:?}");
}

#[tokio::test]
async fn a_leaked_current_secret_revokes_its_key_at_once_on_every_plan() {
    for plan in [Plan::Coach, Plan::Free] {
        let (server, club, _) = scene().await;
        let key = club.create_key("Roster sync").await;
        let newer = rotate(&club, &key.id, Rotation::builder()).await;
        server.set_plan(&club.organization_id, plan).await;
        assert_eq!(report(&server, &newer.secret).await, StatusCode::ACCEPTED);
        server.set_plan(&club.organization_id, Plan::Coach).await;
        for secret in [&key.secret, &newer.secret] {
            assert_eq!(refused(&server, secret).await.as_deref(), Some("key_revoked"), "both secrets, {plan}");
        }
        let revoked = read(&club, &key.id).await.revoked.expect("revoked");
        assert_eq!((revoked.by.id, &*revoked.by.display_name), (None, "Leak report"));
        assert_eq!(
            revoked.reason.map(|reason| reason.to_string()).as_deref(),
            Some("Its secret was reported as leaked")
        );
        let told = events(&club).await;
        let (_, actor, changes) = told.iter().find(|(action, ..)| action == "api_key.revoke").expect("told");
        assert_eq!(
            (*actor, changes),
            (types::ActorKind::Anonymous, &json!({ "reason": "Its secret was reported as leaked" }))
        );
        // Again, and of the secret that ended with it: as if nobody knew it.
        let before = events(&club).await.len();
        for secret in [&newer.secret, &key.secret] {
            assert_eq!(report(&server, secret).await, StatusCode::ACCEPTED);
        }
        assert_eq!(events(&club).await.len(), before);
    }
}

#[tokio::test]
async fn a_leaked_previous_secret_ends_alone() {
    let (server, club, clock) = scene().await;
    let key = club.create_key("Roster sync").await;
    let newer = rotate(&club, &key.id, Rotation::builder()).await;
    // As it was copied, with what stands around it.
    let body = json!({ "secret": format!("\n {} ", &*key.secret) });
    let answer = server.request("post", "/api/v1/leaked-secrets").json(&body).send().await.expect("taken");
    assert_eq!((answer.status(), answer.text().await.expect("text").as_str()), (StatusCode::ACCEPTED, ""));
    assert_eq!(refused(&server, &key.secret).await.as_deref(), Some("secret_replaced"));
    assert_eq!(refused(&server, &newer.secret).await, None, "the key goes on");
    assert!(read(&club, &key.id).await.previous_secret.is_none());
    let (action, actor, changes) = events(&club).await.remove(0);
    assert_eq!((&*action, actor), ("api_key.end_previous_secret", types::ActorKind::Anonymous));
    assert_eq!(changes["reason"], "Its secret was reported as leaked");
    // One that ended long ago says nothing of the one that works.
    clock.advance(TimeDelta::days(3));
    let before = events(&club).await.len();
    assert_eq!(report(&server, &key.secret).await, StatusCode::ACCEPTED);
    assert_eq!(refused(&server, &newer.secret).await, None);
    assert_eq!(events(&club).await.len(), before);
}

#[tokio::test]
async fn a_leaked_session_and_a_leaked_invitation_end() {
    let (server, club, _) = scene().await;
    let again = server.sign_in(&club.coach.email, &club.coach.password).await;
    assert_eq!(report(&server, &club.coach.token).await, StatusCode::ACCEPTED);
    assert_eq!(refused(&server, &club.coach.token).await.as_deref(), Some("session_over"));
    assert_eq!(refused(&server, &again.token).await, None, "the person's other session goes on");

    let invited = club.add_athlete("Ivy Invited").await.id;
    let code = server.invite(&club.head_coach, &club.organization_id, &invited, "ivy@club.example").await;
    assert_eq!(report(&server, &code).await, StatusCode::ACCEPTED);
    let acceptance = types::InvitationAcceptance::builder().code(code).password(astral_tests::password("ivy"));
    let problem = refusal(server.anonymous().accept_invitation().body(acceptance).send().await);
    assert_eq!(problem.code, "invitation_invalid");
    let (action, actor, changes) = events(&club).await.remove(0);
    assert_eq!((&*action, actor), ("member.withdraw_invitation", types::ActorKind::Anonymous));
    assert_eq!(changes["reason"], "Its secret was reported as leaked");
    // Another can be made.
    let code = server.invite(&club.head_coach, &club.organization_id, &invited, "ivy@club.example").await;
    let acceptance = types::InvitationAcceptance::builder().code(code).password(astral_tests::password("ivy"));
    server.anonymous().accept_invitation().body(acceptance).send().await.expect("accepted");
}

/// Of what is over by time, nothing is left to end.
#[tokio::test]
async fn a_session_and_an_invitation_that_have_expired_are_as_if_unknown() {
    let (server, club, clock) = scene().await;
    let invited = club.add_athlete("Ivy Invited").await.id;
    let code = server.invite(&club.head_coach, &club.organization_id, &invited, "ivy@club.example").await;
    clock.advance(TimeDelta::days(200));
    let before = heads(&server);
    for secret in [&code, &club.coach.token] {
        assert_eq!(report(&server, secret).await, StatusCode::ACCEPTED);
    }
    assert_eq!(heads(&server), before);
}

/// Where every chain of events stands, the server's own too.
fn heads(server: &TestServer) -> Vec<String> {
    let shell = ShellAccess::asserted_by_command_line();
    let heads = server.service().read(|tx| tx.operator(shell).audit_heads()).expect("read");
    heads.iter().map(|head| format!("{head:?}")).collect()
}

#[tokio::test]
async fn a_secret_that_nobody_knows_is_taken_too_and_changes_nothing() {
    let (server, club, _) = scene().await;
    let key = club.create_key("Roster sync").await;
    let before = (club.everything().await, heads(&server));
    for kind in SecretKind::ALL {
        assert_eq!(report(&server, &unknown(*kind)).await, StatusCode::ACCEPTED);
    }
    assert_eq!((club.everything().await, heads(&server)), before);
    assert_eq!(refused(&server, &key.secret).await, None);
}

#[tokio::test]
async fn what_is_no_secret_is_refused_and_not_repeated() {
    let (server, club, _) = scene().await;
    let key = club.create_key("Roster sync").await;
    let cut = key.secret[..43].to_owned();
    let two = format!("{} {}", &*key.secret, &*key.secret);
    for secret in ["", "hunter2", &cut, &two, &key.secret.to_uppercase()] {
        let request = server.request("post", "/api/v1/leaked-secrets").json(&json!({ "secret": secret }));
        let answer = request.send().await.expect("answered");
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{secret:?}");
        let problem = answer.text().await.expect("text");
        assert!(problem.contains("begins with 'astral_'"), "{problem}");
        assert!(secret.is_empty() || !problem.contains(secret), "{problem}");
    }
    assert_eq!(refused(&server, &key.secret).await, None);
}

/// Names stand in lists, events and logs: a coach who is asked for a name pastes what is at hand.
#[tokio::test]
async fn no_text_that_is_kept_can_hold_a_secret() {
    let (server, club, _) = scene().await;
    let key = club.create_key("Roster sync").await;
    let (token, before) = (&club.head_coach.token, club.everything().await);
    let text = format!("for {}", &*key.secret);
    let club_path = club.path("");
    let (keys, members) = (club.path("/api-keys"), club.path("/members"));
    for (method, path, body) in [
        ("patch", &club_path, json!({ "name": text })),
        ("post", &keys, json!({ "name": text })),
        ("post", &keys, json!({ "name": "New", "description": text })),
        ("post", &members, json!({ "display_name": text })),
        ("post", &members, json!({ "display_name": "Nia", "labels": [*key.secret] })),
        ("post", &members, json!({ "display_name": "Nia", "external_id": text })),
    ] {
        let answer = server.request(method, path).bearer_auth(token).json(&body).send().await.expect("answered");
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let problem = answer.text().await.expect("text");
        assert!(problem.contains("must not contain a key or another secret") && !problem.contains(&*key.secret));
    }
    let revoke = server.request("delete", &club.path(&format!("/api-keys/{}", &*key.id))).bearer_auth(token);
    let answer = revoke.query(&[("reason", &text)]).send().await.expect("answered");
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(club.everything().await, before);
}

#[tokio::test]
async fn the_path_of_identifying_is_no_key() {
    let (server, club, _) = scene().await;
    for method in ["get", "patch", "delete"] {
        let request = server.request(method, &club.path("/api-keys/identify")).bearer_auth(&club.head_coach.token);
        let answer = request.send().await.expect("answered");
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers()["allow"], "POST");
    }
}
