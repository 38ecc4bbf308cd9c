//! The forms that the record of a key has had.

use serde::{Deserialize, Serialize};

use crate::service::{
    error::Unavailable,
    model::{
        api_key::{ApiKey, KeySecret, KeyState, Person, Reach},
        id::{ApiKeyId, OrganizationId},
        ip_range::IpRange,
        name::{Description, Name},
        scope::Scopes,
        secret::SecretHash,
        timestamp::Timestamp,
    },
    store::record,
};

#[derive(Serialize, Deserialize)]
enum Form {
    V1(ApiKeyV1),
    V2(ApiKeyV2),
    V3(ApiKey),
}

/// Before it was known since when a key has its scopes.
#[derive(Serialize, Deserialize)]
struct ApiKeyV2 {
    id: ApiKeyId,
    organization_id: OrganizationId,
    name: Name,
    description: Option<Description>,
    scopes: Scopes,
    reach: Reach,
    allowed_ips: Vec<IpRange>,
    state: KeyState,
    secrets: Vec<KeySecret>,
    created_at: Timestamp,
    created_by: Person,
    expires_at: Option<Timestamp>,
    revision: u64,
}

/// Before keys were rotated.
#[derive(Serialize, Deserialize)]
struct ApiKeyV1 {
    id: ApiKeyId,
    organization_id: OrganizationId,
    name: Name,
    description: Option<Description>,
    scopes: Scopes,
    reach: Reach,
    allowed_ips: Vec<IpRange>,
    state: KeyState,
    secrets: Vec<KeySecretV1>,
    created_at: Timestamp,
    created_by: Person,
    expires_at: Option<Timestamp>,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
struct KeySecretV1 {
    hash: SecretHash,
    hint: String,
    created_at: Timestamp,
    ends_at: Option<Timestamp>,
}

impl From<ApiKeyV1> for ApiKeyV2 {
    fn from(key: ApiKeyV1) -> Self {
        let secrets = key.secrets.into_iter().map(|KeySecretV1 { hash, hint, created_at, ends_at }| KeySecret {
            hash,
            hint,
            created_at,
            ends_at,
            retire_when_idle_hours: None,
        });
        Self {
            id: key.id,
            organization_id: key.organization_id,
            name: key.name,
            description: key.description,
            scopes: key.scopes,
            reach: key.reach,
            allowed_ips: key.allowed_ips,
            state: key.state,
            secrets: secrets.collect(),
            created_at: key.created_at,
            created_by: key.created_by,
            expires_at: key.expires_at,
            revision: key.revision,
        }
    }
}

impl From<ApiKeyV2> for ApiKey {
    fn from(key: ApiKeyV2) -> Self {
        Self {
            id: key.id,
            organization_id: key.organization_id,
            name: key.name,
            description: key.description,
            scopes: key.scopes,
            scopes_since: key.created_at,
            reach: key.reach,
            allowed_ips: key.allowed_ips,
            state: key.state,
            secrets: key.secrets,
            created_at: key.created_at,
            created_by: key.created_by,
            expires_at: key.expires_at,
            revision: key.revision,
        }
    }
}

/// The bytes of a key in the newest form.
pub fn encode(api_key: &ApiKey) -> Result<Vec<u8>, Unavailable> {
    record::encode_form(&Form::V3(api_key.clone()))
}

/// The key that these bytes hold, whichever form they have.
pub fn decode(bytes: &[u8]) -> Result<ApiKey, Unavailable> {
    Ok(match record::decode_form(bytes)? {
        Form::V1(key) => ApiKeyV2::from(key).into(),
        Form::V2(key) => key.into(),
        Form::V3(key) => key,
    })
}
