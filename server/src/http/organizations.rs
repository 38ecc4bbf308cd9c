//! Organizations.

use std::sync::Arc;

use poem::{http::Uri, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
};
use serde::Serialize;

use super::{
    Tag,
    body::{Body, body},
    conditional::{EntityTag, IfMatch, IfNoneMatch},
    cursor::List,
    problem::{self, Problem},
    refused::{BODY, CONDITIONAL, HEAD_COACH, INSIDER, Kinds, Refused, SESSION, THROTTLED},
    reply::Reply,
    schema::{ClearableOrganizationField, CursorText, Limit, TypedPassword, cleared, set_or_clear},
    security::{AnyCaller, SessionCaller},
};
use crate::service::{
    Description, Feature, Id, KeyDays, MemberId, Name, OrganizationChange, OrganizationId, OrganizationView, Origin,
    Plan, Service, Timestamp,
};

/// A club.
#[derive(Serialize, Object)]
#[oai(rename = "Organization")]
pub struct OrganizationBody {
    id: OrganizationId,
    name: Name,
    /// What the head coach wrote about it.
    description: Option<Description>,
    /// What it has subscribed to; whoever runs the server sets it.
    plan: Plan,
    /// What the plan includes.
    features: Vec<Feature>,
    /// How many API keys are active; for the head coach alone, else `null`.
    active_api_keys: Option<u32>,
    /// For how many days an API key may be made to last; `null` for as long as one likes.
    longest_key_days: Option<u16>,
    /// For how many days a key lasts that is created without `expires_at`; `null` for `longest_key_days`.
    usual_key_days: Option<u16>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<OrganizationView> for OrganizationBody {
    fn from(OrganizationView { organization, active_api_keys }: OrganizationView) -> Self {
        Self {
            id: organization.id,
            name: organization.name,
            description: organization.description,
            plan: organization.plan,
            features: organization.plan.features(),
            active_api_keys: active_api_keys.and_then(|count| count.try_into().ok()),
            longest_key_days: organization.longest_key_days.map(KeyDays::get),
            usual_key_days: organization.usual_key_days.map(KeyDays::get),
            created_at: organization.created_at,
            updated_at: organization.updated_at,
        }
    }
}

/// A page of organizations.
#[derive(Serialize, Object)]
#[oai(rename = "OrganizationPage")]
struct OrganizationPage {
    data: Vec<OrganizationBody>,
    /// Pass it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
}

body! {
    /// What is to change; what is left out stays.
    #[oai(rename = "OrganizationChange")]
    patch OrganizationChangeBody {
        name: Option<Name>,
        /// What the club wants to say about itself.
        description: Option<Description>,
        /// For how many days an API key may be made to last. Keys that there are keep their end.
        longest_key_days: Option<KeyDays>,
        /// For how many days a key lasts that is created without `expires_at`; at most `longest_key_days`.
        usual_key_days: Option<KeyDays>,
        /// Fields to be emptied.
        #[oai(validator(max_items = 3, unique_items))]
        clear: Option<Vec<ClearableOrganizationField>>,
    }
}

body! {
    /// Who is to be head coach.
    #[oai(rename = "HandOver")]
    post HandOverBody {
        /// The member: an active coach of the organization who has accepted an invitation.
        member_id: MemberId,
        /// The present head coach's password.
        password: TypedPassword,
    }
}

const HAND_OVER: Kinds = HEAD_COACH
    | BODY
    | THROTTLED
    | problem::PASSWORD_INCORRECT.bit
    | problem::NOT_ACTIVE_COACH.bit
    | problem::NOT_ACCEPTED.bit;

/// The organization that a path names.
pub fn named_in(path: &str) -> Option<OrganizationId> {
    let text = path.strip_prefix("/api/v1/organizations/")?.split('/').next()?;
    // As the framework reads it: whoever writes a letter as its number is meant all the same.
    form_urlencoded::parse(format!("id={text}").as_bytes()).next()?.1.parse().ok()
}

/// The head coach sees how many keys are active, which changes without the organization.
fn tag_of(view: &OrganizationView) -> EntityTag {
    let count = view.active_api_keys.and_then(|count| count.try_into().ok());
    EntityTag { revision: view.organization.revision, count }
}

/// The path of an organization.
pub fn path_of(id: OrganizationId) -> String {
    format!("/api/v1/organizations/{id}")
}

pub struct OrganizationsApi;

#[OpenApi]
impl OrganizationsApi {
    /// List my organizations
    ///
    /// Those in which the caller is an active member, by id.
    #[oai(
        path = "/api/v1/organizations",
        method = "get",
        operation_id = "list_organizations",
        tag = "Tag::Organizations"
    )]
    async fn list_organizations(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        uri: &Uri,
        /// How many to answer at most.
        #[oai(default = "Limit::default_limit")]
        limit: Query<Limit>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<CursorText>>,
    ) -> Result<Reply<OrganizationPage>, Refused<SESSION>> {
        let list = List::of(&[&"organizations"]);
        let after = list.position(cursor.0.as_ref(), OrganizationId::from_bytes)?;
        let mut organizations = service.read(|tx| tx.signed_in(&caller)?.organizations())?;
        organizations.retain(|view| after.is_none_or(|after| view.organization.id > after));
        let more = organizations.len() > limit.0.0 as usize;
        organizations.truncate(limit.0.0 as usize);
        let last = organizations.last().filter(|_| more).map(|view| view.organization.id);
        let next_cursor = last.map(|id| list.cursor(&id.to_bytes()));
        let page = OrganizationPage { data: organizations.into_iter().map(Into::into).collect(), next_cursor };
        Ok(Reply::new(&page).next_page(uri, page.next_cursor.as_deref()))
    }

    /// Get an organization
    ///
    /// For any active member; for a key with `organization:read`.
    #[oai(
        path = "/api/v1/organizations/:org_id",
        method = "get",
        operation_id = "get_organization",
        tag = "Tag::Organizations"
    )]
    async fn get_organization(
        &self,
        AnyCaller(caller): AnyCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The `ETag` that the client has.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<IfNoneMatch>>,
    ) -> Result<Reply<OrganizationBody>, Refused<INSIDER>> {
        let view = service.read(|tx| tx.insider(&caller, org_id.0)?.organization())?;
        let tag = tag_of(&view);
        Ok(Reply::new(&view.into()).unless_known(tag, if_none_match.0.as_ref()))
    }

    /// Change an organization
    ///
    /// Name and description, and how long its API keys last, by the head coach.
    #[oai(
        path = "/api/v1/organizations/:org_id",
        method = "patch",
        operation_id = "update_organization",
        tag = "Tag::Organizations"
    )]
    async fn update_organization(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The `ETag` of the revision that is to change.
        #[oai(name = "If-Match")]
        if_match: Header<Option<IfMatch>>,
        Body(body): Body<OrganizationChangeBody>,
    ) -> Result<Reply<OrganizationBody>, Refused<{ HEAD_COACH | BODY | CONDITIONAL }>> {
        let mut errors = Vec::new();
        let clear = cleared(body.clear, ClearableOrganizationField::ALL.len(), &mut errors);
        let clears = |field| clear.contains(&field);
        use ClearableOrganizationField as Field;
        let change = OrganizationChange {
            name: body.name,
            description: set_or_clear("description", body.description, clears(Field::Description), &mut errors),
            longest_key_days: set_or_clear(
                "longest_key_days",
                body.longest_key_days,
                clears(Field::LongestKeyDays),
                &mut errors,
            ),
            usual_key_days: set_or_clear(
                "usual_key_days",
                body.usual_key_days,
                clears(Field::UsualKeyDays),
                &mut errors,
            ),
        };
        if !errors.is_empty() {
            return Err(Problem::invalid(errors).into());
        }
        let expected = IfMatch::expected(if_match.0);
        let view = service
            .write(move |tx| tx.head_coach(&caller, org_id.0)?.change_organization(&expected, change.clone()))
            .await?;
        let tag = tag_of(&view);
        Ok(Reply::new(&view.into()).tag(tag))
    }

    /// Hand over the head coach's role
    ///
    /// To an active coach of the organization who can sign in. The present head coach, who confirms with
    /// their password, becomes a coach. The answer is the organization as the caller sees it then.
    #[oai(
        path = "/api/v1/organizations/:org_id/head-coach",
        method = "post",
        operation_id = "hand_over_head_coach",
        tag = "Tag::Organizations"
    )]
    async fn hand_over_head_coach(
        &self,
        SessionCaller(caller): SessionCaller,
        service: Data<&Arc<Service>>,
        origin: Origin,
        /// The organization.
        org_id: Path<OrganizationId>,
        Body(body): Body<HandOverBody>,
    ) -> Result<Reply<OrganizationBody>, Refused<HAND_OVER>> {
        let view = service.hand_over(caller, org_id.0, body.member_id, body.password.0, origin).await?;
        let tag = tag_of(&view);
        Ok(Reply::new(&view.into()).tag(tag))
    }
}
