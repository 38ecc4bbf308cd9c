//! An event of the audit log, and how it is said.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::{
    rules::fold,
    state::{
        keys::{calls_in_words, operation_in_words, refusal_in_words},
        listing::Record,
    },
};

/// Something that was done, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who: the id of a user or key, or a word for the operator, the server, or somebody who had not signed in.
    pub actor_id: String,
    /// What they are called; none if they have no name, or are gone.
    pub actor_name: Option<String>,
    /// What was done, as the API has it.
    pub action: String,
    /// To what: its id.
    pub target_id: String,
    /// What that is called; none if it has no name, or is gone.
    pub target_name: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// What changed: field and new value, as text.
    pub changes: Vec<(String, String)>,
    /// Its place in the club's chain.
    pub number: i64,
    /// What proves it and all before it.
    pub hash: String,
}

impl Record for Event {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Event {
    /// Who did it.
    pub fn who(&self) -> &str {
        match (&self.actor_name, self.actor_id.as_str()) {
            (Some(name), _) => name,
            (None, "operator") => "Whoever runs the server",
            (None, "server") => "The server",
            (None, "anonymous") if self.action == "organization.create" => "Whoever set the server up",
            (None, "anonymous") => "Somebody who reported a leak",
            (None, id) => id,
        }
    }

    fn change(&self, field: &str) -> Option<&str> {
        self.changes.iter().find(|(name, _)| name == field).map(|(_, value)| value.as_str())
    }

    /// What was done, without to what: "Created the key".
    pub fn what(&self) -> String {
        match self.action.as_str() {
            "api_key.create" => "Created the key".to_owned(),
            "api_key.change" => "Changed the key".to_owned(),
            "api_key.rotate" => "Rotated the key".to_owned(),
            "api_key.end_previous_secret" => "Ended the old secret of the key".to_owned(),
            "api_key.revoke" => "Revoked the key".to_owned(),
            "api_key.expire_soon" => match self.change("days") {
                Some("1") => "Saw that 1 day is left to the key".to_owned(),
                days => format!("Saw that {} days are left to the key", days.unwrap_or("few")),
            },
            "api_key.catch_up" => "Kept what the key could do last, after a restore:".to_owned(),
            "api_key.release" => "Let the key work again".to_owned(),
            "member.catch_up" => "Kept what was decided last, after a restore, of the member".to_owned(),
            "organization.catch_up" => "Kept the plan of before a restore for the club".to_owned(),
            "organization.hold_keys" => "Held every key after a restore in the club".to_owned(),
            "member.create" => "Added the member".to_owned(),
            "member.change" => "Changed the member".to_owned(),
            "member.remove" => "Removed the member".to_owned(),
            "member.invite" => "Invited the member".to_owned(),
            "member.withdraw_invitation" => "Withdrew the invitation of".to_owned(),
            "member.accept" => "Accepted the invitation for".to_owned(),
            "organization.create" => "Made the club".to_owned(),
            "organization.change" => "Changed the club".to_owned(),
            "organization.hand_over" => "Handed the club over".to_owned(),
            "organization.set_plan" => "Put the club on another plan".to_owned(),
            "request.refuse" => {
                let count = self.change("count").and_then(|count| count.parse().ok()).unwrap_or(1);
                format!("Was refused {}", calls_in_words(count))
            }
            other => other.replace('.', ": ").replace('_', " "),
        }
    }

    /// To what it was done, or what was asked for and why it was refused; nothing where it is the club itself.
    pub fn target(&self) -> Cow<'_, str> {
        match (&self.target_name, self.action.split('.').next()) {
            (_, Some("request")) => {
                let operation = self.change("operation").map_or("something", operation_in_words);
                let reason = self.change("code").map_or("not allowed", refusal_in_words);
                format!("{operation} ({reason})").into()
            }
            (_, Some("organization")) => "".into(),
            (Some(name), _) => name.into(),
            (None, _) => self.change("name").or_else(|| self.change("display_name")).unwrap_or(&self.target_id).into(),
        }
    }

    /// Whether something was refused.
    pub fn is_refusal(&self) -> bool {
        self.action == "request.refuse"
    }

    pub(super) fn contains(&self, folded: &str) -> bool {
        let texts = [
            self.who(),
            &self.what(),
            &self.target(),
            &self.action,
            self.address.as_deref().unwrap_or_default(),
            &self.actor_id,
            &self.target_id,
            self.request_id.as_deref().unwrap_or_default(),
        ];
        texts
            .into_iter()
            .chain(self.changes.iter().map(|(_, value)| value.as_str()))
            .any(|text| fold(text).contains(folded))
    }
}
