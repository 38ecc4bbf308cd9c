//! What Linux says of a process.

use std::path::Path;

/// The number after a name in `/proc/PID/status`.
pub fn number(status: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// A resident set, in bytes.
pub fn resident(status: &Path) -> Option<u64> {
    Some(number(status, "VmRSS")? * 1024)
}
