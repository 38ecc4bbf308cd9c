//! What is remembered from one start to the next. Never a password, a token or a key.

use serde::{Deserialize, Serialize};

use super::{keys, members};

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// The address of the server, as it was typed.
    pub server: String,
    /// The email that signed in last.
    pub email: String,
    /// Whether the session is kept in the system's keyring.
    pub keep: bool,
    /// The club that was open.
    pub organization_id: Option<String>,
    /// The view that was open.
    pub view: Place,
    /// Which keys were shown.
    pub key_filter: keys::Filter,
    /// By what they were sorted.
    pub key_sort: (keys::Column, bool),
    /// Which members were shown.
    pub member_filter: members::Filter,
    /// By what they were sorted.
    pub member_sort: (members::Column, bool),
    /// How large text is drawn, beyond what the system says.
    pub zoom: f32,
}

/// A view that can be returned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in View")]
pub enum Place {
    #[default]
    Keys,
    Members,
    Audit,
    Club,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            server: "127.0.0.1:7878".to_owned(),
            email: String::new(),
            keep: true,
            organization_id: None,
            view: Place::Keys,
            key_filter: keys::Filter::Active,
            key_sort: (keys::Column::Created, false),
            member_filter: members::Filter::default(),
            member_sort: (members::Column::Name, false),
            zoom: 1.0,
        }
    }
}
