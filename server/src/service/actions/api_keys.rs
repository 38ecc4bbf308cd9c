//! API keys: create, list, read, change, rotate, revoke.

use serde_json::json;

use super::{EXAMINED_A_PAGE, Page, require};
use crate::service::{
    audit::Audit,
    authority::{HeadCoach, KeyManager},
    error::{Conflict, Error, FieldError, Result},
    model::{
        api_key::{ApiKey, KeySecret, KeyState, KeyStatus, Overlap, Person, PreviousSecret, Reach},
        id::{ApiKeyId, OrganizationId},
        ip_range::IpRange,
        name::{Description, Name, Reason},
        organization::Organization,
        revision::Expected,
        scope::Scopes,
        secret::SecretHash,
        timestamp::Timestamp,
    },
    store::{self, Read, WriteTx},
};

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// By which the head coach will know it.
    pub name: Name,
    /// What it is for.
    pub description: Option<Description>,
    /// When it ends; lies in the future.
    pub expires_at: Option<Timestamp>,
    /// What it may do.
    pub scopes: Scopes,
    /// From where.
    pub allowed_ips: Vec<IpRange>,
    /// Of the secret that was made for it.
    pub secret_hash: SecretHash,
    /// Of the secret that was made for it.
    pub secret_hint: String,
}

/// What is to change of a key; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct ApiKeyChange {
    /// Its name.
    pub name: Option<Name>,
    /// Its description; `Some(None)` empties it.
    pub description: Option<Option<Description>>,
    /// Its end; `Some(None)` takes it away.
    pub expires_at: Option<Option<Timestamp>>,
    /// Its scopes.
    pub scopes: Option<Scopes>,
    /// Its addresses; empty for any.
    pub allowed_ips: Option<Vec<IpRange>>,
}

/// How a key is to be rotated.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// How long the present secret goes on working.
    pub overlap: Overlap,
    /// In an overlap: whether the newer of its two secrets is to end, of which nobody knows.
    pub replace: bool,
    /// Of the secret that was made for it.
    pub secret_hash: SecretHash,
    /// Of the secret that was made for it.
    pub secret_hint: String,
}

/// A key and when its current secret was last used.
#[derive(Debug, Clone)]
pub struct ApiKeyWithUse {
    /// The key.
    pub api_key: ApiKey,
    /// What it is now.
    pub status: KeyStatus,
    /// When any of its secrets was last used.
    pub last_used_at: Option<Timestamp>,
    /// The secret before its present one, while both work.
    pub previous_secret: Option<PreviousSecret>,
}

fn with_use(tx: &impl Read, api_key: ApiKey) -> Result<ApiKeyWithUse> {
    let mut last_used_at = None;
    for secret in &api_key.secrets {
        last_used_at = last_used_at.max(store::api_keys::last_used_at(tx, &secret.hash)?);
    }
    let previous_secret = store::api_keys::overlap(tx, &api_key, tx.now())?;
    Ok(ApiKeyWithUse { status: api_key.status(tx.judged_at()), api_key, last_used_at, previous_secret })
}

/// Refuses an end that lies further ahead than the club lets keys last.
fn require_within(organization: &Organization, expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    let (Some(days), Some(latest)) = (organization.longest_key_days, organization.latest_expiry(now)) else {
        return Ok(());
    };
    if expires_at.is_some_and(|end| end <= latest) {
        return Ok(());
    }
    let message =
        format!("must be at most {} days ahead, {latest}: the organization lets no key last longer", days.get());
    Err(FieldError::new("expires_at", message).into())
}

/// The key with this id in the organization.
pub fn find(tx: &impl Read, organization_id: OrganizationId, id: ApiKeyId) -> Result<ApiKey> {
    store::api_keys::get(tx, organization_id, id)?.ok_or(Error::NotFound)
}

impl<T: Read> KeyManager<'_, T> {
    fn find(&self, id: ApiKeyId) -> Result<ApiKey> {
        find(self.0.tx, self.0.organization.id, id)
    }

    /// The key with this id.
    pub fn api_key(&self, id: ApiKeyId) -> Result<ApiKeyWithUse> {
        with_use(self.0.tx, self.find(id)?)
    }

    /// A page of the club's keys, newest first; all of them if no status is named.
    pub fn api_keys(
        &self,
        status: Option<KeyStatus>,
        limit: usize,
        position: Option<ApiKeyId>,
    ) -> Result<Page<ApiKeyWithUse, ApiKeyId>> {
        let (keys, next) =
            store::api_keys::page(self.0.tx, self.0.organization.id, status, limit, EXAMINED_A_PAGE, position)?;
        let data = keys.into_iter().map(|api_key| with_use(self.0.tx, api_key)).collect::<Result<_>>()?;
        Ok(Page { data, next })
    }
}

impl KeyManager<'_, WriteTx> {
    /// Creates a key. The club may have `limit` active ones at most. One of whose end nothing is said lasts as long as
    /// the club says.
    ///
    /// # Errors
    /// [`Conflict::KeyLimit`]; [`Error::Invalid`] if it would last longer than the club lets keys last.
    pub fn create_key(&self, new: NewApiKey, limit: usize) -> Result<ApiKeyWithUse> {
        let HeadCoach { tx, organization, .. } = &self.0;
        let created_by = self.0.person()?;
        if store::api_keys::count_active(*tx, organization.id, tx.now(), limit)? >= limit {
            return Err(Conflict::KeyLimit(limit).into());
        }
        let expires_at = new.expires_at.or_else(|| organization.usual_expiry(tx.now()));
        require_within(organization, expires_at, tx.now())?;
        let secret = KeySecret::new(new.secret_hash, new.secret_hint, tx.now());
        let api_key = ApiKey {
            id: tx.new_id(),
            organization_id: organization.id,
            name: new.name,
            description: new.description,
            scopes: new.scopes,
            scopes_since: tx.now(),
            reach: Reach::Everything,
            allowed_ips: new.allowed_ips,
            state: KeyState::Usable,
            secrets: vec![secret],
            created_at: tx.now(),
            created_by,
            expires_at,
            revision: 1,
        };
        store::api_keys::put(tx, None, &api_key)?;
        let changes = json!({
            "name": api_key.name, "scopes": api_key.scopes, "expires_at": api_key.expires_at, "allowed_ips": api_key.allowed_ips,
        });
        self.0.audit.record(tx, Some(organization.id), "api_key.create", api_key.id, changes)?;
        with_use(*tx, api_key)
    }

    /// Changes a key that is active and has an expected revision.
    ///
    /// # Errors
    /// [`Conflict::RevisionMismatch`]; [`Conflict::KeyNotActive`] if it is expired or revoked; [`Error::Invalid`] if it
    /// would last longer than the club lets keys last.
    pub fn change_key(&self, id: ApiKeyId, expected: &Expected, change: ApiKeyChange) -> Result<ApiKeyWithUse> {
        let HeadCoach { tx, organization, audit, .. } = &self.0;
        let before = self.find(id)?;
        require(expected, before.revision)?;
        if before.status(tx.judged_at()) != KeyStatus::Active {
            return Err(Conflict::KeyNotActive.into());
        }
        if let Some(expires_at) = change.expires_at.filter(|expires_at| *expires_at != before.expires_at) {
            require_within(organization, expires_at, tx.now())?;
        }
        let mut after = before.clone();
        let mut changes = serde_json::Map::new();
        let mut note = |field: &str, value: serde_json::Value| changes.insert(field.to_owned(), value);
        if let Some(name) = change.name.filter(|name| *name != before.name) {
            note("name", json!(name));
            after.name = name;
        }
        if let Some(description) = change.description.filter(|description| *description != before.description) {
            note("description", json!(description));
            after.description = description;
        }
        if let Some(expires_at) = change.expires_at.filter(|expires_at| *expires_at != before.expires_at) {
            note("expires_at", json!(expires_at));
            after.expires_at = expires_at;
        }
        if let Some(scopes) = change.scopes.filter(|scopes| *scopes != before.scopes) {
            note("scopes", json!(scopes));
            after.scopes = scopes;
            after.scopes_since = tx.now();
        }
        if let Some(allowed_ips) = change.allowed_ips.filter(|allowed_ips| *allowed_ips != before.allowed_ips) {
            note("allowed_ips", json!(allowed_ips));
            after.allowed_ips = allowed_ips;
        }
        if !changes.is_empty() {
            after.revision += 1;
            store::api_keys::put(tx, Some(&before), &after)?;
            audit.record(tx, Some(organization.id), "api_key.change", id, changes.into())?;
        }
        with_use(*tx, after)
    }

    /// Gives a key that is active a new secret; the present one goes on working for a while.
    ///
    /// # Errors
    /// [`Conflict::KeyNotActive`]; [`Conflict::RotationInProgress`] if the one before works still and nothing is to be
    /// replaced.
    pub fn rotate_key(&self, id: ApiKeyId, rotation: Rotation) -> Result<ApiKeyWithUse> {
        let HeadCoach { tx, organization, audit, .. } = &self.0;
        let before = self.find(id)?;
        if before.status(tx.judged_at()) != KeyStatus::Active {
            return Err(Conflict::KeyNotActive.into());
        }
        let previous = store::api_keys::overlap(*tx, &before, tx.now())?;
        if let Some(PreviousSecret { ends_at, .. }) = previous
            && !rotation.replace
        {
            return Err(Conflict::RotationInProgress { until: ends_at }.into());
        }
        let secret = KeySecret::new(rotation.secret_hash, rotation.secret_hint, tx.now());
        let mut after = before.clone();
        after.rotate(tx.now(), secret, rotation.overlap, previous.is_some());
        after.revision += 1;
        store::api_keys::put(tx, Some(&before), &after)?;
        let after = with_use(*tx, after)?;
        let kept = after.previous_secret.as_ref();
        let changes = json!({
            "hint": after.api_key.current_secret().map(|secret| &secret.hint),
            "replaced": previous.is_some(),
            "previous_hint": kept.map(|secret| &secret.hint),
            "previous_ends_at": kept.map(|secret| secret.ends_at),
            "retire_when_idle_hours": rotation.overlap.retire_when_idle_hours.filter(|_| previous.is_none()),
        });
        audit.record(tx, Some(organization.id), "api_key.rotate", id, changes)?;
        Ok(after)
    }
}

impl<T: Read> HeadCoach<'_, T> {
    /// The head coach, as they are called now.
    fn person(&self) -> Result<Person> {
        let (member, _) = store::members::get(self.tx, self.organization.id, self.member_id)?.ok_or(Error::NotFound)?;
        Ok(Person { id: Some(self.user_id), display_name: member.display_name.to_string() })
    }
}

/// Taking power away works on every plan.
impl HeadCoach<'_, WriteTx> {
    /// Revokes a key that has an expected revision, finally. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`Conflict::RevisionMismatch`].
    pub fn revoke_key(&self, id: ApiKeyId, expected: &Expected, reason: Option<Reason>) -> Result<()> {
        let before = find(self.tx, self.organization.id, id)?;
        // What was asked for is so already (RFC 9110, section 13.1.1).
        if !matches!(before.state, KeyState::Revoked { .. }) {
            require(expected, before.revision)?;
        }
        revoke(self.tx, &before, self.person()?, reason, self.audit)
    }

    /// Ends the secret before the present one, if it works still. Ending it again changes nothing.
    pub fn end_previous_secret(&self, id: ApiKeyId) -> Result<()> {
        let before = find(self.tx, self.organization.id, id)?;
        let Some(previous) = store::api_keys::overlap(self.tx, &before, self.tx.now())? else { return Ok(()) };
        end_previous(self.tx, &before, &previous, None, self.audit)
    }
}

/// What the head coach does, and whoever reports a leak.
pub(in crate::service) fn end_previous(
    tx: &WriteTx,
    before: &ApiKey,
    previous: &PreviousSecret,
    reason: Option<Reason>,
    audit: Audit,
) -> Result<()> {
    let mut after = before.clone();
    after.end_earlier_secrets(tx.now());
    after.revision += 1;
    store::api_keys::put(tx, Some(before), &after)?;
    let mut changes = json!({ "hint": previous.hint, "last_used_at": previous.last_used_at });
    if let Some(reason) = reason {
        changes["reason"] = json!(reason);
    }
    audit.record(tx, Some(before.organization_id), "api_key.end_previous_secret", before.id, changes)
}

/// What the head coach and the operator do alike, and whoever reports a leak.
pub(in crate::service) fn revoke(
    tx: &WriteTx,
    before: &ApiKey,
    by: Person,
    reason: Option<Reason>,
    audit: Audit,
) -> Result<()> {
    if matches!(before.state, KeyState::Revoked { .. }) {
        return Ok(());
    }
    let mut after = before.clone();
    after.state = KeyState::Revoked { at: tx.now(), by, reason: reason.clone() };
    after.revision += 1;
    store::api_keys::put(tx, Some(before), &after)?;
    audit.record(tx, Some(before.organization_id), "api_key.revoke", before.id, json!({ "reason": reason }))
}
