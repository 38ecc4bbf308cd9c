//! Pages of other origins (the Fetch standard's CORS protocol): none may call, unless the operator names it.
//!
//! The framework's own middleware refuses every origin that is not named, the server's own pages included.

use poem::{
    Request, Response,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};

/// What a page may send beside what every page may.
const ALLOWED: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-API-Key";
/// What a page may read beside what every page may.
const EXPOSED: &str = "Astral-Key-Expires-At, Astral-Version, ETag, Idempotent-Replayed, Link, Location, RateLimit, \
                       RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id";
/// For how many seconds a browser need not ask again.
const MAX_AGE: &str = "7200";

/// The origin that a request comes from, if it is among those that were `named`.
pub fn origin(request: &Request, named: &[String]) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    named.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Whether a browser asks if a page may send a request.
pub fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a browser that asks, on behalf of a page that may.
pub fn preflight(methods: &str) -> Response {
    Response::builder()
        .status(StatusCode::NO_CONTENT)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, methods)
        .header(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED)
        .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE)
        .finish()
}

/// Lets the page read the answer.
pub fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}
