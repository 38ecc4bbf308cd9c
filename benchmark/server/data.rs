//! The data that is served: made once by `astral-server seed`, and used again.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::program::beside;

/// The file of the database in a data folder.
pub const DATABASE: &str = "astral.redb";

/// A set of data.
#[derive(Debug, Clone, Copy)]
pub struct DataSet {
    pub name: &'static str,
    pub organizations: usize,
    /// In each organization, beside its head coach.
    pub members: usize,
    /// In each organization.
    pub keys: usize,
}

/// Of as many clubs as fit into a small machine's memory many times.
pub const SMALL: DataSet = DataSet { name: "small", organizations: 1_000, members: 50, keys: 1 };
/// Of a large federation.
pub const LARGE: DataSet = DataSet { name: "large", organizations: 100_000, members: 100, keys: 10 };
/// Of one club with a roster that nobody has.
pub const ROSTER: DataSet = DataSet { name: "roster", organizations: 1, members: 1_000_000, keys: 64 };

/// With which every head coach of a set signs in.
pub const PASSWORD: &str = "correct-horse-battery";

/// A key, and the club whose it is.
#[derive(Debug, Clone)]
pub struct Key {
    pub club: String,
    pub secret: String,
}

impl DataSet {
    /// Its folder: beside what is built, unless `ASTRAL_BENCHMARK` names another place.
    fn place(&self) -> PathBuf {
        let all = std::env::var_os("ASTRAL_BENCHMARK").map_or_else(|| beside("../benchmark"), PathBuf::from);
        all.join(self.name)
    }

    /// The server's data folder.
    pub fn folder(&self) -> PathBuf {
        self.place().join("data")
    }

    /// A folder with a copy of its database, to be written to: beside it, so that it is the same disk.
    pub fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir_in(self.place()).expect("a folder");
        fs::copy(self.folder().join(DATABASE), copy.path().join(DATABASE)).expect("copied");
        copy
    }

    /// Makes it if it is not there; all its keys.
    pub fn keys(&self) -> Vec<Key> {
        let secrets = self.place().join("keys.txt");
        if !secrets.exists() {
            let _ = fs::remove_dir_all(self.place());
            fs::create_dir_all(self.place()).expect("made");
            let unfinished = self.place().join("keys.unfinished");
            let status = Command::new(beside("astral-server"))
                .args(["seed", "--password", PASSWORD, "--data"])
                .arg(self.folder())
                .arg("--secrets")
                .arg(&unfinished)
                .args(["--organizations", &self.organizations.to_string()])
                .args(["--members", &self.members.to_string(), "--keys", &self.keys.to_string()])
                .status();
            assert!(status.expect("it runs").success(), "the data is made");
            fs::rename(unfinished, &secrets).expect("renamed");
        }
        let text = fs::read_to_string(secrets).expect("read");
        let key = |line: &str| {
            let (club, secret) = line.split_once(' ')?;
            Some(Key { club: club.to_owned(), secret: secret.to_owned() })
        };
        text.lines().filter_map(key).collect()
    }
}
