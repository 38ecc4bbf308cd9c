//! What placeholders stand for in one sequence, and whether an answer is the expected one.

use std::collections::HashMap;

use astral_server::service::Timestamp;
use chrono::TimeDelta;
use serde_json::Value;

use super::world::ANY;

/// What the server has named so far.
pub struct Names {
    /// What is told from other sequences by: a part of emails.
    run: String,
    /// When the sequence began.
    start: Timestamp,
    known: HashMap<String, String>,
}

/// What a name of this kind begins with; `None` for what is no name of a thing.
fn prefix(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "club" => "org_",
        "user" => "usr_",
        "member" => "mem_",
        "key" => "key_",
        "invitation" => "inv_",
        "request" => "req_",
        "secret" => "astral_live_",
        "token" => "astral_session_",
        "code" => "astral_invitation_",
        "link" => "http://",
        _ => return None,
    })
}

/// The random characters of a secret lie before a checksum of so many.
const CHECKSUM: usize = 6;

impl Names {
    pub fn new(run: usize, start: Timestamp) -> Self {
        Self { run: format!("run{run}"), start, known: HashMap::new() }
    }

    /// Gives a placeholder its meaning.
    pub fn learn(&mut self, placeholder: impl Into<String>, meaning: impl Into<String>) {
        self.known.insert(placeholder.into(), meaning.into());
    }

    /// The text with every placeholder replaced by what it stands for.
    pub fn resolve(&self, text: &str) -> String {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            let Some((placeholder, after)) = after.split_once('>') else { break };
            resolved.push_str(before);
            resolved.push_str(&self.meaning(placeholder));
            rest = after;
        }
        resolved + rest
    }

    fn meaning(&self, placeholder: &str) -> String {
        if placeholder == "run" {
            return self.run.clone();
        }
        match placeholder.split_once(' ') {
            Some(("time", millis)) => {
                let millis = millis.parse().unwrap_or_default();
                self.start.plus(TimeDelta::milliseconds(millis)).to_string()
            }
            Some(("hint", number)) => {
                self.known.get(&format!("<secret {number}>")).map(|it| hint(it)).unwrap_or_default()
            }
            Some(("missing", kind)) => format!("{}{}", prefix(kind).unwrap_or_default(), "0".repeat(26)),
            _ => {
                let placeholder = format!("<{placeholder}>");
                self.known.get(&placeholder).cloned().unwrap_or(placeholder)
            }
        }
    }

    /// The value with every placeholder replaced.
    pub fn resolve_in(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.resolve(text).into(),
            Value::Array(values) => values.iter().map(|value| self.resolve_in(value)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(field, value)| (field.clone(), self.resolve_in(value))).collect()
            }
            other => other.clone(),
        }
    }

    /// Where the answer differs from the expected one, and how. A placeholder that stands for nothing yet takes what it
    /// finds in its place.
    pub fn difference(&mut self, place: &str, expected: &Value, answered: &Value) -> Option<String> {
        match (expected, answered) {
            (Value::String(any), _) if any == ANY => None,
            (Value::String(text), Value::String(found)) => self.text_difference(place, text, found),
            (Value::Array(all), Value::Array(found)) if all.len() == found.len() => all
                .iter()
                .zip(found)
                .enumerate()
                .find_map(|(number, (all, found))| self.difference(&format!("{place}[{number}]"), all, found)),
            (Value::Object(fields), Value::Object(found)) => {
                if let Some(field) = found.keys().find(|field| !fields.contains_key(*field)) {
                    return Some(format!("{place}.{field} is too much"));
                }
                fields.iter().find_map(|(field, value)| match found.get(field) {
                    Some(found) => self.difference(&format!("{place}.{field}"), value, found),
                    None => Some(format!("{place}.{field} is missing")),
                })
            }
            _ if expected == answered => None,
            _ => Some(format!("{place} is {answered}, and not {expected}")),
        }
    }

    fn text_difference(&mut self, place: &str, text: &str, found: &str) -> Option<String> {
        let kind = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).and_then(|text| text.split_once(' '));
        let new =
            kind.filter(|_| !self.known.contains_key(text)).and_then(|(kind, number)| Some((prefix(kind)?, number)));
        if let Some((begins, number)) = new {
            if !found.starts_with(begins) || self.known.values().any(|known| known == found) {
                return Some(format!("{place} is {found}, which is no new name that begins with {begins}"));
            }
            if let Some((_, code)) = found.split_once('#') {
                self.learn(format!("<code {number}>"), code);
            }
            self.learn(text, found);
            return None;
        }
        let expected = self.resolve(text);
        (expected != found).then(|| format!("{place} is {found}, and not {expected} ({text})"))
    }
}

/// What may be shown of a secret: its prefix, and the first and last 3 of its random characters.
fn hint(secret: &str) -> String {
    let start = prefix("secret").map_or(0, str::len);
    let end = secret.len() - CHECKSUM;
    format!("{}…{}", &secret[..start + 3], &secret[end - 3..end])
}
