//! What writes: many clients share a commit.

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::{
    BESIDE, SECONDS, WARM,
    baseline::FromMemory,
    clubs::{self, creating_keys, sign_in},
    data::{DataSet, Key},
    load::{Load, Loading, Requests, load},
    program::{self, Running, as_role},
    reads,
    rounds::Row,
};

/// How many clients create keys at once.
pub const CLIENTS: [u32; 4] = [1, 8, 64, 256];
/// How often each number of clients is measured, in turns, and how long each time, in seconds.
pub const TIMES: usize = 3;
const A_TIME: u32 = 2;

/// What came of a disk.
pub struct Disk {
    pub name: String,
    /// By the number of clients.
    pub created: Vec<(u32, Row)>,
    /// A checked request: the same bytes from memory, while nobody writes, and while 64 create keys.
    pub reads: [Load; 3],
}

/// How many keys these clubs have, as the operator counts them.
fn count_keys(data: &Path, keys: &[Key]) -> usize {
    let of_club = |key: &Key| {
        let mut command = Command::new(program::beside("astral-server"));
        let output = command.args(["key", "list", &key.club, "--json", "--data"]).arg(data).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let listed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        listed.as_array().map_or(0, Vec::len)
    };
    keys.iter().map(of_club).sum()
}

/// Creates keys on a copy of the set, with more and more clients.
pub async fn measure(set: &DataSet, keys: &[Key]) -> Vec<Disk> {
    let mut disks = Vec::new();
    for slow in [false, true] {
        let name =
            if slow { format!("{} ms more a sync", crate::slow::SYNC.as_millis()) } else { "as it is".to_owned() };
        let folder = set.copy();
        let server =
            if slow { Running::start(&mut as_role("slow", folder.path())) } else { clubs::serve(folder.path()) };
        let files = tempfile::tempdir().expect("a folder");
        let requests = creating_keys(&sign_in(&server, keys).await);
        let creating = Requests::new(files.path(), "create", &requests, false);
        let requests_to_read = reads::fifty_members(keys);
        let reading = Requests::new(files.path(), "read", &requests_to_read, false);
        let memory = FromMemory::of(&[(&server, &requests_to_read[0], 200), (&server, &requests[0], 201)]).await;
        let (same_members, same_key) = (&memory.requests[0], &memory.requests[1]);
        load(&server, &reading, BESIDE, WARM);
        let from_memory = load(&memory.server, same_members, BESIDE, SECONDS);
        let alone = load(&server, &reading, BESIDE, SECONDS);
        let writers = Loading::begin(&server, &creating, 64, SECONDS + 2);
        std::thread::sleep(Duration::from_secs(1));
        let beside = load(&server, &reading, BESIDE, SECONDS);
        let mut answered = writers.end().requests;
        let mut created = CLIENTS.map(|clients| (clients, Row::new(&name)));
        for _ in 0..TIMES {
            for (clients, row) in &mut created {
                row.fixed.push(load(&memory.server, same_key, *clients, A_TIME));
                row.ours.push(load(&server, &creating, *clients, A_TIME));
            }
        }
        answered += created.iter().flat_map(|(_, row)| &row.ours).map(|load| load.requests).sum::<u64>();
        server.kill();
        // Whatever was answered before the plug was pulled is there, beside the set's own keys and the one that the baseline
        // has from it.
        let there = count_keys(folder.path(), keys) - set.organizations * set.keys - 1;
        assert!(there as u64 >= answered, "{answered} keys were answered, and {there} are there");
        disks.push(Disk { name, created: created.into(), reads: [from_memory, alone, beside] });
    }
    disks
}
