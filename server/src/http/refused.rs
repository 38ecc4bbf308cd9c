//! What an operation answers where it refuses: the kinds of problems that the document lists for it.

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type as _,
};

use super::problem::{self as kind, KINDS, Kind, MEDIA_TYPE, Problem, ProblemBody};

/// A set of kinds of problems, by their bits.
pub type Kinds = u64;

const fn set(kinds: &[&Kind]) -> Kinds {
    let (mut bits, mut position) = (0, 0);
    while position < kinds.len() {
        bits |= kinds[position].bit;
        position += 1;
    }
    bits
}

/// What any operation can come to.
pub const ANY: Kinds = set(&[kind::INVALID_REQUEST, kind::RATE_LIMITED, kind::INTERNAL, kind::UNAVAILABLE]);
/// What any operation with a credential can come to.
pub const CREDENTIAL: Kinds = ANY
    | set(&[
        kind::TWO_CREDENTIALS,
        kind::CREDENTIAL_MISSING,
        kind::CREDENTIAL_INVALID,
        kind::SESSION_OVER,
        kind::KEY_EXPIRED,
        kind::KEY_REVOKED,
        kind::SECRET_REPLACED,
        kind::KEY_HELD,
        kind::ADDRESS_NOT_ALLOWED,
    ]);
/// Only a person may.
pub const SESSION: Kinds = CREDENTIAL | set(&[kind::SESSION_REQUIRED]);
/// Only the head coach of the organization may.
pub const HEAD_COACH: Kinds = SESSION | set(&[kind::NOT_FOUND, kind::HEAD_COACH_REQUIRED]);
/// Only the head coach of an organization with security settings may.
pub const KEY_MANAGER: Kinds = HEAD_COACH | set(&[kind::PLAN_REQUIRED]);
/// Members may, and keys with a scope.
pub const INSIDER: Kinds = CREDENTIAL | set(&[kind::NOT_FOUND, kind::SCOPE_REQUIRED, kind::PLAN_REQUIRED]);
/// Those may who keep the roster.
pub const ROSTER_EDITOR: Kinds = INSIDER | set(&[kind::COACH_REQUIRED, kind::HEAD_COACH_REQUIRED]);
/// Something is written.
pub const WRITES: Kinds = set(&[kind::INSUFFICIENT_STORAGE]);
/// There is a body, and mostly something to be written.
pub const BODY: Kinds =
    WRITES | set(&[kind::MALFORMED, kind::REQUEST_TIMEOUT, kind::TOO_LARGE, kind::UNSUPPORTED_MEDIA_TYPE]);
/// A password, or a code as good as one, is asked for.
pub const THROTTLED: Kinds = set(&[kind::TOO_MANY_ATTEMPTS]);
/// The request can name the revision that it means.
pub const CONDITIONAL: Kinds = WRITES | set(&[kind::REVISION_MISMATCH]);
/// The request can be repeated under an `Idempotency-Key`.
pub const REPEATABLE: Kinds = set(&[kind::IDEMPOTENCY_KEY_REUSED, kind::IN_PROGRESS]);

/// The refusals of an operation that can come to `KINDS`.
pub struct Refused<const KINDS: Kinds>(Problem);

impl<const KINDS: Kinds, E: Into<Problem>> From<E> for Refused<KINDS> {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl<const KINDS: Kinds> From<Refused<KINDS>> for poem::Error {
    fn from(refused: Refused<KINDS>) -> Self {
        refused.0.into()
    }
}

impl<const KINDS: Kinds> IntoResponse for Refused<KINDS> {
    fn into_response(self) -> Response {
        poem::Error::from(self).into_response()
    }
}

impl<const SET: Kinds> ApiResponse for Refused<SET> {
    fn meta() -> MetaResponses {
        let mut kinds: Vec<_> = KINDS.iter().filter(|kind| SET & kind.bit != 0).collect();
        kinds.sort_by_key(|kind| kind.status);
        let documented = |kinds: &[&&Kind]| MetaResponse {
            description: describe(kinds),
            status: kinds.first().map(|kind| kind.status),
            status_range: None,
            content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: ProblemBody::schema_ref() }],
            headers: vec![],
        };
        MetaResponses { responses: kinds.chunk_by(|one, next| one.status == next.status).map(documented).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

const CODES: &str = " Codes: ";

/// What an answer with these kinds, all of one status, means. The framework wants texts that live as long
/// as the program; these are made once for each operation.
fn describe(kinds: &[&&Kind]) -> &'static str {
    let meaning = match kinds.first().map_or(500, |kind| kind.status) {
        400 => "The request cannot be read.",
        401 => "The credential does not count.",
        403 => "The caller is known and may not.",
        404 => "Not there, or not for this caller.",
        408 => "The body did not arrive in time.",
        409 => "Something is in the way.",
        412 => "Another revision is present than `If-Match` names.",
        413 => "The body is too large; `detail` says how large it may be.",
        415 => "`Content-Type` is not `application/json`.",
        422 => "A field, header or query parameter is wrong or unknown; `errors` says which, or `detail`.",
        429 => "Too many requests. `Retry-After` says when to try again.",
        503 => "The server cannot do this now.",
        507 => "The server's disk is nearly full.",
        _ => "A fault of the server.",
    };
    let codes: Vec<_> = kinds.iter().map(|kind| format!("`{}`", kind.code)).collect();
    format!("{meaning}{CODES}{}.", codes.join(", ")).leak()
}

/// The codes that a description of [`describe`]'s names.
pub fn codes(description: &str) -> impl Iterator<Item = &str> {
    description.split_once(CODES).into_iter().flat_map(|(_, codes)| codes.split('`').skip(1).step_by(2))
}
