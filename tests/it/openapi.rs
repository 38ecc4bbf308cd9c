//! The document: the same as the code, valid, and clean for the linter.

use std::{collections::HashSet, process::Command};

use astral_tests::{TestServer, repository};
use serde_json::Value;

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
    assert_eq!((operations.len(), names.len()), (21, 21));
    // Links name operations too, but deeper within.
    assert_eq!(astral_server::openapi().matches("\n        \"operationId\"").count(), 21);
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

#[tokio::test]
async fn the_server_serves_it() {
    let server = TestServer::start().await;
    let served = server.request("get", "/openapi.json").send().await.expect("answered");
    assert_eq!(served.headers()["content-type"], "application/json");
    assert_eq!(served.json::<Value>().await.expect("JSON"), document());
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
