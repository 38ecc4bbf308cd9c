//! What the tests stand on: a running server, and a club's people as clients.
//!
//! ```no_run
//! # async fn example() {
//! let server = astral_tests::TestServer::start().await;
//! let club = server.club("Summit Running Club").await;
//! let key = club.create_key("Analytics integration").await;
//! server.client(&key.secret).get_caller().send().await.expect("the key works");
//! # }
//! ```

mod club;
pub mod document;
pub mod screen;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, LazyLock, OnceLock},
};

use astral_client::{Client, types};
use astral_server::{
    HttpSettings,
    service::{Clock, NewHeadCoach, OrganizationId, Password, Plan, Service, Settings, ShellAccess},
};
use serde_json::json;
use tempfile::TempDir;

pub use club::{Club, Person};

/// Every password in the tests begins with this; the log is searched for it afterwards.
pub const PASSWORD_MARK: &str = "lantern-harbor-quiet";

/// Where servers under test write their logs.
pub static LOGS: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = target().join("test-logs");
    std::fs::create_dir_all(&folder).expect("a folder for logs");
    folder
});

/// The folder of the profile that the tests were built in, where the server's binary is too.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    test.ancestors().nth(2).expect("target/PROFILE/deps/test").to_owned()
}

/// The folder of all that is built, where tests put what they make and do not keep.
pub fn target() -> PathBuf {
    profile_folder().parent().expect("target/PROFILE").to_owned()
}

/// The folder of the whole repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests stands in the repository")
}

/// The server's real binary, built if it is older than its source.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The whole workspace, as the tests themselves were built: fewer packages would be built with other features.
        build.args(["build", "--quiet", "--workspace"]).current_dir(repository());
        if profile_folder().ends_with("release") {
            build.arg("--release");
        }
        // What cargo tells a test of its package is not for another cargo: build scripts that look at it, as ring's
        // does, would run again, and all that stands on them be built again, here and in the next build from a shell.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                build.env_remove(name);
            }
        }
        assert!(build.status().expect("cargo runs").success(), "the server builds");
        profile_folder().join("astral-server")
    })
}

/// A server of its own for one test, with a data folder that goes away with it.
pub struct TestServer {
    /// Where it answers, without a slash at the end.
    pub url: String,
    /// Its data folder.
    pub folder: Arc<TempDir>,
    running: Running,
    anonymous: Client,
    /// Where a process writes its log.
    log: Option<PathBuf>,
}

enum Running {
    Process(Child),
    Here {
        service: Arc<Service>,
        setup_code: Option<String>,
        stop: tokio::sync::oneshot::Sender<()>,
        task: tokio::task::JoinHandle<()>,
    },
    Stopped,
}

impl TestServer {
    /// The real binary, on a new folder.
    pub async fn start() -> Self {
        Self::start_in(Arc::new(TempDir::new().expect("a folder")), &[]).await
    }

    /// The real binary, on a new folder, with further flags.
    pub async fn start_with(flags: &[&str]) -> Self {
        Self::start_in(Arc::new(TempDir::new().expect("a folder")), flags).await
    }

    /// The real binary, on this folder.
    pub async fn start_in(folder: Arc<TempDir>, flags: &[&str]) -> Self {
        let log = tempfile::Builder::new().prefix("server-").suffix(".log").tempfile_in(&*LOGS).expect("a log");
        let (log, path) = log.keep().expect("kept");
        let mut child = Command::new(binary())
            .args(["serve", "--data"])
            .arg(folder.path())
            .args(if flags.contains(&"--log") { &[][..] } else { &["--log", "trace"] })
            .args(if flags.contains(&"--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"] })
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        let url = line.trim().rsplit(' ').next().expect("a word").to_owned();
        assert!(url.starts_with("http"), "the server says where it is, and not {line:?}");
        let running = Running::Process(child);
        Self { anonymous: astral_client::anonymous(&url), url, folder, running, log: Some(path) }
    }

    /// The same server in this process, with a clock that the test moves.
    pub async fn start_at(clock: Clock) -> Self {
        Self::start_here(
            Arc::new(TempDir::new().expect("a folder")),
            clock,
            Settings::default(),
            HttpSettings::default(),
        )
        .await
    }

    /// The same server in this process.
    pub async fn start_here(folder: Arc<TempDir>, clock: Clock, settings: Settings, http: HttpSettings) -> Self {
        log_here();
        let (service, setup_code) = Service::open(folder.path(), settings, clock).expect("opens");
        let service = Arc::new(service);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = Arc::clone(&service);
        let task = tokio::spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            astral_server::run(listener, serving, http, until).await.expect("stops well");
        });
        Self {
            anonymous: astral_client::anonymous(&url),
            url,
            folder,
            running: Running::Here { service, setup_code, stop, task },
            log: None,
        }
    }

    /// The service itself, of a server in this process.
    pub fn service(&self) -> &Arc<Service> {
        match &self.running {
            Running::Here { service, .. } => service,
            _ => panic!("the server is another process"),
        }
    }

    /// The process's id, of a server that is one.
    pub fn pid(&self) -> u32 {
        match &self.running {
            Running::Process(child) => child.id(),
            _ => panic!("the server is not a process of its own"),
        }
    }

    /// What the process has logged so far.
    pub fn log(&self) -> String {
        let path = self.log.as_ref().expect("the server is a process of its own");
        String::from_utf8_lossy(&std::fs::read(path).expect("readable")).into_owned()
    }

    /// Its address and port.
    pub fn address(&self) -> std::net::SocketAddr {
        let (_, address) = self.url.split_once("://").expect("a URL");
        address.parse().expect("an address and a port")
    }

    /// Kills the process as a power cut would.
    pub fn kill(&mut self) {
        let Running::Process(child) = &mut self.running else { panic!("the server is not a process of its own") };
        child.kill().expect("killed");
        child.wait().expect("gone");
        self.running = Running::Stopped;
    }

    /// Asks the server to stop, and waits until it has. The exit status of a process.
    pub async fn stop(&mut self) -> Option<ExitStatus> {
        match std::mem::replace(&mut self.running, Running::Stopped) {
            Running::Process(mut child) => {
                terminate(child.id());
                Some(tokio::task::spawn_blocking(move || child.wait()).await.expect("waited").expect("ended"))
            }
            Running::Here { stop, task, .. } => {
                let _ = stop.send(());
                task.await.expect("stopped");
                None
            }
            Running::Stopped => None,
        }
    }

    /// The setup code of this start.
    pub fn setup_code(&self) -> String {
        match &self.running {
            Running::Here { setup_code, .. } => setup_code.clone().expect("not set up"),
            _ => {
                std::fs::read_to_string(self.folder.path().join("setup-code")).expect("a setup code").trim().to_owned()
            }
        }
    }

    /// A client without a credential.
    pub fn anonymous(&self) -> &Client {
        &self.anonymous
    }

    /// A client with this session token or API key.
    pub fn client(&self, credential: &str) -> Client {
        astral_client::with_credential(&self.url, credential)
    }

    /// A request that no client would send.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.to_uppercase().parse().expect("a method");
        astral_client::http().build().expect("a client").request(method, format!("{}{path}", self.url))
    }

    /// Runs a command of the real binary on the server's folder.
    pub fn operator(&self, arguments: &[&str], input: &str) -> Output {
        operator(self.folder.path(), arguments, input)
    }

    /// A club with its people: the first by set-up, further ones by the operator.
    pub async fn club(&self, name: &str) -> Club {
        let head_coach =
            if self.is_set_up().await { self.further_club(name).await } else { self.first_club(name).await };
        let memberships = head_coach.client.get_caller().send().await.expect("known").into_inner().memberships;
        let [membership] = &memberships[..] else { panic!("one club") };
        let organization_id = membership.organization_id.clone();
        let head_coach = Person { member_id: membership.member_id.clone(), ..head_coach };
        let coach = self.person(&head_coach, &organization_id, "Ben Coach", types::AssignableRole::Coach).await;
        let athlete = self.person(&head_coach, &organization_id, "Cleo Athlete", types::AssignableRole::Athlete).await;
        Club { url: self.url.clone(), organization_id, head_coach, coach, athlete }
    }

    async fn is_set_up(&self) -> bool {
        let probe = json!({ "setup_code": "x", "organization_name": "x", "display_name": "x", "email": "x@x", "password": password("probe") });
        let answer = self.request("post", "/api/v1/setup").json(&probe).send().await.expect("answered");
        answer.status() == 409
    }

    async fn first_club(&self, name: &str) -> Person {
        let (email, password) = (email_of("ana", name), password("ana"));
        let setup = types::Setup::builder()
            .setup_code(self.setup_code())
            .organization_name(name)
            .display_name("Ana Head")
            .email(email.clone())
            .password(password.clone());
        let answer = self.anonymous().set_up().body(setup).send().await.expect("set up").into_inner();
        let client = self.client(&answer.token);
        Person { email, password, member_id: String::new(), user_id: answer.user.id, token: answer.token, client }
    }

    async fn further_club(&self, name: &str) -> Person {
        let (email, password) = (email_of("ana", name), password("ana"));
        match &self.running {
            Running::Here { service, .. } => {
                let password_hash = service.hash_password(Password::typed(password.clone())).await.expect("hashed");
                let head_coach = NewHeadCoach {
                    email: email.parse().expect("valid"),
                    display_name: "Ana Head".parse().expect("valid"),
                    password_hash,
                };
                let name: astral_server::service::Name = name.parse().expect("valid");
                let made = service.write(move |tx| {
                    tx.operator(ShellAccess::asserted_by_command_line()).create_organization(
                        name.clone(),
                        Plan::Coach,
                        head_coach.clone(),
                        false,
                    )
                });
                made.await.expect("made");
            }
            _ => {
                let made = self.operator(
                    &["org", "create", "--organization", name, "--email", &email, "--name", "Ana Head"],
                    &password,
                );
                assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            }
        }
        self.sign_in(&email, &password).await
    }

    /// Signs a person in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Person {
        let login = types::Login::builder().email(email).password(password);
        let session = self.anonymous().login().body(login).send().await.expect("signed in").into_inner();
        Person {
            email: email.to_owned(),
            password: password.to_owned(),
            member_id: String::new(),
            user_id: session.user.id,
            client: self.client(&session.token),
            token: session.token,
        }
    }

    /// A member who has accepted an invitation.
    pub async fn person(
        &self,
        head_coach: &Person,
        organization_id: &str,
        name: &str,
        role: types::AssignableRole,
    ) -> Person {
        let new = types::NewMember::builder().display_name(name).role(role);
        let member = head_coach
            .client
            .create_member()
            .org_id(organization_id)
            .body(new)
            .send()
            .await
            .expect("added")
            .into_inner();
        let email = email_of(name, organization_id);
        let code = self.invite(head_coach, organization_id, &member.id, &email).await;
        let password = password(name);
        let acceptance = types::InvitationAcceptance::builder().code(code).password(password.clone());
        let session =
            self.anonymous().accept_invitation().body(acceptance).send().await.expect("accepted").into_inner();
        Person {
            email,
            password,
            member_id: member.id,
            user_id: session.user.id,
            client: self.client(&session.token),
            token: session.token,
        }
    }

    /// Invites a member; the code in the link.
    pub async fn invite(&self, head_coach: &Person, organization_id: &str, member_id: &str, email: &str) -> String {
        let new = types::NewInvitation::builder().email(Some(email.to_owned()));
        let made =
            head_coach.client.create_invitation().org_id(organization_id).member_id(member_id).body(new).send().await;
        let link = made.expect("invited").into_inner().link;
        link.split_once('#').expect("a code behind the #").1.to_owned()
    }

    /// Puts an organization on a plan, as the operator does.
    pub async fn set_plan(&self, organization_id: &str, plan: Plan) {
        match &self.running {
            Running::Here { service, .. } => {
                let id: OrganizationId = organization_id.parse().expect("an id");
                service
                    .write(move |tx| tx.operator(ShellAccess::asserted_by_command_line()).set_plan(id, plan))
                    .await
                    .expect("set");
            }
            _ => {
                let set = self.operator(&["org", "set-plan", organization_id, plan.as_str()], "");
                assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
            }
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Running::Process(child) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends SIGTERM to a process of ours.
pub fn terminate(pid: u32) {
    let sent = Command::new("kill").args(["-TERM", &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

/// Runs a command of the real binary on a folder.
pub fn operator(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .arg("--data")
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    // Whoever needs no input closes it before it is written.
    let _ = writeln!(child.stdin.take().expect("piped"), "{input}");
    child.wait_with_output().expect("ends")
}

/// A password that keeps the rules.
pub fn password(of: &str) -> String {
    format!("{PASSWORD_MARK}-{}", of.to_lowercase().replace(' ', "-"))
}

fn email_of(name: &str, club: &str) -> String {
    let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), ".");
    format!("{}@{}.example", plain(name), plain(club))
}

fn log_here() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let log = tempfile::Builder::new().prefix("here-").suffix(".log").tempfile_in(&*LOGS).expect("a log");
        let (file, _) = log.keep().expect("kept");
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(file)
            .init();
    });
}

/// The problem that a refused call was answered with.
///
/// # Panics
/// If the call went through, or failed otherwise.
pub fn refusal<T: std::fmt::Debug>(
    outcome: Result<astral_client::ResponseValue<T>, astral_client::Error<types::Problem>>,
) -> types::Problem {
    match outcome {
        Err(astral_client::Error::ErrorResponse(problem)) => problem.into_inner(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}
