//! The audit chains: one for each organization, and one for the server.
//!
//! The hash of an event is SHA-256 over its predecessor's hash (32 zero bytes for the first) and its
//! own JSON, exactly as stored.

use sha2::{Digest as _, Sha256};

use super::{
    Read as _, WriteTx,
    tables::{AUDIT_EVENTS, AUDIT_HEADS, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        audit_event::AuditEvent,
        id::{Id as _, OrganizationId},
    },
};

/// The bytes that name a chain; the server's own is all zero, which no id is.
fn chain(organization_id: Option<OrganizationId>) -> [u8; 16] {
    organization_id.map_or([0; 16], |id| id.to_bytes())
}

/// Appends an event to the chain of the organization, or to the server's.
pub fn append(tx: &WriteTx, organization_id: Option<OrganizationId>, event: &AuditEvent) -> Result<(), Unavailable> {
    let chain = chain(organization_id);
    let head = tx.get(AUDIT_HEADS, &chain, |head| {
        head.split_first_chunk::<8>().map(|(number, hash)| (*number, hash.to_vec()))
    })?;
    let (number, previous) = match head.flatten() {
        Some((number, hash)) => (u64::from_be_bytes(number) + 1, hash),
        None => (0, vec![0; 32]),
    };
    let json = serde_json::to_vec(event).map_err(|_| Unavailable::Corrupt("audit event"))?;
    let hash: [u8; 32] = Sha256::new().chain_update(&previous).chain_update(&json).finalize().into();
    tx.put(AUDIT_EVENTS, &key(&[&chain, &number.to_be_bytes()]), &key(&[&hash, &json]))?;
    tx.put(AUDIT_HEADS, &chain, &key(&[&number.to_be_bytes(), &hash]))
}
