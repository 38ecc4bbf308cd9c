//! What may be set, and its defaults: flags, `ASTRAL_*` variables and an optional file, in that order of
//! strength, parsed into checked types.

use std::{
    net::SocketAddr,
    num::NonZero,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use poem::http::Uri;
use serde::Deserialize;

use crate::{
    http::{HttpSettings, RateLimitSettings, TlsFiles},
    service::{BackupSchedule, IpRange, Plan, Settings},
};

/// Where the server listens if nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7878";

/// The largest number that any setting takes: beyond all that makes sense, and safe to reckon with.
const LARGEST: usize = 10_000_000;

/// What can be set, as it was typed. The names in the file are those of the flags, with `_` for `-`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    // The next three are flags of every command; the file can set them all the same.
    /// Folder of the database
    #[arg(skip)]
    pub data: Option<PathBuf>,

    /// What to log
    #[arg(skip)]
    pub log: Option<String>,

    /// How to write the log
    #[arg(skip)]
    pub log_format: Option<LogFormat>,

    /// Address and port to listen on; port 0 picks a free one [default: 127.0.0.1:7878]
    #[arg(long, env = "ASTRAL_LISTEN", value_name = "ADDRESS:PORT", value_parser = listen_address)]
    listen: Option<SocketAddr>,

    /// File with the certificate, in PEM, and those that lead from it to one that clients know. With it and its key the
    /// server speaks HTTPS; both are read again when they change [default: none]
    #[arg(long, env = "ASTRAL_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// File with the private key of the certificate, in PEM [default: none]
    #[arg(long, env = "ASTRAL_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Listen beyond this machine without TLS. Only behind a proxy that adds it: passwords and keys are
    /// readable on the way otherwise
    #[arg(long, env = "ASTRAL_INSECURE_LISTEN", num_args = 0..=1, default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new())]
    insecure_listen: Option<bool>,

    /// Address and port on which Prometheus reads /metrics, such as 127.0.0.1:7879. Whoever reaches it may read:
    /// it asks for no credential [default: none]
    #[arg(long, env = "ASTRAL_METRICS_LISTEN", value_name = "ADDRESS:PORT", value_parser = listen_address)]
    metrics_listen: Option<SocketAddr>,

    /// Address under which people reach the server, for links, such as https://club.example
    #[arg(long, env = "ASTRAL_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,

    /// Proxy whose X-Forwarded-For is believed; may be given several times
    #[arg(long = "trusted-proxy", env = "ASTRAL_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    trusted_proxy: Option<Vec<IpRange>>,

    /// Origin whose pages may call the API, such as https://dashboard.example; may be given several times
    #[arg(long = "cors-origin", env = "ASTRAL_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    cors_origin: Option<Vec<String>>,

    /// Requests per minute of one key, and of one signed-in person; 0 for any number [default: 60000]
    #[arg(long, env = "ASTRAL_RATE_LIMIT_KEY", value_name = "N")]
    rate_limit_key: Option<usize>,

    /// Requests per minute of all the keys of an organization together; 0 for any number [default: 120000]
    #[arg(long, env = "ASTRAL_RATE_LIMIT_ORGANIZATION", value_name = "N")]
    rate_limit_organization: Option<usize>,

    /// Requests per minute without a valid credential from one address; 0 for any number [default: 600]
    #[arg(long, env = "ASTRAL_RATE_LIMIT_ADDRESS", value_name = "N")]
    rate_limit_address: Option<usize>,

    /// Connections that may be open at once; where all are, whoever has waited longest makes room [default: 4096]
    #[arg(long, env = "ASTRAL_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<usize>,

    /// Connections from one address that may be open at once, of IPv6 from one /64; 0 for any number. Trusted proxies have
    /// any number [default: 256]
    #[arg(long, env = "ASTRAL_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N")]
    max_connections_per_address: Option<usize>,

    /// Seconds that a request's head may take to arrive, and a connection may be idle [default: 20]
    #[arg(long, env = "ASTRAL_HEADER_TIMEOUT", value_name = "SECONDS")]
    header_timeout: Option<usize>,

    /// Seconds that a request's body may take to arrive [default: 30]
    #[arg(long, env = "ASTRAL_BODY_TIMEOUT", value_name = "SECONDS")]
    body_timeout: Option<usize>,

    /// Seconds that running requests may take to finish when the server stops [default: 10]
    #[arg(long, env = "ASTRAL_DRAIN_TIMEOUT", value_name = "SECONDS")]
    drain_timeout: Option<usize>,

    /// Memory for what was read of the database, in MiB [default: 48]
    #[arg(long, env = "ASTRAL_CACHE_MB", value_name = "MIB")]
    cache_mb: Option<usize>,

    /// Folder for backups that the server makes by itself [default: none are made]
    #[arg(long, env = "ASTRAL_BACKUP_DIR", value_name = "DIR")]
    backup_dir: Option<PathBuf>,

    /// Hours between two backups [default: 24]
    #[arg(long, env = "ASTRAL_BACKUP_EVERY", value_name = "HOURS")]
    backup_every: Option<usize>,

    /// Backups that are kept; the oldest beyond them are removed [default: 14]
    #[arg(long, env = "ASTRAL_BACKUP_KEEP", value_name = "N")]
    backup_keep: Option<usize>,

    /// Free space on the disk below which nothing is written but what takes power away, in MiB; 0 for none [default: 64]
    #[arg(long, env = "ASTRAL_DISK_RESERVE_MB", value_name = "MIB")]
    disk_reserve_mb: Option<usize>,

    /// Active API keys that an organization may have [default: 100]
    #[arg(long, env = "ASTRAL_MAX_ACTIVE_KEYS", value_name = "N")]
    max_active_keys: Option<usize>,

    /// Plan of the organization that set-up makes: free, coach, club or enterprise [default: coach]
    #[arg(long, env = "ASTRAL_SETUP_PLAN", value_name = "PLAN")]
    setup_plan: Option<Plan>,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// What was set, checked.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What to serve TLS with, if it is served.
    pub tls: Option<TlsFiles>,
    /// Where to let Prometheus read.
    pub metrics_listen: Option<SocketAddr>,
    /// For HTTP.
    pub http: HttpSettings,
    /// For the service.
    pub service: Settings,
    /// When backups are made, if they are.
    pub backups: Option<BackupSchedule>,
}

impl Options {
    /// Reads the file.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong in it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read the configuration {}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("the configuration {} is wrong: {error}", path.display()))
    }

    /// These, and what they leave open from the file, and what that leaves open from the defaults.
    ///
    /// # Errors
    /// A sentence that names what is wrong and what to do.
    pub fn resolve(self, file: Self) -> Result<Config, String> {
        let listen = self
            .listen
            .or(file.listen)
            .map_or_else(|| DEFAULT_LISTEN.parse().map_err(|_| "no address".to_owned()), Ok)?;
        let insecure_listen = self.insecure_listen.or(file.insecure_listen).unwrap_or(false);
        let metrics_listen = self.metrics_listen.or(file.metrics_listen);
        if let Some(address) = metrics_listen.filter(|address| !address.ip().is_loopback() && !insecure_listen) {
            return Err(format!(
                "--metrics-listen {address} can be reached from other machines, and it asks for no credential; let Prometheus read on this machine, through a proxy or a tunnel, or say --insecure-listen"
            ));
        }
        let tls = match (self.tls_cert.or(file.tls_cert), self.tls_key.or(file.tls_key)) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (Some(_), None) => {
                return Err("--tls-cert needs --tls-key, the file with the private key of the certificate".to_owned());
            }
            (None, Some(_)) => return Err("--tls-key needs --tls-cert, the file with its certificate".to_owned()),
            (None, None) => None,
        };
        if !listen.ip().is_loopback() && tls.is_none() && !insecure_listen {
            return Err(format!(
                "{listen} can be reached from other machines, and without TLS everyone on the way can read passwords and keys; name a certificate with --tls-cert and --tls-key, listen on 127.0.0.1 behind a proxy that adds TLS, or say --insecure-listen"
            ));
        }
        let (http, service) = (HttpSettings::default(), Settings::default());
        let public_url = self.public_url.or(file.public_url).map(|url| url.trim_end_matches('/').to_owned());
        if public_url.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return Err("--public-url must begin with https:// or http://".to_owned());
        }
        let positive = |name: &str, set: Option<usize>, otherwise: usize| match set {
            Some(value) if !(1..=LARGEST).contains(&value) => Err(format!("--{name} must be from 1 to {LARGEST}")),
            set => Ok(set.unwrap_or(otherwise)),
        };
        let per_minute = |name: &str, set: Option<usize>, otherwise: Option<NonZero<u32>>| match set {
            Some(requests) if requests > LARGEST => {
                Err(format!("--{name} must be from 0 to {LARGEST} requests per minute; 0 is any number"))
            }
            Some(requests) => Ok(u32::try_from(requests).ok().and_then(NonZero::new)),
            None => Ok(otherwise),
        };
        let per_address = match self.max_connections_per_address.or(file.max_connections_per_address) {
            Some(connections) if connections > LARGEST => {
                return Err(format!(
                    "--max-connections-per-address must be from 0 to {LARGEST} connections; 0 is any number"
                ));
            }
            Some(connections) => NonZero::new(connections),
            None => http.max_connections_per_address,
        };
        let cors_origins = self.cors_origin.or(file.cors_origin).unwrap_or_default();
        if let Some(wrong) = cors_origins.iter().find(|origin| !is_origin(origin)) {
            return Err(format!(
                "--cors-origin {wrong} must be an origin as browsers write it, without a path and in lowercase, such as https://dashboard.example or http://localhost:5173"
            ));
        }
        let seconds = |name: &str, set: Option<usize>, otherwise: Duration| {
            Ok::<_, String>(Duration::from_secs(positive(name, set, otherwise.as_secs() as usize)? as u64))
        };
        let hours = positive("backup-every", self.backup_every.or(file.backup_every), 24)?;
        let keep = positive("backup-keep", self.backup_keep.or(file.backup_keep), 14)?;
        let backups = self.backup_dir.or(file.backup_dir).map(|folder| BackupSchedule {
            folder,
            every: TimeDelta::hours(i64::try_from(hours).unwrap_or(i64::MAX)),
            keep,
        });
        Ok(Config {
            listen,
            tls,
            backups,
            metrics_listen,
            http: HttpSettings {
                public_url,
                trusted_proxies: self.trusted_proxy.or(file.trusted_proxy).unwrap_or_default(),
                cors_origins,
                rate_limits: RateLimitSettings {
                    key: per_minute(
                        "rate-limit-key",
                        self.rate_limit_key.or(file.rate_limit_key),
                        http.rate_limits.key,
                    )?,
                    organization: per_minute(
                        "rate-limit-organization",
                        self.rate_limit_organization.or(file.rate_limit_organization),
                        http.rate_limits.organization,
                    )?,
                    address: per_minute(
                        "rate-limit-address",
                        self.rate_limit_address.or(file.rate_limit_address),
                        http.rate_limits.address,
                    )?,
                },
                max_connections: positive(
                    "max-connections",
                    self.max_connections.or(file.max_connections),
                    http.max_connections,
                )?,
                max_connections_per_address: per_address,
                header_timeout: seconds(
                    "header-timeout",
                    self.header_timeout.or(file.header_timeout),
                    http.header_timeout,
                )?,
                body_timeout: seconds("body-timeout", self.body_timeout.or(file.body_timeout), http.body_timeout)?,
                drain_timeout: seconds("drain-timeout", self.drain_timeout.or(file.drain_timeout), http.drain_timeout)?,
            },
            service: Settings {
                cache: positive("cache-mb", self.cache_mb.or(file.cache_mb), service.cache >> 20)?
                    .saturating_mul(1 << 20),
                max_active_keys: positive(
                    "max-active-keys",
                    self.max_active_keys.or(file.max_active_keys),
                    service.max_active_keys,
                )?,
                disk_reserve: match self.disk_reserve_mb.or(file.disk_reserve_mb) {
                    Some(mib) if mib > LARGEST => return Err(format!("--disk-reserve-mb must be from 0 to {LARGEST}")),
                    Some(mib) => (mib as u64) << 20,
                    None => service.disk_reserve,
                },
                setup_plan: self.setup_plan.or(file.setup_plan).unwrap_or(service.setup_plan),
                // Not a setting: whoever accepts a clock says so once, with the command.
                if_behind: service.if_behind,
            },
        })
    }
}

/// Whether this is an origin in the one form in which browsers write it: scheme and host in lowercase, a port
/// only if it is not the scheme's own, and nothing else.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return false };
    let port = uri.port_u16().filter(|port| (scheme, *port) != ("http", 80) && (scheme, *port) != ("https", 443));
    let written = port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}"));
    ["http", "https"].contains(&scheme) && text == written.to_lowercase()
}

/// An address to listen on, as it is typed.
///
/// # Errors
/// A sentence that says what would be right.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("must be an address and a port, such as {DEFAULT_LISTEN} or [::1]:7878"))
}
