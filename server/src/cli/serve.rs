//! `serve`: the data folder, the socket for the operator, and the server itself.

use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit, test_kill_process};
use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
};

use super::{operator, say};
use crate::{
    Listeners,
    config::Config,
    http::Tls,
    service::{BackupSchedule, Clock, IfBehind, OpenError, Service, Settings, ShellAccess, StartError},
};

/// In the data folder: who serves it.
const RUNNING: &str = "running.json";
/// In the data folder: the setup code, where there is no terminal to print it to.
const SETUP_CODE: &str = "setup-code";

/// Who serves a data folder.
#[derive(Serialize, Deserialize)]
struct Running {
    pid: u32,
    url: String,
    /// Where Prometheus reads, if it may.
    #[serde(default)]
    metrics: Option<String>,
}

/// Opens the data folder, and names the process that has it if one does.
pub fn open(folder: &Path, settings: Settings) -> Result<(Service, Option<String>), String> {
    Service::open(folder, settings, Clock::system()).map_err(|error| match error {
        StartError::Open(OpenError::InUse(_)) => in_use(folder),
        other => other.to_string(),
    })
}

fn in_use(folder: &Path) -> String {
    let running = fs::read(folder.join(RUNNING)).ok().and_then(|bytes| serde_json::from_slice::<Running>(&bytes).ok());
    // A process that was killed leaves its file behind.
    let alive = |running: &Running| {
        i32::try_from(running.pid).ok().and_then(Pid::from_raw).is_some_and(|pid| test_kill_process(pid).is_ok())
    };
    let who = running.filter(alive).map_or_else(
        || "another process".to_owned(),
        |Running { pid, url, .. }| format!("astral-server, process {pid}, which serves it at {url}"),
    );
    format!(
        "the data folder {} is in use by {who}; stop that process first, or name another folder with --data",
        folder.display()
    )
}

/// Serves `folder` until the process is told to stop.
///
/// `accept_clock` takes the system's clock as true, whatever time the database knows.
pub async fn serve(folder: PathBuf, config: Config, accept_clock: bool) -> Result<(), String> {
    let stop = stop_signal();
    let tls = config.tls.map(|files| Tls::load(files, &Clock::system())).transpose()?.map(Arc::new);
    let if_behind = if accept_clock { IfBehind::Accept } else { IfBehind::Refuse };
    let (service, setup_code) = open(&folder, Settings { if_behind, ..config.service })?;
    if accept_clock {
        let access = ShellAccess::asserted_by_command_line();
        let accepted = service.write_urgently(move |tx| tx.operator(access).accept_clock()).await;
        let ended = accepted.map_err(|error| format!("the clock cannot be accepted: {error}"))?;
        tracing::warn!(
            sessions = ended.sessions,
            invitations = ended.invitations,
            secrets = ended.secrets,
            "the system's clock is taken as true; what was begun later than it says is ended"
        );
    }
    let listener = listen(config.listen, "--listen")?;
    let metrics = match config.metrics_listen {
        Some(address) => Some(listen(address, "--metrics-listen")?),
        None => None,
    };
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let metrics_address = metrics.as_ref().and_then(|listener| listener.local_addr().ok());
    let metrics_url = metrics_address.map(|address| format!("http://{address}/metrics"));
    let service = Arc::new(service);
    let socket = operator::listen(&folder, Arc::clone(&service))?;
    let running = Running { pid: std::process::id(), url: url.clone(), metrics: metrics_url.clone() };
    write_private(&folder.join(RUNNING), &serde_json::to_vec(&running).unwrap_or_default())?;
    if config.http.public_url.is_none() && !config.http.trusted_proxies.is_empty() {
        tracing::warn!(
            "a proxy is trusted, but --public-url is not set: links of invitations will name what the proxy asks for"
        );
    }
    allow_connections(config.http.max_connections);
    let code_file = folder.join(SETUP_CODE);
    // That of a start that did not end well is dead.
    remove(&code_file);
    let place = match &setup_code {
        Some(code) if std::io::stdout().is_terminal() => Some(format!("is {code}")),
        Some(code) => {
            write_private(&code_file, format!("{code}\n").as_bytes())?;
            Some(format!("is in {}", code_file.display()))
        }
        None => None,
    };
    say(format_args!("Astral serves {} at {url}", folder.display()))?;
    if let Some(metrics_url) = metrics_url {
        say(format_args!("Metrics are at {metrics_url}"))?;
    }
    if let Some(place) = place {
        say(format_args!("No club yet. Set it up with POST {url}/api/v1/setup; the setup code {place}"))?;
    }
    let backups = config.backups.map(|schedule| tokio::spawn(keep_backups(Arc::clone(&service), schedule)));
    let stopped = crate::run(Listeners { api: listener, tls, metrics }, service, config.http, stop).await;
    socket.abort();
    if let Some(backups) = backups {
        backups.abort();
    }
    for file in [RUNNING, operator::SOCKET, SETUP_CODE] {
        remove(&folder.join(file));
    }
    stopped.map_err(|error| error.to_string())?;
    tracing::info!("stopped");
    Ok(())
}

/// How often is looked whether the time for a backup has come, and how soon one that failed is tried again.
const LOOK_FOR_BACKUP: Duration = Duration::from_secs(60);

/// Makes backups in time until the task is aborted.
async fn keep_backups(service: Arc<Service>, schedule: BackupSchedule) {
    let mut ticks = tokio::time::interval(LOOK_FOR_BACKUP);
    loop {
        ticks.tick().await;
        let (service, schedule) = (Arc::clone(&service), schedule.clone());
        let kept = tokio::task::spawn_blocking(move || {
            service.keep_backups(ShellAccess::asserted_by_command_line(), &schedule)
        });
        match kept.await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(path))) => tracing::info!(file = %path.display(), "a backup is made"),
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no backup could be made; trying again");
            }
            Err(error) => tracing::error!(%error, "no backup could be made; trying again"),
        }
    }
}

/// How many connections the system may have accepted that the server has not; what comes then waits for a second or more.
/// The system can be set to a lower one.
const BACKLOG: u32 = 4096;

/// Listens on `address`, which was named with `flag`.
pub fn listen(address: std::net::SocketAddr, flag: &str) -> Result<TcpListener, String> {
    let listening = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A server that was just stopped has left connections that the system has not forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listening().map_err(|error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "{address} is in use by another program; name another with {flag}, or let {flag} 127.0.0.1:0 pick one"
        ),
        std::io::ErrorKind::PermissionDenied => {
            format!("cannot listen on {address}: {error}; ports below 1024 are root's, name another with {flag}")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// Resolves when the process is told to stop. Listens from the moment it is called, not only once it is
/// awaited: a process that is told to stop while it starts stops well too.
pub fn stop_signal() -> impl Future<Output = ()> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let signals: Result<Vec<_>, _> = kinds.into_iter().map(signal).collect();
    async move {
        let Ok(mut signals) = signals else { return std::future::pending().await };
        futures_util::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
    }
}

/// Files that the process has open beside its connections: the database, the log, sockets.
const OTHER_FILES: u64 = 64;

/// Raises the number of files that the process may open as far as its connections need and the system lets.
fn allow_connections(connections: usize) {
    let needed = connections as u64 + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let raised = limit.maximum.map_or(needed, |most| most.min(needed));
    if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_err() || raised < needed {
        tracing::warn!(needed, allowed = raised, "the system allows fewer open files than --max-connections needs");
    }
}

/// Writes a file that nobody else can read.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), String> {
    remove(path);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "could not be removed");
    }
}
