//! Generates the client from `openapi.json` with progenitor.

use std::{env, fs, path::Path};

use serde_json::{Map, Value};

fn main() {
    println!("cargo::rerun-if-changed=openapi.json");
    println!("cargo::rerun-if-changed=build.rs");
    let text = fs::read_to_string("openapi.json").expect("openapi.json is there; `just openapi` writes it");
    let mut document: Value = serde_json::from_str(&text).expect("openapi.json is JSON");
    adapt(&mut document);
    let document = serde_json::from_value(document).expect("openapi.json is an OpenAPI 3.0 document");
    let mut settings = progenitor::GenerationSettings::default();
    settings.with_interface(progenitor::InterfaceStyle::Builder);
    let tokens =
        progenitor::Generator::new(&settings).generate_tokens(&document).expect("progenitor understands openapi.json");
    let code = Path::new(&env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("client.rs");
    fs::write(code, tokens.to_string()).expect("the client can be written");
}

/// Makes of the document what progenitor can read, in a copy that nobody else sees: it knows no
/// `application/problem+json`, and would make a type of its own of each text with a limit. What a text may
/// hold is the server's to say, so that an older client understands a newer server.
fn adapt(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(problem) = fields.remove("application/problem+json") {
                fields.insert("application/json".to_owned(), problem);
            }
            // An answer without a body beside others with one: the client never sends what it answers.
            fields.remove("304");
            if let Some(named) = nullable_reference(fields) {
                fields.remove("oneOf");
                fields.insert("allOf".to_owned(), Value::Array(vec![named]));
                fields.insert("nullable".to_owned(), true.into());
            }
            if is_text(fields) {
                for limit in ["pattern", "minLength", "maxLength"] {
                    fields.remove(limit);
                }
                if fields.get("format").is_some_and(|format| format != "date-time") {
                    fields.remove("format");
                }
            }
            fields.values_mut().for_each(adapt);
        }
        Value::Array(values) => values.iter_mut().for_each(adapt),
        _ => {}
    }
}

/// The reference of a property that is either what is named or `null`.
fn nullable_reference(schema: &Map<String, Value>) -> Option<Value> {
    match schema.get("oneOf")?.as_array()?.as_slice() {
        [named, null] if null.get("enum").is_some_and(|values| values == &serde_json::json!([null])) => {
            Some(named.clone())
        }
        _ => None,
    }
}

fn is_text(schema: &Map<String, Value>) -> bool {
    schema.get("type").is_some_and(|kind| kind == "string") && !schema.contains_key("enum")
}
