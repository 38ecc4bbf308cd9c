//! `audit`: lists events, walks the chains of the audit log, and prints where they stand, so that it can be kept elsewhere.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde::{Deserialize, Serialize};

use super::{
    folder,
    operator::{Request, ask, done},
    say, serve,
};
use crate::service::{Error, Head, IfBehind, OrganizationId, Service, Settings, ShellAccess};

#[derive(Subcommand)]
pub enum AuditCommand {
    /// List the newest events of a chain, newest first
    List {
        /// The organization's id [default: the server's own chain, with sign-ins, accounts and passwords]
        organization: Option<OrganizationId>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Walk every chain, and name the first broken link of each that has one
    ///
    /// Exits with 0 if all are whole. Without a FILE, the database in the data folder is walked, by the running server if
    /// there is one.
    Verify {
        /// A backup, or a copy of the database; it is not changed
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Heads that were printed earlier and kept elsewhere: each must still be in its chain
        #[arg(long, value_name = "FILE")]
        heads: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print where each chain stands, to be kept elsewhere: its name, the number of its newest event, and the hash
    Heads,
}

/// What came of walking all chains.
#[derive(Serialize, Deserialize)]
pub struct Walked {
    /// Each, with how many events it has, or where it is broken.
    chains: Vec<WalkedChain>,
}

#[derive(Serialize, Deserialize)]
struct WalkedChain {
    /// Its organization, or `server`.
    chain: String,
    /// How many events it has; none if it is broken.
    events: Option<u64>,
    /// Where it is broken, and how that shows.
    broken: Option<String>,
}

pub async fn audit(data: Option<PathBuf>, command: AuditCommand) -> Result<(), String> {
    match command {
        AuditCommand::List { organization, limit, json } => {
            ask(&folder(data)?, Request::ListEvents { organization, limit }, json).await
        }
        AuditCommand::Heads => {
            let heads: Vec<Head> = answer(done(&folder(data)?, Request::AuditHeads, None).await?)?;
            heads.iter().try_for_each(say)
        }
        AuditCommand::Verify { file, heads, json } => {
            let kept = heads.map(|path| read_heads(&path)).transpose()?.unwrap_or_default();
            let count = kept.len();
            let walked = match file {
                Some(file) => walk_copy(&file, kept).await?,
                None => answer(done(&folder(data)?, Request::VerifyAudit { kept }, None).await?)?,
            };
            tell(&walked, count, json)
        }
    }
}

fn answer<T: serde::de::DeserializeOwned>(answer: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(answer)
        .map_err(|_| "the running server is of another version; use its own program".to_owned())
}

/// Heads as `audit heads` prints them, a line each.
fn read_heads(path: &Path) -> Result<Vec<Head>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut heads = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let head = line.parse().map_err(|invalid| format!("{}, line {}: {invalid}", path.display(), number + 1))?;
        heads.push(head);
    }
    if heads.is_empty() {
        return Err(format!("{} holds no heads; 'audit heads' prints them", path.display()));
    }
    Ok(heads)
}

/// Walks a copy of a backup: opening a database that was not closed writes into it.
async fn walk_copy(file: &Path, kept: Vec<Head>) -> Result<Walked, String> {
    let copy = tempfile::Builder::new().prefix("astral-audit-").tempdir();
    let copy = copy.map_err(|error| format!("cannot make a folder for a copy: {error}"))?;
    Service::copy_in(file, copy.path()).map_err(|error| format!("cannot copy {}: {error}", file.display()))?;
    let settings = Settings { if_behind: IfBehind::StandStill, ..Settings::default() };
    let (service, _) = serve::open(copy.path(), settings)
        .map_err(|error| format!("{} cannot be opened as a database of Astral's: {error}", file.display()))?;
    let walked = walk(&service, ShellAccess::asserted_by_command_line(), kept).map_err(|error| error.to_string());
    service.close().await.map_err(|error| error.to_string())?;
    walked
}

/// Walks every chain, each on a snapshot of its own: one that is held for long would make the file grow.
pub fn walk(service: &Service, access: ShellAccess, mut kept: Vec<Head>) -> Result<Walked, Error> {
    kept.extend(service.read(|tx| tx.operator(access).recorded_heads())?);
    let chains = service.read(|tx| tx.operator(access).audit_chains(&kept))?;
    let mut of_chain: HashMap<_, Vec<Head>> = HashMap::new();
    for head in kept {
        of_chain.entry(head.organization_id).or_default().push(head);
    }
    let walk = |organization_id| {
        let kept = of_chain.remove(&organization_id).unwrap_or_default();
        let outcome = service.read(|tx| tx.operator(access).verify_chain(organization_id, &kept))?;
        let chain = organization_id.map_or_else(|| "server".to_owned(), |id| id.to_string());
        let (events, broken) = match outcome {
            Ok(events) => (Some(events), None),
            Err(broken) => (None, Some(broken.to_string())),
        };
        Ok(WalkedChain { chain, events, broken })
    };
    Ok(Walked { chains: chains.into_iter().map(walk).collect::<Result<_, Error>>()? })
}

fn tell(walked: &Walked, kept: usize, json: bool) -> Result<(), String> {
    let Walked { chains } = walked;
    if json {
        say(serde_json::to_string_pretty(walked).unwrap_or_default())?;
    }
    let plural = |count: u64, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    let mut broken = 0;
    for WalkedChain { chain, broken: how, .. } in chains {
        if let Some(how) = how {
            broken += 1;
            if !json {
                say(format_args!("{chain}: {how}"))?;
            }
        }
    }
    if broken > 0 {
        return Err(format!(
            "{broken} of {} broken. Somebody, or a failing disk, has changed the database beside the server; keep a copy of it, and compare it with a backup",
            plural(chains.len() as u64, "chain")
        ));
    }
    if json {
        return Ok(());
    }
    let events = chains.iter().filter_map(|chain| chain.events).sum();
    let heads =
        if kept == 0 { String::new() } else { format!(", with {} that were kept", plural(kept as u64, "head")) };
    say(format_args!("{}, {}: whole{heads}", plural(chains.len() as u64, "chain"), plural(events, "event")))
}
