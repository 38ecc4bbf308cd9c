//! The operations of the OpenAPI document, for tests that walk through all of them.

use std::{collections::HashSet, sync::LazyLock};

use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

/// One operation of the document.
#[derive(Debug)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// Its method, in lowercase.
    pub method: String,
    /// Its path, with parameters in braces.
    pub path: String,
    /// Whether it asks for a credential.
    pub secured: bool,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// The schema of its body, if it takes one.
    pub body: Option<Value>,
    /// Each status that it can answer.
    pub statuses: Vec<u16>,
    /// Each header that it can answer with a status, and whether it always does.
    headers: Vec<(u16, String, bool)>,
}

impl Operation {
    /// What of an answer the document does not say of this operation: its status, a header that is there, or
    /// one that is not.
    pub fn undocumented(&self, status: u16, headers: &HeaderMap) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.statuses.contains(&status) {
            faults.push(format!("{status} is not in the document"));
        }
        let documented =
            |name: &str| self.headers.iter().find(|(of, header, _)| *of == status && header.eq_ignore_ascii_case(name));
        let described: HashSet<&str> = self.headers.iter().map(|(_, name, _)| name.as_str()).collect();
        let telling = ["Astral-Version", "ETag", "Link", "Location", "Retry-After", "WWW-Authenticate"];
        for name in described.into_iter().chain(telling) {
            match documented(name) {
                None if headers.contains_key(name) => faults.push(format!("{status} has the header {name}")),
                Some((_, _, true)) if !headers.contains_key(name) => {
                    faults.push(format!("{status} lacks the header {name}"));
                }
                _ => {}
            }
        }
        faults
    }
}

/// One parameter of an operation.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether it stands in the query, and not in the path or a header.
    pub in_query: bool,
    /// What it may be.
    pub schema: Value,
}

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(astral_server::openapi()).expect("the document is JSON"));

/// Every operation, in the order of the document.
pub fn operations() -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in object(&DOCUMENT["paths"]) {
        found.extend(object(item).iter().map(|(method, operation)| operation_of(path, method, operation)));
    }
    found
}

/// The schema of this name among the document's components, with every reference in it followed.
pub fn schema(name: &str) -> Value {
    resolve(&DOCUMENT["components"]["schemas"][name])
}

/// The name of each schema among the document's components.
pub fn schema_names() -> Vec<String> {
    object(&DOCUMENT["components"]["schemas"]).keys().cloned().collect()
}

fn operation_of(path: &str, method: &str, operation: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| Parameter {
        name: text(&parameter["name"]),
        in_query: parameter["in"] == "query",
        schema: resolve(&parameter["schema"]),
    });
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_owned(),
        path: path.to_owned(),
        secured: operation["security"].as_array().is_some_and(|security| !security.is_empty()),
        parameters: parameters.collect(),
        body: operation.pointer("/requestBody/content/application~1json/schema").map(resolve),
        headers: object(&operation["responses"]).iter().flat_map(headers_of).collect(),
        statuses: object(&operation["responses"]).keys().map(|status| status.parse().expect("a status")).collect(),
    }
}

fn headers_of((status, response): (&String, &Value)) -> Vec<(u16, String, bool)> {
    let headers = response.get("headers").and_then(Value::as_object).into_iter().flatten();
    let header = |(name, reference): (&String, &Value)| {
        let required = resolve(reference).get("required").is_some_and(|required| *required == true);
        (status.parse().expect("a status"), name.clone(), required)
    };
    headers.map(header).collect()
}

/// The schema with `$ref` and `allOf`, and `oneOf` something or `null`, replaced by what they stand for.
fn resolve(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut resolved = Map::new();
            for (name, value) in fields.iter().filter(|(name, _)| !["$ref", "allOf", "oneOf"].contains(&name.as_str()))
            {
                resolved.insert(name.clone(), resolve(value));
            }
            let parts = fields.get("allOf").and_then(Value::as_array).into_iter().flatten();
            let reference = fields.get("$ref").map(|reference| {
                let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).expect("a local reference");
                DOCUMENT.pointer(pointer).expect("what a reference names")
            });
            let alternatives = fields.get("oneOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            if let [_, null] = alternatives {
                assert_eq!(null["enum"], serde_json::json!([null]), "another alternative than null");
                resolved.insert("nullable".to_owned(), true.into());
            }
            for part in parts.chain(reference).chain(alternatives.first()) {
                resolved.extend(object(&resolve(part)).clone());
            }
            resolved.into()
        }
        Value::Array(values) => values.iter().map(resolve).collect(),
        other => other.clone(),
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().expect("an object")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
