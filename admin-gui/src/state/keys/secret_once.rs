//! The new secret of a key, this once.

use jiff::Timestamp;

use super::{Key, Scope};
use crate::state::{Dialog, State, View, secret::Secret};

/// A key that was just created or rotated, and its secret.
pub struct SecretOnce {
    /// The key.
    pub key: Key,
    /// Its secret; gone when the dialog is.
    pub secret: Secret,
    /// When it was copied.
    pub copied_at: Option<Timestamp>,
    /// When the example was copied.
    pub example_copied_at: Option<Timestamp>,
    /// Whether the person tried to leave without saying that they have stored it.
    pub insisted: bool,
    /// Whether closing the window over it was asked about.
    pub asked_to_close: bool,
    /// Which example is shown.
    pub example: Example,
    /// Where the server is, for the examples.
    pub server: String,
    /// The club, for the examples.
    pub organization_id: String,
}

impl SecretOnce {
    /// Shows the secret of a key of that club on that server.
    pub(super) fn of(key: Key, secret: Secret, server: String, organization_id: String) -> Self {
        Self {
            key,
            secret,
            copied_at: None,
            example_copied_at: None,
            insisted: false,
            asked_to_close: false,
            example: Example::Curl,
            server,
            organization_id,
        }
    }

    /// The example that is shown, ready to run.
    pub fn example_text(&self) -> Secret {
        let (server, secret) = (&self.server, self.secret.reveal());
        // What this key may do.
        let path = if self.key.scopes.contains(&Scope::MembersRead) {
            format!("/organizations/{}/members", self.organization_id)
        } else if self.key.scopes.contains(&Scope::OrganizationRead) {
            format!("/organizations/{}", self.organization_id)
        } else {
            "/auth/me".to_owned()
        };
        let text = match self.example {
            Example::Curl => {
                format!("curl {server}/api/v1{path} \\\n  -H \"Authorization: Bearer {secret}\"")
            }
            Example::Python => format!(
                "import json, urllib.request\n\nrequest = urllib.request.Request(\n    \"{server}/api/v1{path}\",\n    headers={{\"Authorization\": \"Bearer {secret}\"}},\n)\nprint(json.load(urllib.request.urlopen(request)))"
            ),
        };
        Secret::new(text)
    }
}

/// An example of how a key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "names")]
pub enum Example {
    Curl,
    Python,
}

impl State {
    /// Shows another example.
    pub(in crate::state) fn show_example(&mut self, example: Example) {
        let Some(Dialog::Secret(once)) = self.dialog() else { return };
        once.example = example;
        once.example_copied_at = None;
    }

    /// Lets the secret go: the person has stored it.
    pub(in crate::state) fn stored(&mut self) {
        let Some(console) = self.console_mut() else { return };
        if let Some(Dialog::Secret(once)) = &console.dialog {
            let id = once.key.id.clone();
            console.dialog = None;
            // There the first call is waited for.
            self.show(View::Key(id));
        }
    }
}
