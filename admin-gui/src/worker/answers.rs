//! The client's types as the state knows them.

use astral_client::types;
use chrono::{DateTime, Utc};
use jiff::{Timestamp, civil::Date};

use crate::state::{
    audit,
    club::{Club, Plan},
    keys::{
        Advice, AdvisedAction, DayUsage, Impact, Key, LastUse, PreviousSecret, RefusedUse, Revoked, Scope, SecretUsage,
        Usage,
    },
    members::{Member, MemberWish, Role, Standing},
    session::{Membership, Person, SignedIn},
};

/// The instant, which both types know to the millisecond.
pub fn instant(time: DateTime<Utc>) -> Timestamp {
    Timestamp::from_millisecond(time.timestamp_millis()).unwrap_or(Timestamp::MAX)
}

/// The other way round.
pub fn date_time(instant: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(instant.as_millisecond()).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

macro_rules! key {
    ($key:expr) => {
        Key {
            id: $key.id,
            name: $key.name,
            description: $key.description,
            hint: $key.hint,
            scopes: $key.scopes.into_iter().map(Scope::from).collect(),
            allowed_ips: $key.allowed_ips,
            created_at: instant($key.created_at),
            created_by: $key.created_by.display_name,
            expires_at: $key.expires_at.map(instant),
            last_used_at: $key.last_used_at.map(instant),
            previous_secret: $key.previous_secret.map(|previous| PreviousSecret {
                hint: previous.hint,
                ends_at: instant(previous.ends_at),
                last_used_at: previous.last_used_at.map(instant),
            }),
            revoked: $key.revoked.map(|revoked| Revoked {
                at: instant(revoked.at),
                by: revoked.by.display_name,
                reason: revoked.reason,
            }),
            held: $key.status == types::KeyStatus::Held,
            revoking: false,
        }
    };
}

impl From<types::ApiKey> for Key {
    fn from(key: types::ApiKey) -> Self {
        key!(key)
    }
}

impl From<types::CreatedApiKey> for Key {
    fn from(key: types::CreatedApiKey) -> Self {
        key!(key)
    }
}

macro_rules! same_values {
    ($ours:ident = $theirs:ident { $($value:ident),+ }) => {
        impl From<types::$theirs> for $ours {
            fn from(value: types::$theirs) -> Self {
                match value { $(types::$theirs::$value => Self::$value),+ }
            }
        }

        impl From<$ours> for types::$theirs {
            fn from(value: $ours) -> Self {
                match value { $($ours::$value => Self::$value),+ }
            }
        }
    };
}

same_values!(Role = Role { HeadCoach, Coach, Athlete });
same_values!(Standing = MemberStatus { Active, Inactive, Suspended });
same_values!(Plan = Plan { Free, Coach, Club, Enterprise });

impl From<types::Scope> for Scope {
    fn from(scope: types::Scope) -> Self {
        match scope {
            types::Scope::OrganizationRead => Self::OrganizationRead,
            types::Scope::MembersRead => Self::MembersRead,
            types::Scope::MembersWrite => Self::MembersWrite,
        }
    }
}

impl From<Scope> for types::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::OrganizationRead => Self::OrganizationRead,
            Scope::MembersRead => Self::MembersRead,
            Scope::MembersWrite => Self::MembersWrite,
        }
    }
}

same_values!(AdvisedAction = AdvisedAction { Narrow, Revoke, EndPreviousSecret });

/// The day of a text of the API's.
fn date(day: &str) -> Date {
    day.parse().unwrap_or_default()
}

fn count(calls: i64) -> u64 {
    u64::try_from(calls).unwrap_or_default()
}

impl From<types::LastUse> for LastUse {
    fn from(last: types::LastUse) -> Self {
        Self { at: instant(last.at), address: last.address, user_agent: last.user_agent, operation: last.operation }
    }
}

/// How a key is used.
pub fn usage(usage: types::ApiKeyUsage) -> Usage {
    let day = |day: types::DayUsage| DayUsage {
        date: date(&day.date),
        operation: day.operation,
        refused: day.refused,
        calls: count(day.calls),
    };
    let secret =
        |secret: types::SecretUsage| SecretUsage { hint: secret.hint, last_use: secret.last_use.map(LastUse::from) };
    let advice = |advice: types::Advice| Advice {
        action: advice.action.into(),
        reason: advice.reason,
        scopes: advice.scopes.into_iter().map(Scope::from).collect(),
    };
    Usage {
        since: date(&usage.since),
        until: date(&usage.until),
        calls: count(usage.calls),
        refused: count(usage.refused),
        last_refused: usage.last_refused.map(|last| RefusedUse {
            at: instant(last.at),
            address: last.address,
            code: last.code,
        }),
        secrets: usage.secrets.into_iter().map(secret).collect(),
        days: usage.days.into_iter().map(day).collect(),
        advice: usage.advice.into_iter().map(advice).collect(),
    }
}

/// What an act on a key would break.
pub fn impact(impact: types::Impact) -> Impact {
    let latest = impact.operations.iter().max_by_key(|operation| operation.last_called_at);
    let address = latest.and_then(|operation| operation.addresses.first().map(ToString::to_string));
    Impact {
        last: impact.last_called_at.map(|at| (instant(at), address)),
        operations: impact
            .operations
            .into_iter()
            .map(|operation| (operation.operation, count(operation.calls)))
            .collect(),
        last_use: impact.last_use.map(LastUse::from),
    }
}

impl From<types::AuditEvent> for audit::Event {
    fn from(event: types::AuditEvent) -> Self {
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Self {
            id: event.id,
            at: instant(event.at),
            actor_id: event.actor.id.unwrap_or_else(|| event.actor.kind.to_string()),
            actor_name: event.actor.display_name,
            action: event.action,
            target_id: event.target.id,
            target_name: event.target.display_name,
            address: event.address,
            request_id: event.request_id,
            changes: event.changes.into_iter().map(|(field, value)| (field, text(value))).collect(),
            number: event.number,
            hash: event.hash,
        }
    }
}

impl From<types::Member> for Member {
    fn from(member: types::Member) -> Self {
        Member {
            id: member.id,
            role: member.role.into(),
            status: member.status.into(),
            name: member.display_name,
            email: member.email,
            labels: member.labels,
            external_id: member.external_id,
            coach_id: member.coach_id,
            accepted: member.user_id.is_some(),
            created_at: instant(member.created_at),
            updated_at: instant(member.updated_at),
        }
    }
}

/// The club, at the revision `etag`.
pub fn club(organization: types::Organization, etag: Option<String>) -> Club {
    Club {
        id: organization.id,
        name: organization.name,
        description: organization.description,
        plan: organization.plan.into(),
        security_settings: organization.features.contains(&types::Feature::SecuritySettings),
        active_keys: organization.active_api_keys.and_then(|count| u64::try_from(count).ok()),
        longest_key_days: organization.longest_key_days.and_then(|days| u16::try_from(days).ok()),
        usual_key_days: organization.usual_key_days.and_then(|days| u16::try_from(days).ok()),
        created_at: instant(organization.created_at),
        etag,
    }
}

/// Who is signed in, by what the server says of them; none if it was a key that asked.
pub fn signed_in(caller: types::Caller) -> Option<SignedIn> {
    let user = caller.user?;
    Some(SignedIn {
        person: Person { id: user.id, name: user.display_name, email: user.email },
        memberships: caller
            .memberships
            .into_iter()
            .map(|membership| Membership {
                organization_id: membership.organization_id,
                organization_name: membership.organization_name,
                member_id: membership.member_id,
                role: membership.role.into(),
            })
            .collect(),
    })
}

/// A role that can be given; the head coach's is handed over instead.
pub fn assignable(role: Role) -> types::AssignableRole {
    match role {
        Role::HeadCoach | Role::Coach => types::AssignableRole::Coach,
        Role::Athlete => types::AssignableRole::Athlete,
    }
}

/// A member to be added.
pub fn new_member(member: MemberWish) -> types::NewMember {
    types::NewMember {
        display_name: member.name,
        role: Some(assignable(member.role)),
        status: Some(member.status.into()),
        email: member.email,
        labels: (!member.labels.is_empty()).then_some(member.labels),
        external_id: member.external_id,
        coach_id: member.coach_id,
    }
}

/// What differs between two wishes, as the API wants it said.
pub fn member_change(from: &MemberWish, to: MemberWish) -> types::MemberChange {
    use types::ClearableMemberField as Clear;
    let mut change = types::MemberChange::default();
    let mut clear = Vec::new();
    if to.name != from.name {
        change.display_name = Some(to.name);
    }
    if to.role != from.role {
        change.role = Some(assignable(to.role));
    }
    if to.status != from.status {
        change.status = Some(to.status.into());
    }
    let mut optional = |from: &Option<String>, to: Option<String>, field: &mut Option<String>, cleared: Clear| {
        if to != *from {
            match to {
                Some(value) => *field = Some(value),
                None => clear.push(cleared),
            }
        }
    };
    optional(&from.email, to.email, &mut change.email, Clear::Email);
    optional(&from.external_id, to.external_id, &mut change.external_id, Clear::ExternalId);
    optional(&from.coach_id, to.coach_id, &mut change.coach_id, Clear::CoachId);
    if to.labels != from.labels {
        if to.labels.is_empty() {
            clear.push(Clear::Labels);
        } else {
            change.labels = to.labels;
        }
    }
    change.clear = (!clear.is_empty()).then_some(clear);
    change
}
