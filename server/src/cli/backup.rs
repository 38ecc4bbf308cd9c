//! `backup`, `restore`, `check`: copies of the database that can be put back, and whether it is whole.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    operator::{Request, done, is_served},
    say,
};
use crate::service::{BackupFacts, Service, Settings, ShellAccess};

/// Where the copy goes.
#[derive(Args)]
pub struct BackupOptions {
    /// File for the copy; one that is there is replaced once the new one is whole
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What is to be put back.
#[derive(Args)]
pub struct RestoreOptions {
    /// A backup, or a copy of the database that was made while no server ran
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Restore over a database that is newer, or another server's; it is kept under another name
    #[arg(long)]
    force: bool,
}

/// What is to be checked.
#[derive(Args)]
pub struct CheckOptions {
    /// A backup, or a copy of the database; it is not changed [default: the database in the data folder]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// What came of holding every row against those that it belongs with.
#[derive(Serialize, Deserialize)]
pub struct Checked {
    /// How many rows there are.
    rows: u64,
    /// What is wrong, a sentence each.
    wrong: Vec<String>,
}

/// Copies the database of the data folder, of a running server or not.
pub async fn backup(folder: PathBuf, BackupOptions { file }: BackupOptions) -> Result<(), String> {
    let (open, unfinished) = Service::begin_backup(&file).map_err(|error| error.to_string())?;
    let made = done(&folder, Request::BackUp, Some(open)).await;
    let finished = made.and_then(|_| Service::finish_backup(&unfinished, &file).map_err(|error| error.to_string()));
    let BackupFacts { rows, .. } = finished.inspect_err(|_| drop(std::fs::remove_file(&unfinished)))?;
    say(format_args!("{}: {rows} rows, whole", file.display()))
}

/// Puts a backup into the data folder.
pub async fn restore(folder: PathBuf, RestoreOptions { file, force }: RestoreOptions) -> Result<(), String> {
    let access = ShellAccess::asserted_by_command_line();
    let restored = Service::restore(access, &folder, &file, force, Settings::default()).await;
    let restored = restored.map_err(|error| error.to_string())?;
    for sentence in &restored.report {
        say(sentence)?;
    }
    let made = restored.made_at.map_or_else(String::new, |at| format!(", which was made at {at}"));
    say(format_args!("{} has the database of {}{made}", folder.display(), file.display()))?;
    match restored.replaced {
        Some(replaced) => say(format_args!("what was there before is kept in {}", replaced.display())),
        None => Ok(()),
    }
}

/// Checks a file, or the database of the data folder: of a running server a fresh snapshot.
pub async fn check(folder: PathBuf, CheckOptions { file }: CheckOptions) -> Result<(), String> {
    let (checked, what) = match file {
        Some(file) => (check_file(&file)?, file),
        None => {
            let checked = if is_served(&folder).await {
                serde_json::from_value(done(&folder, Request::Check, None).await?)
                    .map_err(|_| "the running server is of another version; use its own program".to_owned())?
            } else {
                check_file(&Service::database_path(&folder))?
            };
            (checked, folder)
        }
    };
    tell(&checked, &what)
}

fn check_file(file: &Path) -> Result<Checked, String> {
    let access = ShellAccess::asserted_by_command_line();
    let findings = Service::check_file(access, file).map_err(|error| error.to_string())?;
    Ok(Checked { rows: findings.rows, wrong: findings.wrong })
}

/// Checks what a service has open.
pub fn check_open(service: &Service, access: ShellAccess) -> crate::service::Result<Checked> {
    let findings = service.check(access)?;
    Ok(Checked { rows: findings.rows, wrong: findings.wrong })
}

fn tell(Checked { rows, wrong }: &Checked, what: &Path) -> Result<(), String> {
    if wrong.is_empty() {
        return say(format_args!("{}: {rows} rows, whole", what.display()));
    }
    wrong.iter().try_for_each(say)?;
    Err(format!(
        "{} is damaged. Keep a copy of it as it is, and restore the newest backup that is whole: 'astral-server check FILE' tells, 'astral-server restore FILE' puts it back",
        what.display()
    ))
}
