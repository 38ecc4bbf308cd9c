//! Invitations: how a member becomes a person who can sign in.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path},
};
use serde::Serialize;

use super::{
    PublicUrl, Tag,
    auth::{CALLER_PATH, SessionBody},
    body::{Body, RepeatableBody, body},
    members, problem,
    refused::{ANY, BODY, HEAD_COACH, Kinds, REPEATABLE, Refused, THROTTLED},
    reply::Reply,
    schema::{Code, EitherPassword},
    security::SessionCaller,
};
use crate::service::{
    Email, Error, IdempotencyKey, Invitation, InvitationId, MemberId, OrganizationId, Origin, Secret, SecretKind,
    Service, Timestamp, Unauthenticated,
};

body! {
    /// Whom to invite.
    #[oai(rename = "NewInvitation")]
    post NewInvitationBody {
        /// The email of the account that is to accept; the member's own if left out.
        email: Option<Email>,
    }
}

body! {
    /// An invitation and the password that accepts it.
    #[oai(rename = "InvitationAcceptance")]
    post AcceptanceBody {
        /// The code: what stands behind the `#` of the link.
        code: Code,
        /// The password of the account that has the invitation's email; where there is none, the first
        /// password of a new account, of 12 to 128 characters.
        password: EitherPassword,
    }
}

/// An invitation for one member.
#[derive(Serialize, Object)]
#[oai(rename = "Invitation")]
struct InvitationBody {
    id: InvitationId,
    organization_id: OrganizationId,
    member_id: MemberId,
    /// The email of the account that is to accept.
    email: Email,
    created_at: Timestamp,
    /// From then on it cannot be accepted.
    expires_at: Timestamp,
}

impl From<Invitation> for InvitationBody {
    fn from(invitation: Invitation) -> Self {
        let Invitation { id, organization_id, member_id, email, created_at, expires_at, .. } = invitation;
        Self { id, organization_id, member_id, email, created_at, expires_at }
    }
}

/// An invitation that was just made.
#[derive(Serialize, Object)]
#[oai(rename = "CreatedInvitation")]
struct CreatedInvitationBody {
    invitation: InvitationBody,
    /// The link to be passed on, this once. Whoever has it can accept.
    link: String,
}

const INVITE: Kinds = HEAD_COACH | BODY | REPEATABLE | problem::ALREADY_ACCEPTED.bit | problem::ALREADY_CREATED.bit;
const ACCEPT: Kinds = ANY
    | BODY
    | THROTTLED
    | problem::INVITATION_INVALID.bit
    | problem::WRONG_PASSWORD.bit
    | problem::ALREADY_MEMBER.bit;

pub struct InvitationsApi;

#[OpenApi]
impl InvitationsApi {
    /// Invite a member
    ///
    /// Makes a link with which the member sets a password, or uses the one they have, and can sign in from
    /// then on. Replaces the invitation that the member may have. The body can be `{}`.
    #[oai(
        path = "/api/v1/organizations/:org_id/members/:member_id/invitation",
        method = "post",
        operation_id = "create_invitation",
        tag = "Tag::Members"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn create_invitation(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        public_url: PublicUrl,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The member.
        member_id: Path<MemberId>,
        /// A name for this request, made up by the client: sent again within 24 h, it invites nobody twice.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<IdempotencyKey>>,
        body: RepeatableBody<NewInvitationBody>,
    ) -> Result<Reply<CreatedInvitationBody, 201>, Refused<INVITE>> {
        let RepeatableBody(body, fingerprint) = body;
        let code = service.new_secret(SecretKind::Invitation);
        let hash = code.hash();
        let attempt = service.begin(&caller, idempotency_key.0, fingerprint)?;
        let invitation = service
            .write(move |tx| {
                let head_coach = tx.head_coach(&caller, org_id.0)?;
                let invite = || head_coach.invite(member_id.0, body.email.clone(), hash);
                tx.once_with_secret(&attempt, invite, |invitation| invitation.id.to_string())
            })
            .await?;
        // Behind the #, which no browser sends: the code stands in no server's log.
        let link = format!("{}/invitations/accept#{}", public_url.0, code.reveal());
        let location = format!("{}/invitation", members::path_of(org_id.0, member_id.0));
        Ok(Reply::with_secret(&CreatedInvitationBody { invitation: invitation.into(), link }).location(&location))
    }

    /// Accept an invitation
    ///
    /// The member is the person from then on, who is signed in by the answer. Works once.
    #[oai(
        path = "/api/v1/invitations/accept",
        method = "post",
        operation_id = "accept_invitation",
        tag = "Tag::Authentication"
    )]
    async fn accept_invitation(
        &self,
        service: Data<&Arc<Service>>,
        origin: Origin,
        Body(body): Body<AcceptanceBody>,
    ) -> Result<Reply<SessionBody, 201>, Refused<ACCEPT>> {
        let code = Secret::parse(body.code.0).ok_or(Error::Unauthenticated(Unauthenticated::WrongInvitation))?;
        let signed_in = service.accept_invitation(&code, body.password.0, origin).await?;
        Ok(Reply::with_secret(&signed_in.into()).location(CALLER_PATH))
    }
}
