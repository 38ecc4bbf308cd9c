//! What the system says of this process, under the names that Prometheus' own libraries use. Linux tells it under
//! `/proc`; elsewhere less is told.

use std::fs;

use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

use super::text::Text;

/// In what `/proc` counts time: as Linux tells it to programs, a second has so many on each machine that Rust builds for.
const TICKS_A_SECOND: f64 = 100.0;

/// Adds the process's metrics.
pub fn tell(text: &mut Text) {
    let taken = clock_gettime(ClockId::ProcessCPUTime);
    text.counter("process_cpu_seconds_total", "Processor time that the process has taken, in seconds.")
        .sample(&[], taken.tv_sec as f64 + taken.tv_nsec as f64 / 1e9);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(resident) = number_after(&status, "VmRSS:") {
        text.gauge("process_resident_memory_bytes", "Memory that the process holds, in bytes.")
            .sample(&[], resident << 10);
    }
    if let Some(addresses) = number_after(&status, "VmSize:") {
        text.gauge("process_virtual_memory_bytes", "Addresses that the process has taken, in bytes.")
            .sample(&[], addresses << 10);
    }
    if let Some(threads) = number_after(&status, "Threads:") {
        text.gauge("process_threads", "Threads of the process.").sample(&[], threads);
    }
    if let Some(started) = start_time() {
        text.gauge("process_start_time_seconds", "When the process was started, in seconds since 1970.")
            .sample(&[], started);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // Less the folder itself, which is open to count them.
        let open = files.count().saturating_sub(1);
        text.gauge("process_open_fds", "Files and connections that the process has open.").sample(&[], open);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        text.gauge("process_max_fds", "Files and connections that the process may have open.").sample(&[], most);
    }
}

/// The number after this word at the beginning of a line.
fn number_after(text: &str, word: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// When the process was started, in seconds since 1970.
fn start_time() -> Option<f64> {
    let booted = number_after(&fs::read_to_string("/proc/stat").ok()?, "btime ")?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in brackets, and may hold anything; this one is the twenty-second.
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: u64 = after_name.split_whitespace().nth(22 - 3)?.parse().ok()?;
    Some(booted as f64 + ticks as f64 / TICKS_A_SECOND)
}
