//! Members of an organization.

use std::{cell::LazyCell, sync::Arc};

use poem::{http::Uri, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
};

use super::{
    Tag,
    body::{Body, RepeatableBody, body},
    conditional::{IfMatch, IfNoneMatch},
    cursor::List,
    organizations,
    problem::{self, Problem},
    refused::{BODY, CONDITIONAL, INSIDER, Kinds, REPEATABLE, ROSTER_EDITOR, Refused},
    reply::{NoContent, Reply},
    schema::{AssignableRole, ClearableMemberField, CursorText, Limit, bounded, cleared, set_or_clear},
    security::AnyCaller,
};
use crate::service::{
    Email, ExternalId, FieldError, IdempotencyKey, Label, Member, MemberChange, MemberFilter, MemberId, MemberStatus,
    Name, NewMember, Once, OrganizationId, PageFrame, Role, Search, Service, Timestamp, UserId,
};

// Only its schema is used: a member leaves in the form in which it is stored.
/// A row of the roster.
#[derive(Object)]
#[oai(rename = "Member")]
pub struct MemberBody {
    id: MemberId,
    organization_id: OrganizationId,
    /// The person behind it; `null` until they accept an invitation.
    user_id: Option<UserId>,
    role: Role,
    /// Only `active` gives any right.
    status: MemberStatus,
    display_name: Name,
    /// Where to reach it; not the email with which a person signs in.
    email: Option<Email>,
    /// Words by which members are grouped, sorted.
    #[oai(validator(max_items = 20))]
    labels: Vec<Label>,
    /// Its id in the tool that the roster is synced from.
    external_id: Option<ExternalId>,
    /// For an athlete: the coach it is assigned to.
    coach_id: Option<MemberId>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A page of members.
#[derive(Object)]
#[oai(rename = "MemberPage")]
struct MemberPageBody {
    data: Vec<MemberBody>,
    /// Pass it as `cursor` for the next page; `null` at the end. A page with one can be short, or empty.
    next_cursor: Option<String>,
}

body! {
    /// A member to be added.
    #[oai(rename = "NewMember")]
    post NewMemberBody {
        display_name: Name,
        /// `athlete` if left out. Only the head coach adds a `coach`.
        role: Option<AssignableRole>,
        /// `active` if left out.
        status: Option<MemberStatus>,
        /// Where to reach it; unique in the organization. No account is made or looked up.
        email: Option<Email>,
        /// Words by which members are grouped.
        #[oai(validator(max_items = 20))]
        labels: Option<Vec<Label>>,
        /// Its id in the tool that the roster is synced from; unique in the organization.
        external_id: Option<ExternalId>,
        /// For an athlete: the coach it is assigned to.
        coach_id: Option<MemberId>,
    }
}

body! {
    /// What is to change; what is left out stays.
    #[oai(rename = "MemberChange")]
    patch MemberChangeBody {
        display_name: Option<Name>,
        /// Only the head coach changes a role; only a member who has accepted an invitation becomes `coach`.
        role: Option<AssignableRole>,
        status: Option<MemberStatus>,
        /// Where to reach it; unique in the organization. No account's email changes.
        email: Option<Email>,
        /// All the labels it is to have.
        #[oai(validator(max_items = 20))]
        labels: Option<Vec<Label>>,
        /// Its id in the tool that the roster is synced from; unique in the organization.
        external_id: Option<ExternalId>,
        /// For an athlete: the coach it is assigned to.
        coach_id: Option<MemberId>,
        /// Fields to be emptied.
        #[oai(validator(max_items = 4, unique_items))]
        clear: Option<Vec<ClearableMemberField>>,
    }
}

/// Sorted, each once, and not too many.
fn labels(labels: Vec<Label>, errors: &mut Vec<FieldError>) -> Vec<Label> {
    let mut labels = bounded("labels", labels, Member::MAX_LABELS, false, errors);
    labels.sort_unstable();
    labels.dedup();
    labels
}

fn new_member(body: NewMemberBody) -> Result<NewMember, Problem> {
    let mut errors = Vec::new();
    let new = NewMember {
        role: body.role.map_or(Role::Athlete, |role| role.0),
        status: body.status.unwrap_or(MemberStatus::Active),
        display_name: body.display_name,
        email: body.email,
        labels: labels(body.labels.unwrap_or_default(), &mut errors),
        external_id: body.external_id,
        coach_id: body.coach_id,
    };
    if errors.is_empty() { Ok(new) } else { Err(Problem::invalid(errors)) }
}

fn member_change(body: MemberChangeBody) -> Result<MemberChange, Problem> {
    let mut errors = Vec::new();
    let clear = cleared(body.clear, ClearableMemberField::ALL.len(), &mut errors);
    let clears = |field| clear.contains(&field);
    let given = body.labels.map(|given| labels(given, &mut errors));
    let change = MemberChange {
        role: body.role.map(|role| role.0),
        status: body.status,
        display_name: body.display_name,
        email: set_or_clear("email", body.email, clears(ClearableMemberField::Email), &mut errors),
        labels: set_or_clear("labels", given, clears(ClearableMemberField::Labels), &mut errors)
            .map(Option::unwrap_or_default),
        external_id: set_or_clear(
            "external_id",
            body.external_id,
            clears(ClearableMemberField::ExternalId),
            &mut errors,
        ),
        coach_id: set_or_clear("coach_id", body.coach_id, clears(ClearableMemberField::CoachId), &mut errors),
    };
    if errors.is_empty() { Ok(change) } else { Err(Problem::invalid(errors)) }
}

const CHANGE: Kinds = ROSTER_EDITOR | BODY | problem::EMAIL_TAKEN.bit | problem::EXTERNAL_ID_TAKEN.bit;
const STAYS: Kinds = problem::HEAD_COACH_MUST_STAY.bit | problem::NOT_ACCEPTED.bit;

/// The path of a member.
pub fn path_of(organization_id: OrganizationId, id: impl std::fmt::Display) -> String {
    format!("{}/members/{id}", organizations::path_of(organization_id))
}

/// The page of the list that is made when it is needed: a page that is kept, and was not asked for by a cursor, needs none.
struct PageOf<L>(LazyCell<List, L>);

impl<L: FnOnce() -> List> PageFrame for PageOf<L> {
    const BEGIN: &'static [u8] = b"{\"data\":[";

    fn end(&self, next: Option<&[u8]>, out: &mut Vec<u8>) -> Option<String> {
        out.extend_from_slice(b"],\"next_cursor\":");
        let cursor = next.map(|position| self.0.cursor(position));
        match &cursor {
            Some(cursor) => out.extend([b"\"", cursor.as_bytes(), b"\"}"].into_iter().flatten()),
            None => out.extend_from_slice(b"null}"),
        }
        cursor
    }
}

pub struct MembersApi;

#[OpenApi]
impl MembersApi {
    /// List members
    ///
    /// By id; with `q` by the word that matched, then by id. For the head coach and coaches; for a key
    /// with `members:read`. All filters must match.
    #[oai(
        path = "/api/v1/organizations/:org_id/members",
        method = "get",
        operation_id = "list_members",
        tag = "Tag::Members"
    )]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn list_members(
        &self,
        AnyCaller(caller): AnyCaller,
        service: Data<&Arc<Service>>,
        uri: &Uri,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// How many to answer at most.
        #[oai(default = "Limit::default_limit")]
        limit: Query<Limit>,
        /// The `next_cursor` of the page before; with the same filters.
        cursor: Query<Option<CursorText>>,
        /// Only members with this role.
        role: Query<Option<Role>>,
        /// Only members with this status.
        status: Query<Option<MemberStatus>>,
        /// Only members with this label.
        label: Query<Option<Label>>,
        /// Only athletes assigned to this coach: the id of its member, such as `role=coach` lists.
        coach_id: Query<Option<MemberId>>,
        /// Only members of whom each of these words begins a word of the name or email, whatever the case
        /// and accents.
        q: Query<Option<Search>>,
    ) -> Result<Reply<MemberPageBody>, Refused<{ INSIDER | problem::COACH_REQUIRED.bit }>> {
        let filter = MemberFilter { role: role.0, status: status.0, label: label.0, coach_id: coach_id.0, search: q.0 };
        let page = PageOf(LazyCell::new(|| List::of(&[&"members", &org_id.0, &filter])));
        let position = match &cursor.0 {
            Some(cursor) => page.0.position(Some(cursor), |position| Some(position.to_vec()))?,
            None => None,
        };
        let limit = limit.0.0 as usize;
        let page = service.read(|tx| tx.roster_reader(&caller, org_id.0)?.members(&filter, limit, position, &page))?;
        Ok(Reply::written(page.body).next_page(uri, page.next.as_deref()))
    }

    /// Add a member
    ///
    /// The head coach adds coaches and athletes; coaches, and keys with `members:write`, athletes.
    #[oai(
        path = "/api/v1/organizations/:org_id/members",
        method = "post",
        operation_id = "create_member",
        tag = "Tag::Members"
    )]
    async fn create_member(
        &self,
        AnyCaller(caller): AnyCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// A name for this request, made up by the client: sent again within 24 h, it adds nobody twice, and
        /// is answered as the first time.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<IdempotencyKey>>,
        body: RepeatableBody<NewMemberBody>,
    ) -> Result<Reply<MemberBody, 201>, Refused<{ CHANGE | REPEATABLE }>> {
        let RepeatableBody(body, fingerprint) = body;
        let new = new_member(body)?;
        let attempt = service.begin(&caller, idempotency_key.0, fingerprint)?;
        let added = service
            .write(move |tx| {
                let editor = tx.roster_editor(&caller, org_id.0, new.role)?;
                let answers = |member: &Member| (member.id.to_string(), written(member));
                tx.once(&attempt, || editor.add_member(new.clone()), answers)
            })
            .await?;
        Ok(match added {
            Once::Now(member) => Reply::written(written(&member)).location(&path_of(org_id.0, member.id)).tag(1),
            Once::Before { resource_id, answer } => {
                Reply::written(answer).location(&path_of(org_id.0, resource_id)).tag(1).replayed()
            }
        })
    }

    /// Get a member
    ///
    /// For whoever may list members; an athlete gets itself alone.
    #[oai(
        path = "/api/v1/organizations/:org_id/members/:member_id",
        method = "get",
        operation_id = "get_member",
        tag = "Tag::Members"
    )]
    async fn get_member(
        &self,
        AnyCaller(caller): AnyCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The member.
        member_id: Path<MemberId>,
        /// The `ETag` that the client has.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<IfNoneMatch>>,
    ) -> Result<Reply<MemberBody>, Refused<INSIDER>> {
        let member = service.read(|tx| tx.roster_reader(&caller, org_id.0)?.member(member_id.0))?;
        Ok(Reply::written(written(&member.record)).unless_known(member.revision, if_none_match.0.as_ref()))
    }

    /// Change a member
    ///
    /// The head coach changes coaches and athletes; coaches, and keys with `members:write`, athletes.
    #[oai(
        path = "/api/v1/organizations/:org_id/members/:member_id",
        method = "patch",
        operation_id = "update_member",
        tag = "Tag::Members"
    )]
    async fn update_member(
        &self,
        AnyCaller(caller): AnyCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The member.
        member_id: Path<MemberId>,
        /// The `ETag` of the revision that is to change.
        #[oai(name = "If-Match")]
        if_match: Header<Option<IfMatch>>,
        Body(body): Body<MemberChangeBody>,
    ) -> Result<Reply<MemberBody>, Refused<{ CHANGE | CONDITIONAL | STAYS }>> {
        let change = member_change(body)?;
        let role = change.role.unwrap_or(Role::Athlete);
        let expected = IfMatch::expected(if_match.0);
        let member = service
            .write(move |tx| {
                tx.roster_editor(&caller, org_id.0, role)?.change_member(member_id.0, &expected, change.clone())
            })
            .await?;
        Ok(Reply::written(written(&member.record)).tag(member.revision))
    }

    /// Remove a member
    ///
    /// The head coach removes coaches and athletes; coaches, and keys with `members:write`, athletes. The
    /// athletes of a removed coach are left without one.
    #[oai(
        path = "/api/v1/organizations/:org_id/members/:member_id",
        method = "delete",
        operation_id = "delete_member",
        tag = "Tag::Members"
    )]
    async fn delete_member(
        &self,
        AnyCaller(caller): AnyCaller,
        service: Data<&Arc<Service>>,
        /// The organization.
        org_id: Path<OrganizationId>,
        /// The member.
        member_id: Path<MemberId>,
        /// The `ETag` of the revision that is to be removed.
        #[oai(name = "If-Match")]
        if_match: Header<Option<IfMatch>>,
    ) -> Result<NoContent, Refused<{ ROSTER_EDITOR | CONDITIONAL | problem::HEAD_COACH_MUST_STAY.bit }>> {
        let expected = IfMatch::expected(if_match.0);
        service
            .write(move |tx| tx.roster_editor(&caller, org_id.0, Role::Athlete)?.remove_member(member_id.0, &expected))
            .await?;
        Ok(NoContent)
    }
}

fn written(member: &Member) -> Vec<u8> {
    serde_json::to_vec(member).unwrap_or_default()
}
