//! The page that Prometheus reads: every metric there is, with its name.
//!
//! Their names are an interface: dashboards and alerts are built on them. What is measured of the database, of
//! passwords and of time is in base units.

use super::{Metrics, OTHER, process, text::Text};
use crate::{
    http::{
        operations::{self, METHODS},
        problem::KINDS,
        version,
    },
    service::{Measures, NotReady},
};

/// Writes the page.
pub fn write(metrics: &Metrics, measures: &Measures<'_>, ready: Result<(), NotReady>) -> String {
    let mut text = Text::default();
    text.gauge("astral_build_info", "The version that runs; always 1.").sample(&[("version", version::VERSION)], 1);
    text.gauge(
        "astral_ready",
        "1 if the database can be read, and a small write has reached the disk within 5 s, else 0.",
    )
    .sample(&[], u8::from(ready.is_ok()));
    tell_requests(&mut text, metrics);
    tell_connections(&mut text, metrics);
    tell_commits(&mut text, measures);
    tell_passwords(&mut text, measures);
    tell_database(&mut text, measures);
    tell_backups(&mut text, measures);
    tell_rows(&mut text, measures);
    process::tell(&mut text);
    text.finish()
}

/// What durations are counted in.
const MICROSECONDS_A_SECOND: f64 = 1e6;

fn tell_requests(text: &mut Text, metrics: &Metrics) {
    let names: Vec<_> = operations::all().iter().map(|operation| operation.id.as_str()).chain([OTHER]).collect();
    let mut family = text.counter(
        "astral_requests_total",
        "Requests that were answered, by operation of the API, method and class of the status.",
    );
    for (place, operation) in names.iter().enumerate() {
        let usual = operations::all().get(place).map_or("GET", |operation| operation.method());
        for (method, word) in METHODS.iter().chain([&OTHER]).enumerate() {
            for (class, status) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().enumerate() {
                let count = metrics.requests_of(place, method, class);
                // What is usual is there from the start, so that its first occurrence is seen as a change.
                if count > 0 || (*word == usual && matches!(class, 1 | 3 | 4)) {
                    family.sample(&[("operation", *operation), ("method", *word), ("status", status)], count);
                }
            }
        }
    }
    let mut family = text.histogram(
        "astral_request_duration_seconds",
        "How long it took from the head of a request to that of its answer, by operation, in seconds.",
    );
    for (operation, histogram) in names.iter().zip(&metrics.durations) {
        family.distribution(&[("operation", *operation)], MICROSECONDS_A_SECOND, &histogram.read());
    }
    let mut family = text.counter("astral_refusals_total", "Requests that were refused, by the problem's code.");
    for (kind, count) in KINDS.iter().zip(&metrics.refusals) {
        family.sample(&[("code", kind.code)], count.count());
    }
}

fn tell_connections(text: &mut Text, metrics: &Metrics) {
    let connections = &metrics.connections;
    text.counter("astral_connections_accepted_total", "Connections that were accepted.")
        .sample(&[], connections.accepted.count());
    text.counter("astral_connections_refused_total", "Connections that the system or the server could not accept.")
        .sample(&[], connections.refused.count());
    text.counter(
        "astral_connections_displaced_total",
        "Connections that were closed while they waited for their client, to make room for others.",
    )
    .sample(&[], connections.displaced.count());
    text.counter(
        "astral_tls_handshakes_failed_total",
        "Connections that ended before TLS was agreed on: clients that know no version or certificate of ours, or none at all.",
    )
    .sample(&[], connections.handshakes_failed.count());
    text.counter(
        "astral_tls_plain_requests_total",
        "Requests that came without TLS to where it is spoken, and were told to come with it.",
    )
    .sample(&[], connections.told_of_tls.count());
    text.gauge("astral_connections_open", "Connections that are open.").sample(&[], connections.open());
    text.gauge("astral_connections_limit", "Connections that may be open at once.").sample(&[], connections.limit);
}

fn tell_commits(text: &mut Text, measures: &Measures<'_>) {
    let (durations, actions) = (measures.commits.durations.read(), measures.commits.actions.read());
    text.counter("astral_commits_total", "Commits to the database, each of which one sync has brought to the disk.")
        .sample(&[], durations.count());
    text.counter("astral_commits_failed_total", "Commits that failed, and with them every write of theirs.")
        .sample(&[], measures.commits.failed.count());
    text.histogram("astral_commit_duration_seconds", "How long a commit took, with its sync, in seconds.")
        .distribution(&[], MICROSECONDS_A_SECOND, &durations);
    text.histogram("astral_commit_actions", "How many writes shared a commit.").distribution(&[], 1.0, &actions);
}

fn tell_passwords(text: &mut Text, measures: &Measures<'_>) {
    let hashing = &measures.hashing;
    text.gauge("astral_argon2_running", "Passwords that are being hashed.").sample(&[], hashing.running);
    text.gauge("astral_argon2_running_limit", "Passwords that may be hashed at once.")
        .sample(&[], hashing.most_running);
    text.gauge("astral_argon2_waiting", "Passwords that wait for their turn to be hashed.")
        .sample(&[], hashing.waiting);
    text.gauge("astral_argon2_waiting_limit", "Passwords that may wait at once; who comes later is refused.")
        .sample(&[], hashing.most_waiting);
    text.counter("astral_argon2_refused_total", "Passwords that were not hashed, for want of room or time.")
        .sample(&[], hashing.refused);
    text.histogram("astral_argon2_duration_seconds", "How long the hashing took when its turn had come, in seconds.")
        .distribution(&[], MICROSECONDS_A_SECOND, &hashing.durations.read());
    text.counter(
        "astral_throttled_attempts_total",
        "Attempts at a password or code that were refused because too many had failed.",
    )
    .sample(&[], measures.throttled);
}

fn tell_database(text: &mut Text, measures: &Measures<'_>) {
    if let Ok(disk) = &measures.disk {
        text.gauge("astral_database_size_bytes", "The database's file, in bytes.").sample(&[], disk.file);
        text.gauge("astral_disk_size_bytes", "The disk that holds the data folder, in bytes.").sample(&[], disk.size);
        text.gauge("astral_disk_free_bytes", "What the server may still fill of that disk, in bytes.")
            .sample(&[], disk.free);
    }
    let cache = &measures.cache;
    text.gauge("astral_cache_limit_bytes", "Memory that the database may use to remember pages, in bytes.")
        .sample(&[], cache.limit);
    text.gauge("astral_cache_used_bytes", "Memory that remembered pages take, in bytes.").sample(&[], cache.used);
    text.counter("astral_cache_hits_total", "Reads of a page that was remembered.").sample(&[], cache.hits);
    text.counter("astral_cache_misses_total", "Reads of a page that was not, and came from the file.")
        .sample(&[], cache.misses);
    text.counter("astral_cache_evictions_total", "Pages that were forgotten to make room for others.")
        .sample(&[], cache.evictions);
    let kept = cache.kept;
    text.gauge("astral_kept_limit_bytes", "Memory for keys, clubs and pages of members as they leave, in bytes.")
        .sample(&[], kept.limit);
    text.gauge("astral_kept_used_bytes", "What of it they take, about, in bytes.").sample(&[], kept.used);
    text.counter("astral_kept_hits_total", "Of those, ones that were there and of which nothing had changed.")
        .sample(&[], kept.hits);
    text.counter("astral_kept_misses_total", "Of those, ones that were not, and were read.").sample(&[], kept.misses);
}

fn tell_rows(text: &mut Text, measures: &Measures<'_>) {
    if let Ok(rows) = &measures.rows {
        text.gauge("astral_organizations", "Clubs.").sample(&[], rows.organizations);
        text.gauge("astral_users", "People who can sign in.").sample(&[], rows.users);
        text.gauge("astral_sessions", "Sessions that are stored; also those that are over and not removed yet.")
            .sample(&[], rows.sessions);
        let (expired, expired_held) =
            measures.census.map_or((0, 0), |census| (census.expired_keys, census.expired_held_keys));
        let held = rows.held_keys.saturating_sub(expired_held);
        let mut family = text.gauge(
            "astral_api_keys",
            "API keys by state. Which have expired is counted every 5 minutes; until the first time none has.",
        );
        family.sample(&[("state", "active")], rows.usable_keys.saturating_sub(expired + held));
        family.sample(&[("state", "expired")], expired);
        family.sample(&[("state", "held")], held);
        family.sample(&[("state", "revoked")], rows.revoked_keys);
    }
    if let Some(census) = measures.census {
        text.gauge("astral_members", "Members of all clubs together; counted every 5 minutes.")
            .sample(&[], census.members);
    }
}

fn tell_backups(text: &mut Text, measures: &Measures<'_>) {
    let backups = measures.backups;
    text.counter("astral_backups_total", "Backups that the server has made by itself.")
        .sample(&[], backups.made.count());
    text.counter("astral_backups_failed_total", "Attempts of the server to make a backup that failed.")
        .sample(&[], backups.failed.count());
    if let Some((made_at, size)) = backups.newest() {
        text.gauge(
            "astral_backup_newest_timestamp_seconds",
            "When the newest backup in the folder of backups was made, in seconds since 1970.",
        )
        .sample(&[], u64::try_from(made_at.as_millis() / 1_000).unwrap_or(0));
        text.gauge("astral_backup_newest_size_bytes", "The newest backup, in bytes.").sample(&[], size);
    }
}
