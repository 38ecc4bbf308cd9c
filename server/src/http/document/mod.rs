//! The OpenAPI document: the framework's, made true where the framework is silent.

mod examples;
mod headers;
mod links;

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Map, Value, json};

use crate::service::Scope;

/// What whoever has only this document needs to know beside the operations.
const DESCRIPTION: &str = include_str!("description.md");

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut document: Value = serde_json::from_str(&super::api_service().spec()).unwrap_or_default();
    tidy(&mut document);
    headers::name_headers(&mut document);
    examples::add(&mut document);
    links::add(&mut document);
    limit_answers(&mut document);
    mend_numbers(&mut document);
    join_lines(&mut document);
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
});

/// The OpenAPI document of the API, as JSON.
pub fn openapi() -> &'static str {
    &DOCUMENT
}

pub use self::examples::problem as example_of;

/// What kind of body a schema describes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Sent with POST, where `null` means left out.
    Post,
    /// Sent with PATCH, where `null` is refused.
    Patch,
}

fn tidy(document: &mut Value) {
    if let Some(info) = document["info"].as_object_mut() {
        info.insert("description".to_owned(), DESCRIPTION.trim_end().into());
        info.insert(
            "license".to_owned(),
            json!({ "name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/MIT.html" }),
        );
    }
    // What programs do most comes first.
    let order = ["Members", "Organizations", "API keys", "Audit", "Authentication"];
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.sort_by_key(|tag| order.iter().position(|name| tag["name"] == *name));
    }
    document["openapi"] = "3.0.3".into();
    document["servers"] = json!([{ "url": "/", "description": "The server that serves this document." }]);
    let requests = request_schemas(document);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (name, schema) in schemas.iter_mut() {
        if schema["type"] == "object" {
            tidy_object(schema, requests.get(name).copied());
        }
    }
    describe_successes(document);
    each_operation(document, |_, _, operation| {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        for parameter in parameters.filter_map(Value::as_object_mut) {
            // They say what holds anyway.
            parameter.shift_remove("deprecated");
            parameter.shift_remove("explode");
            // Whoever tries a request out would send it with every example of what can be left out.
            if parameter["in"] != "path"
                && let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut)
            {
                schema.shift_remove("example");
            }
        }
        let session_only = operation.get("security").is_some_and(|security| *security == json!([{ "session": [] }]));
        if session_only && let Some(Value::String(description)) = operation.get_mut("description") {
            description.push_str("\n\nFor people: with a session. An API key is refused, whatever its scopes.");
        }
        let secured = operation.get("security").and_then(Value::as_array).is_some_and(|security| !security.is_empty());
        if !secured {
            operation.insert("security".to_owned(), json!([]));
        }
    });
}

/// A success is described by what it answers.
fn describe_successes(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    each_operation(document, |_, _, operation| {
        for response in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
            let schema = response.1.pointer("/content/application~1json/schema/$ref").and_then(Value::as_str);
            let described = schema
                .and_then(|schema| schema.rsplit('/').next())
                .and_then(|name| schemas[name]["description"].as_str())
                .and_then(|description| description.split_inclusive(". ").next());
            if let Some(description) = described {
                response.1["description"] = description.trim().into();
            }
        }
    });
}

/// Which component describes the body of which kind of request.
fn request_schemas(document: &mut Value) -> HashMap<String, Use> {
    let mut found = HashMap::new();
    each_operation(document, |_, method, operation| {
        let reference =
            operation.get("requestBody").and_then(|body| body.pointer("/content/application~1json/schema/$ref"));
        if let Some(name) = reference.and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next()) {
            found.insert(name.to_owned(), if method == "patch" { Use::Patch } else { Use::Post });
        }
    });
    found
}

/// Visits each operation, with its path and method.
fn each_operation(document: &mut Value, mut visit: impl FnMut(&str, &str, &mut Map<String, Value>)) {
    for (path, operations) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                visit(path, method, operation);
            }
        }
    }
}

/// Requests allow no other fields, and `null` where it means left out. In answers every field is there,
/// `null` when empty.
fn tidy_object(schema: &mut Value, request: Option<Use>) {
    if schema.get("properties").is_none() {
        return;
    }
    let required: Vec<String> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| Some(name.as_str()?.to_owned()))
        .collect();
    let properties = schema["properties"].as_object_mut();
    let names: Vec<Value> =
        properties.iter().flat_map(|properties| properties.keys()).map(|name| name.as_str().into()).collect();
    for (name, property) in properties.into_iter().flatten() {
        flatten_reference(property);
        let optional = !required.contains(name);
        if optional && request != Some(Use::Patch) {
            make_nullable(property);
        }
    }
    match request {
        Some(_) => schema["additionalProperties"] = false.into(),
        None => schema["required"] = names.into(),
    }
}

/// The framework says a described reference twice, once in `allOf` and once beside it.
fn flatten_reference(property: &mut Value) {
    if let Some(parts) = property.get_mut("allOf").and_then(Value::as_array_mut) {
        parts.truncate(1);
    }
}

/// The lines of a comment in the code are not the lines of a text: only empty ones part paragraphs.
fn join_lines(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => {
                        *text = text
                            .split("\n\n")
                            .map(|paragraph| paragraph.replace('\n', " "))
                            .collect::<Vec<_>>()
                            .join("\n\n");
                    }
                    other => join_lines(other),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// Lets `null` stand for the property. OpenAPI 3.0 has no type for it, and lets `nullable` count only beside
/// a `type`, so that what is named elsewhere is one of two: itself, or an object of which only `null` is left.
fn make_nullable(property: &mut Value) {
    let named = property.get("$ref").or_else(|| property.pointer("/allOf/0/$ref")).cloned();
    let Some(name) = named else {
        property["nullable"] = true.into();
        return;
    };
    let nothing = json!({ "type": "object", "nullable": true, "enum": [null] });
    if let Some(fields) = property.as_object_mut() {
        fields.remove("$ref");
        fields.remove("allOf");
        fields.insert("oneOf".to_owned(), json!([{ "$ref": name }, nothing]));
    }
}

/// What the texts of answers look like, which no type of ours stands for: schema, property, keyword, value.
const ANSWERS: &[(&str, &str, &str, &str)] = &[
    ("ApiKey", "hint", "pattern", HINT),
    ("CreatedApiKey", "hint", "pattern", HINT),
    ("PreviousSecret", "hint", "pattern", HINT),
    ("SecretUsage", "hint", "pattern", HINT),
    ("DayUsage", "hint", "pattern", HINT),
    ("IdentifiedKey", "hint", "pattern", HINT),
    ("DayUsage", "operation", "pattern", WORD),
    ("DayUsage", "refused", "pattern", WORD),
    ("LastUse", "operation", "pattern", WORD),
    ("LastUse", "address", "pattern", ADDRESS),
    ("RefusedUse", "operation", "pattern", WORD),
    ("RefusedUse", "code", "pattern", WORD),
    ("RefusedUse", "address", "pattern", ADDRESS),
    ("OperationImpact", "operation", "pattern", WORD),
    ("CreatedApiKey", "secret", "pattern", "^astral_live_[0-9A-Za-z]{32}$"),
    ("Session", "token", "pattern", TOKEN),
    ("CompletedSetup", "token", "pattern", TOKEN),
    ("CreatedInvitation", "link", "format", "uri"),
    ("ApiKeyPage", "next_cursor", "pattern", CURSOR),
    ("MemberPage", "next_cursor", "pattern", CURSOR),
    ("OrganizationPage", "next_cursor", "pattern", CURSOR),
    ("AuditEventPage", "next_cursor", "pattern", CURSOR),
    ("AuditEvent", "action", "pattern", ACTION),
    ("AuditEvent", "address", "pattern", ADDRESS),
    ("AuditEvent", "request_id", "pattern", "^req_[0-7][0-9a-hjkmnp-tv-z]{25}$"),
    ("AuditEvent", "hash", "pattern", "^[0-9a-f]{64}$"),
    ("Problem", "type", "format", "uri-reference"),
    ("Problem", "code", "pattern", WORD),
    ("Problem", "resource_id", "pattern", "^(org|usr|mem|key|inv)_[0-7][0-9a-hjkmnp-tv-z]{25}$"),
    ("Problem", "request_id", "pattern", "^req_[0-7][0-9a-hjkmnp-tv-z]{25}$"),
];
const HINT: &str = "^astral_live_[0-9A-Za-z]{3}…[0-9A-Za-z]{3}$";
const WORD: &str = "^[a-z_]+$";
const ACTION: &str = "^[a-z_]+\\.[a-z_]+$";
const ADDRESS: &str = "^[0-9a-f:.]+$";
const TOKEN: &str = "^astral_session_[0-9A-Za-z]{32}$";
const CURSOR: &str = "^[A-Za-z0-9_-]+$";

fn limit_answers(document: &mut Value) {
    // Names for the constants of generated clients, which the colon would else leave to each generator.
    document["components"]["schemas"]["Scope"]["x-enum-varnames"] =
        Scope::ALL.iter().map(|scope| scope.as_str().to_uppercase().replace(':', "_")).collect();
    for (schema, property, keyword, value) in ANSWERS {
        if let Some(property) = document.pointer_mut(&format!("/components/schemas/{schema}/properties/{property}")) {
            property[keyword] = (*value).into();
        }
    }
}

/// OpenAPI knows no unsigned formats, and the framework writes whole numbers as fractions.
fn mend_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15) {
                *number = (whole as i64).into();
            }
        }
        Value::Object(fields) => {
            let signed = match fields.get("format").and_then(Value::as_str) {
                Some("uint64") => Some("int64"),
                Some(format) if format.starts_with("uint") => Some("int32"),
                _ => None,
            };
            fields.extend(signed.map(|signed| ("format".to_owned(), signed.into())));
            fields.values_mut().for_each(mend_numbers);
        }
        Value::Array(values) => values.iter_mut().for_each(mend_numbers),
        _ => {}
    }
}
