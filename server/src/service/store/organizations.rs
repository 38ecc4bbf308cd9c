//! Organizations.

pub(super) mod form;

use std::{ops::ControlFlow, sync::Arc};

use super::{
    Read, WriteTx,
    tables::{META, ORGANIZATIONS},
};
use crate::service::{
    error::Unavailable,
    model::{
        id::{Id as _, OrganizationId},
        organization::Organization,
        revocation::Revocation,
    },
};

pub fn get(tx: &impl Read, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
    tx.get(ORGANIZATIONS, &id.to_bytes(), form::decode)?.transpose()
}

/// The same for whoever only looks at it.
pub fn shared(tx: &impl Read, id: OrganizationId) -> Result<Option<Arc<Organization>>, Unavailable> {
    let read = || Ok(get(tx, id)?.map(Arc::new));
    match tx.kept() {
        Some(kept) => kept.organization(id, read),
        None => read(),
    }
}

pub fn put(tx: &WriteTx, organization: &Organization) -> Result<(), Unavailable> {
    if get(tx, organization.id)?.is_some_and(|before| before.plan != organization.plan) {
        tx.took_away(Revocation::Plan { organization_id: organization.id, plan: organization.plan });
    }
    tx.put(ORGANIZATIONS, &organization.id.to_bytes(), &form::encode(organization)?)
}

/// Whether the server was set up once, of which nothing may be left in a database that was restored.
const SET_UP: &[u8] = b"set_up";

/// Whether there is or was any, and so whether the setup code counts no more.
pub fn is_set_up(tx: &impl Read) -> Result<bool, Unavailable> {
    Ok(exist(tx)? || tx.has(META, SET_UP)?)
}

/// Notes that there was one.
pub fn put_set_up(tx: &WriteTx) -> Result<(), Unavailable> {
    tx.put(META, SET_UP, &[])
}

/// Notes that the first is being made.
pub fn set_up(tx: &WriteTx) -> Result<(), Unavailable> {
    tx.took_away(Revocation::SetUp);
    put_set_up(tx)
}

/// Whether there is any.
pub fn exist(tx: &impl Read) -> Result<bool, Unavailable> {
    let mut found = false;
    tx.scan_prefix(ORGANIZATIONS, b"", |_, _| {
        found = true;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// The ids of all of them, one after the other, until `visit` fails: there can be more than memory should hold at once.
pub fn each_id(
    tx: &impl Read,
    mut visit: impl FnMut(OrganizationId) -> Result<(), Unavailable>,
) -> Result<(), Unavailable> {
    tx.scan_prefix(ORGANIZATIONS, b"", |id, _| {
        visit(OrganizationId::from_bytes(id).ok_or(Unavailable::Corrupt("organization"))?)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// All of them, by id. For the operator.
pub fn all(tx: &impl Read) -> Result<Vec<Organization>, Unavailable> {
    let mut organizations = Vec::new();
    tx.scan_prefix(ORGANIZATIONS, b"", |_, value| {
        organizations.push(form::decode(value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(organizations)
}
