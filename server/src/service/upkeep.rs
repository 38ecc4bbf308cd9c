//! What the server does by itself, in time: it writes down what was used, tells of keys that come near their end, records
//! where the audit chains stand, and forgets what need not be remembered. Nobody asks for it, so that it needs no proof.

use std::{collections::HashMap, sync::Arc};

use chrono::TimeDelta;
use serde_json::json;

use super::{
    Service,
    audit::Audit,
    error::Result,
    model::{
        api_key::KeyStatus,
        audit_event::{Actor, Head},
        id::{ApiKeyId, OrganizationId},
        timestamp::Timestamp,
        usage::Calls,
    },
    recent::{Generation, Refusals, Refused, RefusedCall},
    store::{self, Read as _, ReadTx, WriteTx, audit_events::RECORD_HEADS},
};

/// How often is looked which keys come near their end: the days ahead are as exact.
const LOOK_EVERY: TimeDelta = TimeDelta::hours(1);
/// How far the time in the database may fall behind while nothing is written into it: so much of what has ended could be
/// back after a crash and with a clock that was set back.
const KEEP_TIME_EVERY: TimeDelta = TimeDelta::minutes(1);

impl Service {
    /// Forgets what need not be remembered any longer: answers to requests, and calls of long ago.
    pub async fn forget(&self) -> Result<()> {
        const AT_ONCE: usize = 1000;
        /// The rest is forgotten the next time: the flush must not wait for it.
        const TIMES: usize = 10;
        for _ in 0..TIMES {
            if self.read(|tx| Ok(store::idempotency::any_over(tx)?))? {
                self.write(|tx| Ok(store::idempotency::forget_over(tx, AT_ONCE)?)).await?;
            } else if self.read(|tx| Ok(store::usage::any_over(tx)?))? {
                self.write(|tx| Ok(store::usage::forget_over(tx, AT_ONCE)?)).await?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Writes what time alone brings: which keys come near their end, and where the chains stand. Looks at every club,
    /// which with many of them keeps a thread busy for a while.
    pub async fn keep_audit(self: &Arc<Self>) -> Result<()> {
        let told = self.read(|tx| Ok(store::api_keys::expiries_told(tx)?))?;
        let now = self.clock.now();
        if told.is_none_or(|told| now.since(told) >= LOOK_EVERY || told > now) {
            let (near, until) = self.read_apart(near_end).await?;
            self.write(move |tx| tell_of_near_end(tx, &near, until)).await?;
        }
        if self.read(heads_are_due)? {
            let grown = self.read_apart(grown_heads).await?;
            self.write(move |tx| record_heads(tx, &grown)).await?;
        }
        Ok(())
    }

    /// Writes the time down, unless something else did lately.
    pub async fn keep_own_time(&self) -> Result<()> {
        self.keep_time(KEEP_TIME_EVERY).await
    }

    /// Writes the time down if what is written is older than `most`.
    pub(super) async fn keep_time(&self, most: TimeDelta) -> Result<()> {
        let written = self.read(|tx| Ok(store::clock::get(tx)?))?;
        if written.is_none_or(|at| self.clock.now().since(at) >= most) {
            // It keeps from coming back what is over, also where the disk is nearly full.
            self.write_urgently(|tx| Ok(store::clock::put(tx)?)).await?;
        }
        Ok(())
    }

    /// Writes down what was used since the last time: calls and last uses of keys, and sessions that slide.
    pub async fn flush(&self) -> Result<()> {
        self.write_down(false).await
    }

    /// Resolves when so much was used that it should be written down before its time.
    pub async fn much_used(&self) {
        self.recent.many().await;
    }

    /// The same; the `last` time, also what would else go on gathering.
    pub(super) async fn write_down(&self, last: bool) -> Result<()> {
        let _one_at_a_time = self.flushing.lock().await;
        // What a flush before had sealed and not written comes first, and what has gathered since then after it.
        for _ in 0..if last { 2 } else { 1 } {
            for generation in self.recent.seal(self.clock.now(), last) {
                let number = generation.number;
                self.write(move |tx| write_generation(tx, &generation)).await?;
                self.recent.wrote(number);
            }
        }
        Ok(())
    }
}

/// Tells the operator that something goes on trying a secret that is dead: once for each flush, however often it tries.
fn warn_of_dead(organization: OrganizationId, key: ApiKeyId, calls: &Calls) {
    let Some(code) = calls.refused.as_deref().filter(|code| DEAD.contains(code)) else { return };
    let (count, address) = (calls.count, calls.sources.first().map(|source| tracing::field::display(source.address)));
    tracing::warn!(%organization, %key, code, count, address, "a key that is dead is still being tried");
}

/// The codes with which a secret is refused that will never work again.
const DEAD: [&str; 3] = ["key_revoked", "key_expired", "secret_replaced"];

/// Writes a generation of uses, once.
fn write_generation(tx: &WriteTx, generation: &Generation) -> Result<()> {
    if store::usage::generation(tx)? >= generation.number {
        return Ok(());
    }
    for (hash, at) in &generation.sessions {
        if let Some(mut session) = store::sessions::get(tx, hash)? {
            session.expires_at = session.expiry_after_use(*at);
            store::sessions::put(tx, hash, &session)?;
        }
    }
    for (hash, used) in &generation.keys {
        let Some((organization_id, id)) = store::api_keys::place_of_secret(tx, hash)? else { continue };
        if let Some(last) = &used.last {
            store::api_keys::put_last_use(tx, hash, last)?;
        }
        for of_day in used.calls.chunk_by(|(day, _), (next, _)| day == next) {
            let Some((day, _)) = of_day.first() else { continue };
            store::usage::put_begun(tx, *day)?;
            for (_, calls) in of_day {
                warn_of_dead(organization_id, id, calls);
            }
            let calls = of_day.iter().map(|(_, calls)| calls.clone());
            store::usage::add(tx, *day, organization_id, id, calls)?;
        }
    }
    for (call, refusals) in &generation.refusals {
        let (organization_id, actor) = match &call.who {
            Refused::Member { organization_id, user_id } => (*organization_id, Actor::User { id: *user_id }),
            Refused::Key(hash) => match store::api_keys::place_of_secret(tx, hash)? {
                Some((organization_id, id)) => (organization_id, Actor::ApiKey { id }),
                None => continue,
            },
        };
        record_refusals(tx, organization_id, actor, call, refusals)?;
    }
    Ok(store::usage::put_generation(tx, generation.number)?)
}

/// How long the server's chain may go without the heads of the others.
const RECORD_EVERY: TimeDelta = TimeDelta::hours(24);
/// How many heads stand in one event at most.
const HEADS_AN_EVENT: usize = 500;

/// Whether the heads of the chains are to be recorded.
fn heads_are_due(tx: &ReadTx) -> Result<bool> {
    let recorded = store::audit_events::heads_recorded(tx)?;
    // One that lies ahead was written by a clock that was wrong.
    Ok(recorded.is_none_or(|at| tx.now().since(at) >= RECORD_EVERY || at > tx.now()))
}

/// The heads of the chains that have grown since they were last recorded.
fn grown_heads(tx: &ReadTx) -> Result<Vec<Head>> {
    let mut known = HashMap::new();
    store::audit_events::each_recorded_head(tx, |head| {
        known.insert(head.organization_id, (head.number, head.hash));
    })?;
    let mut heads = store::audit_events::heads(tx)?;
    heads.retain(|head| {
        head.organization_id.is_some() && known.get(&head.organization_id) != Some(&(head.number, head.hash))
    });
    Ok(heads)
}

/// Records heads of other chains in the server's own.
fn record_heads(tx: &WriteTx, grown: &[Head]) -> Result<()> {
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
struct NearEnd {
    organization_id: OrganizationId,
    id: ApiKeyId,
    expires_at: Timestamp,
    days: i64,
}

/// The keys that have come near their end since the last time, and until when was looked.
fn near_end(tx: &ReadTx) -> Result<(Vec<NearEnd>, Timestamp)> {
    let now = tx.now();
    // A server that was not there tells late; one that is new tells of what lies ahead alone.
    let since = store::api_keys::expiries_told(tx)?.unwrap_or(now);
    let mut found: Vec<NearEnd> = Vec::new();
    store::organizations::each_id(tx, |organization_id| {
        let first = found.len();
        for days in AHEAD {
            let ahead = TimeDelta::days(days);
            let ends = (since.plus(ahead), now.plus(ahead));
            for (id, expires_at) in store::api_keys::ending_between(tx, organization_id, ends)? {
                let near = NearEnd { organization_id, id, expires_at, days };
                // Of one that was missed several times, the nearest tells all.
                match found[first..].iter_mut().find(|known| known.id == id) {
                    Some(known) => *known = near,
                    None => found.push(near),
                }
            }
        }
        Ok(())
    })?;
    Ok((found, now))
}

/// Writes that keys come near their end, of those that still do, and until when that was looked for.
fn tell_of_near_end(tx: &WriteTx, near: &[NearEnd], until: Timestamp) -> Result<()> {
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
const REFUSE: &str = "request.refuse";

/// Who was refused what, for the chain of a club.
fn record_refusals(
    tx: &WriteTx,
    organization_id: OrganizationId,
    actor: Actor,
    call: &RefusedCall,
    refusals: &Refusals,
) -> Result<()> {
    let (RefusedCall { operation, code, .. }, Refusals { count, last_at, origin }) = (call, refusals);
    let changes = json!({ "operation": operation, "code": code, "count": count, "last_at": last_at });
    Audit::of(actor, *origin).quietly().record(tx, Some(organization_id), REFUSE, organization_id, changes)
}
