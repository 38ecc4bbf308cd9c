//! Backups that are made one after the other, and those who read and write meanwhile.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{
    BESIDE, SECONDS, WARM,
    clubs::{self, creating_keys, sign_in},
    data::{DATABASE, DataSet, Key},
    load::{Load, Loading, Requests, load},
    program::beside,
    reads,
};

/// How often each is measured, in turns.
const TIMES: usize = 5;

/// What goes on beside the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    Nothing,
    /// The same bytes are copied and synced by a program that knows nothing of them.
    Copies,
    Backups,
}

/// What goes on, and what came of the requests meanwhile, time by time.
pub struct Situation {
    pub beside: Beside,
    pub reads: Vec<Load>,
    pub writes: Vec<Load>,
    /// How many copies or backups were made in all.
    pub made: u32,
}

/// What came of it.
pub struct Backups {
    pub situations: [Situation; 3],
    /// The database at the end, in bytes.
    pub size: u64,
}

/// Makes one of those.
fn make(beside_requests: Beside, data: &Path, file: &Path) {
    match beside_requests {
        Beside::Nothing => thread::yield_now(),
        Beside::Copies => {
            fs::copy(data.join(DATABASE), file).expect("copied");
            File::open(file).and_then(|copy| copy.sync_all()).expect("synced");
        }
        Beside::Backups => {
            let output = Command::new(beside("astral-server")).arg("backup").arg(file).arg("--data").arg(data).output();
            let output = output.expect("it runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let _ = fs::remove_file(file);
}

/// Measures requests on a copy of a set.
pub async fn measure(set: &DataSet, keys: &[Key]) -> Backups {
    let folder = set.copy();
    let server = clubs::serve(folder.path());
    let files = tempfile::tempdir().expect("a folder");
    let creating = creating_keys(&sign_in(&server, keys).await);
    let creating = Requests::new(files.path(), "create", &creating, false);
    let reading = Requests::new(files.path(), "read", &reads::fifty_members(keys), false);
    load(&server, &reading, BESIDE, WARM);
    let mut situations = [Beside::Nothing, Beside::Copies, Beside::Backups].map(|beside| Situation {
        beside,
        reads: Vec::new(),
        writes: Vec::new(),
        made: 0,
    });
    for _ in 0..TIMES {
        for situation in &mut situations {
            let is_over = Arc::new(AtomicBool::new(false));
            let (beside, file) = (situation.beside, folder.path().join("copy"));
            let (data, over) = (folder.path().to_owned(), Arc::clone(&is_over));
            let making = (beside != Beside::Nothing).then(|| {
                thread::spawn(move || {
                    let mut made = 0;
                    while !over.load(Ordering::Relaxed) {
                        make(beside, &data, &file);
                        made += 1;
                    }
                    made
                })
            });
            let writers = Loading::begin(&server, &creating, BESIDE, SECONDS);
            situation.reads.push(load(&server, &reading, BESIDE, SECONDS));
            situation.writes.push(writers.end());
            is_over.store(true, Ordering::Relaxed);
            situation.made += making.map_or(0, |making| making.join().expect("no panic"));
        }
    }
    let size = fs::metadata(folder.path().join(DATABASE)).expect("a file").len();
    server.stop();
    Backups { situations, size }
}
