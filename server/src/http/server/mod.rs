//! The accept loop, where the framework's falls short: it adds TLS, closes silent and dripping connections, caps how
//! many there are, and drains within bounds.

mod arriving;
mod connection;
mod places;
mod tls;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use poem::{
    Addr, Body, Endpoint, Request, RequestParts, Response,
    http::{HeaderMap, HeaderValue, StatusCode, Version, header, uri::Scheme},
    web::{LocalAddr, RemoteAddr},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::either::Either;

pub use self::tls::{Tls, TlsFiles};
use self::{
    arriving::Left,
    connection::{Connection, Stream},
    places::{Place, Places, Presence},
    tls::Opening,
};
use super::{
    HttpSettings,
    metrics::{self, Connections, Metrics},
    problem::Problem,
    rate_limit::RateLimits,
};
use crate::service::{ClockBehind, Error, Service};

/// How much a request's head may hold.
const MAX_HEAD: usize = 32 << 10;
/// How long sent bytes may wait for the client to take them.
const UNTAKEN: Duration = Duration::from_secs(30);
/// How long answers that were just written may take to be sent when the server stops.
const QUIET: Duration = Duration::from_secs(1);
/// How often last uses are written down, and what need not be kept is removed.
const FLUSH: Duration = Duration::from_secs(20);
/// How often the buckets of the rate limits that are full again are forgotten: so many new ones are there at most as
/// requests come in that time.
const FORGET: Duration = Duration::from_secs(1);
/// How often is looked whether the system's clock was set.
const WATCH: Duration = Duration::from_secs(1);
/// How long to wait when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the server listens.
pub struct Listeners {
    /// For everybody.
    pub api: TcpListener,
    /// What shakes hands with everybody, if they are to come with TLS.
    pub tls: Option<Arc<Tls>>,
    /// For Prometheus, if it is to read.
    pub metrics: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(api: TcpListener) -> Self {
        Self { api, tls: None, metrics: None }
    }
}

/// Why the server has stopped, other than well.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// It was told to, and the last flush failed.
    #[error("stopped, but the last uses of keys could not be written: {0}")]
    Flush(#[source] Error),
    /// By itself, because of the system's clock.
    #[error("stopped: {0}")]
    Clock(#[source] ClockBehind),
}

/// Serves `service` on `listeners` until `shutdown` resolves, or the system's clock is set back by more than a day; then
/// finishes what runs, writes down what is only in memory, and closes the database.
///
/// # Errors
/// [`StopError`], whose message says what to do.
pub async fn run(
    listeners: impl Into<Listeners>,
    service: Arc<Service>,
    settings: HttpSettings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StopError> {
    let Listeners { api: listener, tls, metrics: for_metrics } = listeners.into();
    let metrics = Arc::new(Metrics::new(settings.max_connections));
    let places = Arc::new(Places::new(&settings, Arc::clone(&metrics)));
    let (header_timeout, drain_timeout) = (settings.header_timeout, settings.drain_timeout);
    let limits = Arc::new(RateLimits::new(settings.rate_limits, service.clock()));
    let endpoint = super::endpoint(Arc::clone(&service), Arc::new(settings), Arc::clone(&limits), Arc::clone(&metrics));
    let running = Arc::new(AtomicUsize::new(0));
    let renewing = tls.clone().map(|tls| tokio::spawn(tls.keep_up(service.clock().clone())));
    let server = Arc::new(Server {
        endpoint,
        service: Arc::clone(&service),
        metrics: Arc::clone(&metrics),
        tls,
        running: Arc::clone(&running),
        header_timeout,
    });
    let graceful = GracefulShutdown::new();
    let housekeeper = tokio::spawn(keep_house(Arc::clone(&service), limits));
    let read = for_metrics
        .map(|listener| metrics::serve(listener, Arc::clone(&metrics), Arc::clone(&service), header_timeout))
        .map(tokio::spawn);
    let set_back = set_back(&service);
    tokio::pin!(shutdown, set_back);
    let behind = loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut shutdown => break None,
            behind = &mut set_back => break Some(behind),
        };
        match accepted {
            Ok((stream, remote, Some(place))) => {
                let open = Connections::begin(&metrics);
                let presence = Arc::clone(place.presence());
                let serving = Arc::clone(&server).serve(stream, remote, Arc::clone(&presence), graceful.watcher());
                let task = tokio::spawn(async move {
                    serving.await;
                    drop((open, place));
                });
                presence.ends_with(task.abort_handle());
            }
            Ok((.., None)) => metrics.connections.refused.add_one(),
            Err(error) => {
                metrics.connections.refused.add_one();
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    if let Some(behind) = &behind {
        tracing::error!(error = behind as &dyn std::error::Error, "the system's clock was set back by more than a day");
    }
    drop(listener);
    tracing::info!("stopping: finishing what runs");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = quiet(&running) => {}
        () = tokio::time::sleep(drain_timeout) => tracing::warn!("some requests did not finish in time"),
    }
    housekeeper.abort();
    for task in read.into_iter().chain(renewing) {
        task.abort();
    }
    service.close().await.map_err(StopError::Flush)?;
    behind.map_or(Ok(()), |behind| Err(StopError::Clock(behind)))
}

/// Resolves when the system's clock is more than a day behind.
async fn set_back(service: &Service) -> ClockBehind {
    let mut ticks = tokio::time::interval(WATCH);
    loop {
        ticks.tick().await;
        if let Err(behind) = service.watch_clock() {
            return behind;
        }
    }
}

type Accepted = (TcpStream, SocketAddr, Option<Place>);

/// The next connection, once there is a place for it. There is none for one of an address that has all that it may.
async fn accept(listener: &TcpListener, places: &Arc<Places>) -> io::Result<Accepted> {
    let (stream, remote) = listener.accept().await?;
    // Where the client is gone already, serving it will find out.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNTAKEN));
    let place = places.take(remote.ip()).await;
    Ok((stream, remote, place))
}

/// What serves connections.
struct Server<E> {
    endpoint: E,
    service: Arc<Service>,
    metrics: Arc<Metrics>,
    tls: Option<Arc<Tls>>,
    running: Arc<AtomicUsize>,
    header_timeout: Duration,
}

/// How a connection came.
#[derive(Clone)]
struct Way {
    local: LocalAddr,
    remote: RemoteAddr,
    /// `None` if it came without TLS to where there is no other.
    scheme: Option<Scheme>,
}

/// For browsers: to come with TLS at once, for a year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

impl<E: Endpoint<Output = Response> + 'static> Server<E> {
    /// Serves one connection to its end.
    async fn serve(self: Arc<Self>, stream: TcpStream, remote: SocketAddr, presence: Arc<Presence>, watcher: Watcher) {
        let local = LocalAddr(stream.local_addr().map_or(Addr::custom("unknown", ""), Addr::SocketAddr));
        let Some((stream, scheme)) = self.open(stream).await else { return };
        let way = Way { local, remote: RemoteAddr(Addr::SocketAddr(remote)), scheme };
        let connection = Connection::new(stream, Arc::clone(&presence));
        let header_timeout = self.header_timeout;
        let answers = service_fn(move |request| {
            let (this, way, presence) = (Arc::clone(&self), way.clone(), Arc::clone(&presence));
            async move { Ok::<hyper::Response<_>, Infallible>(this.answer(request, way, &presence).await.into()) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(connection), answers);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    /// The connection once hands are shaken, if that is how it begins here. That may take as long as a head.
    async fn open(&self, stream: TcpStream) -> Option<(Stream, Option<Scheme>)> {
        let Some(tls) = &self.tls else { return Some((Either::Left(stream), Some(Scheme::HTTP))) };
        match tokio::time::timeout(self.header_timeout, tls.open(stream)).await {
            Ok(Ok(Opening::Secure(stream))) => return Some((Either::Right(stream), Some(Scheme::HTTPS))),
            Ok(Ok(Opening::Plain(stream))) => return Some((Either::Left(stream), None)),
            Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
        self.metrics.connections.handshakes_failed.add_one();
        None
    }

    /// Answers one request.
    async fn answer(&self, request: hyper::Request<Incoming>, way: Way, presence: &Arc<Presence>) -> Response {
        if !presence.answer() {
            // The connection is being closed to make room.
            return std::future::pending().await;
        }
        let running = Running::begin(&self.running);
        let (parts, body) = request.into_parts();
        let asks = Asks::of(&parts.headers, parts.version);
        let left = Left::default();
        let body = if body.is_end_stream() {
            Body::empty()
        } else {
            // Its head may have come with the request before.
            presence.hear();
            left.of(body, presence)
        };
        let Way { local, remote, scheme } = way;
        let mut response = match scheme {
            Some(scheme) => {
                let is_secure = scheme == Scheme::HTTPS;
                let parts = RequestParts::from((parts, local, remote, scheme));
                let mut response = self.endpoint.get_response(Request::from_parts(parts, body)).await;
                if is_secure {
                    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
                }
                response
            }
            None => {
                drop(body);
                self.tell_of_tls()
            }
        };
        match left.take() {
            None => presence.has_heard_all(),
            Some(rest) => {
                // Whoever was waited for in vain is not waited for again.
                let can_keep = !asks.to_close && response.status() != StatusCode::REQUEST_TIMEOUT;
                if !can_keep || !rest.discard(asks.to_be_asked) {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
            }
        }
        drop(running);
        presence.wait();
        response
    }

    /// The answer to whoever sends HTTP without TLS to where there is no other.
    fn tell_of_tls(&self) -> Response {
        self.metrics.connections.told_of_tls.add_one();
        tracing::debug!("a request came without TLS");
        let problem = Problem::malformed("This server speaks HTTPS: use https:// where you have http://.");
        let mut response = problem.respond(self.service.new_request_id());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// What a request says of its connection.
struct Asks {
    /// To be asked for the body before it is sent.
    to_be_asked: bool,
    /// To close the connection after the answer.
    to_close: bool,
}

impl Asks {
    fn of(headers: &HeaderMap, version: Version) -> Self {
        let closes = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
        Self {
            to_be_asked: headers.contains_key(header::EXPECT),
            to_close: version < Version::HTTP_11 || headers.get(header::CONNECTION).is_some_and(closes),
        }
    }
}

/// Counts a request while it runs, however it ends.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Resolves when no request has run for a while: what is still open then has sent half a head at most.
async fn quiet(running: &AtomicUsize) {
    let mut quiet_since = tokio::time::Instant::now();
    while quiet_since.elapsed() < QUIET {
        tokio::time::sleep(PAUSE).await;
        if running.load(Ordering::Relaxed) > 0 {
            quiet_since = tokio::time::Instant::now();
        }
    }
}

async fn keep_house(service: Arc<Service>, limits: Arc<RateLimits>) {
    let (mut ticks, mut forgetting) = (tokio::time::interval(FLUSH), tokio::time::interval(FORGET));
    loop {
        let is_time = tokio::select! {
            _ = ticks.tick() => true,
            () = service.much_used() => false,
            _ = forgetting.tick() => {
                limits.forget_full();
                continue;
            }
        };
        if let Err(error) = service.flush().await {
            tracing::error!(error = &error as &dyn std::error::Error, "last uses could not be written; trying again");
        }
        if !is_time {
            continue;
        }
        if let Err(error) = service.keep_audit().await {
            tracing::error!(error = &error as &dyn std::error::Error, "the audit could not be kept; trying again");
        }
        if let Err(error) = service.keep_own_time().await {
            tracing::error!(error = &error as &dyn std::error::Error, "the time could not be written; trying again");
        }
        if let Err(error) = service.forget().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "old answers could not be forgotten; trying again"
            );
        }
    }
}
