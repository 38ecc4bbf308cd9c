//! What is counted of requests and connections, and the listener on which Prometheus reads that and all else.
//!
//! Each answer costs three additions to places that are known beforehand: no lock, no look-up by name.

mod page;
mod process;
mod text;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use super::{
    operations::{self, METHODS, Operation},
    problem::{KINDS, Kind},
};
use crate::service::{Counter, Histogram, Service};

/// What stands for a request that is no operation of the API, and for a method that a client has made up.
const OTHER: &str = "other";
/// The classes of statuses.
const CLASSES: usize = 5;
/// Up to how many microseconds a request takes in each bucket.
const DURATIONS: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// What is counted of requests and connections.
pub struct Metrics {
    /// By operation, method and class of the status.
    requests: Vec<AtomicU64>,
    /// By operation; the last is what is none.
    durations: Vec<Histogram>,
    /// By kind of problem.
    refusals: Vec<Counter>,
    /// Of the connections.
    pub connections: Connections,
}

/// What is counted of connections.
pub struct Connections {
    /// Those that were accepted.
    pub accepted: Counter,
    /// Those that could not be, or were closed at once.
    pub refused: Counter,
    /// Those that were closed while they waited for their client, to make room for others.
    pub displaced: Counter,
    /// Those on which hands could not be shaken.
    pub handshakes_failed: Counter,
    /// Requests that came without TLS to where there is no other, and were told so.
    pub told_of_tls: Counter,
    open: AtomicUsize,
    limit: usize,
}

impl Metrics {
    /// Nothing so far, where so many connections may be open at once.
    pub fn new(max_connections: usize) -> Self {
        let operations = operations::all().len() + 1;
        let requests = operations * (METHODS.len() + 1) * CLASSES;
        Self {
            requests: (0..requests).map(|_| AtomicU64::new(0)).collect(),
            durations: (0..operations).map(|_| Histogram::new(DURATIONS)).collect(),
            refusals: KINDS.iter().map(|_| Counter::default()).collect(),
            connections: Connections {
                accepted: Counter::default(),
                refused: Counter::default(),
                displaced: Counter::default(),
                handshakes_failed: Counter::default(),
                told_of_tls: Counter::default(),
                open: AtomicUsize::new(0),
                limit: max_connections,
            },
        }
    }

    /// Counts an answer.
    pub fn answered(
        &self,
        operation: Option<&Operation>,
        method: &Method,
        status: StatusCode,
        took: Duration,
        refusal: Option<&Kind>,
    ) {
        let operation = operation.map_or(self.durations.len() - 1, |operation| operation.place);
        let method = METHODS.iter().position(|known| *known == method.as_str()).unwrap_or(METHODS.len());
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES) - 1;
        self.requests[place(operation, method, class)].fetch_add(1, Ordering::Relaxed);
        self.durations[operation].observe_time(took);
        if let Some(kind) = refusal {
            self.refusals[kind.place()].add_one();
        }
    }

    fn requests_of(&self, operation: usize, method: usize, class: usize) -> u64 {
        self.requests[place(operation, method, class)].load(Ordering::Relaxed)
    }
}

/// Where the requests with this operation, method and class of status are counted.
const fn place(operation: usize, method: usize, class: usize) -> usize {
    (operation * (METHODS.len() + 1) + method) * CLASSES + class
}

impl Connections {
    /// Counts a connection that was accepted, as open until what it returns is dropped.
    pub fn begin(metrics: &Arc<Metrics>) -> Open {
        metrics.connections.accepted.add_one();
        metrics.connections.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(metrics))
    }

    /// How many are open.
    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

/// A connection that is open.
pub struct Open(Arc<Metrics>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many connections the listener has open at once. Whoever comes later waits.
const AT_ONCE: usize = 16;
/// How long to wait when a connection cannot be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Lets Prometheus read at `/metrics`, and nobody anything else, until it is dropped.
pub async fn serve(listener: TcpListener, metrics: Arc<Metrics>, service: Arc<Service>, header_timeout: Duration) {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    let census = Arc::clone(&service);
    tasks.spawn(async move { take_census(&census).await });
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        while tasks.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let (metrics, service) = (Arc::clone(&metrics), Arc::clone(&service));
                tasks.spawn(async move {
                    let _permit = permit;
                    converse(stream, metrics, service, header_timeout).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Answers what one connection asks for.
async fn converse(stream: TcpStream, metrics: Arc<Metrics>, service: Arc<Service>, header_timeout: Duration) {
    let answers = service_fn(move |request: Request<Incoming>| {
        let (metrics, service) = (Arc::clone(&metrics), Arc::clone(&service));
        async move { Ok::<_, Infallible>(answer(request, metrics, service).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(stream), answers);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection for metrics ended early");
    }
}

async fn answer(request: Request<Incoming>, metrics: Arc<Metrics>, service: Arc<Service>) -> Response<Full<Bytes>> {
    let plain = |status, text: &'static str| respond(status, "text/plain; charset=utf-8", text.into());
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "not found; what there is to read is at /metrics\n");
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "not with this method; send GET\n");
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let ready = service.ready().await;
    let census = Arc::clone(&service);
    tokio::spawn(async move { take_census(&census).await });
    // The system is asked about a disk that can be slow to say.
    let page = tokio::task::spawn_blocking(move || page::write(&metrics, &service.measures(), ready));
    match page.await {
        Ok(page) => respond(StatusCode::OK, text::MEDIA_TYPE, page.into()),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "a fault of the server; its log says more\n"),
    }
}

async fn take_census(service: &Arc<Service>) {
    if let Err(error) = service.take_census().await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "what there is could not be counted; trying again at the next scrape"
        );
    }
}

fn respond(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    response
}
