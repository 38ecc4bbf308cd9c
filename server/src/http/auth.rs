//! Signing in and out, who am I, and setting the server up.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query};
use serde::Serialize;

use super::{
    Tag,
    body::{Body, body},
    organizations::{self, OrganizationBody},
    problem,
    refused::{ANY, BODY, CREDENTIAL, Kinds, Refused, SESSION, THROTTLED, WRITES},
    reply::{NoContent, Reply},
    schema::{Code, NewPassword, Switch, TypedPassword},
    security::{AnyCaller, SessionCaller},
};
use crate::service::{
    ApiKey, ApiKeyId, Email, Identity, Invalid, MemberId, Name, OrganizationId, OrganizationView, Origin, Role, Scope,
    Service, SignedInAs, Timestamp, User, UserId,
};

body! {
    /// An email and the password that belongs to it.
    #[oai(rename = "Login")]
    post LoginBody {
        /// The email of the account.
        email: Email,
        /// Its password.
        password: TypedPassword,
    }
}

body! {
    /// The present password and the next.
    #[oai(rename = "PasswordChange")]
    post PasswordChangeBody {
        /// The present one.
        current_password: TypedPassword,
        /// The next: 12 to 128 characters, and not among the most common passwords.
        new_password: NewPassword,
    }
}

body! {
    /// The club that is set up and its head coach.
    #[oai(rename = "Setup")]
    post SetupBody {
        /// The code that the server printed, or wrote to the file `setup-code` in its data folder, when
        /// it was started.
        setup_code: Code,
        /// The name of the club.
        organization_name: Name,
        /// What the head coach is called.
        display_name: Name,
        /// The email with which the head coach will sign in.
        email: Email,
        /// Their password: 12 to 128 characters, and not among the most common passwords.
        password: NewPassword,
    }
}

/// A person who can sign in.
#[derive(Serialize, Object)]
#[oai(rename = "User")]
pub struct UserBody {
    id: UserId,
    /// The email of the account.
    email: Email,
    /// What they are called.
    display_name: Name,
    created_at: Timestamp,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self { id: user.id, email: user.email, display_name: user.display_name, created_at: user.created_at }
    }
}

/// A session that has just begun.
#[derive(Serialize, Object)]
#[oai(rename = "Session")]
pub struct SessionBody {
    /// The token, this once: send it as `Authorization: Bearer …`.
    token: String,
    /// The session ends then unless it is used; each use moves this, up to 90 days after the sign-in.
    expires_at: Timestamp,
    user: UserBody,
}

impl From<SignedInAs> for SessionBody {
    fn from(signed_in: SignedInAs) -> Self {
        Self { token: signed_in.token.reveal(), expires_at: signed_in.session.expires_at, user: signed_in.user.into() }
    }
}

/// The club that was set up, and its head coach's session.
#[derive(Serialize, Object)]
#[oai(rename = "CompletedSetup")]
struct SetUpBody {
    organization: OrganizationBody,
    user: UserBody,
    /// The token, this once: send it as `Authorization: Bearer …`.
    token: String,
    expires_at: Timestamp,
}

crate::service::words!(
    /// What kind of caller a credential stands for.
    CallerKind {
        /// A signed-in person.
        Session = "session",
        /// A program.
        ApiKey = "api_key",
    }
);

/// Who is calling.
#[derive(Serialize, Object)]
#[oai(rename = "Caller")]
struct CallerBody {
    kind: CallerKind,
    /// The person, if a session is calling.
    user: Option<UserBody>,
    /// The organizations in which the person is an active member; empty for a key.
    memberships: Vec<MembershipBody>,
    /// The key, if one is calling.
    api_key: Option<CallingKeyBody>,
}

/// A person's place in an organization.
#[derive(Serialize, Object)]
#[oai(rename = "Membership")]
struct MembershipBody {
    organization_id: OrganizationId,
    organization_name: Name,
    member_id: MemberId,
    role: Role,
}

/// The key that is calling.
#[derive(Serialize, Object)]
#[oai(rename = "CallingApiKey")]
struct CallingKeyBody {
    id: ApiKeyId,
    organization_id: OrganizationId,
    name: Name,
    /// What it may do.
    scopes: Vec<Scope>,
    /// From then on it is refused; `null` if it does not expire.
    expires_at: Option<Timestamp>,
}

impl From<&ApiKey> for CallingKeyBody {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id,
            organization_id: key.organization_id,
            name: key.name.clone(),
            scopes: key.scopes.as_slice().to_vec(),
            expires_at: key.expires_at,
        }
    }
}

const LOGIN: Kinds = ANY | BODY | THROTTLED | problem::WRONG_PASSWORD.bit;
const SET_UP: Kinds = ANY | BODY | THROTTLED | problem::WRONG_SETUP_CODE.bit | problem::ALREADY_SET_UP.bit;
const PASSWORD: Kinds = SESSION | BODY | THROTTLED | problem::PASSWORD_INCORRECT.bit;

/// The path at which a session says whose it is.
pub const CALLER_PATH: &str = "/api/v1/auth/me";

pub struct AuthApi;

#[OpenApi]
impl AuthApi {
    /// Set the server up
    ///
    /// Makes the first organization and its head coach, and signs them in. Works once, with the code
    /// that the server printed when it was started.
    #[oai(path = "/api/v1/setup", method = "post", operation_id = "set_up", tag = "Tag::Authentication")]
    async fn set_up(
        &self,
        service: Data<&Arc<Service>>,
        origin: Origin,
        Body(body): Body<SetupBody>,
    ) -> Result<Reply<SetUpBody, 201>, Refused<SET_UP>> {
        let SetupBody { setup_code, organization_name, display_name, email, password } = body;
        let set_up = service.set_up(&setup_code.0, organization_name, email, display_name, password.0, origin).await?;
        let organization = OrganizationView { organization: set_up.organization, active_api_keys: Some(0) };
        let SessionBody { token, expires_at, user } = set_up.signed_in.into();
        let location = organizations::path_of(organization.organization.id);
        let body = SetUpBody { organization: organization.into(), user, token, expires_at };
        Ok(Reply::with_secret(&body).location(&location))
    }

    /// Sign in
    ///
    /// Answers a session token. The answer is the same, and takes as long, whether the email is unknown
    /// or the password wrong. Repeated failures are slowed.
    #[oai(path = "/api/v1/auth/login", method = "post", operation_id = "login", tag = "Tag::Authentication")]
    async fn login(
        &self,
        service: Data<&Arc<Service>>,
        origin: Origin,
        Body(body): Body<LoginBody>,
    ) -> Result<Reply<SessionBody>, Refused<LOGIN>> {
        let signed_in = service.sign_in(&body.email, body.password.0, origin).await?;
        Ok(Reply::with_secret(&signed_in.into()))
    }

    /// Sign out
    ///
    /// Ends the session; its token is refused from then on. With `everywhere` every session of the person ends,
    /// this one included, and all their tokens are refused from then on. API keys go on working.
    #[oai(path = "/api/v1/auth/logout", method = "post", operation_id = "logout", tag = "Tag::Authentication")]
    async fn logout(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// Whether every session of the person ends, and not this one alone.
        #[oai(default = "Switch::off")]
        everywhere: Query<Switch>,
    ) -> Result<NoContent, Refused<{ SESSION | WRITES }>> {
        let Query(Switch(everywhere)) = everywhere;
        service
            .write_urgently(move |tx| {
                let person = tx.signed_in(&caller)?;
                if everywhere { person.sign_out_everywhere() } else { person.sign_out() }
            })
            .await?;
        Ok(NoContent)
    }

    /// Who am I
    ///
    /// For a session the person and their organizations; for an API key the key. A good first call of
    /// an integration: it needs no scope.
    #[oai(path = "/api/v1/auth/me", method = "get", operation_id = "get_caller", tag = "Tag::Authentication")]
    async fn get_caller(
        &self,
        AnyCaller(caller): AnyCaller,
        service: Data<&Arc<Service>>,
    ) -> Result<Reply<CallerBody>, Refused<{ CREDENTIAL | problem::PLAN_REQUIRED.bit }>> {
        let body = match service.read(|tx| tx.authenticated(&caller)?.identity())? {
            Identity::User(user, memberships) => {
                let body = |membership: crate::service::Membership| MembershipBody {
                    organization_id: membership.organization_id,
                    organization_name: membership.organization_name,
                    member_id: membership.member_id,
                    role: membership.role,
                };
                let memberships = memberships.into_iter().map(body).collect();
                CallerBody { kind: CallerKind::Session, user: Some(user.into()), memberships, api_key: None }
            }
            Identity::ApiKey(key) => CallerBody {
                kind: CallerKind::ApiKey,
                user: None,
                memberships: Vec::new(),
                api_key: Some((&*key).into()),
            },
        };
        Ok(Reply::new(&body))
    }

    /// Change the password
    ///
    /// Needs the present one. The person's other sessions end.
    #[oai(
        path = "/api/v1/auth/password",
        method = "post",
        operation_id = "change_password",
        tag = "Tag::Authentication"
    )]
    async fn change_password(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        origin: Origin,
        Body(body): Body<PasswordChangeBody>,
    ) -> Result<NoContent, Refused<PASSWORD>> {
        service.change_password(caller, body.current_password.0, body.new_password.0, origin).await?;
        Ok(NoContent)
    }
}
