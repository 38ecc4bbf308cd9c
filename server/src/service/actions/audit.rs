//! Who did what: the audit log of a club, and the proof that it is whole.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::json;

use super::{EXAMINED_A_PAGE, Page};
use crate::service::{
    authority::{Audit, HeadCoach, Operator},
    error::Result,
    model::{
        api_key::KeyStatus,
        audit_event::{Actor, EventFilter, Head},
        id::{ApiKeyId, MemberId, OrganizationId, UserId},
        timestamp::Timestamp,
    },
    recent::{Refusals, RefusedCall},
    store::{
        self, Read, ReadTx, WriteTx,
        audit_events::{Broken, RECORD_HEADS, StoredEvent},
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

/// How long the server's chain may go without the heads of the others.
const RECORD_EVERY: TimeDelta = TimeDelta::hours(24);
/// How many heads stand in one event at most.
const HEADS_AN_EVENT: usize = 500;

/// Whether the heads of the chains are to be recorded.
pub fn heads_are_due(tx: &impl Read) -> Result<bool> {
    let recorded = store::audit_events::heads_recorded(tx)?;
    // One that lies ahead was written by a clock that was wrong.
    Ok(recorded.is_none_or(|at| tx.now().since(at) >= RECORD_EVERY || at > tx.now()))
}

/// The heads of the chains that have grown since they were last recorded.
pub fn grown_heads(tx: &ReadTx) -> Result<Vec<Head>> {
    let known: HashMap<_, _> =
        store::audit_events::recorded_heads(tx)?.into_iter().map(|head| (head.organization_id, head)).collect();
    let heads = store::audit_events::heads(tx)?;
    let has_grown = |head: &Head| head.organization_id.is_some() && known.get(&head.organization_id) != Some(head);
    Ok(heads.into_iter().filter(has_grown).collect())
}

/// Records heads of other chains in the server's own.
pub fn record_heads(tx: &WriteTx, grown: &[Head]) -> Result<()> {
    for heads in grown.chunks(HEADS_AN_EVENT) {
        let target = format!("{} chains", heads.len());
        Audit::of_server().record(tx, None, RECORD_HEADS, target, json!({ "heads": heads }))?;
    }
    Ok(store::audit_events::put_heads_recorded(tx)?)
}

/// How many days before its end a key is told of.
const AHEAD: [i64; 3] = [30, 7, 1];

/// A key that comes near its end.
#[derive(Debug, Clone, Copy)]
pub struct NearEnd {
    organization_id: OrganizationId,
    id: ApiKeyId,
    expires_at: Timestamp,
    days: i64,
}

/// The keys that have come near their end since the last time, and until when was looked.
pub fn near_end(tx: &ReadTx) -> Result<(Vec<NearEnd>, Timestamp)> {
    let now = tx.now();
    // A server that was not there tells late; one that is new tells of what lies ahead alone.
    let since = store::api_keys::expiries_told(tx)?.unwrap_or(now);
    let mut found = Vec::new();
    for organization in store::organizations::all(tx)? {
        for days in AHEAD {
            let ahead = TimeDelta::days(days);
            let ends = (since.plus(ahead), now.plus(ahead));
            for (id, expires_at) in store::api_keys::ending_between(tx, organization.id, ends)? {
                // Of one that was missed several times, the nearest tells all.
                found.retain(|near: &NearEnd| near.id != id);
                found.push(NearEnd { organization_id: organization.id, id, expires_at, days });
            }
        }
    }
    Ok((found, now))
}

/// Writes that keys come near their end, of those that still do, and until when that was looked for.
pub fn tell_of_near_end(tx: &WriteTx, near: &[NearEnd], until: Timestamp) -> Result<()> {
    for NearEnd { organization_id, id, expires_at, days } in near {
        let Some(api_key) = store::api_keys::get(tx, *organization_id, *id)? else { continue };
        if api_key.status(tx.now()) == KeyStatus::Active && api_key.expires_at == Some(*expires_at) {
            let changes = json!({ "days": days, "expires_at": expires_at });
            Audit::of_server().record(tx, Some(*organization_id), "api_key.expire_soon", id, changes)?;
        }
    }
    Ok(store::api_keys::put_expiries_told(tx, until)?)
}

/// What is recorded of requests that were refused for want of a right.
pub const REFUSE: &str = "request.refuse";

/// Who was refused what, for the chain of a club.
pub fn record_refusals(
    tx: &WriteTx,
    organization_id: OrganizationId,
    actor: Actor,
    call: &RefusedCall,
    refusals: &Refusals,
) -> Result<()> {
    let (RefusedCall { operation, code, .. }, Refusals { count, last_at, origin }) = (call, refusals);
    let changes = json!({ "operation": operation, "code": code, "count": count, "last_at": last_at });
    Audit::of(actor, *origin).record_quietly(tx, Some(organization_id), REFUSE, organization_id, changes)
}
