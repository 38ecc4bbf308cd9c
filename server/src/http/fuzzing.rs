//! Targets: what clients send, piece by piece; whole requests in [`requests`].

mod requests;

use std::net::{IpAddr, SocketAddr};

use futures_util::FutureExt as _;
use poem::{
    Request,
    http::{HeaderMap, HeaderName, HeaderValue, Uri},
};
use poem_openapi::types::ParseFromParameter;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

pub use self::requests::requests;
use super::{
    body::{self, FromBody, MAX_ERRORS, shorten},
    conditional::{EntityTag, IfMatch, IfNoneMatch},
    cursor::List,
    operations,
    problem::Problem,
    schema::{ActionText, ActorText, BlankOrReason, CursorText, KeyStatusFilter, Limit, ScopeList, Switch, TargetText},
    security,
};
use crate::{
    fuzzing::{kind_of, with_checksums},
    service::{
        Expected, Id as _, IdempotencyKey, IpRange, Label, MemberId, MemberStatus, PlannedAction, RequestId, Role,
        Scope, Search, SecretKind, Timestamp, find_secrets,
    },
};

/// The first line of a text and the rest.
fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}

/// The refusal as it is answered, which is what it says it is.
fn answered(problem: Problem) -> Value {
    let status = problem.status();
    let body = problem.respond(RequestId::from_bits(0)).into_body().into_bytes();
    let body = body.now_or_never().and_then(Result::ok).expect("a refusal is answered at once");
    let answer: Value = serde_json::from_slice(&body).expect("a refusal is JSON");
    assert_eq!(answer["status"], status);
    assert!(answer["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert!(answer["errors"].as_array().is_some_and(|errors| errors.len() <= MAX_ERRORS));
    answer
}

/// A cursor: where a list was left, and nowhere else.
pub fn cursor(data: &[u8]) {
    let (name, position) = data.split_first().map_or((0, data), |(name, position)| (*name, position));
    let of = |name: u8| List::of(&[&"members", &name]);
    let read = |list: &List, text: &str| {
        let position = list.position(Some(&CursorText(text.to_owned())), |position| Some(position.to_vec()));
        position.map_err(answered).ok().flatten()
    };
    let (list, other) = (of(name), of(name.wrapping_add(1)));
    let cursor = list.cursor(position);
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "it fits into a URL");
    assert_eq!(read(&list, &cursor).as_deref(), Some(position));
    assert_eq!(read(&other, &cursor), None, "it is of one list");
    for place in (0..cursor.len()).step_by(1 + cursor.len() / 8) {
        let mut changed = cursor.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        assert_eq!(read(&list, &String::from_utf8_lossy(&changed)), None, "character {place} was changed");
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(position) = read(&of(0), text)
    {
        assert_eq!(of(0).cursor(&position), text, "a cursor has one spelling");
    }
}

/// A request's headers, a line each. A line that begins with `?` is its query. What HTTP lets nobody send is left out.
fn request(data: &[u8]) -> Request {
    let mut request = Request::builder().uri(Uri::from_static("/api/v1/auth/me")).finish();
    for line in data.split(|byte| *byte == b'\n') {
        if line.starts_with(b"?") {
            if let Ok(uri) = Uri::try_from([b"/api/v1/auth/me", line].concat()) {
                *request.uri_mut() = uri;
            }
            continue;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        let header = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()));
        if let (Ok(name), Ok(value)) = header
            && request.headers().len() < 100
        {
            request.headers_mut().append(name, value);
        }
    }
    request
}

/// The hash of the secret that a header holds, if it is of one of these kinds.
fn secret_in(value: &[u8], kinds: &[SecretKind]) -> Option<[u8; 32]> {
    let visible = value.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\t');
    let text = value.trim_ascii();
    kind_of(text).filter(|kind| visible && kinds.contains(kind)).map(|_| Sha256::digest(text).into())
}

/// The headers with which a caller says who they are, what program it is, and what the request is meant for.
pub fn credential(data: &[u8]) {
    let mut request = request(&with_checksums(data));
    let values = |name: &str| -> Vec<Vec<u8>> {
        request.headers().get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect()
    };
    let (bearers, keys) = (values("authorization"), values("x-api-key"));
    let expected = match (&bearers[..], &keys[..]) {
        ([], []) => Err(401),
        ([bearer], []) => {
            let token = bearer.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
            let kinds = [SecretKind::Session, SecretKind::ApiKey];
            token.and_then(|(_, token)| secret_in(token, &kinds)).ok_or(401)
        }
        ([], [key]) => secret_in(key, &[SecretKind::ApiKey]).ok_or(401),
        _ => Err(400),
    };
    let found = security::credential(&request).map(|secret| *secret.hash().as_bytes()).map_err(|problem| {
        let (status, answer) = (problem.status(), answered(problem).to_string());
        assert_eq!(find_secrets(answer.as_bytes()).count(), 0, "a refusal repeats no secret");
        status
    });
    assert_eq!(found, expected);
    if let Some(program) = security::user_agent(&request) {
        assert!(!program.is_empty() && program.chars().count() <= 200 && !program.contains("astral_"));
    }

    let names = ["if-match", "if-none-match", "idempotency-key"];
    let before = names.map(values);
    match operations::check_headers(&mut request) {
        Err(problem) => assert_eq!(answered(problem)["status"], 422),
        Ok(()) => {
            for (name, before) in names.into_iter().zip(before) {
                let after: Vec<_> = request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect();
                let visible =
                    before.iter().all(|line| HeaderValue::from_bytes(line).is_ok_and(|line| line.to_str().is_ok()));
                if visible {
                    assert!(after.len() <= 1, "{name} is one line");
                    assert_eq!(after.concat(), before.join(&b", "[..]), "{name} says what it said");
                } else {
                    assert_eq!(name, "if-none-match", "a client that asks for safety is not left without it");
                }
            }
        }
    }
}

/// The client's address behind proxies: the peer in the first line, an `X-Forwarded-For` in each that follows.
pub fn client_address(data: &[u8]) {
    let trusted: Vec<IpRange> =
        ["10.0.0.0/8", "fd00::/8", "127.0.0.1"].iter().map(|range| range.parse().expect("a range")).collect();
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let (peer, rest) = first_line(data);
    let read = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok()?.trim();
        let address = text.parse::<IpAddr>().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
        Some(address.to_canonical())
    };
    let peer = read(peer).unwrap_or(super::UNKNOWN);
    let mut headers = HeaderMap::new();
    for line in rest.split(|byte| *byte == b'\n').take(100) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value);
        }
    }
    // Several lines are one, with commas between them (RFC 9110, section 5.3).
    let joined = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b',');
    let hops: Vec<_> = if headers.is_empty() { Vec::new() } else { joined.rsplit(|byte| *byte == b',').collect() };
    let far = hops.iter().map(|hop| read(hop).unwrap_or(super::UNKNOWN)).find(|hop| !is_trusted(*hop));
    let furthest = || hops.last().and_then(|hop| read(hop)).unwrap_or(peer);
    let expected = if is_trusted(peer) { far.unwrap_or_else(furthest) } else { peer };
    assert_eq!(super::forwarded_for(peer, &headers, &trusted), expected);
}

/// Whether `text` is what the document says of `If-Match`: `*`, or tags between commas.
fn is_documented(text: &str) -> bool {
    let tag = |rest: &str| -> Option<usize> {
        let opaque = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"')?;
        Some(rest.len() - opaque.len() + opaque.find('"')? + 1)
    };
    let mut rest = text;
    while let Some(length) = tag(rest) {
        // No header can hold another space.
        rest = rest[length..].trim_start_matches([' ', '\t']);
        match rest.strip_prefix(',') {
            Some(next) => rest = next.trim_start_matches([' ', '\t']),
            None => return rest.is_empty() && text.ends_with('"'),
        }
    }
    text == "*"
}

/// `If-Match`, `If-None-Match` and `Idempotency-Key`.
pub fn conditional(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let none_match = text.parse::<IfNoneMatch>().expect("whatever it is, it can be compared");
    match text.parse::<IfMatch>() {
        Err(_) => assert!(!is_documented(text) || text.len() > IfMatch::MAX_LENGTH, "what is documented is accepted"),
        Ok(IfMatch(Expected::Any)) => assert_eq!(text.trim(), "*"),
        Ok(IfMatch(Expected::OneOf(revisions))) => {
            for revision in &revisions {
                let named = [format!("\"{revision}\""), format!("\"{revision}.")];
                assert!(named.iter().any(|named| text.contains(named)), "revision {revision} was not named");
            }
            let list = revisions.iter().map(|revision| EntityTag::from(*revision).to_string()).collect::<Vec<_>>();
            for tag in list.iter().filter(|tag| text.contains(*tag)) {
                assert!(none_match.has(tag), "a tag that counts as a condition is one that the client has");
            }
            if !list.is_empty() {
                let again = list.join(", ").parse::<IfMatch>().map(|IfMatch(expected)| expected);
                let admits = |revision| again.as_ref().is_ok_and(|expected| expected.admits(revision));
                assert!(list.join(", ").len() > IfMatch::MAX_LENGTH || revisions.iter().all(|one| admits(*one)));
            }
        }
    }
    let number = data.iter().fold(0_u64, |number, byte| number.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    for count in [None, Some(number as u32)] {
        let tag = EntityTag { revision: number, count }.to_string();
        let is_it = |expected: IfMatch| (expected.0.admits(number), expected.0.admits(number ^ 1));
        assert_eq!(tag.parse().map(is_it), Ok((true, false)), "{tag}");
        assert_eq!(format!("W/{tag}").parse().map(is_it), Ok((false, false)), "a weak tag is nobody's revision");
        let has = |header: &str, tag: &str| header.parse::<IfNoneMatch>().is_ok_and(|header| header.has(tag));
        assert!(has(&tag, &tag) && has(&format!("\"x\", W/{tag}"), &tag) && has("*", &tag) && !has("\"x\"", &tag));
    }
    let is_key = (1..=255).contains(&text.len()) && text.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    let key = text.parse::<IdempotencyKey>();
    assert_eq!(key.as_ref().map(IdempotencyKey::as_str).ok(), is_key.then_some(text));
}

/// Whether a value of a query is accepted, and `holds` says of the one that was made that it is what was meant.
fn meant<T: ParseFromParameter>(text: &str, holds: impl Fn(&T) -> bool) {
    match T::parse_from_parameter(text) {
        Ok(value) => assert!(holds(&value), "{text:?} is read as something else"),
        Err(error) => assert!(!error.into_message().is_empty()),
    }
}

/// Whether `text` is an id with one of these prefixes.
fn is_id(text: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            rest.len() == 26
                && rest.starts_with(|first: char| ('0'..='7').contains(&first))
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !b"ilou".contains(&byte)))
        })
    })
}

/// The query of an operation, which the first line names.
pub fn query(data: &[u8]) {
    let (id, rest) = first_line(data);
    let Some(operation) = operations::all().iter().find(|operation| operation.id.as_bytes() == id) else { return };
    let (query, _) = first_line(rest);
    let Ok(uri) = Uri::try_from([b"/?", query].concat()) else { return };
    let pairs: Vec<(String, String)> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let is_once = |name: &str| pairs.iter().filter(|(other, _)| other == name).count() == 1;
    let right = pairs.iter().all(|(name, _)| operation.takes(name) && is_once(name));
    match operations::check_query(&Request::builder().uri(uri.clone()).finish(), operation) {
        Ok(()) => assert!(right, "each parameter is known, and is there once"),
        Err(problem) => {
            let answer = answered(problem);
            assert!(!right && answer["status"] == 422 && answer["errors"] != Value::Array(Vec::new()));
        }
    }
    for (name, value) in &pairs {
        let value = &value[..];
        match &name[..] {
            "limit" => meant(value, |Limit(limit)| {
                (1..=200).contains(limit) && value.trim_start_matches('0') == limit.to_string()
            }),
            "cursor" => meant(value, |CursorText(cursor)| cursor == value && (1..=400).contains(&cursor.len())),
            "role" => meant(value, |role: &Role| role.as_str() == value),
            "status" if operation.id == "list_api_keys" => {
                meant(value, |status: &KeyStatusFilter| status.to_string() == value)
            }
            "status" => meant(value, |status: &MemberStatus| status.as_str() == value),
            "label" => meant(value, |label: &Label| label.as_str() == value.trim()),
            "coach_id" => meant(value, |id: &MemberId| id.to_string() == value),
            "q" => meant(value, |search: &Search| !search.words().is_empty()),
            "actor" => meant(value, |ActorText(actor)| {
                actor == value
                    && (is_id(actor, &["usr_", "key_"]) || ["operator", "server", "anonymous"].contains(&value))
            }),
            "action" if operation.id == "get_api_key_impact" => {
                meant(value, |action: &PlannedAction| action.as_str() == value);
            }
            "action" => meant(value, |ActionText(action)| {
                let is_word =
                    |word: &str| !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
                action == value
                    && (action.split_once('.').map_or(is_word(action), |(noun, verb)| is_word(noun) && is_word(verb)))
            }),
            "target" => meant(value, |TargetText(id)| id == value && is_id(id, &["org_", "usr_", "mem_", "key_"])),
            "since" | "until" => meant(value, |time: &Timestamp| time.to_string().parse().as_ref() == Ok(time)),
            "reason" => meant(value, |BlankOrReason(reason)| {
                reason.as_ref().map_or("", |reason| reason.as_str()) == value.trim()
            }),
            "everywhere" => meant(value, |Switch(on)| on.to_string() == value),
            "scopes" => meant(value, |ScopeList(scopes)| {
                let named = |scope: &Scope| value.split(',').any(|word| word == scope.as_str());
                Scope::ALL.iter().all(|scope| scopes.contains(*scope) == named(scope))
            }),
            _ => {}
        }
    }
}

/// How many names stand in the objects of a value, and how many values it is.
fn counted(value: &Value) -> (usize, usize) {
    let inner: Vec<_> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(values) => values.values().collect(),
        _ => Vec::new(),
    };
    let names = value.as_object().map_or(0, serde_json::Map::len);
    inner.into_iter().map(counted).fold((names, 1), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Whether a number in it is no whole one of 64 bits.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fraction),
        Value::Object(values) => values.values().any(has_fraction),
        _ => false,
    }
}

/// How deep arrays and objects lie in one another.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(values) => 1 + values.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// How many colons stand outside of the strings of a JSON text: one for each name in it, also for one that is there twice.
fn colons(text: &str) -> usize {
    let (mut count, mut within, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = within,
            b'"' => within = !within,
            b':' => count += usize::from(!within),
            _ => {}
        }
    }
    count
}

fn read<T: FromBody>(bytes: &[u8], value: Option<&Value>) {
    let fields = value.and_then(Value::as_object);
    match (body::from_bytes::<T>(bytes, usize::MAX), fields) {
        (Ok(_), Some(fields)) => assert!(fields.keys().all(|name| T::FIELDS.contains(&&name[..])), "all is understood"),
        (Ok(_), None) => panic!("what is no object is taken for one"),
        (Err(problem), None) => assert_eq!(answered(problem)["status"], 400),
        (Err(problem), Some(fields)) => {
            let answer = answered(problem);
            let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(answer["status"] == 422 && !errors.is_empty());
            let named = |name: &str| errors.iter().any(|error| error["field"] == name);
            for unknown in fields.keys().filter(|name| !T::FIELDS.contains(&&name[..])) {
                assert!(errors.len() == MAX_ERRORS || named(&shorten(unknown.clone())), "{unknown:?} is not named");
            }
        }
    }
}

/// A body of the kind that the first line names.
pub fn body(data: &[u8]) {
    let (kind, bytes) = first_line(data);
    let strict = body::parse(bytes, usize::MAX).map_err(answered).ok();
    let text = String::from_utf8_lossy(bytes);
    // The library takes its own private names for something else, and ours does not.
    if !text.contains("$serde_json") {
        let lenient = serde_json::from_slice::<Value>(bytes).ok().filter(|_| !bytes.starts_with(b"\xef\xbb\xbf"));
        let distinct = lenient.filter(|value| counted(value).0 == colons(&text) && depth(value) <= body::MAX_DEPTH);
        assert_eq!(strict, distinct, "JSON is read as the library reads it, where no name occurs twice");
    }
    if let Some(value) = &strict {
        let (_, values) = counted(value);
        assert_eq!(body::parse(bytes, values).as_ref().ok(), Some(value));
        assert!(body::parse(bytes, values - 1).is_err(), "no more values than may be");
        let written = serde_json::to_vec(value).expect("a value is written");
        let again = body::parse(&written, values).map_err(answered).expect("what is written is read");
        // The library reads the last digit of a fraction as it likes, and nothing of ours takes one.
        assert!(again == *value || has_fraction(value));
    }
    match kind {
        b"new_member" => read::<super::members::NewMemberBody>(bytes, strict.as_ref()),
        b"member_change" => read::<super::members::MemberChangeBody>(bytes, strict.as_ref()),
        b"new_api_key" => read::<super::api_keys::NewApiKeyBody>(bytes, strict.as_ref()),
        b"api_key_change" => read::<super::api_keys::ApiKeyChangeBody>(bytes, strict.as_ref()),
        b"rotation" => read::<super::api_keys::RotationBody>(bytes, strict.as_ref()),
        b"organization_change" => read::<super::organizations::OrganizationChangeBody>(bytes, strict.as_ref()),
        b"new_invitation" => read::<super::invitations::NewInvitationBody>(bytes, strict.as_ref()),
        b"leaked_secret" => {
            let mended = with_checksums(bytes);
            read::<super::leaks::LeakedSecretBody>(&mended, body::parse(&mended, usize::MAX).ok().as_ref());
        }
        _ => {}
    }
}
