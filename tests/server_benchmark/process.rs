//! What Linux says of a process.

use std::{fs, path::PathBuf, time::Duration};

/// How many ticks of a processor's time there are in a second, as the kernel tells them.
const TICKS: u64 = 100;

/// A process that is measured.
#[derive(Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    fn file(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    /// The processor time that it has used so far, all threads together: its own, and the kernel's for it.
    pub fn processor(self) -> Duration {
        let stat = fs::read_to_string(self.file("stat")).expect("it runs");
        // After the name, which stands in parentheses and can hold spaces.
        let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Duration::from_millis(ticks * 1000 / TICKS)
    }

    /// Its resident set, in bytes.
    pub fn resident(self) -> u64 {
        let status = fs::read_to_string(self.file("status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("told");
        let kibibytes: u64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number");
        kibibytes * 1024
    }
}
