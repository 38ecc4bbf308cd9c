//! Examples: one for each body, of one club throughout, and one for each problem.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::http::problem::{KINDS, Kind};

/// By the name of the schema. `@Name` stands for the example of another.
const EXAMPLES: &str = include_str!("examples.json");

/// Puts the example of each schema beside it, and those of the problems beside the answers that have them.
pub fn add(document: &mut Value) {
    let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, schema) in schemas {
            if let Some(example) = examples.get(name) {
                schema["example"] = resolve(example, &examples);
            }
        }
    }
    let mut used = HashSet::new();
    super::each_operation(document, |_, _, operation| {
        for response in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
            let description = response.1["description"].as_str().unwrap_or_default();
            let reference = |code: &str| (code.to_owned(), json!({ "$ref": format!("#/components/examples/{code}") }));
            used.extend(crate::http::refused::codes(description).map(str::to_owned));
            let named: Map<String, Value> = crate::http::refused::codes(description).map(reference).collect();
            if let Some(content) = response.1.pointer_mut("/content/application~1problem+json") {
                content["examples"] = named.into();
            }
        }
    });
    let described = |kind: &&Kind| (kind.code.to_owned(), json!({ "summary": kind.title, "value": problem(kind) }));
    let problems = KINDS.iter().filter(|kind| used.contains(kind.code)).map(described);
    document["components"]["examples"] = Value::Object(problems.collect());
}

/// The example with those that it names put in.
fn resolve(example: &Value, examples: &Map<String, Value>) -> Value {
    match example {
        Value::String(text) => match text.strip_prefix('@').and_then(|name| examples.get(name)) {
            Some(named) => resolve(named, examples),
            None => example.clone(),
        },
        Value::Array(values) => values.iter().map(|value| resolve(value, examples)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), resolve(value, examples))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// A problem as it is answered.
pub fn problem(kind: &Kind) -> Value {
    let errors = match kind.code {
        "invalid_request" => json!([{ "field": "limit", "message": "must be a whole number from 1 to 200" }]),
        _ => json!([]),
    };
    let resource_id = match kind.code {
        "email_taken" | "external_id_taken" => Some("mem_01k4bqcv6n3h8k1p5s9w2z4b7e"),
        "already_created" => Some("key_01k4e2x7q9b3f6m8r1v5y0c4g2"),
        _ => None,
    };
    let detail = match kind.code {
        "invalid_request" => "limit: must be a whole number from 1 to 200".to_owned(),
        "rate_limited" => "Try again in 1 s. The header RateLimit says which limit was reached.".to_owned(),
        "too_many_attempts" => "Try again in 8 s.".to_owned(),
        "key_expired" => format!("The key expired at 2026-11-01T00:00:00Z. {}", kind.detail),
        "key_revoked" => format!("The key was revoked at 2026-11-20T16:02:11.350Z. {}", kind.detail),
        "scope_required" => format!("The key lacks the scope members:write. {}", kind.detail),
        "key_limit_reached" => {
            format!("The organization has 100 active keys, which is the limit. {}", kind.detail)
        }
        "rotation_in_progress" => format!("Its old secret works until 2026-11-24T08:00:00Z. {}", kind.detail),
        "address_not_allowed" => format!("The request came from 198.51.100.7. {}", kind.detail),
        _ => kind.detail.to_owned(),
    };
    json!({
        "type": format!("/docs/problems/{}", kind.code),
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": kind.code,
        "errors": errors,
        "resource_id": resource_id,
        "request_id": "req_01k9zq4x5te8w9jf2c7m3n6p8q",
    })
}
