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
#[derive(Clone, Copy)]
pub(in crate::service) struct Audit {
    actor: Actor,
    origin: Option<Origin>,
    /// Whether the log has told of it before.
    is_told: bool,
}

impl Audit {
    /// What whoever has a shell on the server does.
    pub(in crate::service) const fn of_operator() -> Self {
        Self { actor: Actor::Operator, origin: None, is_told: false }
    }

    /// What the server itself does in time.
    pub(in crate::service) const fn of_server() -> Self {
        Self { actor: Actor::Server, origin: None, is_told: false }
    }

    /// What `actor` did from there.
    pub(in crate::service) const fn of(actor: Actor, origin: Origin) -> Self {
        Self { actor, origin: Some(origin), is_told: false }
    }

    /// The same, done by an actor who only became known by acting: a person who has just signed in.
    pub(in crate::service) const fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// The same, of which the log has told before.
    pub(in crate::service) const fn quietly(self) -> Self {
        Self { is_told: true, ..self }
    }

    /// Writes the event of a change into the chain of the organization, or of the server.
    pub(in crate::service) fn record(
        self,
        tx: &WriteTx,
        organization_id: Option<OrganizationId>,
        action: &str,
        target: impl std::fmt::Display,
        changes: serde_json::Value,
    ) -> Result<()> {
        let id: EventId = tx.new_id();
        let event = AuditEvent {
            id,
            // Runs backwards no more than the id does: events are found by time.
            at: id.made_at(),
            actor: self.actor,
            action: action.to_owned(),
            target: target.to_string(),
            address: self.origin.map(|origin| origin.address),
            request_id: self.origin.map(|origin| origin.request_id.to_string()),
            changes,
        };
        store::audit_events::append(tx, organization_id, &event)?;
        if !self.is_told {
            let organization = organization_id.map(tracing::field::display);
            tracing::info!(action, target = %event.target, organization, by = %event.actor, request_id = event.request_id, "change");
        }
        Ok(())
    }
}
