//! Links: which operation takes what another has answered.

use serde_json::{Map, Value, json};

/// A link: from where, its name, to where, and what the target's parameters are taken from.
type Link = (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const MEMBER: &[(&str, &str)] = &[("org_id", "$response.body#/organization_id"), ("member_id", "$response.body#/id")];
const KEY: &[(&str, &str)] = &[("org_id", "$response.body#/organization_id"), ("key_id", "$response.body#/id")];
const FIRST_MEMBER: &[(&str, &str)] = &[("org_id", "$request.path.org_id"), ("member_id", "$response.body#/data/0/id")];
const FIRST_KEY: &[(&str, &str)] = &[("org_id", "$request.path.org_id"), ("key_id", "$response.body#/data/0/id")];
const NEXT: &[(&str, &str)] = &[("org_id", "$request.path.org_id"), ("cursor", "$response.body#/next_cursor")];
const KEYS_CLUB: &[(&str, &str)] = &[("org_id", "$response.body#/api_key/organization_id")];
const FIRST_CLUB: &[(&str, &str)] = &[("org_id", "$response.body#/memberships/0/organization_id")];

const LINKS: &[Link] = &[
    ("set_up", "201", "Organization", "get_organization", &[("org_id", "$response.body#/organization/id")]),
    ("get_caller", "200", "FirstOrganization", "get_organization", FIRST_CLUB),
    ("get_caller", "200", "MembersOfFirstOrganization", "list_members", FIRST_CLUB),
    ("get_caller", "200", "OrganizationOfKey", "get_organization", KEYS_CLUB),
    ("get_caller", "200", "MembersForKey", "list_members", KEYS_CLUB),
    ("list_organizations", "200", "NextPage", "list_organizations", &[("cursor", "$response.body#/next_cursor")]),
    ("list_organizations", "200", "First", "get_organization", &[("org_id", "$response.body#/data/0/id")]),
    ("list_members", "200", "NextPage", "list_members", NEXT),
    ("list_members", "200", "First", "get_member", FIRST_MEMBER),
    ("create_member", "201", "Get", "get_member", MEMBER),
    ("create_member", "201", "Change", "update_member", MEMBER),
    ("create_member", "201", "Invite", "create_invitation", MEMBER),
    ("create_member", "201", "Remove", "delete_member", MEMBER),
    ("list_api_keys", "200", "NextPage", "list_api_keys", NEXT),
    ("list_api_keys", "200", "First", "get_api_key", FIRST_KEY),
    ("list_audit_events", "200", "NextPage", "list_audit_events", NEXT),
    ("create_api_key", "201", "Get", "get_api_key", KEY),
    ("create_api_key", "201", "Change", "update_api_key", KEY),
    ("create_api_key", "201", "Rotate", "rotate_api_key", KEY),
    ("create_api_key", "201", "Usage", "get_api_key_usage", KEY),
    ("create_api_key", "201", "Revoke", "revoke_api_key", KEY),
    ("rotate_api_key", "200", "Get", "get_api_key", KEY),
    ("rotate_api_key", "200", "Usage", "get_api_key_usage", KEY),
    ("rotate_api_key", "200", "EndPreviousSecret", "end_previous_secret", KEY),
];

/// Names the links at the answers from which they lead.
pub fn add(document: &mut Value) {
    super::each_operation(document, |_, _, operation| {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        for (_, status, name, target, parameters) in LINKS.iter().filter(|(from, ..)| *from == id) {
            let parameters: Map<String, Value> =
                parameters.iter().map(|(name, from)| ((*name).to_owned(), (*from).into())).collect();
            if let Some(response) = operation.get_mut("responses").and_then(|responses| responses.get_mut(*status)) {
                let mut link = json!({ "operationId": target, "parameters": parameters });
                if *name == "NextPage" {
                    link["description"] =
                        "While `next_cursor` is not `null`; with the filters of this page, if it had any.".into();
                }
                response["links"][*name] = link;
            }
        }
    });
}
