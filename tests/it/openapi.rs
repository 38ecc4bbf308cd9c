//! The document: the same as the code, valid, true in its examples, and clean for the linters.

use std::{collections::HashSet, process::Command};

use astral_server::service::Clock;
use astral_tests::{TestServer, repository};
use serde_json::{Value, json};

fn document() -> Value {
    serde_json::from_str(astral_server::openapi()).expect("JSON")
}

#[test]
fn the_checked_in_document_is_what_the_code_says() {
    let path = repository().join("openapi/openapi.json");
    let checked_in = std::fs::read_to_string(path).expect("checked in");
    // Not assert_eq: it would print both.
    assert!(
        checked_in == astral_server::openapi(),
        "openapi/openapi.json is not what the code says; run: just openapi"
    );
}

/// The framework writes an operation or answer twice where two claim one place, and parsers silently lose one.
#[test]
fn no_operation_is_lost() {
    let document = document();
    let operations: Vec<&Value> = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|path| path.as_object().expect("path").values())
        .collect();
    let names: HashSet<&str> =
        operations.iter().map(|operation| operation["operationId"].as_str().expect("a name")).collect();
    assert_eq!((operations.len(), names.len()), (28, 28));
    // Links name operations too, but deeper within.
    assert_eq!(astral_server::openapi().matches("\n        \"operationId\"").count(), 28);
}

/// With two, most generators send or read the first, or give the body no type at all.
#[test]
fn no_body_has_two_media_types() {
    let document = document();
    let operations = document["paths"].as_object().expect("paths").values().flat_map(|path| {
        path.as_object().expect("path").values().filter(|operation| operation.get("operationId").is_some())
    });
    let mut bodies = 0;
    for operation in operations {
        let answers = operation["responses"].as_object().expect("answers").iter();
        let request = operation.get("requestBody").map(|body| ("the request", body));
        let all = answers.map(|(status, answer)| (status.as_str(), answer)).chain(request);
        // An answer can lack a body; what is referred to elsewhere would not be seen here.
        for (what, body) in all {
            assert!(body.get("$ref").is_none(), "{} {what} is a reference", operation["operationId"]);
            let media_types = body.get("content").and_then(Value::as_object).map_or(0, serde_json::Map::len);
            assert!(media_types <= 1, "{} {what} has {media_types} media types", operation["operationId"]);
            bodies += media_types;
        }
    }
    // A walk that has seen no body would prove nothing.
    assert!(bodies > 100, "only {bodies} bodies");
}

/// A value with every text, number and time made the same, so that only its shape is left: fields, kinds,
/// what is `null`. A list is as its first entry.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => "a boolean".into(),
        Value::Number(_) => "a number".into(),
        Value::String(_) => "a text".into(),
        Value::Array(values) => values.first().map(shape).into_iter().collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
    }
}

/// A club that is made of nothing but the document's examples, in the order in which they tell of it.
#[tokio::test]
async fn the_examples_are_true() {
    let clock = Clock::fixed("2026-11-23T09:00:00Z".parse().expect("a date"));
    let server = TestServer::start_at(clock).await;
    let document = document();
    let example = |name: &str| document["components"]["schemas"][name]["example"].clone();
    // Sends the example of one schema, with what only this server can know put in, and holds the answer
    // against the example of another.
    let mut token = String::new();
    let mut send = async |method: &str, path: &str, request: &str, known: Value, status: u16, answer: &str| {
        let mut body = example(request);
        assert!(body.is_object(), "{request} has an example");
        body.as_object_mut().expect("an object").extend(known.as_object().expect("an object").clone());
        let sent = server.request(method, path).bearer_auth(&token).json(&body).send().await.expect("answered");
        let (answered, text) = (sent.status().as_u16(), sent.text().await.expect("text"));
        assert_eq!(answered, status, "{request}: {text}");
        let answered: Value = serde_json::from_str(&text).unwrap_or_default();
        if !answer.is_empty() {
            let mut expected = example(answer);
            // What time and the road there make a difference to.
            for (name, value) in expected.as_object_mut().expect("an object") {
                if ["coach_id", "user_id", "last_used_at", "description", "active_api_keys"].contains(&name.as_str()) {
                    *value = answered[name].clone();
                }
            }
            assert_eq!(shape(&answered), shape(&expected), "{answer}");
        }
        if let Some(next) = answered["token"].as_str() {
            token = next.to_owned();
        }
        answered
    };
    let setup_code = json!({ "setup_code": server.setup_code() });
    let set_up = send("post", "/api/v1/setup", "Setup", setup_code, 201, "").await;
    assert_eq!(set_up["user"]["email"], example("User")["email"]);
    send("post", "/api/v1/auth/login", "Login", json!({}), 200, "Session").await;
    let club = format!("/api/v1/organizations/{}", set_up["organization"]["id"].as_str().expect("an id"));
    send("patch", &club, "OrganizationChange", json!({}), 200, "Organization").await;
    let members = format!("{club}/members");
    let coach = send(
        "post",
        &members,
        "NewMember",
        json!({ "role": "coach", "email": "ben@summit.example", "external_id": "1", "coach_id": null }),
        201,
        "Member",
    )
    .await;
    let jonas = send("post", &members, "NewMember", json!({ "coach_id": coach["id"] }), 201, "Member").await;
    let path = |member: &Value| format!("{members}/{}", member["id"].as_str().expect("an id"));
    send("patch", &path(&jonas), "MemberChange", json!({}), 200, "Member").await;
    let invited =
        send("post", &format!("{}/invitation", path(&coach)), "NewInvitation", json!({}), 201, "CreatedInvitation")
            .await;
    let keys = format!("{club}/api-keys");
    let created = send("post", &keys, "NewApiKey", json!({}), 201, "CreatedApiKey").await;
    let key = format!("{keys}/{}", created["id"].as_str().expect("an id"));
    send("patch", &key, "ApiKeyChange", json!({}), 200, "").await;
    send("post", "/api/v1/auth/login", "Login", json!({}), 200, "Session").await;
    let code = invited["link"].as_str().and_then(|link| link.split_once('#')).expect("a code").1;
    send("post", "/api/v1/invitations/accept", "InvitationAcceptance", json!({ "code": code }), 201, "Session").await;
    send("post", "/api/v1/auth/login", "Login", json!({}), 200, "Session").await;
    let caller = server.client(created["secret"].as_str().expect("a secret")).get_caller().send().await;
    let caller = serde_json::to_value(caller.expect("known").into_inner()).expect("JSON");
    assert_eq!(shape(&caller), shape(&example("Caller")));
    let to = json!({ "member_id": coach["id"] });
    send("post", &format!("{club}/head-coach"), "HandOver", to, 200, "Organization").await;
    send("post", "/api/v1/auth/password", "PasswordChange", json!({}), 204, "").await;
}

/// Runs a tool of the test command's, and fails with what it says.
fn run(mut tool: Command) {
    let done = tool.current_dir(repository()).output().expect("./check installs the tools; run it once");
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn it_is_a_valid_document() {
    let mut validator = Command::new(repository().join(".venv/bin/python"));
    validator.args(["-m", "openapi_spec_validator", "openapi/openapi.json"]);
    run(validator);
}

fn node(script: &str) -> Command {
    let mut node = Command::new(std::env::var_os("ASTRAL_NODE").unwrap_or_else(|| "node".into()));
    node.arg(format!("tests/tools/node_modules/{script}"));
    node
}

#[test]
fn redocly_finds_nothing() {
    let mut redocly = node("@redocly/cli/bin/cli.js");
    redocly
        .args(["lint", "openapi/openapi.json", "--config", "tests/tools/redocly.yaml"])
        .envs([("REDOCLY_TELEMETRY", "off"), ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")]);
    run(redocly);
}

#[test]
fn spectral_finds_nothing() {
    let mut spectral = node("@stoplight/spectral-cli/dist/index.js");
    spectral.args(["lint", "openapi/openapi.json", "--ruleset", "tests/tools/spectral.yaml", "--fail-severity=hint"]);
    run(spectral);
}
