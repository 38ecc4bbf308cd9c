//! What the operator asks for, done in the service.

use std::fs::File;

use serde_json::{Value, json};

use super::Request;
use crate::{
    cli::{audit, backup},
    service::{
        ApiKey, Conflict, Email, Error, HeadedOrganization, NewHeadCoach, Organization, OrganizationId, Password,
        Service, ShellAccess, StoredEvent, Timestamp, User,
    },
};

/// Does what the operator asks. Reached from a shell on this machine and from nowhere else.
pub async fn perform(service: &Service, request: Request, file: Option<File>) -> Result<Value, String> {
    done(service, request, file).await.map_err(|Refusal(said)| said)
}

async fn done(service: &Service, request: Request, file: Option<File>) -> Result<Value, Refusal> {
    let access = ShellAccess::asserted_by_command_line();
    Ok(match request {
        Request::ListOrganizations => {
            let organizations = service.read(|tx| tx.operator(access).organizations())?;
            organizations.iter().map(headed).collect()
        }
        Request::CreateOrganization { first, organization: name, plan, email, name: display_name, password } => {
            let password_hash = service.hash_password(Password::typed(password)).await?;
            let head_coach = NewHeadCoach { email, display_name, password_hash };
            let create = service.write(move |tx| {
                tx.operator(access).create_organization(name.clone(), plan, head_coach.clone(), first)
            });
            let (organization, user) = create.await?;
            let mut made = planned(&organization);
            made["head_coach"] = json!(user.email);
            made
        }
        Request::SetPlan { organization, plan } => {
            planned(&service.write(move |tx| tx.operator(access).set_plan(organization, plan)).await?)
        }
        Request::SetHeadCoach { organization, email, admit } => {
            let sought = email.clone();
            let set = service.write(move |tx| tx.operator(access).set_head_coach(organization, &sought, admit));
            let member = set.await.map_err(|error| match error {
                Error::NotFound => Refusal(nobody(organization, &email, admit)),
                other => other.into(),
            })?;
            json!({ "id": organization, "head_coach": email, "head_coach_name": member.display_name })
        }
        Request::ListUsers => service.read(|tx| tx.operator(access).users())?.iter().map(dated).collect(),
        Request::CreateUser { email, name, password } => {
            let hash = service.hash_password(Password::typed(password)).await?;
            let create =
                service.write(move |tx| tx.operator(access).create_user(email.clone(), name.clone(), hash.clone()));
            named(&create.await?)
        }
        Request::UnlockUser { email } => {
            let sought = email.clone();
            service.write(move |tx| tx.operator(access).unlock_user(&sought)).await?;
            service.forgive(&email);
            json!({ "email": email, "unlocked": true })
        }
        Request::ResetPassword { email, password } => {
            let hash = service.hash_password(Password::typed(password)).await?;
            let sought = email.clone();
            let ended = service.write(move |tx| tx.operator(access).reset_password(&sought, hash.clone())).await?;
            service.forgive(&email);
            json!({ "email": email, "sessions_ended": ended })
        }
        Request::ListKeys { organization } => {
            let now = service.judged_at();
            let keys = service.read(|tx| tx.operator(access).api_keys(organization))?;
            keys.iter().map(|key| hinted(key, now)).collect()
        }
        Request::RevokeKey { organization, key, reason } => {
            service.write(move |tx| tx.operator(access).revoke_key(organization, key, reason.clone())).await?;
            json!({ "id": key, "status": "revoked" })
        }
        Request::ReleaseKeys { organization, key } => {
            let released = service.write(move |tx| tx.operator(access).release_keys(organization, key)).await?;
            json!({ "organization": organization, "released": released })
        }
        Request::ListEvents { organization, limit } => {
            let events = service.read(|tx| tx.operator(access).newest_events(organization, limit))?;
            events.iter().map(told).collect()
        }
        Request::AuditHeads => json!(service.read(|tx| tx.operator(access).audit_heads())?),
        // These take long, and others wait to be answered.
        Request::BackUp => {
            let file = file.ok_or_else(|| Refusal("no file came with the request".to_owned()))?;
            tokio::task::block_in_place(|| service.back_up(access, file))?;
            json!({})
        }
        Request::Check => json!(tokio::task::block_in_place(|| backup::check_open(service, access))?),
        Request::VerifyAudit { kept } => {
            json!(tokio::task::block_in_place(|| audit::walk(service, access, kept))?)
        }
    })
}

fn headed((organization, head_coach): &HeadedOrganization) -> Value {
    let head_coach = head_coach.as_ref();
    json!({
        "id": organization.id,
        "name": organization.name,
        "plan": organization.plan,
        "head_coach": head_coach.map(|(_, user)| user.email.to_string()),
        "head_coach_name": head_coach.map(|(member, _)| member.display_name.to_string()),
        "created_at": organization.created_at,
    })
}

fn planned(organization: &Organization) -> Value {
    json!({ "id": organization.id, "name": organization.name, "plan": organization.plan })
}

fn named(user: &User) -> Value {
    json!({ "id": user.id, "email": user.email, "name": user.display_name })
}

fn dated(user: &User) -> Value {
    let mut row = named(user);
    row["created_at"] = json!(user.created_at);
    row
}

fn hinted(key: &ApiKey, now: Timestamp) -> Value {
    let scopes: Vec<_> = key.scopes.as_slice().iter().map(|scope| scope.as_str()).collect();
    json!({
        "id": key.id,
        "name": key.name,
        "hint": key.current_secret().map(|secret| &secret.hint),
        "status": key.status(now),
        "scopes": scopes.join(" "),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    })
}

fn told(StoredEvent { number, event, .. }: &StoredEvent) -> Value {
    json!({
        "number": number,
        "at": event.at,
        "actor": event.actor.to_string(),
        "action": event.action,
        "target": event.target,
        "address": event.address,
        "changes": event.changes,
    })
}

/// A refusal in the operator's words.
struct Refusal(String);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(match error {
            Error::NotFound => "there is no such organization, user, member or key; 'org list', 'user list' and 'key list' show what there is".to_owned(),
            Error::Conflict(Conflict::AlreadySetUp) => "there is an organization already; to make another, use 'org create'".to_owned(),
            Error::Conflict(Conflict::UserExists) => "there is an account with this email; use another".to_owned(),
            Error::Conflict(Conflict::NotActiveCoach) => "the member is not active; a coach of the club can change that, and so does --admit".to_owned(),
            other => other.to_string(),
        })
    }
}

/// Why somebody cannot become head coach who was not found.
fn nobody(organization: OrganizationId, email: &Email, admit: bool) -> String {
    if admit {
        format!(
            "there is no {organization}, or no account with {email} ('org list' shows organizations, 'user list' accounts, 'user create' makes one)"
        )
    } else {
        format!(
            "no member of {organization} signs in with {email}; it takes one who has accepted an invitation, or --admit ('org list' shows organizations, 'user list' who can sign in)"
        )
    }
}
