//! What is served beside the API: health, the API reference, the page of each problem, and the page on which
//! an invitation is accepted.

use std::sync::Arc;

use poem::{
    IntoResponse as _, Response, handler,
    http::header,
    web::{Data, Html, Path},
};

use super::{
    document, operations,
    problem::{KINDS, Kind, Problem},
};
use crate::service::Service;

/// The process runs.
#[handler]
pub fn live() -> Response {
    ok()
}

/// The database can be read, and a small write has reached the disk lately.
#[handler]
pub async fn ready(service: Data<&Arc<Service>>) -> poem::Result<Response> {
    service.ready().await.map_err(Problem::not_ready)?;
    Ok(ok())
}

fn ok() -> Response {
    Response::builder().content_type("text/plain; charset=utf-8").header(header::CACHE_CONTROL, "no-store").body("ok\n")
}

/// The API reference, in which requests can be tried out. Its program is served from here and may speak to
/// this server alone: a key that is pasted into it goes nowhere else.
#[handler]
pub fn reference() -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                  img-src 'self' data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; \
                  frame-ancestors 'none'";
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
                <meta name=\"viewport\" content=\"width=device-width\"><title>API reference · Astral</title>{ICON}\
                <link rel=\"stylesheet\" href=\"/docs/reference.css\"><div id=\"reference\"></div>\
                <noscript><p>This page needs JavaScript. <a href=\"/openapi.json\">/openapi.json</a> says the same, \
                for programs.</p></noscript><script src=\"/docs/reference.js\"></script>\
                <script src=\"/docs/reference-start.js\"></script></html>"
    );
    guarded(text, policy)
}

/// What stands at the address that the server prints.
#[handler]
pub fn home() -> Response {
    let body = "<h1>Astral is running</h1><p>This is the API of a coaching club.</p><ul>\
                <li><a href=\"/docs\">API reference</a><br>Every operation, to read and to try out</li>\
                <li><a href=\"/docs/problems\">Problems</a><br>Every refusal, and what to do about it</li>\
                <li><a href=\"/openapi.json\">openapi.json</a><br>The document from which clients are generated</li></ul>";
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
    page("Problems", &format!("<h1>Problems</h1><ul>{lines}</ul><p><a href=\"/docs\">API reference</a></p>"), PLAIN)
}

/// What a problem means and what to do.
#[handler]
pub fn problem(Path(code): Path<String>) -> poem::Result<Response> {
    let kind = KINDS.iter().find(|kind| kind.code == code).ok_or(poem::error::NotFoundError)?;
    let Kind { code, status, title, detail, .. } = kind;
    let again = match (*status, *code) {
        (408, _) | (_, "request_in_progress") => "Yes.",
        (429 | 503, _) => "Yes, after the seconds in <code>Retry-After</code>.",
        (500, _) => "It will not help. Whoever runs the server finds the cause in its log.",
        (412, _) => "Not as it is: read the record again first.",
        (401, _) => "Not with this credential.",
        _ => "Not as it is: it would be refused again.",
    };
    let operations: Vec<_> = operations::answering(code).map(|id| format!("<code>{id}</code>")).collect();
    let operations = match operations.len() {
        0 => "Requests that are no operation of the API.".to_owned(),
        _ => operations.join(", "),
    };
    let answer = serde_json::to_string_pretty(&document::example_of(kind)).unwrap_or_default();
    let answer = answer.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<h1>{title}</h1><p class=\"code\">{status} <code>{code}</code></p><p>{detail}</p>\
         <h2>Can I send it again?</h2><p>{again}</p><h2>An answer</h2><pre>{answer}</pre>\
         <p class=\"quiet\">The <code>detail</code> of yours says what it was this time. Name its <code>request_id</code> when you ask for help.</p>\
         <h2>Who answers it</h2><p class=\"quiet\">{operations}</p>\
         <p><a href=\"/docs/problems\">All problems</a> · <a href=\"/docs\">API reference</a></p>"
    );
    Ok(page(title, &body, PLAIN))
}

/// Where the link of an invitation leads. The code stands behind the `#` and never reaches a log.
#[handler]
pub fn accept_invitation() -> Response {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'";
    page("Accept your invitation", include_str!("accept_invitation.html"), policy)
}

/// For pages that only show something.
const PLAIN: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// A star, for the tab of the browser.
const ICON: &str = "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
                    %3Cpath fill='%235151cd' d='M8 0l2 6 6 2-6 2-2 6-2-6-6-2 6-2z'/%3E%3C/svg%3E\">";

/// A page of its own, with nothing from elsewhere.
fn page(title: &str, body: &str, policy: &'static str) -> Response {
    let style = include_str!("page.css");
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} · Astral</title>{ICON}<style>{style}</style><main><p class=\"brand\">Astral</p>{body}</main></html>"
    );
    guarded(text, policy)
}

/// A page that loads and asks for nothing but what `policy` lets it.
fn guarded(text: impl Into<String>, policy: &'static str) -> Response {
    Html(text.into())
        .with_header(header::CONTENT_SECURITY_POLICY, policy)
        .with_header(header::REFERRER_POLICY, "no-referrer")
        .with_header(header::X_FRAME_OPTIONS, "DENY")
        .into_response()
}
