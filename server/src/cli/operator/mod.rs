//! `org`, `user`, `key`: the operator's work, on the data folder itself or, where a server runs, through the
//! socket in it that its owner alone can use.

mod perform;
mod socket;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use self::perform::perform;
pub use self::socket::{SOCKET, listen};
use super::{new_password, say, serve};
use crate::service::{ApiKeyId, Email, Head, IfBehind, Name, OrganizationId, Plan, Reason, Service, Settings};

/// A club, and who heads it.
#[derive(Args)]
pub struct NewClub {
    /// Name of the club
    #[arg(long, value_name = "NAME")]
    organization: Name,
    /// Its plan: free, coach, club or enterprise
    #[arg(long, value_name = "PLAN", default_value = "coach")]
    plan: Plan,
    /// Email with which the head coach will sign in
    #[arg(long, value_name = "EMAIL")]
    email: Email,
    /// What the head coach is called
    #[arg(long, value_name = "NAME")]
    name: Name,
}

#[derive(Subcommand)]
pub enum OrgCommand {
    /// List organizations
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make an organization and its head coach; the password comes on standard input
    Create(NewClub),
    /// Put an organization on a plan: free, coach, club or enterprise
    SetPlan {
        /// The organization's id
        organization: OrganizationId,
        /// Its plan
        plan: Plan,
    },
    /// Make an active member, who can sign in with this email, head coach
    SetHeadCoach {
        /// The organization's id
        organization: OrganizationId,
        /// Email with which the member signs in
        email: Email,
        /// Add them to the club if they are not in it, and make them active if they are not
        #[arg(long)]
        admit: bool,
    },
}

#[derive(Subcommand)]
pub enum UserCommand {
    /// List users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make an account, which belongs to no club yet; the password comes on standard input
    Create {
        /// Email with which the user will sign in
        email: Email,
        /// What the user is called
        #[arg(long, value_name = "NAME")]
        name: Name,
    },
    /// Let a user try again at once who has mistyped the password too often
    Unlock {
        /// Email with which the user signs in
        email: Email,
    },
    /// Set a password, which comes on standard input, and end the user's sessions
    ResetPassword {
        /// Email with which the user signs in
        email: Email,
    },
}

#[derive(Subcommand)]
pub enum KeyCommand {
    /// List the API keys of an organization
    List {
        /// The organization's id
        organization: OrganizationId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke an API key, at once and finally
    Revoke {
        /// The organization's id
        organization: OrganizationId,
        /// The key's id
        key: ApiKeyId,
        /// Why; kept with the key
        #[arg(long, value_name = "TEXT")]
        reason: Option<Reason>,
    },
    /// Let keys work again that are held since a backup was restored: one, or all of the organization
    Release {
        /// The organization's id
        organization: OrganizationId,
        /// The key's id [default: all of the organization's]
        key: Option<ApiKeyId>,
    },
}

/// What goes over the socket.
#[derive(Clone, Serialize, Deserialize)]
pub enum Request {
    ListOrganizations,
    CreateOrganization {
        first: bool,
        organization: Name,
        plan: Plan,
        email: Email,
        name: Name,
        password: Zeroizing<String>,
    },
    SetPlan {
        organization: OrganizationId,
        plan: Plan,
    },
    SetHeadCoach {
        organization: OrganizationId,
        email: Email,
        admit: bool,
    },
    ListUsers,
    CreateUser {
        email: Email,
        name: Name,
        password: Zeroizing<String>,
    },
    UnlockUser {
        email: Email,
    },
    ResetPassword {
        email: Email,
        password: Zeroizing<String>,
    },
    ListKeys {
        organization: OrganizationId,
    },
    RevokeKey {
        organization: OrganizationId,
        key: ApiKeyId,
        reason: Option<Reason>,
    },
    ReleaseKeys {
        organization: OrganizationId,
        key: Option<ApiKeyId>,
    },
    ListEvents {
        organization: Option<OrganizationId>,
        limit: usize,
    },
    AuditHeads,
    VerifyAudit {
        kept: Vec<Head>,
    },
    /// Into the file that comes with the request.
    BackUp,
    Check,
}

pub async fn org(folder: PathBuf, command: OrgCommand) -> Result<(), String> {
    match command {
        OrgCommand::List { json } => ask(&folder, Request::ListOrganizations, json).await,
        OrgCommand::Create(club) => create(&folder, club, false).await,
        OrgCommand::SetPlan { organization, plan } => {
            ask(&folder, Request::SetPlan { organization, plan }, false).await
        }
        OrgCommand::SetHeadCoach { organization, email, admit } => {
            ask(&folder, Request::SetHeadCoach { organization, email, admit }, false).await
        }
    }
}

/// `init`: the first organization and its head coach, without a browser or console. Refuses if there is one.
pub async fn init(folder: PathBuf, club: NewClub) -> Result<(), String> {
    create(&folder, club, true).await
}

async fn create(folder: &Path, club: NewClub, first: bool) -> Result<(), String> {
    let NewClub { organization, plan, email, name } = club;
    let password = new_password()?;
    ask(folder, Request::CreateOrganization { first, organization, plan, email, name, password }, false).await
}

pub async fn user(folder: PathBuf, command: UserCommand) -> Result<(), String> {
    match command {
        UserCommand::List { json } => ask(&folder, Request::ListUsers, json).await,
        UserCommand::Create { email, name } => {
            let password = new_password()?;
            ask(&folder, Request::CreateUser { email, name, password }, false).await
        }
        UserCommand::Unlock { email } => ask(&folder, Request::UnlockUser { email }, false).await,
        UserCommand::ResetPassword { email } => {
            let password = new_password()?;
            ask(&folder, Request::ResetPassword { email, password }, false).await
        }
    }
}

pub async fn key(folder: PathBuf, command: KeyCommand) -> Result<(), String> {
    match command {
        KeyCommand::List { organization, json } => ask(&folder, Request::ListKeys { organization }, json).await,
        KeyCommand::Revoke { organization, key, reason } => {
            ask(&folder, Request::RevokeKey { organization, key, reason }, false).await
        }
        KeyCommand::Release { organization, key } => {
            ask(&folder, Request::ReleaseKeys { organization, key }, false).await
        }
    }
}

/// Has `request` done, and prints what came of it.
pub async fn ask(folder: &Path, request: Request, json: bool) -> Result<(), String> {
    let answer = done(folder, request, None).await?;
    say(if json { serde_json::to_string_pretty(&answer).unwrap_or_default() } else { table(&answer) })
}

/// Whether a server has the folder.
pub async fn is_served(folder: &Path) -> bool {
    socket::connect(folder).await.is_some()
}

/// Has `request` done, by the running server if there is one; what came of it. `file` is open for what is to be written.
pub async fn done(folder: &Path, request: Request, file: Option<File>) -> Result<Value, String> {
    Ok(match socket::connect(folder).await {
        Some(stream) => socket::ask(stream, &request, file)
            .await
            .map_err(|error| format!("the running server did not answer: {error}"))??,
        None => {
            // Only what makes a club may make a database: a folder's name that was typed wrong must not.
            if !matches!(request, Request::CreateOrganization { .. }) {
                match Service::exists(folder) {
                    Ok(true) => {}
                    Ok(false) => {
                        return Err(format!(
                            "there is no database in {}; name its folder with --data",
                            folder.display()
                        ));
                    }
                    Err(error) => {
                        let path = folder.display();
                        return Err(format!(
                            "cannot look into {path}: {error}; run this as the user to whom it belongs, or as root"
                        ));
                    }
                }
            }
            // What takes power away must not wait for somebody who sets the clock.
            let settings = Settings { if_behind: IfBehind::StandStill, ..Settings::default() };
            let (service, _) = serve::open(folder, settings)?;
            let answer = perform(&service, request, file).await;
            service.close().await.map_err(|error| error.to_string())?;
            answer?
        }
    })
}

/// An object as lines, a list of objects as a table.
fn table(answer: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let Value::Array(rows) = answer else {
        let lines = answer.as_object().into_iter().flatten().map(|(name, value)| format!("{name}: {}", text(value)));
        return lines.collect::<Vec<_>>().join("\n");
    };
    let Some(columns) = rows.first().and_then(Value::as_object).map(|row| row.keys().cloned().collect::<Vec<_>>())
    else {
        return "none".to_owned();
    };
    let cells = std::iter::once(columns.clone())
        .chain(rows.iter().map(|row| columns.iter().map(|column| text(&row[column])).collect()));
    let cells: Vec<Vec<String>> = cells.collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    cells.iter().map(line).collect::<Vec<_>>().join("\n")
}
