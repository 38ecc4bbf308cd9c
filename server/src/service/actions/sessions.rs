//! Sessions: begin, end, who am I.

use std::sync::Arc;

use serde_json::json;

use crate::service::{
    authority::{Authenticated, SignedIn, Visitor},
    error::{Error, Result, Unauthenticated},
    model::{
        api_key::ApiKey,
        audit_event::Actor,
        id::{MemberId, OrganizationId, UserId},
        name::Name,
        password::PasswordHash,
        role::{MemberStatus, Role},
        secret::SecretHash,
        session::Session,
        user::User,
    },
    store::{self, Read, WriteTx},
};

/// Who a caller is.
pub enum Identity {
    /// A person, and where they are a member.
    User(User, Vec<Membership>),
    /// A program.
    ApiKey(Arc<ApiKey>),
}

/// A person's place in an organization.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Which organization.
    pub organization_id: OrganizationId,
    /// What it is called.
    pub organization_name: Name,
    /// Which member of it the person is.
    pub member_id: MemberId,
    /// In which role.
    pub role: Role,
}

impl<T: Read> Authenticated<'_, T> {
    /// Who the caller is.
    pub fn identity(&self) -> Result<Identity> {
        if let Some((organization_id, id)) = self.caller.api_key() {
            let api_key = store::api_keys::shared(self.tx, organization_id, id)?.ok_or(Error::NotFound)?;
            return Ok(Identity::ApiKey(api_key));
        }
        let user_id = self.caller.user_id()?;
        let user = store::users::get(self.tx, user_id)?.ok_or(Unauthenticated::SessionOver)?;
        let mut memberships = Vec::new();
        for (organization_id, member_id) in store::members::memberships(self.tx, user_id)? {
            let head = store::members::head(self.tx, organization_id, member_id)?;
            let organization = store::organizations::get(self.tx, organization_id)?;
            if let (Some(head), Some(organization)) = (head, organization)
                && head.status == MemberStatus::Active
            {
                memberships.push(Membership {
                    organization_id,
                    organization_name: organization.name,
                    member_id,
                    role: head.role,
                });
            }
        }
        memberships.sort_by_key(|membership| membership.organization_id);
        Ok(Identity::User(user, memberships))
    }
}

/// Begins a session of the user, whose token has this hash.
pub(in crate::service) fn begin(tx: &WriteTx, user_id: UserId, token: &SecretHash) -> Result<Session> {
    store::sessions::delete_expired(tx, user_id)?;
    let session = Session::begin(user_id, tx.now());
    store::sessions::put(tx, token, &session)?;
    Ok(session)
}

impl Visitor<'_, WriteTx> {
    /// Begins a session for the user whose password was verified against `verified`; replaces the hash
    /// by `rehashed` if there is one.
    ///
    /// # Errors
    /// [`Unauthenticated::WrongPassword`] if the password was changed meanwhile.
    pub fn sign_in(
        &self,
        user_id: UserId,
        verified: &PasswordHash,
        rehashed: Option<PasswordHash>,
        token: &SecretHash,
    ) -> Result<(User, Session)> {
        let mut user = store::users::get(self.tx, user_id)?.ok_or(Unauthenticated::WrongPassword)?;
        if user.password_hash != *verified {
            return Err(Unauthenticated::WrongPassword.into());
        }
        if let Some(rehashed) = rehashed {
            user.password_hash = rehashed;
            store::users::put(self.tx, &user)?;
        }
        let session = begin(self.tx, user_id, token)?;
        self.audit.by(Actor::User { id: user_id }).record(self.tx, None, "session.begin", user_id, json!({}))?;
        Ok((user, session))
    }
}

impl SignedIn<'_, WriteTx> {
    /// Ends the session that is calling.
    pub fn sign_out(&self) -> Result<()> {
        store::sessions::end(self.tx, self.user_id, &self.session)?;
        self.audit.record(self.tx, None, "session.end", self.user_id, json!({}))
    }

    /// Ends every session of the person, the one that is calling included.
    pub fn sign_out_everywhere(&self) -> Result<()> {
        let ended = store::sessions::delete_others(self.tx, self.user_id, None)?;
        self.audit.record(self.tx, None, "session.end_all", self.user_id, json!({ "sessions_ended": ended }))
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, ops::ControlFlow};

    use super::*;
    use crate::service::{
        Clock, Email, Origin, Password, Service, Settings, model::audit_event::AuditEvent, store::tables::AUDIT_EVENTS,
    };

    /// What was done last and what changed, in the server's chain.
    fn last_event(service: &Service) -> (String, serde_json::Value) {
        let mut last = None;
        let walk = service.read(|tx| {
            tx.scan_prefix(AUDIT_EVENTS, &[0; 16], |_, value| {
                let event: AuditEvent = serde_json::from_slice(&value[32..]).expect("an event");
                last = Some((event.action, event.changes));
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(())
        });
        walk.expect("read");
        last.expect("an event")
    }

    #[tokio::test]
    async fn signing_out_tells_whether_it_was_everywhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let (service, code) = Service::open(folder.path(), Settings::default(), Clock::system()).expect("opens");
        let origin = Origin { address: Ipv4Addr::LOCALHOST.into(), request_id: service.new_request_id() };
        let email: Email = "ana@summit.example".parse().expect("an email");
        let name = |text: &str| text.parse::<Name>().expect("a name");
        let password = || Password::typed("lantern-harbor-quiet-ana".to_owned());
        let code = code.expect("not set up");
        service.set_up(&code, name("Summit"), email.clone(), name("Ana"), password(), origin).await.expect("set up");
        let caller = async || {
            let signed_in = service.sign_in(&email, password(), origin).await.expect("signed in");
            service.authenticate(&signed_in.token, origin, "logout", None).caller.expect("known")
        };
        let (once, everywhere) = (caller().await, caller().await);
        service.write(move |tx| tx.signed_in(&once)?.sign_out()).await.expect("signed out");
        assert_eq!(last_event(&service), ("session.end".to_owned(), json!({})));
        service.write(move |tx| tx.signed_in(&everywhere)?.sign_out_everywhere()).await.expect("signed out");
        // That of the set-up, and the one that called.
        assert_eq!(last_event(&service), ("session.end_all".to_owned(), json!({ "sessions_ended": 2 })));
    }
}
