//! What Linux says of a process that is measured.

use std::{fs, path::PathBuf, time::Duration};

/// How many ticks of a processor's time there are in a second, as the kernel tells them (`proc_pid_stat(5)`).
const TICKS: u64 = 100;

/// A process, by its id.
#[derive(Debug, Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// The one that asks.
    pub fn own() -> Self {
        Self(std::process::id())
    }

    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    /// The number after a name in a status file of it; `None` if there is none.
    fn number(self, status: &str, name: &str) -> Option<u64> {
        let text = fs::read_to_string(self.file(status)).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.split_whitespace().next()?.parse().ok()
    }

    /// Its resident set, in bytes; `None` if it is gone.
    pub fn resident(self) -> Option<u64> {
        Some(self.number("status", "VmRSS")? * 1024)
    }

    /// How often its main thread has woken up so far, or was interrupted; `None` if it is gone.
    pub fn wakes_of_main_thread(self) -> Option<u64> {
        let status = format!("task/{}/status", self.0);
        let names = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
        names.iter().map(|name| self.number(&status, name)).sum()
    }

    /// The processor time that it has used so far, all threads together, its own and the kernel's for it; `None` if it is
    /// gone.
    pub fn processor(self) -> Option<Duration> {
        let stat = fs::read_to_string(self.file("stat")).ok()?;
        // After the name, which stands in parentheses and can hold spaces.
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let ticks = fields.get(11..13)?.iter().map(|ticks| ticks.parse::<u64>().ok()).sum::<Option<u64>>()?;
        Some(Duration::from_millis(ticks * 1000 / TICKS))
    }
}
