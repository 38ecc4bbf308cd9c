//! `org`, `user`, `key`: the operator's work, on the data folder itself or, where a server runs, through the
//! socket in it that its owner alone can use.

use std::{
    fs::File,
    io::{IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs::PermissionsExt as _,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Subcommand;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};
use zeroize::Zeroizing;

use super::{audit, backup, new_password, say, serve};
use crate::service::{
    ApiKeyId, Conflict, Email, Error, Head, IfBehind, Name, NewHeadCoach, OrganizationId, Password, Plan, Reason,
    Service, Settings, ShellAccess, StoredEvent,
};

/// The socket's name in the data folder.
pub const SOCKET: &str = "operator.sock";
/// How long to wait when the system has no more sockets to give.
const PAUSE: Duration = Duration::from_millis(100);
/// How many bytes a request has at most: the heads of a hundred thousand chains.
const MAX_REQUEST: u64 = 32 << 20;

#[derive(Subcommand)]
pub enum OrgCommand {
    /// List organizations
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make an organization and its head coach; the password comes on standard input
    Create {
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
    },
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
        OrgCommand::Create { organization, plan, email, name } => {
            let password = new_password()?;
            ask(&folder, Request::CreateOrganization { first: false, organization, plan, email, name, password }, false)
                .await
        }
        OrgCommand::SetPlan { organization, plan } => {
            ask(&folder, Request::SetPlan { organization, plan }, false).await
        }
        OrgCommand::SetHeadCoach { organization, email, admit } => {
            ask(&folder, Request::SetHeadCoach { organization, email, admit }, false).await
        }
    }
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
    let (_folder, socket) = socket_path(folder);
    UnixStream::connect(socket).await.is_ok()
}

/// Has `request` done, by the running server if there is one; what came of it. `file` is open for what is to be written.
pub async fn done(folder: &Path, request: Request, file: Option<File>) -> Result<Value, String> {
    let (_folder, socket) = socket_path(folder);
    Ok(match UnixStream::connect(socket).await {
        Ok(stream) => over_socket(stream, &request, file)
            .await
            .map_err(|error| format!("the running server did not answer: {error}"))??,
        Err(_) => {
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

async fn over_socket(
    mut stream: UnixStream,
    request: &Request,
    file: Option<File>,
) -> std::io::Result<Result<Value, String>> {
    let bytes = Zeroizing::new(serde_json::to_vec(request)?);
    let sent = match &file {
        Some(file) => send_with(&stream, &bytes, file).await?,
        None => 0,
    };
    stream.write_all(&bytes[sent..]).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(serde_json::from_slice(&answer)?)
}

/// How long a socket's path can be on every system.
const LONGEST_PATH: usize = 100;

/// The path of the socket. The system takes only short ones; where the folder's is longer, it is named by
/// its open handle, which must live as long as the path is used.
fn socket_path(folder: &Path) -> (Option<File>, PathBuf) {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() <= LONGEST_PATH {
        return (None, path);
    }
    match File::open(folder) {
        Ok(open) => {
            let short = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd())).join(SOCKET);
            (Some(open), short)
        }
        Err(_) => (None, path),
    }
}

/// Listens on the socket in the data folder until the task is aborted.
pub fn listen(folder: &Path, service: Arc<Service>) -> Result<JoinHandle<()>, String> {
    let path = folder.join(SOCKET);
    let (_folder, short) = socket_path(folder);
    let failed = |error: std::io::Error| format!("cannot make the operator's socket {}: {error}", path.display());
    // The database is locked by us: a socket that is still there belongs to nobody.
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    let listener = UnixListener::bind(short).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "an operator's connection could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                if let Err(error) = answer(stream, &service).await {
                    tracing::warn!(%error, "an operator's request broke off");
                }
            });
        }
    }))
}

async fn answer(mut stream: UnixStream, service: &Service) -> std::io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != rustix::process::geteuid().as_raw() && peer != 0 {
        tracing::warn!(peer, "a stranger tried the operator's socket");
        return Ok(());
    }
    let (mut request, file) = receive(&stream).await?;
    (&mut stream).take(MAX_REQUEST).read_to_end(&mut request).await?;
    let answer = match serde_json::from_slice(&request) {
        Ok(request) => perform(service, request, file).await,
        Err(_) => {
            Err("the running server does not know this command; use the astral-server that it was started with"
                .to_owned())
        }
    };
    stream.write_all(&serde_json::to_vec(&answer)?).await?;
    stream.shutdown().await
}

/// Sends bytes with an open file, so that the server can write where only whoever asks may, and its sandbox does not let
/// it; how many of the bytes went.
async fn send_with(stream: &UnixStream, bytes: &[u8], file: &File) -> std::io::Result<usize> {
    let files = [file.as_fd()];
    stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut with = SendAncillaryBuffer::new(&mut space);
            with.push(SendAncillaryMessage::ScmRights(&files));
            Ok(sendmsg(stream, &[IoSlice::new(bytes)], &mut with, SendFlags::empty())?)
        })
        .await
}

/// The first bytes of a request, and the open file that came with them.
async fn receive(stream: &UnixStream) -> std::io::Result<(Zeroizing<Vec<u8>>, Option<File>)> {
    let mut bytes = Zeroizing::new(vec![0; 64 << 10]);
    let (count, file) = stream
        .async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut with = RecvAncillaryBuffer::new(&mut space);
            let received = recvmsg(stream, &mut [IoSliceMut::new(&mut bytes)], &mut with, RecvFlags::CMSG_CLOEXEC)?;
            let file = with.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut files) => files.next(),
                _ => None,
            });
            Ok((received.bytes, file.map(File::from)))
        })
        .await?;
    bytes.truncate(count);
    Ok((bytes, file))
}

/// Does what the operator asks. Reached from a shell on this machine and from nowhere else.
async fn perform(service: &Service, request: Request, file: Option<File>) -> Result<Value, String> {
    let access = ShellAccess::asserted_by_command_line();
    let done = match request {
        Request::ListOrganizations => service.read(|tx| tx.operator(access).organizations()).map(|organizations| {
            let row = |(organization, head_coach): &crate::service::HeadedOrganization| {
                let head_coach = head_coach.as_ref();
                json!({
                    "id": organization.id,
                    "name": organization.name,
                    "plan": organization.plan,
                    "head_coach": head_coach.map(|(_, user)| user.email.to_string()),
                    "head_coach_name": head_coach.map(|(member, _)| member.display_name.to_string()),
                    "created_at": organization.created_at,
                })
            };
            organizations.iter().map(row).collect()
        }),
        Request::CreateOrganization { first, organization, plan, email, name, password } => {
            create_organization(service, access, first, organization, plan, email, name, password).await
        }
        Request::SetPlan { organization, plan } => {
            let changed = service.write(move |tx| tx.operator(access).set_plan(organization, plan)).await;
            changed.map(|organization| json!({ "id": organization.id, "name": organization.name, "plan": organization.plan }))
        }
        Request::SetHeadCoach { organization, email, admit } => {
            let sought = email.clone();
            let changed = service.write(move |tx| tx.operator(access).set_head_coach(organization, &sought, admit)).await;
            let nobody = || {
                if admit {
                    format!(
                        "there is no {organization}, or no account with {email} ('org list' shows organizations, 'user list' accounts, 'user create' makes one)"
                    )
                } else {
                    format!(
                        "no member of {organization} signs in with {email}; it takes one who has accepted an invitation, or --admit ('org list' shows organizations, 'user list' who can sign in)"
                    )
                }
            };
            return match changed {
                Ok(member) => Ok(json!({ "id": organization, "head_coach": email, "head_coach_name": member.display_name })),
                Err(Error::NotFound) => Err(nobody()),
                Err(error) => Err(explain(&error)),
            };
        }
        Request::ListUsers => service.read(|tx| tx.operator(access).users()).map(|users| {
            let row = |user: &crate::service::User| {
                json!({ "id": user.id, "email": user.email, "name": user.display_name, "created_at": user.created_at })
            };
            users.iter().map(row).collect()
        }),
        Request::CreateUser { email, name, password } => create_user(service, access, email, name, password).await,
        Request::UnlockUser { email } => {
            let sought = email.clone();
            let unlocked = service.write(move |tx| tx.operator(access).unlock_user(&sought)).await;
            unlocked.map(|()| {
                service.forgive(&email);
                json!({ "email": email, "unlocked": true })
            })
        }
        Request::ResetPassword { email, password } => reset_password(service, access, email, password).await,
        Request::ListKeys { organization } => service.read(|tx| tx.operator(access).api_keys(organization)).map(|keys| {
            let now = service.judged_at();
            let row = |key: &crate::service::ApiKey| {
                let hint = key.current_secret().map(|secret| secret.hint.clone());
                let scopes: Vec<_> = key.scopes.as_slice().iter().map(|scope| scope.as_str()).collect();
                json!({
                    "id": key.id,
                    "name": key.name,
                    "hint": hint,
                    "status": key.status(now),
                    "scopes": scopes.join(" "),
                    "created_at": key.created_at,
                    "expires_at": key.expires_at,
                })
            };
            keys.iter().map(row).collect()
        }),
        Request::RevokeKey { organization, key, reason } => {
            let revoked = service.write(move |tx| tx.operator(access).revoke_key(organization, key, reason.clone())).await;
            revoked.map(|()| json!({ "id": key, "status": "revoked" }))
        }
        Request::ReleaseKeys { organization, key } => {
            let released = service.write(move |tx| tx.operator(access).release_keys(organization, key)).await;
            released.map(|count| json!({ "organization": organization, "released": count }))
        }
        // These two take long, as the one below does.
        Request::BackUp => {
            let file = file.ok_or("no file came with the request")?;
            tokio::task::block_in_place(|| service.back_up(access, file)).map(|()| json!({}))
        }
        Request::Check => {
            tokio::task::block_in_place(|| backup::check_open(service, access)).map(|checked| json!(checked))
        }
        Request::ListEvents { organization, limit } => {
            service.read(|tx| tx.operator(access).newest_events(organization, limit)).map(|events| {
                let row = |StoredEvent { number, event, .. }: &StoredEvent| {
                    json!({
                        "number": number,
                        "at": event.at,
                        "actor": event.actor.to_string(),
                        "action": event.action,
                        "target": event.target,
                        "address": event.address,
                        "changes": event.changes,
                    })
                };
                events.iter().map(row).collect()
            })
        }
        Request::AuditHeads => service.read(|tx| tx.operator(access).audit_heads()).map(|heads| json!(heads)),
        // It takes long, and others wait to be answered.
        Request::VerifyAudit { kept } => {
            tokio::task::block_in_place(|| audit::walk(service, access, kept)).map(|walked| json!(walked))
        }
    };
    done.map_err(|error| explain(&error))
}

#[expect(clippy::too_many_arguments, reason = "one for each flag")]
async fn create_organization(
    service: &Service,
    access: ShellAccess,
    first: bool,
    organization: Name,
    plan: Plan,
    email: Email,
    display_name: Name,
    password: Zeroizing<String>,
) -> Result<Value, Error> {
    let password_hash = service.hash_password(Password::typed(password)).await?;
    let head_coach = NewHeadCoach { email, display_name, password_hash };
    let made = service
        .write(move |tx| tx.operator(access).create_organization(organization.clone(), plan, head_coach.clone(), first))
        .await;
    made.map(|(organization, user)| {
        json!({ "id": organization.id, "name": organization.name, "plan": organization.plan, "head_coach": user.email })
    })
}

async fn create_user(
    service: &Service,
    access: ShellAccess,
    email: Email,
    display_name: Name,
    password: Zeroizing<String>,
) -> Result<Value, Error> {
    let hash = service.hash_password(Password::typed(password)).await?;
    let made = service
        .write(move |tx| tx.operator(access).create_user(email.clone(), display_name.clone(), hash.clone()))
        .await;
    made.map(|user| json!({ "id": user.id, "email": user.email, "name": user.display_name }))
}

async fn reset_password(
    service: &Service,
    access: ShellAccess,
    email: Email,
    password: Zeroizing<String>,
) -> Result<Value, Error> {
    let hash = service.hash_password(Password::typed(password)).await?;
    let sought = email.clone();
    let ended = service.write(move |tx| tx.operator(access).reset_password(&sought, hash.clone())).await?;
    service.forgive(&email);
    Ok(json!({ "email": email, "sessions_ended": ended }))
}

/// A refusal in the operator's words.
fn explain(error: &Error) -> String {
    match error {
        Error::NotFound => "there is no such organization, user, member or key; 'org list', 'user list' and 'key list' show what there is".to_owned(),
        Error::Conflict(Conflict::AlreadySetUp) => "there is an organization already; to make another, use 'org create'".to_owned(),
        Error::Conflict(Conflict::UserExists) => "there is an account with this email; use another".to_owned(),
        Error::Conflict(Conflict::NotActiveCoach) => "the member is not active; a coach of the club can change that, and so does --admit".to_owned(),
        other => other.to_string(),
    }
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
