//! The only user of the generated client: commands in, events out, on a thread of its own.

mod answers;
mod change;
mod export;
mod failure;
mod keyring;
mod leaks;
mod session;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
};

use tokio::sync::{Semaphore, mpsc as commands};

use self::session::Session;
use crate::state::{
    address::Address,
    exchange::{Command, Event, Keyring},
};

/// A thread that asks the server, and says what came of it.
pub struct Worker {
    commands: commands::UnboundedSender<(u64, Command)>,
    events: mpsc::Receiver<(u64, Event)>,
}

/// Where the events of one session go: into a channel, and whoever draws is woken.
#[derive(Clone)]
pub(crate) struct Outbox {
    era: u64,
    events: mpsc::Sender<(u64, Event)>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    pub(crate) fn send(&self, event: Event) {
        if self.events.send((self.era, event)).is_ok() {
            (self.wake)();
        }
    }
}

/// Where the session is kept between one start and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// In the system's keyring, if there is one.
    Keyring,
    /// In memory alone, as long as the window is open.
    Memory,
}

/// How many changes of members are sent at once: those of many must not take the server from everybody else.
const AT_ONCE: usize = 8;

impl Worker {
    /// Starts it; `wake` is called after each event.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub fn start(keeping: Keeping, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (commands, inbox) = commands::unbounded_channel();
        let (sender, events) = mpsc::channel();
        let outbox = Outbox { era: 0, events: sender, wake: Arc::new(wake) };
        thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Ok(runtime) = runtime {
                    runtime.block_on(run(keeping, inbox, outbox));
                }
            })
            .expect("the system gives a thread");
        Self { commands, events }
    }

    /// Asks for something in the session of that number; the answer comes as an event with the same number.
    pub fn ask(&self, era: u64, command: Command) {
        // The thread ends with this handle only.
        let _ = self.commands.send((era, command));
    }

    /// What came since the last call, and of which session.
    pub fn events(&self) -> impl Iterator<Item = (u64, Event)> {
        self.events.try_iter()
    }
}

async fn run(keeping: Keeping, mut inbox: commands::UnboundedReceiver<(u64, Command)>, outbox: Outbox) {
    let mut session: Option<Session> = None;
    let mut loads: HashMap<&'static str, tokio::task::JoinHandle<()>> = HashMap::new();
    let mut places = Arc::new(Semaphore::new(AT_ONCE));
    // What was asked for while something else was given up.
    let mut held = None;
    loop {
        let next = match held.take() {
            Some(held) => Some(held),
            None => inbox.recv().await,
        };
        let Some((era, command)) = next else { break };
        let outbox = Outbox { era, ..outbox.clone() };
        match command {
            Command::Resume { server } => {
                // Whoever does not wait for it asks for something else, which is not made to wait either: not for the
                // server, nor for a prompt of the keyring's.
                let resumed = tokio::select! {
                    resumed = resume(server, keeping, &outbox) => resumed,
                    next = inbox.recv() => {
                        held = next;
                        continue;
                    }
                };
                let resumed = resumed.map(|resumed| {
                    resumed.map(|(resumed, signed_in)| {
                        session = Some(resumed);
                        signed_in
                    })
                });
                outbox.send(Event::Resumed(resumed));
            }
            Command::SignIn { server, email, password, keep } => {
                let result = Session::sign_in(server, email, password).await;
                session = signed_in(result, keep, keeping, &outbox);
            }
            Command::SetUp { server, setup_code, organization_name, display_name, email, password, keep } => {
                let result =
                    Session::set_up(server, setup_code, organization_name, display_name, email, password).await;
                session = signed_in(result, keep, keeping, &outbox);
            }
            Command::Forget => {
                stop(&mut loads, &mut places);
                if let Some(session) = session.take() {
                    tokio::spawn(keyring::remove(keeping, session.server().to_owned()));
                }
            }
            Command::SignOut => {
                stop(&mut loads, &mut places);
                if let Some(ending) = session.take() {
                    // Whoever signs in next does not wait for it.
                    tokio::spawn(async move {
                        keyring::remove(keeping, ending.server().to_owned()).await;
                        outbox.send(Event::SignedOut(ending.sign_out().await));
                    });
                }
            }
            Command::SignOutEverywhere { ticket } => {
                if let Some(ending) = session.take() {
                    let result = ending.sign_out_everywhere().await;
                    if result.is_ok() {
                        tokio::spawn(keyring::remove(keeping, ending.server().to_owned()));
                        stop(&mut loads, &mut places);
                    } else {
                        session = Some(ending);
                    }
                    outbox.send(Event::Changed { ticket, result: Box::new(result) });
                }
            }
            Command::StopExport => {
                if let Some(export) = loads.remove("export") {
                    export.abort();
                }
            }
            Command::ChooseFileToWrite { file } => {
                tokio::spawn(async move { outbox.send(Event::FileToWrite(choose_file_to_write(&file).await)) });
            }
            Command::ChooseFilesToSearch => {
                tokio::spawn(async move { outbox.send(Event::FilesToSearch(choose_files_to_search().await)) });
            }
            Command::StopMembers => {
                if let Some(load) = loads.remove("members") {
                    load.abort();
                }
            }
            command => {
                let Some(session) = session.clone() else { continue };
                let of = match &command {
                    Command::LoadKeys { .. } => Some("keys"),
                    Command::LoadMembers { .. } => Some("members"),
                    Command::LoadEvents { .. } => Some("events"),
                    Command::Export { .. } => Some("export"),
                    Command::FindKeys { .. } => Some("keys in a text"),
                    _ => None,
                };
                // What is urgent, such as a revocation, does not queue behind a thousand members.
                let queue = command.is_of_many().then(|| Arc::clone(&places));
                let task = tokio::spawn(async move {
                    let place = match queue {
                        Some(places) => Some(places.acquire_owned().await),
                        None => None,
                    };
                    // Closed: the session is over, and with it what was still to be sent.
                    if !matches!(place, Some(Err(_))) {
                        session.answer(command, &outbox).await;
                    }
                });
                if let Some(earlier) = of.and_then(|of| loads.insert(of, task)) {
                    earlier.abort();
                }
            }
        }
    }
}

/// Has the system ask for a file to write, which it asks about if it is there; none if the person closed the dialog, or
/// the system has none.
async fn choose_file_to_write(proposed: &Path) -> Option<PathBuf> {
    let mut dialog = rfd::AsyncFileDialog::new();
    if let Some(folder) = proposed.parent().filter(|folder| folder.is_dir()) {
        dialog = dialog.set_directory(folder);
    }
    if let Some(name) = proposed.file_name() {
        dialog = dialog.set_file_name(name.to_string_lossy());
    }
    dialog.save_file().await.map(|file| file.path().to_owned())
}

/// Has the system ask for files to read; none if the person closed the dialog, or the system has none.
async fn choose_files_to_search() -> Vec<PathBuf> {
    let files = rfd::AsyncFileDialog::new().pick_files().await.unwrap_or_default();
    files.iter().map(|file| file.path().to_owned()).collect()
}

/// Ends what is being read, and drops the changes that are still to be sent.
fn stop(loads: &mut HashMap<&'static str, tokio::task::JoinHandle<()>>, places: &mut Arc<Semaphore>) {
    for (_, load) in loads.drain() {
        load.abort();
    }
    places.close();
    *places = Arc::new(Semaphore::new(AT_ONCE));
}

/// What came of the session that the keyring keeps for `server`, if it keeps one.
async fn resume(
    server: Option<Address>,
    keeping: Keeping,
    outbox: &Outbox,
) -> Option<Result<(Session, crate::state::session::SignedIn), crate::state::failure::Failure>> {
    let keyring = keyring::find_out(keeping).await;
    outbox.send(Event::Keyring(keyring));
    let server = server.filter(|_| keyring == Keyring::There)?;
    let token = keyring::find(server.as_str().to_owned()).await?;
    Some(Session::resume(server, &token).await)
}

type SignedIn = (Session, crate::state::session::SignedIn, crate::state::secret::Secret);

fn signed_in(
    result: Result<SignedIn, crate::state::failure::Failure>,
    keep: bool,
    keeping: Keeping,
    outbox: &Outbox,
) -> Option<Session> {
    match result {
        Ok((session, signed_in, token)) => {
            outbox.send(Event::SignedIn(Ok(signed_in)));
            let (server, outbox) = (session.server().to_owned(), outbox.clone());
            // The keyring may prompt; nothing else waits for that.
            tokio::spawn(async move {
                if !keep {
                    // What was kept for somebody else must not sign them in again.
                    keyring::remove(keeping, server).await;
                } else if let Err(reason) = keyring::keep(keeping, server, token).await {
                    outbox.send(Event::NotKept(reason));
                }
            });
            Some(session)
        }
        Err(failure) => {
            outbox.send(Event::SignedIn(Err(failure)));
            None
        }
    }
}
