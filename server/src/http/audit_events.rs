//! Who did what in a club.

use std::{collections::BTreeMap, sync::Arc};

use poem::{http::Uri, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    types::Any,
};
use serde::Serialize;
use serde_json::Value;

use super::{
    Tag,
    cursor::List,
    problem::Problem,
    refused::{HEAD_COACH, Refused},
    reply::Reply,
    schema::{ActionText, ActorText, CursorText, Limit, TargetText},
    security::SessionCaller,
};
use crate::service::{
    Actor, AuditEvent, EventFilter, EventId, FieldError, Invalid, NamedEvent, OrganizationId, Service, StoredEvent,
    Timestamp, words,
};

words!(
    /// What kind of actor did something.
    ActorKind {
        /// A signed-in person.
        User = "user",
        /// A program with an API key.
        ApiKey = "api_key",
        /// Whoever runs the server, from a shell on it.
        Operator = "operator",
        /// The server itself, in time.
        Server = "server",
        /// Somebody who had not signed in, such as with an invitation.
        Anonymous = "anonymous",
    }
);

/// Who acted.
#[derive(Serialize, Object)]
#[oai(rename = "Actor")]
struct ActorBody {
    kind: ActorKind,
    /// The user or the key; `null` for the other kinds.
    id: Option<String>,
    /// What they are called now; `null` if they have no name, or are gone.
    display_name: Option<String>,
}

/// To what it was done.
#[derive(Serialize, Object)]
#[oai(rename = "Target")]
struct TargetBody {
    /// Its id.
    id: String,
    /// What it is called now; `null` if it has no name, or is gone.
    display_name: Option<String>,
}

/// A change, or requests that were refused for want of a right: who did what to what, when and from where.
#[derive(Serialize, Object)]
#[oai(rename = "AuditEvent")]
struct AuditEventBody {
    id: EventId,
    at: Timestamp,
    actor: ActorBody,
    /// A noun and a verb, as in `api_key.create`. `request.refuse` tells of requests of one caller, for one operation,
    /// that were refused alike in one minute.
    action: String,
    target: TargetBody,
    /// From where; `null` where nobody came from anywhere.
    address: Option<String>,
    /// Of the request, or of the last of several; `null` where there was none.
    request_id: Option<String>,
    /// What changed: the new values, by field. Never a secret.
    changes: BTreeMap<String, Any<Value>>,
    /// Its place in the chain of the organization, from 0 on, without gaps.
    number: u64,
    /// The SHA-256, in hexadecimal, over the 32 bytes of the hash of the event before it (zeros for the first), followed
    /// by `content` in UTF-8.
    hash: String,
    /// The text that is hashed: all of the above as it was written, byte for byte.
    content: String,
}

/// A page of audit events.
#[derive(Serialize, Object)]
#[oai(rename = "AuditEventPage")]
struct AuditEventPage {
    data: Vec<AuditEventBody>,
    /// Pass it as `cursor` for the next page; `null` at the end. A page with one can be short, or empty.
    next_cursor: Option<String>,
}

impl From<NamedEvent> for AuditEventBody {
    fn from(named: NamedEvent) -> Self {
        let NamedEvent { stored: StoredEvent { number, hash, content, event }, actor_name, target_name } = named;
        let AuditEvent { id, at, actor, action, target, address, request_id, changes } = event;
        let (kind, actor_id) = match actor {
            Actor::User { id } => (ActorKind::User, Some(id.to_string())),
            Actor::ApiKey { id } => (ActorKind::ApiKey, Some(id.to_string())),
            Actor::Operator => (ActorKind::Operator, None),
            Actor::Server => (ActorKind::Server, None),
            Actor::Anonymous => (ActorKind::Anonymous, None),
        };
        Self {
            id,
            at,
            actor: ActorBody { kind, id: actor_id, display_name: actor_name },
            action,
            target: TargetBody { id: target, display_name: target_name },
            address: address.map(|address| address.to_string()),
            request_id,
            changes: match changes {
                Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, Any(value))).collect(),
                _ => BTreeMap::new(),
            },
            number,
            hash: hash.to_string(),
            content,
        }
    }
}

pub struct AuditEventsApi;

#[OpenApi]
impl AuditEventsApi {
    /// List audit events
    ///
    /// Newest first: every change of the club, and what its members and keys were refused. Each carries the hash over
    /// itself and all before it, so that nothing can be changed or taken away unseen; `audit verify` on the server
    /// walks the whole chain. For the head coach, on every plan. All filters must match.
    #[oai(
        path = "/api/v1/organizations/:org_id/audit-events",
        method = "get",
        operation_id = "list_audit_events",
        tag = "Tag::Audit"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn list_audit_events(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        uri: &Uri,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// How many to answer at most.
        #[oai(default = "Limit::default_limit")]
        limit: Query<Limit>,
        /// The `next_cursor` of the page before; with the same filters.
        cursor: Query<Option<CursorText>>,
        /// Only what this actor did: the id of a user or key, or `operator`, `server`, `anonymous`.
        actor: Query<Option<ActorText>>,
        /// Only this action, such as `api_key.create`; or all of one noun, such as `api_key`.
        action: Query<Option<ActionText>>,
        /// Only what was done to what has this id.
        target: Query<Option<TargetText>>,
        /// Not before this instant.
        since: Query<Option<Timestamp>>,
        /// Before this instant.
        until: Query<Option<Timestamp>>,
    ) -> Result<Reply<AuditEventPage>, Refused<HEAD_COACH>> {
        if let (Some(since), Some(until)) = (since.0, until.0)
            && since >= until
        {
            return Err(Problem::invalid(vec![FieldError::new("until", "must be later than since")]).into());
        }
        let filter = EventFilter {
            actor: actor.0.map(|actor| actor.0),
            action: action.0.map(|action| action.0),
            target: target.0.map(|target| target.0),
            since: since.0,
            until: until.0,
        };
        let list = List::of(&[&"audit_events", &org_id.0, &filter]);
        let position = list.position(cursor.0.as_ref(), |bytes| bytes.try_into().ok().map(u64::from_be_bytes))?;
        let page =
            service.read(|tx| tx.head_coach(&caller, org_id.0)?.audit_events(&filter, limit.0.0 as usize, position))?;
        let next_cursor = page.next.map(|number| list.cursor(&number.to_be_bytes()));
        let body = AuditEventPage { data: page.data.into_iter().map(AuditEventBody::from).collect(), next_cursor };
        Ok(Reply::new(&body).next_page(uri, body.next_cursor.as_deref()))
    }
}
