//! The forms that the record of an organization has had.

use serde::{Deserialize, Serialize};

use crate::service::{
    error::Unavailable,
    model::{
        id::OrganizationId,
        name::{Description, Name},
        organization::Organization,
        plan::Plan,
        timestamp::Timestamp,
    },
    store::record,
};

#[derive(Serialize, Deserialize)]
enum Form {
    V1(OrganizationV1),
    V2(Organization),
}

/// Before it could say how long its keys last.
#[derive(Serialize, Deserialize)]
struct OrganizationV1 {
    id: OrganizationId,
    name: Name,
    description: Option<Description>,
    plan: Plan,
    revision: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<OrganizationV1> for Organization {
    fn from(organization: OrganizationV1) -> Self {
        Self {
            id: organization.id,
            name: organization.name,
            description: organization.description,
            plan: organization.plan,
            longest_key_days: None,
            usual_key_days: None,
            revision: organization.revision,
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

/// The bytes of an organization in the newest form.
pub fn encode(organization: &Organization) -> Result<Vec<u8>, Unavailable> {
    record::encode_form(&Form::V2(organization.clone()))
}

/// The organization that these bytes hold, whichever form they have.
pub fn decode(bytes: &[u8]) -> Result<Organization, Unavailable> {
    Ok(match record::decode_form(bytes)? {
        Form::V1(organization) => organization.into(),
        Form::V2(organization) => organization,
    })
}
