//! Writing what was done into the audit log.

use super::{
    authority::Origin,
    error::Result,
    model::{
        audit_event::{Actor, AuditEvent},
        id::{EventId, Id as _, OrganizationId},
    },
    store::{self, WriteTx},
};

/// Who acts and from where, for the audit event that each change writes.
pub(in crate::service) struct Audit {
    actor: Actor,
    origin: Option<Origin>,
}

impl Audit {
    /// What whoever has a shell on the server does.
    pub(in crate::service) const fn of_operator() -> Self {
        Self { actor: Actor::Operator, origin: None }
    }

    /// What the server itself does in time.
    pub(in crate::service) const fn of_server() -> Self {
        Self { actor: Actor::Server, origin: None }
    }

    /// What `actor` did from there.
    pub(in crate::service) const fn of(actor: Actor, origin: Origin) -> Self {
        Self { actor, origin: Some(origin) }
    }

    /// Writes the event of a change into the chain of the organization, or of the server.
    pub(in crate::service) fn record(
        &self,
        tx: &WriteTx,
        organization_id: Option<OrganizationId>,
        action: &str,
        target: impl std::fmt::Display,
        changes: serde_json::Value,
    ) -> Result<()> {
        self.record_as(tx, self.actor, organization_id, action, target, changes)
    }

    /// The same, where the actor only became known by acting: a person who has just signed in.
    pub(in crate::service) fn record_as(
        &self,
        tx: &WriteTx,
        actor: Actor,
        organization_id: Option<OrganizationId>,
        action: &str,
        target: impl std::fmt::Display,
        changes: serde_json::Value,
    ) -> Result<()> {
        let event = self.append(tx, actor, organization_id, action, target, changes)?;
        let organization = organization_id.map(tracing::field::display);
        tracing::info!(action, target = %event.target, organization, by = %actor, request_id = event.request_id, "change");
        Ok(())
    }

    /// Writes an event of which the log has told before.
    pub(in crate::service) fn record_quietly(
        &self,
        tx: &WriteTx,
        organization_id: Option<OrganizationId>,
        action: &str,
        target: impl std::fmt::Display,
        changes: serde_json::Value,
    ) -> Result<()> {
        self.append(tx, self.actor, organization_id, action, target, changes).map(|_| ())
    }

    fn append(
        &self,
        tx: &WriteTx,
        actor: Actor,
        organization_id: Option<OrganizationId>,
        action: &str,
        target: impl std::fmt::Display,
        changes: serde_json::Value,
    ) -> Result<AuditEvent> {
        let id: EventId = tx.new_id();
        let event = AuditEvent {
            id,
            // Runs backwards no more than the id does: events are found by time.
            at: id.made_at(),
            actor,
            action: action.to_owned(),
            target: target.to_string(),
            address: self.origin.map(|origin| origin.address),
            request_id: self.origin.map(|origin| origin.request_id.to_string()),
            changes,
        };
        store::audit_events::append(tx, organization_id, &event)?;
        Ok(event)
    }
}
