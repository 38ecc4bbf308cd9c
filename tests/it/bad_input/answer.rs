//! What holds for every answer, whatever was asked.

use astral_tests::{PASSWORD_MARK, document::schema};
use reqwest::header::{HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::Value;

/// An answer that has arrived whole.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; `null` if that is empty or not JSON.
    pub body: Value,
    text: String,
}

impl Answer {
    /// Sends the request.
    pub async fn to(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.expect("answered");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.expect("a body");
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Whether it is a refusal.
    pub const fn is_refusal(&self) -> bool {
        self.status >= 400
    }

    /// Whether it is a refusal with this status and code.
    pub fn is(&self, status: u16, code: &str) -> bool {
        self.status == status && self.body["code"] == code
    }

    /// What the problem says of a field, or of a place in it.
    pub fn message_about(&self, field: &str) -> Option<&str> {
        let about = |error: &&Value| {
            let named = error["field"].as_str().unwrap_or_default();
            named.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        self.body["errors"].as_array().into_iter().flatten().find(about)?["message"].as_str()
    }

    /// What is wrong with it as an answer.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                faults.push(what.to_owned());
            }
        };
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let request_id = header("x-request-id");
        must(self.status < 500, "a fault of the server");
        must(request_id.starts_with("req_"), "no X-Request-Id");
        if !self.is_refusal() {
            return faults;
        }
        must(header("content-type") == "application/problem+json", "the refusal is no application/problem+json");
        must(matches(&self.body, &schema("Problem")), "the problem is not as the document says");
        must(self.body["status"] == self.status, "the problem's status is not the answer's");
        must(self.body["request_id"] == request_id, "the problem's request_id is not X-Request-Id");
        must(self.body["type"] == format!("/docs/problems/{}", self.body["code"].as_str().unwrap_or_default()), "type");
        must(self.status != 401 || self.headers.contains_key(WWW_AUTHENTICATE), "401 without WWW-Authenticate");
        must(self.status != 429 || self.headers.contains_key(RETRY_AFTER), "429 without Retry-After");
        let errors = self.body["errors"].as_array().map_or(0, Vec::len);
        must((self.status == 422) == (errors > 0), "a 422, and only that, names fields");
        // Ids are random, and spell such a word every so often.
        let ids = [&self.body["request_id"], &self.body["resource_id"]].map(|id| id.as_str().unwrap_or("-"));
        let told = ids.iter().fold(self.text.clone(), |told, id| told.replace(id, ""));
        for inside in [PASSWORD_MARK, "poem", "serde", "redb", "panick", ".rs", "astral_live_", "astral_session_"] {
            must(!told.contains(inside), &format!("the problem tells {inside:?}"));
        }
        if !faults.is_empty() {
            faults.push(self.text.clone());
        }
        faults
    }
}

/// Whether the value is as the schema says: all its fields and no others, each of its type.
fn matches(value: &Value, schema: &Value) -> bool {
    match (value, schema["type"].as_str().unwrap_or_default()) {
        (Value::Null, _) => schema["nullable"] == true,
        (Value::Object(fields), "object") => {
            let Some(properties) = schema["properties"].as_object() else { return false };
            fields.len() == properties.len()
                && properties
                    .iter()
                    .all(|(name, property)| fields.get(name).is_some_and(|field| matches(field, property)))
        }
        (Value::Array(values), "array") => values.iter().all(|value| matches(value, &schema["items"])),
        (Value::String(text), "string") => !text.is_empty(),
        (Value::Number(number), "integer") => number.is_u64(),
        _ => false,
    }
}
