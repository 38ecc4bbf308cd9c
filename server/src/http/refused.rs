//! What an operation answers where it refuses: the statuses that the document lists for it.

use poem::{IntoResponse, Response};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type as _,
};

use super::problem::{MEDIA_TYPE, Problem, ProblemBody};

/// A set of statuses, a bit each in the order of [`STATUSES`].
pub type StatusSet = u16;

const STATUSES: &[u16] = &[400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503];

const fn set(statuses: &[u16]) -> StatusSet {
    let (mut bits, mut position) = (0, 0);
    while position < STATUSES.len() {
        let mut wanted = 0;
        while wanted < statuses.len() {
            if statuses[wanted] == STATUSES[position] {
                bits |= 1 << position;
            }
            wanted += 1;
        }
        position += 1;
    }
    bits
}

/// What an operation that anybody may call answers where it refuses: it takes a body, and can be throttled.
pub const PUBLIC: StatusSet = set(&[400, 401, 408, 413, 415, 422, 429, 500, 503]);
/// What every operation with a credential answers where it refuses.
pub const CREDENTIAL: StatusSet = set(&[400, 401, 403, 422, 500, 503]);
/// In addition: the club or the thing is not there.
pub const THING: StatusSet = set(&[404]);
/// In addition: there is a body.
pub const BODY: StatusSet = set(&[408, 413, 415]);
/// In addition: something is in the way.
pub const CONFLICT: StatusSet = set(&[409]);
/// In addition: a password is asked for.
pub const THROTTLED: StatusSet = set(&[429]);

/// The refusals of an operation that answers `STATUSES`.
pub struct Refused<const SET: StatusSet>(Problem);

impl<const SET: StatusSet, E: Into<Problem>> From<E> for Refused<SET> {
    fn from(error: E) -> Self {
        let problem = error.into();
        debug_assert!(set(&[problem.status()]) & SET != 0, "{} is not documented here", problem.code());
        Self(problem)
    }
}

impl<const SET: StatusSet> From<Refused<SET>> for poem::Error {
    fn from(refused: Refused<SET>) -> Self {
        refused.0.into()
    }
}

impl<const SET: StatusSet> IntoResponse for Refused<SET> {
    fn into_response(self) -> Response {
        poem::Error::from(self).into_response()
    }
}

impl<const SET: StatusSet> ApiResponse for Refused<SET> {
    fn meta() -> MetaResponses {
        let documented = |(position, status): (usize, &u16)| {
            (SET & 1 << position != 0).then(|| MetaResponse {
                description: describe(*status),
                status: Some(*status),
                status_range: None,
                content: vec![MetaMediaType { content_type: MEDIA_TYPE, schema: ProblemBody::schema_ref() }],
                headers: vec![],
            })
        };
        MetaResponses { responses: STATUSES.iter().enumerate().filter_map(documented).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

const fn describe(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read.",
        401 => "The credential does not count.",
        403 => "The caller is known and may not.",
        404 => "Not there, or not for this caller.",
        408 => "The body did not arrive in time.",
        409 => "Something is in the way.",
        413 => "The body is larger than 1 MiB.",
        415 => "The body is not said to be JSON.",
        422 => "A field or query parameter is wrong or unknown; `errors` says which.",
        429 => "Too many attempts. `Retry-After` says when to try again.",
        503 => "The server cannot do this now.",
        _ => "A fault of the server.",
    }
}
