//! A club and its people.

use astral_client::{Client, types};
use serde_json::Value;

/// Someone who can sign in, and is.
pub struct Person {
    /// The email of the account.
    pub email: String,
    /// Its password.
    pub password: String,
    /// Which member of the club they are.
    pub member_id: String,
    /// Which user.
    pub user_id: String,
    /// Their session's token.
    pub token: String,
    /// A client with it.
    pub client: Client,
}

/// A club and its people.
pub struct Club {
    pub(crate) url: String,
    /// Its id.
    pub organization_id: String,
    /// Its head coach.
    pub head_coach: Person,
    /// A coach.
    pub coach: Person,
    /// An athlete.
    pub athlete: Person,
}

impl Club {
    /// A key with every scope and no expiry.
    pub async fn create_key(&self, name: &str) -> types::CreatedApiKey {
        self.create_key_with(types::NewApiKey::builder().name(name)).await
    }

    /// A key with one scope.
    pub async fn create_key_for(&self, scope: types::Scope) -> types::CreatedApiKey {
        self.create_key_with(types::NewApiKey::builder().name(scope.to_string()).scopes(Some(vec![scope]))).await
    }

    /// A key as described.
    pub async fn create_key_with(&self, new: types::builder::NewApiKey) -> types::CreatedApiKey {
        let made = self.head_coach.client.create_api_key().org_id(&self.organization_id).body(new).send().await;
        made.expect("created").into_inner()
    }

    /// An athlete.
    pub async fn add_athlete(&self, name: &str) -> types::Member {
        let new = types::NewMember::builder().display_name(name);
        let made = self.head_coach.client.create_member().org_id(&self.organization_id).body(new).send().await;
        made.expect("added").into_inner()
    }

    /// The path of something in the club.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/organizations/{}{rest}", self.organization_id)
    }

    /// Everything that the head coach can see of the club, to tell whether anything changed.
    pub async fn everything(&self) -> Value {
        let http = astral_client::http().build().expect("a client");
        let mut seen = Vec::new();
        for path in ["", "/members?limit=200", "/api-keys?status=all&limit=200"] {
            let answer =
                http.get(format!("{}{}", self.url, self.path(path))).bearer_auth(&self.head_coach.token).send().await;
            seen.push(answer.expect("answered").json::<Value>().await.expect("JSON"));
        }
        seen.into()
    }
}
