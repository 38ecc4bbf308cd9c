//! `seed`: clubs by the thousand, for benchmarks.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::PathBuf,
};

use clap::Args;

use crate::service::{Clock, Operator, Password, SeededClub, Service, Settings, ShellAccess, WriteTx};

/// How many members or keys are written in one commit, about.
const AT_ONCE: usize = 20_000;

/// What to make.
#[derive(Args)]
pub struct SeedOptions {
    /// How many clubs
    #[arg(long, value_name = "N")]
    organizations: usize,
    /// How many members each has beside its head coach
    #[arg(long, value_name = "N")]
    members: usize,
    /// How many keys each has
    #[arg(long, value_name = "N")]
    keys: usize,
    /// Password of every head coach, who signs in as coach-0000000@seed.example and so on
    #[arg(long, value_name = "PASSWORD")]
    password: String,
    /// File for the keys: a line each, of club and secret
    #[arg(long, value_name = "FILE")]
    secrets: PathBuf,
}

/// Fills a new data folder.
pub async fn seed(folder: PathBuf, options: SeedOptions) -> Result<(), String> {
    let SeedOptions { organizations, members, keys, password, secrets } = options;
    if Service::exists(&folder).map_err(|error| format!("cannot look into {}: {error}", folder.display()))? {
        return Err(format!("there is a database in {} already; name a new folder", folder.display()));
    }
    let password = Password::parse(password).map_err(|invalid| format!("--password: {invalid}"))?;
    let cannot_write = |error| format!("cannot write {}: {error}", secrets.display());
    let mut file = BufWriter::new(File::create(&secrets).map_err(cannot_write)?);
    // Half of it is for pages of the file: fewer, and what does not fit into memory is written more than once.
    let settings = Settings { cache: 8 << 30, ..Settings::default() };
    let (service, _) = Service::open(&folder, settings, Clock::system()).map_err(|error| error.to_string())?;
    let failed = |error: crate::service::Error| error.to_string();
    let password_hash = service.hash_password(password).await.map_err(failed)?;
    let shell = ShellAccess::asserted_by_command_line();
    let clubs_at_once = (AT_ONCE / (members + keys).max(1)).clamp(1, 1_000);
    for first in (0..organizations).step_by(clubs_at_once) {
        let (clubs, hash) = (first..organizations.min(first + clubs_at_once), password_hash.clone());
        let make = move |operator: &Operator<'_, WriteTx>, number| {
            let club = operator.seed_club(number, hash.clone())?;
            operator.seed_members(&club, number, 0..members.min(AT_ONCE))?;
            let secrets = operator.seed_keys(&club, number, keys)?;
            Ok((club, secrets))
        };
        let made: Vec<(SeededClub, Vec<String>)> = service
            .write(move |tx| {
                let operator = tx.operator(shell);
                clubs.clone().map(|number| make(&operator, number)).collect()
            })
            .await
            .map_err(failed)?;
        // A club whose members do not fit into one commit was the only one in it.
        for from in (AT_ONCE..members).step_by(AT_ONCE) {
            let (club, these) = (made[0].0.clone(), from..members.min(from + AT_ONCE));
            let add = move |tx: &WriteTx| tx.operator(shell).seed_members(&club, first, these.clone());
            service.write(add).await.map_err(failed)?;
        }
        for (club, secrets) in made {
            for secret in secrets {
                writeln!(file, "{} {secret}", club.organization_id).map_err(cannot_write)?;
            }
        }
    }
    file.flush().map_err(cannot_write)?;
    service.close().await.map_err(failed)
}
