//! API keys.

use std::sync::Arc;

use poem::{http::Uri, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
};
use serde::Serialize;

use super::{
    Tag,
    body::{Body, RepeatableBody, body},
    conditional::IfMatch,
    cursor::List,
    organizations,
    problem::{self, Problem},
    refused::{BODY, CONDITIONAL, HEAD_COACH, KEY_MANAGER, Kinds, REPEATABLE, Refused, WRITES},
    reply::{NoContent, Reply},
    schema::{
        BlankOrReason, ClearableApiKeyField, CursorText, IdleHours, KeyStatusFilter, Limit, OverlapSeconds, bounded,
        cleared, set_or_clear,
    },
    security::SessionCaller,
};
use crate::service::{
    ApiKey, ApiKeyChange, ApiKeyId, ApiKeyWithUse, Description, FieldError, Id, IdempotencyKey, IpRange, KeyState,
    KeyStatus, Name, NewApiKey, OrganizationId, Overlap, Person, PreviousSecret, Reason, Rotation, Scope, Scopes,
    SecretKind, Service, Timestamp, UserId,
};

/// An API key. Its secret is never part of it.
#[derive(Serialize, Object)]
#[oai(rename = "ApiKey")]
pub struct ApiKeyBody {
    /// Stays the same for the life of the key.
    id: ApiKeyId,
    organization_id: OrganizationId,
    name: Name,
    /// What it is for.
    description: Option<Description>,
    /// By which its secret can be recognized: `astral_live_`, the first 3 and the last 3 of its 26 random
    /// characters. The 6 of the checksum, with which the secret ends, are not part of it.
    hint: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// From where it may be used; from anywhere if empty.
    #[oai(validator(max_items = 50))]
    allowed_ips: Vec<IpRange>,
    status: KeyStatus,
    created_at: Timestamp,
    created_by: PersonBody,
    /// From then on it is refused; `null` if it does not expire.
    expires_at: Option<Timestamp>,
    /// When any of its secrets was last used; `null` if none ever was.
    last_used_at: Option<Timestamp>,
    /// The secret before the present one, while both work.
    previous_secret: Option<PreviousSecretBody>,
    /// When, by whom and why it was revoked; `null` if it was not.
    revoked: Option<RevocationBody>,
}

/// A person as they were called when they acted.
#[derive(Serialize, Object)]
#[oai(rename = "Person")]
struct PersonBody {
    /// The user; `null` for whoever runs the server, or has reported a leaked secret.
    id: Option<UserId>,
    display_name: String,
}

/// A secret that was replaced and still works.
#[derive(Serialize, Object)]
#[oai(rename = "PreviousSecret")]
struct PreviousSecretBody {
    hint: String,
    /// From then on it is refused.
    ends_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

/// How a key was revoked.
#[derive(Serialize, Object)]
#[oai(rename = "Revocation")]
struct RevocationBody {
    at: Timestamp,
    by: PersonBody,
    /// What was given as the reason.
    reason: Option<Reason>,
}

/// An API key that was just created or rotated, and its secret.
#[derive(Serialize, Object)]
#[oai(rename = "CreatedApiKey")]
struct CreatedApiKeyBody {
    /// The key in full, this once: store it now, nobody can show it again.
    secret: String,
    #[oai(flatten)]
    #[serde(flatten)]
    api_key: ApiKeyBody,
}

/// A page of API keys.
#[derive(Serialize, Object)]
#[oai(rename = "ApiKeyPage")]
struct ApiKeyPage {
    data: Vec<ApiKeyBody>,
    /// Pass it as `cursor` for the next page; `null` at the end. A page with one can be short, or empty.
    next_cursor: Option<String>,
}

body! {
    /// An API key to be created.
    #[oai(rename = "NewApiKey")]
    post NewApiKeyBody {
        /// By which you will know it, such as the integration that will use it. Need not be unique.
        name: Name,
        /// From then on it is refused; lies in the future, and not further ahead than the organization's
        /// `longest_key_days`. A key without one lasts for its `usual_key_days`, else for `longest_key_days`, else for
        /// ever.
        expires_at: Option<Timestamp>,
        /// What it may do; everything if left out.
        #[oai(validator(min_items = 1, max_items = 20))]
        scopes: Option<Vec<Scope>>,
        /// Addresses or ranges (CIDR) from which it may be used; anywhere if left out.
        #[oai(validator(max_items = 50))]
        allowed_ips: Option<Vec<IpRange>>,
        /// What it is for.
        description: Option<Description>,
    }
}

body! {
    /// How an API key is to be rotated.
    #[oai(rename = "Rotation")]
    post RotationBody {
        /// How long the present secret goes on working beside the new one; 24 hours if left out, 0 to end it at once.
        overlap_seconds: Option<OverlapSeconds>,
        /// Ends the present secret sooner: once the new one was used, and the present one was not for so many hours.
        retire_when_idle_hours: Option<IdleHours>,
        /// If the key is being rotated already: whether the newer of its two secrets is to end at once, and yet
        /// another is to be made. The older keeps its end.
        replace: Option<bool>,
    }
}

body! {
    /// What is to change; what is left out stays.
    #[oai(rename = "ApiKeyChange")]
    patch ApiKeyChangeBody {
        name: Option<Name>,
        description: Option<Description>,
        /// All that it may do from now on.
        #[oai(validator(min_items = 1, max_items = 20))]
        scopes: Option<Vec<Scope>>,
        /// From then on it is refused; lies in the future.
        expires_at: Option<Timestamp>,
        /// All the addresses or ranges from which it may be used from now on.
        #[oai(validator(max_items = 50))]
        allowed_ips: Option<Vec<IpRange>>,
        /// Fields to be emptied.
        #[oai(validator(max_items = 3, unique_items))]
        clear: Option<Vec<ClearableApiKeyField>>,
    }
}

impl From<Person> for PersonBody {
    fn from(person: Person) -> Self {
        Self { id: person.id, display_name: person.display_name }
    }
}

impl ApiKeyBody {
    fn new(key: ApiKeyWithUse) -> Self {
        let ApiKeyWithUse { api_key, status, last_used_at, previous_secret } = key;
        let previous_secret = previous_secret.map(|PreviousSecret { hint, ends_at, last_used_at, .. }| {
            PreviousSecretBody { hint, ends_at, last_used_at }
        });
        let hint = api_key.current_secret().map(|secret| secret.hint.clone()).unwrap_or_default();
        let revoked = match api_key.state {
            KeyState::Usable | KeyState::Held => None,
            KeyState::Revoked { at, by, reason } => Some(RevocationBody { at, by: by.into(), reason }),
        };
        Self {
            id: api_key.id,
            organization_id: api_key.organization_id,
            name: api_key.name,
            description: api_key.description,
            hint,
            scopes: api_key.scopes.as_slice().to_vec(),
            allowed_ips: api_key.allowed_ips,
            status,
            created_at: api_key.created_at,
            created_by: api_key.created_by.into(),
            expires_at: api_key.expires_at,
            last_used_at,
            previous_secret,
            revoked,
        }
    }
}

/// How many scopes a request can name: room for more than there are.
const MAX_SCOPES: usize = 20;

/// The scopes that were asked for, if any were.
fn scopes(asked: Option<Vec<Scope>>, errors: &mut Vec<FieldError>) -> Option<Scopes> {
    match Scopes::new(bounded("scopes", asked?, MAX_SCOPES, false, errors)) {
        Ok(scopes) => Some(scopes),
        Err(invalid) => {
            errors.push(FieldError::new("scopes", invalid.to_string()));
            None
        }
    }
}

fn allowed_ips(asked: Option<Vec<IpRange>>, errors: &mut Vec<FieldError>) -> Option<Vec<IpRange>> {
    let mut ranges = bounded("allowed_ips", asked?, ApiKey::MAX_ALLOWED_IPS, false, errors);
    ranges.sort_unstable();
    ranges.dedup();
    Some(ranges)
}

fn in_future(expires_at: Option<Timestamp>, now: Timestamp, errors: &mut Vec<FieldError>) -> Option<Timestamp> {
    if expires_at.is_some_and(|end| end <= now) {
        errors.push(FieldError::new("expires_at", format!("must lie in the future; it is {now} now")));
    }
    expires_at
}

const CREATE: Kinds = KEY_MANAGER | BODY | REPEATABLE | problem::KEY_LIMIT_REACHED.bit | problem::ALREADY_CREATED.bit;

const ROTATE: Kinds = KEY_MANAGER
    | BODY
    | REPEATABLE
    | problem::KEY_NOT_ACTIVE.bit
    | problem::ROTATION_IN_PROGRESS.bit
    | problem::ALREADY_CREATED.bit;

/// How long a replaced secret goes on working where nothing is said, in seconds.
const USUAL_OVERLAP: u32 = 24 * 60 * 60;

/// The path of a key.
fn path_of(organization_id: OrganizationId, id: ApiKeyId) -> String {
    format!("{}/api-keys/{id}", organizations::path_of(organization_id))
}

pub struct ApiKeysApi;

#[OpenApi]
impl ApiKeysApi {
    /// Create an API key
    ///
    /// For the head coach, on the plan `coach` or above. The answer holds the secret, which
    /// is shown this once.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys",
        method = "post",
        operation_id = "create_api_key",
        tag = "Tag::ApiKeys"
    )]
    async fn create_api_key(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// A name for this request, made up by the client: sent again within 24 h, it creates no second key.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<IdempotencyKey>>,
        body: RepeatableBody<NewApiKeyBody>,
    ) -> Result<Reply<CreatedApiKeyBody, 201>, Refused<CREATE>> {
        let RepeatableBody(body, fingerprint) = body;
        let (now, mut errors) = (service.judged_at(), Vec::new());
        let secret = service.new_secret(SecretKind::ApiKey);
        let new = NewApiKey {
            name: body.name,
            description: body.description,
            expires_at: in_future(body.expires_at, now, &mut errors),
            scopes: scopes(body.scopes, &mut errors).unwrap_or_else(Scopes::all),
            allowed_ips: allowed_ips(body.allowed_ips, &mut errors).unwrap_or_default(),
            secret_hash: secret.hash(),
            secret_hint: secret.hint(),
        };
        if !errors.is_empty() {
            return Err(Problem::invalid(errors).into());
        }
        let limit = service.max_active_keys();
        let attempt = service.begin(&caller, idempotency_key.0, fingerprint)?;
        let key = service
            .write(move |tx| {
                let manager = tx.head_coach(&caller, org_id.0)?.key_manager()?;
                let created = |key: &ApiKeyWithUse| key.api_key.id.to_string();
                tx.once_with_secret(&attempt, || manager.create_key(new.clone(), limit), created)
            })
            .await?;
        let (location, revision) = (path_of(org_id.0, key.api_key.id), key.api_key.revision);
        let body = CreatedApiKeyBody { secret: secret.reveal(), api_key: ApiKeyBody::new(key) };
        Ok(Reply::with_secret(&body).location(&location).tag(revision))
    }

    /// List API keys
    ///
    /// Newest first; the active ones unless `status` says otherwise. Secrets are never part of it. For the head
    /// coach, on the plan `coach` or above.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys",
        method = "get",
        operation_id = "list_api_keys",
        tag = "Tag::ApiKeys"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn list_api_keys(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        uri: &Uri,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// How many to answer at most.
        #[oai(default = "Limit::default_limit")]
        limit: Query<Limit>,
        /// The `next_cursor` of the page before; with the same filters.
        cursor: Query<Option<CursorText>>,
        /// Which keys; `active` if left out.
        status: Query<Option<KeyStatusFilter>>,
    ) -> Result<Reply<ApiKeyPage>, Refused<KEY_MANAGER>> {
        let status = match status.0.unwrap_or(KeyStatusFilter::One(KeyStatus::Active)) {
            KeyStatusFilter::One(status) => Some(status),
            KeyStatusFilter::All => None,
        };
        let list = List::of(&[&"api_keys", &org_id.0, &status]);
        let position = list.position(cursor.0.as_ref(), ApiKeyId::from_bytes)?;
        let page = service.read(|tx| {
            tx.head_coach(&caller, org_id.0)?.key_manager()?.api_keys(status, limit.0.0 as usize, position)
        })?;
        let next_cursor = page.next.map(|id| list.cursor(&id.to_bytes()));
        let data = page.data.into_iter().map(ApiKeyBody::new).collect();
        let body = ApiKeyPage { data, next_cursor };
        Ok(Reply::new(&body).next_page(uri, body.next_cursor.as_deref()))
    }

    /// Get an API key
    ///
    /// For the head coach, on the plan `coach` or above. Its secret is never part of it.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys/:key_id",
        method = "get",
        operation_id = "get_api_key",
        tag = "Tag::ApiKeys"
    )]
    async fn get_api_key(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The key.
        key_id: Path<ApiKeyId>,
    ) -> Result<Reply<ApiKeyBody>, Refused<KEY_MANAGER>> {
        let key = service.read(|tx| tx.head_coach(&caller, org_id.0)?.key_manager()?.api_key(key_id.0))?;
        let revision = key.api_key.revision;
        Ok(Reply::new(&ApiKeyBody::new(key)).tag(revision))
    }

    /// Change an API key
    ///
    /// One that is active. Its secret stays, and the change holds from the answer on.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys/:key_id",
        method = "patch",
        operation_id = "update_api_key",
        tag = "Tag::ApiKeys"
    )]
    async fn update_api_key(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The key.
        key_id: Path<ApiKeyId>,
        /// The `ETag` of the revision that is to change.
        #[oai(name = "If-Match")]
        if_match: Header<Option<IfMatch>>,
        Body(body): Body<ApiKeyChangeBody>,
    ) -> Result<Reply<ApiKeyBody>, Refused<{ KEY_MANAGER | BODY | CONDITIONAL | problem::KEY_NOT_ACTIVE.bit }>> {
        let (now, mut errors) = (service.judged_at(), Vec::new());
        let clear = cleared(body.clear, ClearableApiKeyField::ALL.len(), &mut errors);
        let clears = |field| clear.contains(&field);
        let expires_at = in_future(body.expires_at, now, &mut errors);
        let ranges = allowed_ips(body.allowed_ips, &mut errors);
        let change = ApiKeyChange {
            name: body.name,
            description: set_or_clear(
                "description",
                body.description,
                clears(ClearableApiKeyField::Description),
                &mut errors,
            ),
            expires_at: set_or_clear("expires_at", expires_at, clears(ClearableApiKeyField::ExpiresAt), &mut errors),
            scopes: scopes(body.scopes, &mut errors),
            allowed_ips: set_or_clear("allowed_ips", ranges, clears(ClearableApiKeyField::AllowedIps), &mut errors)
                .map(Option::unwrap_or_default),
        };
        if !errors.is_empty() {
            return Err(Problem::invalid(errors).into());
        }
        let expected = IfMatch::expected(if_match.0);
        let key = service
            .write(move |tx| {
                tx.head_coach(&caller, org_id.0)?.key_manager()?.change_key(key_id.0, &expected, change.clone())
            })
            .await?;
        let revision = key.api_key.revision;
        Ok(Reply::new(&ApiKeyBody::new(key)).tag(revision))
    }

    /// Rotate an API key
    ///
    /// Gives it a new secret, which is shown this once; the present one goes on working for a while, so that the program
    /// that uses the key can be given the new one without a moment in which neither works. The id stays, and so does all
    /// else of the key.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys/:key_id/rotate",
        method = "post",
        operation_id = "rotate_api_key",
        tag = "Tag::ApiKeys"
    )]
    async fn rotate_api_key(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The key.
        key_id: Path<ApiKeyId>,
        /// A name for this request, made up by the client: sent again within 24 h, it makes no second secret.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<IdempotencyKey>>,
        body: RepeatableBody<RotationBody>,
    ) -> Result<Reply<CreatedApiKeyBody>, Refused<ROTATE>> {
        let RepeatableBody(body, fingerprint) = body;
        let secret = service.new_secret(SecretKind::ApiKey);
        let rotation = Rotation {
            overlap: Overlap {
                seconds: body.overlap_seconds.map_or(USUAL_OVERLAP, |OverlapSeconds(seconds)| seconds),
                retire_when_idle_hours: body.retire_when_idle_hours.map(|IdleHours(hours)| hours),
            },
            replace: body.replace.unwrap_or_default(),
            secret_hash: secret.hash(),
            secret_hint: secret.hint(),
        };
        let attempt = service.begin(&caller, idempotency_key.0, fingerprint)?;
        let key = service
            .write(move |tx| {
                let manager = tx.head_coach(&caller, org_id.0)?.key_manager()?;
                let rotated = |key: &ApiKeyWithUse| key.api_key.id.to_string();
                tx.once_with_secret(&attempt, || manager.rotate_key(key_id.0, rotation.clone()), rotated)
            })
            .await?;
        let revision = key.api_key.revision;
        let body = CreatedApiKeyBody { secret: secret.reveal(), api_key: ApiKeyBody::new(key) };
        Ok(Reply::with_secret(&body).tag(revision))
    }

    /// End the previous secret of an API key
    ///
    /// Ends the overlap of a rotation now, on every plan: the next request with the secret before the present one is
    /// refused. Where there is none, nothing is changed.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys/:key_id/previous-secret",
        method = "delete",
        operation_id = "end_previous_secret",
        tag = "Tag::ApiKeys"
    )]
    async fn end_previous_secret(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The key.
        key_id: Path<ApiKeyId>,
    ) -> Result<NoContent, Refused<{ HEAD_COACH | WRITES }>> {
        service.write_urgently(move |tx| tx.head_coach(&caller, org_id.0)?.end_previous_secret(key_id.0)).await?;
        Ok(NoContent)
    }

    /// Revoke an API key
    ///
    /// At once and finally, on every plan: the next request with it is refused. Revoking it again changes
    /// nothing.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys/:key_id",
        method = "delete",
        operation_id = "revoke_api_key",
        tag = "Tag::ApiKeys"
    )]
    async fn revoke_api_key(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The key.
        key_id: Path<ApiKeyId>,
        /// Why; kept with the key.
        reason: Query<Option<BlankOrReason>>,
        /// The `ETag` of the revision that is to be revoked.
        #[oai(name = "If-Match")]
        if_match: Header<Option<IfMatch>>,
    ) -> Result<NoContent, Refused<{ HEAD_COACH | CONDITIONAL }>> {
        let reason = reason.0.and_then(|reason| reason.0);
        let expected = IfMatch::expected(if_match.0);
        service
            .write_urgently(move |tx| tx.head_coach(&caller, org_id.0)?.revoke_key(key_id.0, &expected, reason.clone()))
            .await?;
        Ok(NoContent)
    }
}
