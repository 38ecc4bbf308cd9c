//! The OpenAPI document: the framework's, made true where the framework is silent.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Map, Value, json};

use super::problem::KINDS;

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
scope; 403 of the plan; 404 of the thing; 409; 422 for what needs stored data. The 429 that slows wrong passwords \
needs the body and comes after it; an address from which a key may not be used is refused with the credential. \
Outsiders are told nothing: what they may not see is not found.

**Lists** are answered in pages: pass `next_cursor` as `cursor` until it is `null`. A page can be short, or even \
empty, and still have a next one.

**Requests** are refused if they hold an unknown field or query parameter. In a POST, `null` means that a field was \
left out. In a PATCH, what is left out stays, and what is to be emptied is named in `clear`.";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let mut document: Value = serde_json::from_str(&super::api_service().spec()).unwrap_or_default();
    tidy(&mut document);
    name_codes(&mut document);
    sign_formats(&mut document);
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

/// Each refusal names the codes that it can have.
fn name_codes(document: &mut Value) {
    each_operation(document, |_, operation| {
        for (status, response) in operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten() {
            let codes: Vec<_> = KINDS
                .iter()
                .filter(|kind| kind.status.to_string() == *status)
                .map(|kind| format!("`{}`", kind.code))
                .collect();
            if !codes.is_empty() {
                let said = response["description"].as_str().unwrap_or_default();
                response["description"] = format!("{said} Codes: {}.", codes.join(", ")).into();
            }
        }
    });
}

/// OpenAPI knows no unsigned formats.
fn sign_formats(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
                fields.insert("format".to_owned(), "int32".into());
            }
            fields.values_mut().for_each(sign_formats);
        }
        Value::Array(values) => values.iter_mut().for_each(sign_formats),
        _ => {}
    }
}
