//! The service over HTTP: routes, and the one layer around them.

mod api_keys;
mod assets;
mod audit_events;
mod auth;
mod body;
mod compression;
mod conditional;
mod cors;
mod cursor;
mod document;
pub(crate) mod fuzzing;
mod invitations;
mod leaks;
mod members;
mod metrics;
mod operations;
mod organizations;
mod pages;
mod problem;
mod rate_limit;
mod refused;
mod reply;
mod schema;
mod security;
mod server;
mod usage;
mod version;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use futures_util::FutureExt as _;
use poem::{
    Endpoint, FromRequest, IntoEndpoint as _, IntoResponse as _, Request, RequestBody, Response, Route, get,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use poem_openapi::{OpenApiService, Tags};

use self::{
    body::RoomForBodies,
    metrics::Metrics,
    operations::Operation,
    problem::Problem,
    rate_limit::{RateLimits, Spent},
};
pub use self::{
    document::openapi,
    rate_limit::RateLimitSettings,
    server::{Listeners, run},
};
use crate::service::{Call, Caller, IpRange, Origin, Presented, Service, Timestamp};

/// What may be set about HTTP.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address under which people reach the server, for links; without a slash at its end. Where it
    /// is not set, links name the host that the request named.
    pub public_url: Option<String>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpRange>,
    /// The origins whose pages may call the API, as browsers write them: `https://dashboard.example`.
    pub cors_origins: Vec<String>,
    /// How many requests callers may send.
    pub rate_limits: RateLimitSettings,
    /// How many connections may be open at once.
    pub max_connections: usize,
    /// How long the head of a request may take to arrive, and a connection may be idle before it.
    pub header_timeout: Duration,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// How long requests that run may take to finish when the server stops.
    pub drain_timeout: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            rate_limits: RateLimitSettings::default(),
            max_connections: 4096,
            header_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Every operation there is.
type Api = (
    auth::AuthApi,
    organizations::OrganizationsApi,
    members::MembersApi,
    invitations::InvitationsApi,
    api_keys::ApiKeysApi,
    usage::UsageApi,
    leaks::LeaksApi,
    audit_events::AuditEventsApi,
);

const API: Api = (
    auth::AuthApi,
    organizations::OrganizationsApi,
    members::MembersApi,
    invitations::InvitationsApi,
    api_keys::ApiKeysApi,
    usage::UsageApi,
    leaks::LeaksApi,
    audit_events::AuditEventsApi,
);

#[derive(Tags)]
enum Tag {
    /// Signing in and out, and who am I.
    Authentication,
    /// Clubs.
    Organizations,
    /// The roster of a club.
    Members,
    /// The keys with which programs call the API.
    #[oai(rename = "API keys")]
    ApiKeys,
    /// Who did what in a club.
    Audit,
}

fn api_service() -> OpenApiService<Api, ()> {
    OpenApiService::new(API, "Astral", version::VERSION)
}

/// The whole server as an endpoint: for whoever measures it without a socket.
pub fn app(service: Arc<Service>, settings: HttpSettings) -> impl Endpoint<Output = Response> {
    let limits = Arc::new(RateLimits::new(settings.rate_limits, service.clock()));
    let metrics = Arc::new(Metrics::new(settings.max_connections));
    endpoint(service, Arc::new(settings), limits, metrics)
}

/// The same, with limits that somebody else looks after, and metrics that somebody else reads.
fn endpoint(
    service: Arc<Service>,
    settings: Arc<HttpSettings>,
    limits: Arc<RateLimits>,
    metrics: Arc<Metrics>,
) -> impl Endpoint<Output = Response> {
    let pages = Route::new()
        .at("/health/live", get(pages::live))
        .at("/health/ready", get(pages::ready))
        .at("/openapi.json", get(assets::openapi))
        .at("/", get(pages::home))
        .at("/docs", get(pages::reference))
        .at("/docs/", get(pages::reference))
        .at("/docs/reference.js", get(assets::reference))
        .at("/docs/reference-start.js", get(assets::reference_start))
        .at("/docs/reference.css", get(assets::reference_style))
        .at("/docs/problems", get(pages::problems))
        .at("/docs/problems/:code", get(pages::problem))
        .at("/invitations/accept", get(pages::accept_invitation));
    Outermost {
        api: api_service().into_endpoint(),
        pages,
        room: RoomForBodies::default(),
        service,
        settings,
        limits,
        metrics,
    }
}

/// Says when the key that is calling expires, if that is soon.
const KEY_EXPIRES_AT: header::HeaderName = header::HeaderName::from_static("astral-key-expires-at");

/// Where a request takes longer than this, it is logged whether or not anybody asked.
const SLOW: Duration = Duration::from_secs(1);

/// Around everything: the request's id and origin, who is calling and how often, every refusal as a problem,
/// what is counted of it, the log line.
struct Outermost<E> {
    api: E,
    pages: Route,
    room: RoomForBodies,
    service: Arc<Service>,
    settings: Arc<HttpSettings>,
    limits: Arc<RateLimits>,
    metrics: Arc<Metrics>,
}

/// What is known of a request once it was let in, or was not.
#[derive(Default)]
struct Admission {
    spent: Spent,
    /// The call, if a key of this server's was sent with it.
    call: Option<Call>,
    /// When the key expires that is calling, if that is soon.
    expires_soon: Option<Timestamp>,
    /// The caller, if it is a person.
    person: Option<Caller>,
}

/// How long before its end a key is told of it.
const SOON: TimeDelta = TimeDelta::days(30);

impl<E: Endpoint> Outermost<E> {
    /// Has the request answered by what is at its path.
    async fn answer(&self, mut request: Request) -> poem::Result<Response> {
        let is_api = request.uri().path().starts_with("/api/");
        request.set_data(Arc::clone(&self.service));
        request.set_data(Arc::clone(&self.settings));
        if !is_api {
            return self.pages.call(request).await;
        }
        request.set_data(self.room.clone());
        Ok(self.api.call(request).await?.into_response())
    }

    /// Lets a request in: finds its caller, who stays with it for the operation, then takes it from their
    /// limits, and looks at its query. Nothing else of the request is looked at before.
    fn admit(
        &self,
        request: &mut Request,
        operation: &'static Operation,
        origin: Origin,
    ) -> (Admission, Result<(), Problem>) {
        let mut admission = Admission::default();
        let known = if operation.secured {
            let presented = security::authenticate(request, &self.service, origin, &operation.id);
            presented.and_then(|Presented { caller, call }| {
                admission.call = call;
                Ok(Some(caller?))
            })
        } else {
            Ok(None)
        };
        let known = match known {
            Ok(Some(caller)) => {
                admission.spent = self.limits.of_caller(&caller);
                let now = self.service.now();
                admission.expires_soon = caller.expires_at().filter(|end| end.since(now) < SOON);
                admission.person = caller.user_id().is_ok().then(|| caller.clone());
                request.set_data(caller);
                Ok(())
            }
            other => {
                admission.spent = self.limits.of_address(origin.address);
                other.map(|_| ())
            }
        };
        let admitted = match admission.spent.retry_after() {
            Some(seconds) => Err(Problem::rate_limited(seconds)),
            None => known
                .and_then(|()| operations::check_query(request, operation))
                .and_then(|()| operations::check_headers(request)),
        };
        (admission, admitted)
    }
}

impl<E: Endpoint> Endpoint for Outermost<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let started = Instant::now();
        let request_id = self.service.new_request_id();
        let address = client_address(&request, &self.settings.trusted_proxies);
        let origin = Origin { address, request_id };
        request.set_data(origin);
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let page = cors::origin(&request, &self.settings.cors_origins);
        let gzip = compression::accepts_gzip(&request);
        let operation = operations::find(&method, &path);
        if method == Method::HEAD {
            // The framework would leave the length out; hyper sends the headers of GET alone.
            request.set_method(Method::GET);
        }
        let (Admission { spent, call, expires_soon, person }, admitted) = match operation {
            Some(operation) => self.admit(&mut request, operation, origin),
            None => (Admission::default(), Ok(())),
        };
        let outcome = match admitted {
            Ok(()) if page.is_some() && cors::is_preflight(&request) => Ok(cors::preflight(&operations::allow(&path))),
            Ok(()) => match AssertUnwindSafe(self.answer(request)).catch_unwind().await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(error)) => Err(Problem::from_framework(error, &operations::allow(&path))),
                Err(_) => Err(Problem::internal()),
            },
            Err(problem) => Err(problem),
        };
        let kind = outcome.as_ref().err().map(Problem::kind);
        let code = kind.map(|kind| kind.code);
        if let (Some(operation), Some(code)) = (operation, code)
            && !operation.codes.contains(code)
        {
            tracing::error!(operation = operation.id, code, "this refusal is not documented");
        }
        let mut response = outcome.unwrap_or_else(|problem| problem.respond(request_id));
        match (call, code) {
            (Some(call), None) => call.answered(),
            (Some(call), Some(code)) => call.refused(code, matches!(response.status().as_u16(), 401 | 403 | 429)),
            // Who is no member was told that there is no such club.
            (None, Some(code)) if response.status() == StatusCode::FORBIDDEN => {
                if let (Some(person), Some(operation), Some(id)) = (person, operation, organizations::named_in(&path)) {
                    self.service.note_refusal(id, &person, &operation.id, code, origin);
                }
            }
            (None, _) => {}
        }
        if gzip {
            response = compression::compress(response).await;
        }
        let headers = response.headers_mut();
        headers.extend(
            HeaderValue::from_str(&request_id.to_string())
                .ok()
                .map(|id| (header::HeaderName::from_static("x-request-id"), id)),
        );
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let vary = if operation.is_some() { "Authorization, X-API-Key, Accept-Encoding" } else { "Accept-Encoding" };
        headers.insert(header::VARY, HeaderValue::from_static(vary));
        spent.tell(headers);
        let expires_at = expires_soon.and_then(|end| HeaderValue::try_from(end.to_string()).ok());
        headers.extend(expires_at.map(|end| (KEY_EXPIRES_AT, end)));
        if version::is_told_at(&path) {
            version::tell(headers);
        }
        if !self.settings.cors_origins.is_empty() {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(page) = page {
            cors::allow(headers, page);
        }
        let took = started.elapsed();
        self.metrics.answered(operation, &method, response.status(), took, kind);
        let status = response.status().as_u16();
        // The operation, and a method only if it is one: what a client makes up could hold a secret.
        let method = if operations::is_standard(&method) { method.as_str() } else { "-" };
        let operation = operation.map_or("-", |operation| operation.id.as_str());
        macro_rules! line {
            ($level:ident, $text:literal) => {
                tracing::$level!(method, operation, status, code, took_us = took.as_micros(), %address, %request_id, $text)
            };
        }
        match status {
            500.. => line!(error, "request failed"),
            _ if took >= SLOW => line!(warn, "request was slow"),
            // Those that are one too many are as many as the client likes.
            400.. if status != 429 => line!(info, "refused"),
            _ => line!(debug, "request"),
        }
        Ok(response)
    }
}

/// The client's address: the peer's; behind a trusted proxy the last one in `X-Forwarded-For`, read from
/// the right, that is not itself a trusted proxy. Where that cannot be read the client is unknown, and
/// never taken for the proxy.
fn client_address(request: &Request, trusted: &[IpRange]) -> IpAddr {
    let peer = request.remote_addr().as_socket_addr().map_or(UNKNOWN, SocketAddr::ip).to_canonical();
    forwarded_for(peer, request.headers(), trusted)
}

/// The address of a client that cannot be told.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The client's address, of a request that came from `peer` with these headers.
fn forwarded_for(peer: IpAddr, headers: &HeaderMap, trusted: &[IpRange]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b','));
    let mut last = peer;
    for hop in hops {
        last = hop_address(hop).unwrap_or(UNKNOWN);
        if !is_trusted(last) {
            break;
        }
    }
    last
}

/// The address of a hop, which some proxies write with the port.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let with_port = || hop.parse().ok().map(|address: SocketAddr| address.ip());
    hop.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// The address under which the client reaches the server.
struct PublicUrl(String);

impl<'a> FromRequest<'a> for PublicUrl {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        let settings = request.data::<Arc<HttpSettings>>().ok_or_else(Problem::internal)?;
        let named = || {
            let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
            format!("{}://{host}", request.scheme())
        };
        Ok(Self(settings.public_url.clone().unwrap_or_else(named)))
    }
}
