//! Takes away again what a database lacks that was restored from a backup, or holds everything where nobody knows what that
//! is.

use std::sync::{Mutex, PoisonError};

use serde_json::json;

use super::{
    actions::members::release_athletes,
    audit::Audit,
    error::{Result, Unavailable},
    model::{
        api_key::{ApiKey, KeyState},
        id::OrganizationId,
        member::Member,
        organization::Organization,
        revocation::{KeyAuthority, Revocation},
        role::Role,
        user::User,
    },
    store::{self, Lacks, Read as _, WriteTx},
};

/// What was done, a sentence each; for the operator.
#[derive(Debug, Default)]
pub struct Report(Mutex<Vec<String>>);

impl Report {
    fn say(&self, sentence: String) {
        tracing::warn!("{sentence}");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sentence);
    }

    /// The sentences so far.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Takes away what the database lacks.
pub(super) fn catch_up(tx: &WriteTx, lacks: &Lacks, report: &Report) -> Result<()> {
    match lacks {
        Lacks::These(revocations) => {
            revocations.iter().try_for_each(|revocation| take_away(tx, revocation.clone(), report))
        }
        Lacks::Unknown { why, is_backup: true } => {
            report.say(format!(
                "there is no log of revocations that reaches back to this backup ({why}), so that nobody knows what was taken away since it was made"
            ));
            hold(tx, report)
        }
        Lacks::Unknown { why, is_backup: false } => {
            tracing::warn!(
                why,
                "there is no log of revocations for this database; another is begun, and backups that were made before now will be restored with every key held"
            );
            Ok(())
        }
    }
}

const AUDIT: Audit = Audit::of_operator();

/// Takes away once more what was taken away from a newer state of the database. What that had and this has not needs none
/// of it.
fn take_away(tx: &WriteTx, revocation: Revocation, report: &Report) -> Result<()> {
    match revocation {
        Revocation::ApiKey(authority) => key_authority(tx, authority, report),
        Revocation::Session { user_id, hash } => {
            if store::sessions::end(tx, user_id, &hash)? {
                report.say(format!("a session of {user_id} is over"));
                AUDIT.record(tx, None, "session.catch_up", user_id, json!({}))?;
            }
            Ok(())
        }
        Revocation::Password { user_id, password_hash, changed_at } => {
            let Some(user) = store::users::get(tx, user_id)? else { return Ok(()) };
            if user.password_changed_at >= changed_at {
                return Ok(());
            }
            store::users::put(tx, &User { password_hash, password_changed_at: changed_at, ..user })?;
            report.say(format!("{user_id} has the password of {changed_at}"));
            AUDIT.record(tx, None, "user.catch_up", user_id, json!({ "password_changed_at": changed_at }))
        }
        Revocation::Member { organization_id, id, role, status } => {
            let Some((before, revision)) = store::members::get(tx, organization_id, id)? else { return Ok(()) };
            // Who has not accepted an invitation here can be given no right by one that was accepted there.
            let role = if before.user_id.is_none() { role.max(before.role) } else { role };
            if (before.role, before.status) == (role, status) {
                return Ok(());
            }
            let coach_id = before.coach_id.filter(|_| role == Role::Athlete);
            let after = Member { role, status, coach_id, updated_at: tx.now(), ..before.clone() };
            if role == Role::Athlete && before.role != Role::Athlete {
                release_athletes(tx, organization_id, id)?;
            }
            store::members::put(tx, Some((&before, revision)), &after)?;
            report.say(format!("member {id} of {organization_id} is {} and {}", role.as_str(), status.as_str()));
            if before.role == Role::HeadCoach && store::members::head_coach(tx, organization_id)?.is_none() {
                report.say(format!(
                    "{organization_id} has no head coach unless a line below names one: 'org set-head-coach' makes one"
                ));
            }
            AUDIT.record(tx, Some(organization_id), "member.catch_up", id, json!({ "role": role, "status": status }))
        }
        Revocation::MemberRemoved { organization_id, id } => {
            let Some((member, _)) = store::members::get(tx, organization_id, id)? else { return Ok(()) };
            release_athletes(tx, organization_id, id)?;
            store::invitations::delete_of(tx, organization_id, id)?;
            store::members::delete(tx, &member)?;
            report.say(format!("member {id} of {organization_id} is removed"));
            AUDIT.record(tx, Some(organization_id), "member.catch_up", id, json!({ "removed": true }))
        }
        Revocation::Invitation { organization_id, member_id, hash } => {
            if store::invitations::get(tx, &hash)?.is_none() {
                return Ok(());
            }
            store::invitations::delete_of(tx, organization_id, member_id)?;
            report.say(format!("the invitation of member {member_id} of {organization_id} is withdrawn"));
            let changes = json!({ "invitation_withdrawn": true });
            AUDIT.record(tx, Some(organization_id), "member.catch_up", member_id, changes)
        }
        Revocation::Plan { organization_id, plan } => {
            let Some(before) = store::organizations::get(tx, organization_id)? else { return Ok(()) };
            if before.plan == plan {
                return Ok(());
            }
            let after = Organization { plan, revision: before.revision + 1, updated_at: tx.now(), ..before };
            store::organizations::put(tx, &after)?;
            report.say(format!("{organization_id} is on the plan {}", plan.as_str()));
            let changes = json!({ "plan": plan });
            AUDIT.record(tx, Some(organization_id), "organization.catch_up", organization_id, changes)
        }
        Revocation::SetUp => {
            if !store::organizations::is_set_up(tx)? {
                store::organizations::put_set_up(tx)?;
                report.say("the server was set up once: make an organization with 'init'".to_owned());
            }
            Ok(())
        }
    }
}

/// Gives a key the authority that it had later.
fn key_authority(tx: &WriteTx, authority: KeyAuthority, report: &Report) -> Result<()> {
    let KeyAuthority { organization_id, id, .. } = authority;
    let Some(before) = store::api_keys::get(tx, organization_id, id)? else { return Ok(()) };
    if KeyAuthority::of(&before) == authority {
        return Ok(());
    }
    let after = authority.given_to(ApiKey { revision: before.revision + 1, ..before.clone() });
    store::api_keys::put(tx, Some(&before), &after)?;
    let status = after.status(tx.now());
    report.say(format!(
        "key {id} of {organization_id} is {}, with the secrets and limits that it had last",
        status.as_str()
    ));
    let changes = json!({
        "status": status, "scopes": after.scopes, "expires_at": after.expires_at, "allowed_ips": after.allowed_ips,
    });
    AUDIT.record(tx, Some(organization_id), "api_key.catch_up", id, changes)
}

/// Ends every session, withdraws every invitation, and holds every key until the operator releases it.
fn hold(tx: &WriteTx, report: &Report) -> Result<()> {
    let (mut sessions, mut keys) = (0, 0);
    for user_id in store::sessions::users(tx)? {
        sessions += store::sessions::delete_others(tx, user_id, None)?;
    }
    let invitations = store::invitations::all(tx)?;
    for (organization_id, member_id) in &invitations {
        store::invitations::delete_of(tx, *organization_id, *member_id)?;
    }
    let mut organizations: Vec<OrganizationId> = Vec::new();
    store::organizations::each_id(tx, |id| {
        organizations.push(id);
        Ok(())
    })?;
    for organization_id in organizations {
        let mut held = 0;
        for id in store::api_keys::ids(tx, organization_id)? {
            let before = store::api_keys::get(tx, organization_id, id)?.ok_or(Unavailable::Corrupt("api key"))?;
            if matches!(before.state, KeyState::Usable) {
                let after = ApiKey { state: KeyState::Held, revision: before.revision + 1, ..before.clone() };
                store::api_keys::put(tx, Some(&before), &after)?;
                held += 1;
            }
        }
        keys += held;
        AUDIT.record(tx, Some(organization_id), "organization.hold_keys", organization_id, json!({ "keys": held }))?;
    }
    AUDIT.record(tx, None, "server.end_sessions", "server", json!({ "sessions_ended": sessions }))?;
    report.say(format!(
        "every session is over ({sessions}), every invitation withdrawn ({}), and every key held ({keys}): look through them with 'key list', and release them with 'key release'",
        invitations.len()
    ));
    Ok(())
}
