//! How API keys are used, and what an act on one would break.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
};
use serde::Serialize;

use super::{
    Tag,
    problem::Problem,
    refused::{KEY_MANAGER, Refused},
    reply::Reply,
    schema::ScopeList,
    security::SessionCaller,
};
use crate::service::{
    Advice, AdvisedAction, ApiKeyId, Calls, Day, FieldError, Impact, LastUse, OperationImpact, OrganizationId,
    PlannedAction, Scope, SecretMark, SecretStanding, SecretUsage, Service, Timestamp, Usage,
};

/// How an API key was used.
#[derive(Serialize, Object)]
#[oai(rename = "ApiKeyUsage")]
struct UsageBody {
    /// The first day that this tells of: 90 days are kept, today included. Days are those of UTC.
    since: Day,
    /// The last: today.
    until: Day,
    /// How many calls were accepted in these days.
    calls: u64,
    /// How many were refused.
    refused: u64,
    /// The last call that was refused; `null` if none was. Of a revoked key: something still tries it.
    last_refused: Option<RefusedUseBody>,
    /// Its secrets that work or were ever used, newest first.
    secrets: Vec<SecretUsageBody>,
    /// Its calls, oldest day first: an entry for each day, secret, operation and outcome that there was.
    days: Vec<DayUsageBody>,
    /// What could be made of it.
    advice: Vec<AdviceBody>,
}

/// How one secret of an API key was used.
#[derive(Serialize, Object)]
#[oai(rename = "SecretUsage")]
struct SecretUsageBody {
    /// By which it can be recognized.
    hint: String,
    standing: SecretStanding,
    created_at: Timestamp,
    /// From then on it is or was refused, as things stand; `null` for the current one.
    ends_at: Option<Timestamp>,
    /// When it was last accepted, from where and for what; `null` if it never was.
    last_use: Option<LastUseBody>,
}

/// The last time that a secret was accepted.
#[derive(Serialize, Object)]
#[oai(rename = "LastUse")]
struct LastUseBody {
    at: Timestamp,
    /// From where; `null` for a use before this was kept.
    address: Option<String>,
    /// What the program calls itself (`User-Agent`); `null` if it does not.
    user_agent: Option<String>,
    /// The `operationId` of what was asked for; `null` for a use before this was kept.
    operation: Option<String>,
    /// The scope that it takes; `null` if it takes none.
    scope: Option<Scope>,
}

/// A call that was refused.
#[derive(Serialize, Object)]
#[oai(rename = "RefusedUse")]
struct RefusedUseBody {
    at: Timestamp,
    address: String,
    /// The `operationId` of what was asked for.
    operation: String,
    /// The `code` of the problem with which it was refused.
    code: String,
}

/// Calls of one day with one secret, of one operation, that all came to the same.
#[derive(Serialize, Object)]
#[oai(rename = "DayUsage")]
struct DayUsageBody {
    date: Day,
    /// Of the secret.
    hint: String,
    /// The `operationId`.
    operation: String,
    /// The `code` of the problem with which they were refused; `null` if they were accepted.
    refused: Option<String>,
    /// How many there were.
    calls: u64,
}

/// What could be done with an API key, and why.
#[derive(Serialize, Object)]
#[oai(rename = "Advice")]
struct AdviceBody {
    action: AdvisedAction,
    /// Why, in a sentence.
    reason: String,
    /// To narrow: the scopes that it uses; else empty.
    scopes: Vec<Scope>,
}

/// What an act on an API key would break: the calls of the last 30 days that would have been refused.
#[derive(Serialize, Object)]
#[oai(rename = "Impact")]
struct ImpactBody {
    action: PlannedAction,
    /// The first day that this tells of: 30 days, today included. Days are those of UTC.
    since: Day,
    /// The last: today.
    until: Day,
    /// How many calls would have been refused.
    calls: u64,
    /// When the last of them came; `null` if there was none.
    last_called_at: Option<Timestamp>,
    /// The operations that would be refused, most called first.
    operations: Vec<OperationImpactBody>,
    /// The last use of the secrets that would end; to narrow, of all of them.
    last_use: Option<LastUseBody>,
}

/// Calls of one operation that would be refused.
#[derive(Serialize, Object)]
#[oai(rename = "OperationImpact")]
struct OperationImpactBody {
    /// The `operationId`.
    operation: String,
    /// The scope that it takes; `null` if it takes none.
    scope: Option<Scope>,
    /// How many there were.
    calls: u64,
    last_called_at: Option<Timestamp>,
    /// From where they came, newest first; at most 8 are kept for each day.
    addresses: Vec<String>,
}

impl From<LastUse> for LastUseBody {
    fn from(last: LastUse) -> Self {
        let LastUse { at, address, user_agent, operation } = last;
        let scope = operation.as_deref().and_then(Scope::needed_for);
        let address = address.map(|address| address.to_string());
        Self { at, address, user_agent, operation: operation.map(Into::into), scope }
    }
}

impl From<SecretUsage> for SecretUsageBody {
    fn from(usage: SecretUsage) -> Self {
        let SecretUsage { secret, standing, ends_at, last_use } = usage;
        let last_use = last_use.map(LastUseBody::from);
        Self { hint: secret.hint, standing, created_at: secret.created_at, ends_at, last_use }
    }
}

impl From<Usage> for UsageBody {
    fn from(usage: Usage) -> Self {
        let last_refused = usage.last_refused().map(|(calls, source)| RefusedUseBody {
            at: source.at,
            address: source.address.to_string(),
            operation: calls.operation.to_string(),
            code: calls.refused.as_ref().map(ToString::to_string).unwrap_or_default(),
        });
        let Usage { since, until, secrets, days, advice } = usage;
        let hint = |mark: SecretMark| {
            let of_mark = secrets.iter().find(|secret| SecretMark::from(&secret.secret.hash) == mark);
            of_mark.map(|secret| secret.secret.hint.clone()).unwrap_or_default()
        };
        let count = |refused: bool| {
            days.iter().filter(|(_, calls)| calls.refused.is_some() == refused).map(|(_, calls)| calls.count).sum()
        };
        let row = |(date, Calls { secret, operation, refused, count, .. }): &(Day, Calls)| DayUsageBody {
            date: *date,
            hint: hint(*secret),
            operation: operation.to_string(),
            refused: refused.as_ref().map(ToString::to_string),
            calls: *count,
        };
        let advise = |Advice { action, reason, scopes }| AdviceBody { action, reason, scopes };
        Self {
            since,
            until,
            calls: count(false),
            refused: count(true),
            last_refused,
            days: days.iter().map(row).collect(),
            advice: advice.into_iter().map(advise).collect(),
            secrets: secrets.into_iter().map(SecretUsageBody::from).collect(),
        }
    }
}

impl ImpactBody {
    fn new(action: PlannedAction, impact: Impact) -> Self {
        let of_operation = |impact: &OperationImpact| OperationImpactBody {
            operation: impact.operation.clone(),
            scope: Scope::needed_for(&impact.operation),
            calls: impact.calls,
            last_called_at: impact.last_called_at(),
            addresses: impact.addresses().map(|address| address.to_string()).collect(),
        };
        Self {
            action,
            since: impact.since,
            until: impact.until,
            calls: impact.calls(),
            last_called_at: impact.last_called_at(),
            operations: impact.operations.iter().map(of_operation).collect(),
            last_use: impact.last_use.map(LastUseBody::from),
        }
    }
}

pub struct UsageApi;

#[OpenApi]
impl UsageApi {
    /// Get the usage of an API key
    ///
    /// Its calls by day and operation in the last 90 days, also those that were refused, and the last use of each
    /// of its secrets. A call is counted at once, and on disk within half a minute. For the head coach, on the plan
    /// `coach` or above.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys/:key_id/usage",
        method = "get",
        operation_id = "get_api_key_usage",
        tag = "Tag::ApiKeys"
    )]
    async fn get_api_key_usage(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The key.
        key_id: Path<ApiKeyId>,
    ) -> Result<Reply<UsageBody>, Refused<KEY_MANAGER>> {
        let usage = service.read(|tx| tx.head_coach(&caller, org_id.0)?.key_manager()?.usage(key_id.0))?;
        Ok(Reply::new(&UsageBody::from(usage)))
    }

    /// Get the impact of an act on an API key
    ///
    /// What revoking, narrowing or rotating it would break: the calls of the last 30 days that would have been
    /// refused. Nothing is done. What rotating ends is the present secret, once the overlap is over. For the head
    /// coach, on the plan `coach` or above.
    #[oai(
        path = "/api/v1/organizations/:org_id/api-keys/:key_id/impact",
        method = "get",
        operation_id = "get_api_key_impact",
        tag = "Tag::ApiKeys"
    )]
    async fn get_api_key_impact(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The key.
        key_id: Path<ApiKeyId>,
        /// What would be done.
        action: Query<PlannedAction>,
        /// With `narrow`, and only with it: the scopes that the key would have, between commas.
        scopes: Query<Option<ScopeList>>,
    ) -> Result<Reply<ImpactBody>, Refused<KEY_MANAGER>> {
        let wrong = match (action.0, &scopes.0) {
            (PlannedAction::Narrow, None) => {
                Some("is needed with the action narrow: the scopes that the key would have")
            }
            (PlannedAction::Revoke | PlannedAction::Rotate, Some(_)) => Some("goes with the action narrow alone"),
            _ => None,
        };
        if let Some(message) = wrong {
            return Err(Problem::invalid(vec![FieldError::new("scopes", message)]).into());
        }
        let scopes = scopes.0.map(|ScopeList(scopes)| scopes);
        let impact = service
            .read(|tx| tx.head_coach(&caller, org_id.0)?.key_manager()?.impact(key_id.0, action.0, scopes.as_ref()))?;
        Ok(Reply::new(&ImpactBody::new(action.0, impact)))
    }
}
