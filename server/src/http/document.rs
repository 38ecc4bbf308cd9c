//! The OpenAPI document: the framework's, made true where the framework is silent.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Map, Value, json};

const DESCRIPTION: &str = "\
Astral is the server that a coaching club runs for itself. This API manages its roster and the API keys with \
which programs use it.

**Credentials.** People sign in and send the session's token; programs send an API key. Both go into \
`Authorization: Bearer …`; a key may come in `X-API-Key` instead. A credential in the query string never counts.

**Secrets.** An API key is `astral_live_` and 32 characters of `0-9A-Za-z`: 26 random ones and 6 for the checksum, \
which is the CRC-32 (ISO-HDLC) of all before it, in base 62, most significant digit first, alphabet `0-9A-Za-z`, \
padded with `0`. Test vector: `astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr`.

**Refusals** are problems (RFC 9457), `application/problem+json`, one shape everywhere. `code` is stable. They come \
in this order: 401; 429; 413, 415, 400, 422 for what needs no stored data; 404 of the organization; 403 of role or \
scope; 403 of the plan; 404 of the thing; 409; 422 for what needs stored data. Outsiders are told nothing: what \
they may not see is not found.

**Lists** are answered in pages: pass `next_cursor` as `cursor` until it is `null`. A page can be short, or even \
empty, and still have a next one.

**Requests** are refused if they hold an unknown field or query parameter. In a POST, `null` means that a field was \
left out. In a PATCH, what is left out stays, and what is to be emptied is named in `clear`.";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut document: Value = serde_json::from_str(&super::api_service().spec()).unwrap_or_default();
    tidy(&mut document);
    join_lines(&mut document);
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
});

/// The OpenAPI document of the API, as JSON.
pub fn openapi() -> &'static str {
    &DOCUMENT
}

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
        info.insert("description".to_owned(), DESCRIPTION.into());
        info.insert(
            "license".to_owned(),
            json!({ "name": "MIT OR Apache-2.0", "url": "https://spdx.org/licenses/MIT.html" }),
        );
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
    each_operation(document, |_, operation| {
        let secured = operation.get("security").and_then(Value::as_array).is_some_and(|security| !security.is_empty());
        if !secured {
            operation.insert("security".to_owned(), json!([]));
        }
    });
}

/// Which component describes the body of which kind of request.
fn request_schemas(document: &mut Value) -> HashMap<String, Use> {
    let mut found = HashMap::new();
    each_operation(document, |method, operation| {
        let reference =
            operation.get("requestBody").and_then(|body| body.pointer("/content/application~1json/schema/$ref"));
        if let Some(name) = reference.and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next()) {
            found.insert(name.to_owned(), if method == "patch" { Use::Patch } else { Use::Post });
        }
    });
    found
}

fn each_operation(document: &mut Value, mut visit: impl FnMut(&str, &mut Map<String, Value>)) {
    for path in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for (method, operation) in path.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                visit(method, operation);
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

fn make_nullable(property: &mut Value) {
    if let Some(reference) = property.get("$ref").cloned() {
        *property = json!({ "allOf": [{ "$ref": reference }] });
    }
    // OpenAPI 3.0.3 lets `nullable` count only beside a `type`. What is nullable and named is an object.
    if property.get("allOf").is_some() {
        property["type"] = "object".into();
    }
    property["nullable"] = true.into();
}
