//! The accept loop, where the framework's falls short: it closes silent and dripping connections, caps how
//! many there are, and drains within bounds.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use poem::{
    Addr, Endpoint, Request, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{
    HttpSettings,
    metrics::{self, Connections, Metrics},
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
    /// For Prometheus, if it is to read.
    pub metrics: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(api: TcpListener) -> Self {
        Self { api, metrics: None }
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
    let Listeners { api: listener, metrics: for_metrics } = listeners.into();
    let connections = Arc::new(Semaphore::new(settings.max_connections));
    let metrics = Arc::new(Metrics::new(settings.max_connections));
    let (header_timeout, drain_timeout) = (settings.header_timeout, settings.drain_timeout);
    let limits = Arc::new(RateLimits::new(settings.rate_limits, service.clock()));
    let endpoint = super::endpoint(Arc::clone(&service), Arc::new(settings), Arc::clone(&limits), Arc::clone(&metrics));
    let endpoint = Arc::new(endpoint);
    let graceful = GracefulShutdown::new();
    let running = Arc::new(AtomicUsize::new(0));
    let housekeeper = tokio::spawn(keep_house(Arc::clone(&service), limits));
    let read = for_metrics
        .map(|listener| metrics::serve(listener, Arc::clone(&metrics), Arc::clone(&service), header_timeout))
        .map(tokio::spawn);
    let set_back = set_back(&service);
    tokio::pin!(shutdown, set_back);
    let behind = loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = &mut shutdown => break None,
            behind = &mut set_back => break Some(behind),
        };
        match accepted {
            Ok((stream, remote, permit)) => {
                let open = Connections::begin(&metrics);
                let connection =
                    serve(stream, remote, Arc::clone(&endpoint), Arc::clone(&running), header_timeout, &graceful);
                tokio::spawn(async move {
                    connection.await;
                    drop((permit, open));
                });
            }
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
    if let Some(read) = read {
        read.abort();
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

type Accepted = (TcpStream, std::net::SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// The next connection, when there is room for it.
async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> io::Result<Accepted> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, remote) = listener.accept().await?;
    // Where the client is gone already, serving it will find out.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNTAKEN));
    Ok((stream, remote, permit))
}

/// Serves one connection to its end.
fn serve<E: Endpoint<Output = Response> + 'static>(
    stream: TcpStream,
    remote: std::net::SocketAddr,
    endpoint: Arc<E>,
    running: Arc<AtomicUsize>,
    header_timeout: Duration,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<E> {
    let local = LocalAddr(stream.local_addr().map_or(Addr::custom("unknown", ""), Addr::SocketAddr));
    let remote = RemoteAddr(Addr::SocketAddr(remote));
    let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let endpoint = Arc::clone(&endpoint);
        let request = Request::from((request, local.clone(), remote.clone(), Scheme::HTTP));
        let running = Running::begin(&running);
        async move {
            let response = endpoint.get_response(request).await;
            drop(running);
            Ok::<hyper::Response<_>, Infallible>(response.into())
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    let connection = graceful.watch(connection);
    async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
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
