//! The command line: a file a command.

mod audit;
mod backup;
mod confine;
mod demo;
mod operator;
pub(crate) mod scan;
mod seed;
mod serve;

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    num::NonZero,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use zeroize::Zeroizing;

use crate::{
    config::{LogFormat, Options},
    service::Password,
};

/// The API-key server that a coaching club runs for itself.
#[derive(Parser)]
#[command(name = "astral-server", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    /// Folder of the database [default: the platform's data folder]
    #[arg(long, env = "ASTRAL_DATA", value_name = "DIR", global = true)]
    data: Option<PathBuf>,

    /// What to log: error, warn, info, debug, trace, or a filter such as astral_server=debug [default:
    /// info for serve, error for demo, else warn]
    #[arg(long, env = "ASTRAL_LOG", value_name = "FILTER", global = true)]
    log: Option<String>,

    /// How to write the log, which goes to standard error [default: text]
    #[arg(long, env = "ASTRAL_LOG_FORMAT", value_enum, global = true)]
    log_format: Option<LogFormat>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the club
    Serve {
        #[command(flatten)]
        options: Box<Options>,
        /// File with settings, in TOML; the names are those of the flags, with _ for -
        #[arg(long, env = "ASTRAL_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        /// Take the system's clock as true from now on, though the database knows a later time; what was begun later
        /// than the clock says (sessions, invitations, overlaps of rotations) ends. To be said once
        #[arg(long)]
        accept_clock: bool,
    },
    /// Serve a throw-away club to try things out with
    Demo(demo::DemoOptions),
    /// Make the first organization and its head coach; the password comes on standard input
    Init(operator::NewClub),
    /// List, make and change organizations
    #[command(subcommand)]
    Org(operator::OrgCommand),
    /// List, make and unlock users, and reset passwords
    #[command(subcommand)]
    User(operator::UserCommand),
    /// List, revoke and release API keys
    #[command(subcommand)]
    Key(operator::KeyCommand),
    /// Copy the database, of a running server or not, into a file that can be restored
    Backup(backup::BackupOptions),
    /// Put a backup into the data folder, which no server may have open
    ///
    /// What was taken away since the backup was made (keys, secrets, sessions, passwords, roles) is taken away again, as the
    /// log beside the database tells. Where there is no such log, every session is over and every key held until 'key
    /// release' lets it work again.
    Restore(backup::RestoreOptions),
    /// Look whether the database is whole: every record, every index, every audit chain
    ///
    /// Exits with 0 if it is.
    Check(backup::CheckOptions),
    /// Read the audit log, and prove that it is whole
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Find leaked secrets of Astral in files, folders or the history of git repositories, offline
    ///
    /// Hidden and ignored files are searched too. Exits with 0 if there is no secret, with 1 if there is one, and with
    /// 2 if none was found but not everything could be searched.
    Scan(scan::ScanOptions),
    /// Fill a new data folder with clubs by the thousand, for benchmarks
    #[command(hide = true)]
    Seed(seed::SeedOptions),
    /// Print the OpenAPI document
    Openapi,
}

impl Command {
    /// The exit status if the command fails: of `scan`, 1 says that something was found.
    fn failure(&self) -> ExitCode {
        match self {
            Self::Scan(_) => ExitCode::from(scan::FAILED),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the command that was typed; the process's exit code.
pub fn run() -> ExitCode {
    let confined = confine::confine();
    // A fault is caught where it happens, and is a line of the log like others.
    std::panic::set_hook(Box::new(|fault| {
        let place = fault.location().map(tracing::field::display);
        tracing::error!(place, what = fault.payload_as_str(), "a fault of the program");
    }));
    let arguments = Arguments::parse();
    let failure = arguments.command.failure();
    execute(arguments, confined).unwrap_or_else(|message| {
        let _ = writeln!(std::io::stderr(), "astral-server: {message}");
        failure
    })
}

fn execute(arguments: Arguments, confined: std::io::Result<()>) -> Result<ExitCode, String> {
    let file = match &arguments.command {
        Command::Serve { config: Some(path), .. } => Options::read(path)?,
        _ => Options::default(),
    };
    let usual = match arguments.command {
        Command::Serve { .. } => "info",
        // Its club has keys that are dead and still tried, on purpose.
        Command::Demo(_) => "error",
        _ => "warn",
    };
    let log = arguments.log.or(file.log.clone()).unwrap_or_else(|| usual.to_owned());
    start_logging(&log, arguments.log_format.or(file.log_format).unwrap_or(LogFormat::Text))?;
    if let Err(error) = confined {
        tracing::warn!(%error, "the system does not let the process give up what it does not need");
    }
    let data = arguments.data.or(file.data.clone());
    let done = match arguments.command {
        Command::Scan(options) => return scan::scan(&options),
        Command::Openapi => say(crate::openapi().trim_end()),
        Command::Serve { options, accept_clock, .. } => {
            in_runtime(serve::serve(folder(data)?, options.resolve(file)?, accept_clock))
        }
        Command::Demo(options) => in_runtime(demo::demo(options)),
        Command::Seed(options) => in_runtime(seed::seed(folder(data)?, options)),
        Command::Init(club) => in_runtime(operator::init(folder(data)?, club)),
        Command::Org(command) => in_runtime(operator::org(folder(data)?, command)),
        Command::User(command) => in_runtime(operator::user(folder(data)?, command)),
        Command::Key(command) => in_runtime(operator::key(folder(data)?, command)),
        Command::Backup(options) => in_runtime(backup::backup(folder(data)?, options)),
        Command::Restore(options) => in_runtime(backup::restore(folder(data)?, options)),
        Command::Check(options) => in_runtime(backup::check(folder(data)?, options)),
        Command::Audit(command) => in_runtime(audit::audit(data, command)),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The data folder that was named, or the platform's.
fn folder(named: Option<PathBuf>) -> Result<PathBuf, String> {
    let platform = || directories::ProjectDirs::from("", "", "astral").map(|folders| folders.data_dir().to_owned());
    named.or_else(platform).ok_or_else(|| "this user has no data folder; name one with --data DIR".to_owned())
}

/// How many threads answer requests for each core. They read the database themselves: while one waits for a page that is
/// not in memory, another is there for whoever can be answered without the disk.
const THREADS_A_CORE: usize = 2;

fn in_runtime(command: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let threads = THREADS_A_CORE * std::thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))?.block_on(command)
}

fn start_logging(filter: &str, format: LogFormat) -> Result<(), String> {
    // A word that is no level would be taken for the name of a part of the program, and silence all others.
    let is_level = |word: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&word.trim());
    if let Some(word) = filter.split(',').find(|part| !part.contains(['=', '[']) && !is_level(part)) {
        return Err(format!(
            "--log {word}: must be error, warn, info, debug, trace or off, or a filter such as astral_server=debug"
        ));
    }
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(|error| format!("--log {filter}: {error}"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Writes a line to standard output, at once.
fn say(text: impl std::fmt::Display) -> Result<(), String> {
    let mut output = std::io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("cannot write: {error}")),
        _ => Ok(()),
    }
}

/// A new password that keeps the rules: asked for twice at a terminal, else the first line of standard input.
fn new_password() -> Result<Zeroizing<String>, String> {
    let text = if std::io::stdin().is_terminal() {
        let ask = |prompt| {
            let typed = rpassword::prompt_password(prompt).map(Zeroizing::new);
            typed.map_err(|error| format!("cannot read the password: {error}"))
        };
        let first = ask("Password: ")?;
        if first != ask("The same again: ")? {
            return Err("the two passwords differ".to_owned());
        }
        first
    } else {
        // With room for any that is right: what is moved for want of room leaves a copy behind.
        let mut line = Zeroizing::new(String::with_capacity(1024));
        std::io::stdin().lock().read_line(&mut line).map_err(|error| format!("cannot read the password: {error}"))?;
        let length = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(length);
        line
    };
    if text.is_empty() {
        return Err(
            "the password on standard input is empty; at a terminal, leave out the pipe and you will be asked for it"
                .to_owned(),
        );
    }
    Password::parse(text.clone()).map_err(|invalid| format!("the password {invalid}"))?;
    Ok(text)
}
