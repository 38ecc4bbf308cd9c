//! What is served beside the API: health, the document, the page of each problem, and the page on which
//! an invitation is accepted.

use std::sync::Arc;

use poem::{
    IntoResponse as _, Response, handler,
    http::{StatusCode, header},
    web::{Data, Html, Path},
};

use super::problem::{KINDS, Kind};
use crate::service::Service;

/// The process runs.
#[handler]
pub fn live() -> Response {
    plain(StatusCode::OK, "ok\n")
}

/// The database can be read.
#[handler]
pub fn ready(service: Data<&Arc<Service>>) -> Response {
    match service.ready() {
        Ok(()) => plain(StatusCode::OK, "ok\n"),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "not ready");
            plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    Response::builder()
        .status(status)
        .content_type("text/plain; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .body(text)
}

/// The OpenAPI document.
#[handler]
pub fn openapi() -> Response {
    Response::builder()
        .content_type("application/json")
        .header(header::CACHE_CONTROL, "no-cache")
        .body(super::openapi())
}

/// What stands at the address that the server prints.
#[handler]
pub fn home() -> Response {
    let body = "<h1>Astral is running</h1><p>This is the API of a coaching club. <a href=\"/openapi.json\">/openapi.json</a> \
                describes every operation, and <a href=\"/docs/problems\">/docs/problems</a> every refusal.</p>";
    page("Astral is running", body, PLAIN)
}

/// Every kind of problem.
#[handler]
pub fn problems() -> Response {
    let line = |kind: &&Kind| {
        let Kind { code, status, title, .. } = kind;
        format!(
            "<li><a href=\"/docs/problems/{code}\"><code>{code}</code></a> <span class=\"quiet\">{status}</span><br>{title}</li>"
        )
    };
    let lines: String = KINDS.iter().map(line).collect();
    page("Problems", &format!("<h1>Problems</h1><ul>{lines}</ul>"), PLAIN)
}

/// What a problem means and what to do.
#[handler]
pub fn problem(Path(code): Path<String>) -> poem::Result<Response> {
    let kind = KINDS.iter().find(|kind| kind.code == code).ok_or(poem::error::NotFoundError)?;
    let Kind { code, status, title, detail, .. } = kind;
    let body = format!(
        "<h1>{title}</h1><p class=\"code\">{status} <code>{code}</code></p><p>{detail}</p>\
         <p class=\"quiet\">The <code>detail</code> of the answer says what it was this time. Name its <code>request_id</code> when you ask for help.</p>"
    );
    Ok(page(title, &body, PLAIN))
}

/// Where the link of an invitation leads. The code stands behind the `#` and never reaches a log.
#[handler]
pub fn accept_invitation() -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'";
    page("Accept your invitation", include_str!("accept_invitation.html"), policy)
}

/// For pages that only show something.
const PLAIN: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page of its own, with nothing from elsewhere.
fn page(title: &str, body: &str, policy: &'static str) -> Response {
    let style = include_str!("page.css");
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} · Astral</title><style>{style}</style><main><p class=\"brand\">Astral</p>{body}</main></html>"
    );
    Html(text)
        .with_header(header::CONTENT_SECURITY_POLICY, policy)
        .with_header(header::REFERRER_POLICY, "no-referrer")
        .with_header(header::X_FRAME_OPTIONS, "DENY")
        .into_response()
}
