//! A valid request of each operation, for the tests that run all of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use astral_client::types::{AssignableRole, NewMember};
use astral_tests::{Club, TestServer, document::Operation};
use serde_json::{Value, json};

/// Who makes a request.
pub struct Caller {
    /// What the caller is called in a table.
    pub name: &'static str,
    /// The session token or API key that is sent.
    pub credential: Option<String>,
    /// The person's password; of no use to a key.
    pub password: String,
    /// Which member the person is, if a person is calling.
    pub member_id: Option<String>,
}

/// A request of some operation.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    /// Its path, and its query if it has one.
    pub path: String,
    /// Its body, if it has one.
    pub body: Option<Value>,
}

impl Request {
    /// The request as this caller sends it.
    pub fn by(&self, server: &TestServer, credential: Option<&str>) -> reqwest::RequestBuilder {
        let mut request = server.request(&self.method, &self.path);
        if let Some(credential) = credential {
            request = request.bearer_auth(credential);
        }
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }
}

/// The kinds of target, or of body, that make a difference to who may run the operation.
pub fn variants(operation: &str) -> &'static [&'static str] {
    match operation {
        "create_member" => &["athlete", "coach"],
        "get_member" | "delete_member" => &["athlete", "coach", "head coach", "itself"],
        "update_member" => &["athlete", "athlete becomes coach", "coach", "head coach", "itself"],
        _ => &[""],
    }
}

/// A request of `operation` in `club` that lacks nothing but perhaps the right. What it consumes is made for it.
///
/// `None` where there is no such request: a caller that is no member has no `itself`.
pub async fn valid(
    server: &TestServer,
    club: &Club,
    operation: &Operation,
    variant: &str,
    caller: &Caller,
) -> Option<Request> {
    let (mut member_id, mut key_id, mut body) = (String::new(), String::new(), None);
    match operation.id.as_str() {
        "logout" | "get_caller" | "list_organizations" | "get_organization" | "list_members" | "list_api_keys"
        | "list_audit_events" => {}
        "set_up" => {
            body = Some(json!({
                "setup_code": "0123-4567", "organization_name": "Second Club", "display_name": "Sam Second",
                "email": "sam@second.example", "password": caller.password,
            }));
        }
        "login" => body = Some(json!({ "email": club.head_coach.email, "password": club.head_coach.password })),
        "change_password" => {
            let next = astral_tests::password("next");
            body = Some(json!({ "current_password": caller.password, "new_password": next }));
        }
        "update_organization" => body = Some(json!({ "name": "Renamed" })),
        "hand_over_head_coach" => {
            let next = person(server, club, AssignableRole::Coach).await;
            body = Some(json!({ "member_id": next, "password": caller.password }));
        }
        "create_member" => {
            let role = if variant.is_empty() { "athlete" } else { variant };
            body = Some(json!({ "display_name": "Nia New", "role": role }));
        }
        "get_member" | "delete_member" => member_id = member(server, club, variant, caller).await?,
        "update_member" => {
            member_id = member(server, club, variant, caller).await?;
            body = Some(match variant {
                "athlete becomes coach" => json!({ "role": "coach" }),
                _ => json!({ "display_name": "Rae Renamed" }),
            });
        }
        "create_invitation" => {
            let email = format!("contact{}@club.example", number());
            let new = NewMember::builder().display_name("Ivy Invited").email(Some(email));
            let made = club.head_coach.client.create_member().org_id(&club.organization_id).body(new).send().await;
            member_id = made.expect("added").into_inner().id;
            body = Some(json!({ "email": format!("{member_id}@club.example") }));
        }
        "accept_invitation" => {
            let invited = club.add_athlete("Ivy Invited").await.id;
            let email = format!("{invited}@club.example");
            let code = server.invite(&club.head_coach, &club.organization_id, &invited, &email).await;
            body = Some(json!({ "code": code, "password": astral_tests::password("ivy") }));
        }
        "create_api_key" => body = Some(json!({ "name": "Roster sync script" })),
        "get_api_key" | "get_api_key_usage" | "get_api_key_impact" | "revoke_api_key" | "end_previous_secret" => {
            key_id = club.create_key("Target").await.id
        }
        "identify_api_keys" => body = Some(json!({ "text": club.create_key("Target").await.secret })),
        "report_leaked_secret" => body = Some(json!({ "secret": club.create_key("Target").await.secret })),
        "rotate_api_key" => {
            key_id = club.create_key("Target").await.id;
            body = Some(json!({ "overlap_seconds": 0 }));
        }
        "update_api_key" => {
            key_id = club.create_key("Target").await.id;
            body = Some(json!({ "name": "Renamed" }));
        }
        other => panic!("the document has the operation {other}: add an arm for it here, in tests/it/requests.rs"),
    }
    let path = operation.path.replace("{org_id}", &club.organization_id);
    let path = path.replace("{member_id}", &member_id).replace("{key_id}", &key_id);
    let query = if operation.id == "get_api_key_impact" { "?action=revoke" } else { "" };
    let path = path + query;
    assert!(!path.contains(['{', '}']) && !path.ends_with('/'), "{path} lacks a target");
    Some(Request { method: operation.method.clone(), path, body })
}

/// The id of a member of this kind, nobody else's target.
async fn member(server: &TestServer, club: &Club, kind: &str, caller: &Caller) -> Option<String> {
    match kind {
        "itself" => caller.member_id.clone(),
        "head coach" => Some(club.head_coach.member_id.clone()),
        "athlete becomes coach" => Some(person(server, club, AssignableRole::Athlete).await),
        "coach" => {
            let new = NewMember::builder().display_name("Tom Target").role(AssignableRole::Coach);
            let made = club.head_coach.client.create_member().org_id(&club.organization_id).body(new).send().await;
            Some(made.expect("added").into_inner().id)
        }
        _ => Some(club.add_athlete("Tia Target").await.id),
    }
}

/// The id of a member who can sign in, nobody else's target.
async fn person(server: &TestServer, club: &Club, role: AssignableRole) -> String {
    let name = format!("Target {}", number());
    server.person(&club.head_coach, &club.organization_id, &name, role).await.member_id
}

/// A number that nothing else has.
fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
