//! Invitations, by the hash of their code and by member. A member has one at most.

use std::ops::ControlFlow;

use super::{
    Read, WriteTx, record,
    tables::{INVITATIONS, MEMBER_INVITATIONS, key},
};
use crate::service::{
    error::Unavailable,
    model::{
        id::{Id as _, MemberId, OrganizationId},
        invitation::Invitation,
        revocation::Revocation,
        secret::SecretHash,
        timestamp::Timestamp,
    },
};

pub fn get(tx: &impl Read, hash: &SecretHash) -> Result<Option<Invitation>, Unavailable> {
    tx.get(INVITATIONS, hash.as_bytes(), record::decode)?.transpose()
}

/// Adds an invitation in the place of the one that its member may have.
pub fn put(tx: &WriteTx, invitation: &Invitation) -> Result<(), Unavailable> {
    delete_of(tx, invitation.organization_id, invitation.member_id)?;
    let member = key(&[&invitation.organization_id.to_bytes(), &invitation.member_id.to_bytes()]);
    tx.put(MEMBER_INVITATIONS, &member, invitation.hash.as_bytes())?;
    tx.put(INVITATIONS, invitation.hash.as_bytes(), &record::encode(invitation)?)
}

/// Removes the member's invitation, if there is one.
pub fn delete_of(tx: &WriteTx, organization_id: OrganizationId, member_id: MemberId) -> Result<(), Unavailable> {
    let member = key(&[&organization_id.to_bytes(), &member_id.to_bytes()]);
    if let Some(hash) = tx.get(MEMBER_INVITATIONS, &member, <[u8]>::to_vec)? {
        tx.delete(INVITATIONS, &hash)?;
        tx.delete(MEMBER_INVITATIONS, &member)?;
        let hash = hash.try_into().map(SecretHash::of_digest).map_err(|_| Unavailable::Corrupt("member invitation"))?;
        tx.took_away(Revocation::Invitation { organization_id, member_id, hash });
    }
    Ok(())
}

/// For which members there are invitations that were made later than `at`.
pub fn made_after(tx: &impl Read, at: Timestamp) -> Result<Vec<(OrganizationId, MemberId)>, Unavailable> {
    let mut members = Vec::new();
    tx.scan_prefix(INVITATIONS, b"", |_, value| {
        let invitation: Invitation = record::decode(value)?;
        if invitation.created_at > at {
            members.push((invitation.organization_id, invitation.member_id));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(members)
}

/// For which members there are invitations.
pub fn all(tx: &impl Read) -> Result<Vec<(OrganizationId, MemberId)>, Unavailable> {
    let mut members = Vec::new();
    tx.scan_prefix(MEMBER_INVITATIONS, b"", |member, _| {
        let (club, id) = member.split_at_checked(16).ok_or(Unavailable::Corrupt("member invitation"))?;
        members.extend(OrganizationId::from_bytes(club).zip(MemberId::from_bytes(id)));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(members)
}
