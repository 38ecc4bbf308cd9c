//! The server's version, told where a client begins: it can tell whether it knows this server before it interprets
//! anything else that is answered there.

use poem::http::{HeaderMap, HeaderName, HeaderValue};

/// The version, also that of the document.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Says it.
const ASTRAL_VERSION: HeaderName = HeaderName::from_static("astral-version");

/// Whether the answers under this path tell the version. They do also where there is no such operation, since
/// another version may have one.
pub fn is_told_at(path: &str) -> bool {
    path == "/api/v1/setup" || path.starts_with("/api/v1/auth/")
}

/// Tells the version.
pub fn tell(headers: &mut HeaderMap) {
    headers.insert(ASTRAL_VERSION, HeaderValue::from_static(VERSION));
}
