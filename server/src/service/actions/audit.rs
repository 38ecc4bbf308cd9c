//! Who did what: the audit log of a club, and the proof that it is whole.

use std::collections::HashMap;

use super::{EXAMINED_A_PAGE, Page};
use crate::service::{
    authority::{HeadCoach, Operator},
    error::{Error, Result},
    model::{
        audit_event::{EventFilter, Head},
        id::{ApiKeyId, MemberId, OrganizationId, UserId},
    },
    store::{
        self, Read,
        audit_events::{Broken, StoredEvent},
    },
};

/// An event, and what those are called now that it names.
#[derive(Debug, Clone)]
pub struct NamedEvent {
    /// The event.
    pub stored: StoredEvent,
    /// What its actor is called now; `None` if it has no name, or is gone.
    pub actor_name: Option<String>,
    /// What its target is called now; `None` if it has no name, or is gone.
    pub target_name: Option<String>,
}

impl<T: Read> HeadCoach<'_, T> {
    /// A page of the club's events, newest first.
    pub fn audit_events(
        &self,
        filter: &EventFilter,
        limit: usize,
        position: Option<u64>,
    ) -> Result<Page<NamedEvent, u64>> {
        let id = self.organization.id;
        let (events, next) = store::audit_events::page(self.tx, id, filter, limit, EXAMINED_A_PAGE, position)?;
        let mut names = Names { tx: self.tx, organization_id: id, known: HashMap::new() };
        let named = |stored: StoredEvent| {
            let actor_name = names.of(&stored.event.actor.to_string())?;
            let target_name = names.of(&stored.event.target)?;
            Ok(NamedEvent { stored, actor_name, target_name })
        };
        Ok(Page { data: events.into_iter().map(named).collect::<Result<_>>()?, next })
    }
}

/// What those are called that events name by id, each looked up once.
struct Names<'tx, T> {
    tx: &'tx T,
    organization_id: OrganizationId,
    known: HashMap<String, Option<String>>,
}

impl<T: Read> Names<'_, T> {
    fn of(&mut self, id: &str) -> Result<Option<String>> {
        if let Some(known) = self.known.get(id) {
            return Ok(known.clone());
        }
        let name = self.look_up(id)?;
        self.known.insert(id.to_owned(), name.clone());
        Ok(name)
    }

    fn look_up(&self, id: &str) -> Result<Option<String>> {
        if let Ok(id) = id.parse::<UserId>() {
            return Ok(store::users::get(self.tx, id)?.map(|user| user.display_name.to_string()));
        }
        if let Ok(id) = id.parse::<ApiKeyId>() {
            let api_key = store::api_keys::get(self.tx, self.organization_id, id)?;
            return Ok(api_key.map(|api_key| api_key.name.to_string()));
        }
        if let Ok(id) = id.parse::<MemberId>() {
            let member = store::members::get(self.tx, self.organization_id, id)?;
            return Ok(member.map(|(member, _)| member.display_name.to_string()));
        }
        if let Ok(id) = id.parse::<OrganizationId>() {
            let organization = store::organizations::get(self.tx, id)?.filter(|found| found.id == self.organization_id);
            return Ok(organization.map(|organization| organization.name.to_string()));
        }
        Ok(None)
    }
}

impl<T: Read> Operator<'_, T> {
    /// Where each chain stands.
    pub fn audit_heads(&self) -> Result<Vec<Head>> {
        Ok(store::audit_events::heads(self.tx)?)
    }

    /// The newest events of the chain of an organization, or of the server, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such chain.
    pub fn newest_events(&self, organization_id: Option<OrganizationId>, limit: usize) -> Result<Vec<StoredEvent>> {
        let head = store::audit_events::head(self.tx, organization_id)?.ok_or(Error::NotFound)?;
        let mut events = Vec::new();
        for number in (0..=head.number).rev().take(limit) {
            events.extend(store::audit_events::get(self.tx, organization_id, number)?);
        }
        Ok(events)
    }

    /// Every chain there is or must be: of each organization, of the server, and of `kept` heads, of which nothing may be
    /// left.
    pub fn audit_chains(&self, kept: &[Head]) -> Result<Vec<Option<OrganizationId>>> {
        let mut chains = store::audit_events::chains(self.tx)?;
        chains.extend(kept.iter().map(|head| head.organization_id));
        let organizations = store::organizations::all(self.tx)?;
        chains.extend(organizations.first().map(|_| None));
        chains.extend(organizations.iter().map(|organization| Some(organization.id)));
        chains.sort_unstable();
        chains.dedup();
        Ok(chains)
    }

    /// The heads of other chains that the server's chain tells of.
    pub fn recorded_heads(&self) -> Result<Vec<Head>> {
        Ok(store::audit_events::recorded_heads(self.tx)?)
    }

    /// Walks a chain, and through the heads of it that were kept.
    ///
    /// How many events it has, or where it is broken.
    pub fn verify_chain(&self, organization_id: Option<OrganizationId>, kept: &[Head]) -> Result<Result<u64, Broken>> {
        Ok(match store::audit_events::verify(self.tx, organization_id, kept)? {
            // Setting up writes into both kinds of chain.
            Ok(0) => Err(Broken::Missing { number: 0 }),
            outcome => outcome,
        })
    }
}
