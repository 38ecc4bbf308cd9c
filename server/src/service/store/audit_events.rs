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

#[cfg(test)]
mod tests {
    use std::{ops::ControlFlow, sync::Arc};

    use super::*;
    use crate::service::{
        clock::{Clock, Entropy},
        model::audit_event::Actor,
        store::Store,
    };

    #[tokio::test]
    async fn each_event_carries_the_hash_of_all_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store =
            Store::open(folder.path(), 1 << 20, Clock::system(), Entropy::system(), Arc::default()).expect("opens");
        for number in 0..3 {
            let append_one = move |tx: &WriteTx| {
                let event = AuditEvent {
                    id: tx.new_id(),
                    at: tx.now(),
                    actor: Actor::Operator,
                    action: "organization.set_plan".to_owned(),
                    target: number.to_string(),
                    address: None,
                    request_id: None,
                    changes: serde_json::json!({ "plan": "coach" }),
                };
                Ok(append(tx, None, &event)?)
            };
            store.write(append_one).await.expect("written");
        }
        let (mut previous, mut count) = (vec![0; 32], 0u64);
        let walk = store.read(|tx| {
            tx.scan_prefix(AUDIT_EVENTS, &[0; 16], |place, value| {
                let (hash, json) = value.split_at(32);
                assert_eq!(place[16..], count.to_be_bytes());
                assert_eq!(hash, &Sha256::digest([&previous, json].concat())[..]);
                (previous, count) = (hash.to_vec(), count + 1);
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(tx.get(AUDIT_HEADS, &[0; 16], <[u8]>::to_vec)?.expect("a head"))
        });
        assert_eq!(walk.expect("read"), [&2u64.to_be_bytes()[..], &previous].concat());
        assert_eq!(count, 3);
    }
}
