//! What the process has given up: its memory is for nobody else to read, its files are its owner's alone.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown},
        process::{CommandExt as _, ExitStatusExt as _},
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use astral_tests::{TestServer, binary, operator};
use tempfile::TempDir;

/// How long something may take that is on its way.
const PATIENCE: Duration = Duration::from_secs(60);

/// A user who is not root: where the tests are root's, the one who owns nothing.
fn ordinary_user() -> u32 {
    match fs::metadata("/proc/self").expect("there").uid() {
        0 => 65534,
        user => user,
    }
}

/// Starts `command`, which serves, and waits until it does.
fn start(command: &mut Command) -> Child {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("Astral serves"), "{line:?}");
    child
}

fn end(mut child: Child) {
    child.kill().expect("killed");
    child.wait().expect("ended");
}

/// Whoever gets in as the server's user, by another program of theirs, finds no secret in its memory.
#[test]
fn another_program_of_the_same_user_cannot_read_the_memory_of_the_server() {
    let user = ordinary_user();
    let folder = TempDir::new().expect("a folder");
    // The folder of the tests may be closed to others.
    let program = folder.path().join("astral-server");
    fs::copy(binary(), &program).expect("copied");
    chown(folder.path(), Some(user), None).expect("given away");
    let data = folder.path().join("data");
    let server = start(Command::new(program).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).uid(user));
    let plain = Command::new("sleep").arg("600").uid(user).spawn().expect("starts");
    let can_read = |process: &Child, file: &str| {
        let path = format!("/proc/{}/{file}", process.id());
        Command::new("cat").arg(path).uid(user).output().expect("cat runs").status.success()
    };
    let of_the_server = ["status", "environ", "maps"].map(|file| can_read(&server, file));
    let of_another = ["status", "environ", "maps"].map(|file| can_read(&plain, file));
    end(server);
    end(plain);
    assert_eq!(of_another, [true; 3], "what holds for programs that have given up nothing");
    assert_eq!(of_the_server, [true, false, false]);
}

/// A core would be a file with every secret and password that was in memory.
#[test]
fn a_server_that_dies_leaves_no_picture_of_its_memory() {
    let (folder, data) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    // As open as the system lets it be: the server is not to count on what started it.
    let mut server = start(
        Command::new("sh")
            .args(["-c", r#"umask 000; ulimit -c "$(ulimit -H -c)"; exec "$0" "$@""#])
            .arg(binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .current_dir(folder.path()),
    );
    let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", server.id())).expect("there");
    let (limits, status) = (read("limits"), read("status"));
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let aborted = Command::new("kill").args(["-ABRT", &server.id().to_string()]).status().expect("kill runs");
    let died = server.wait().expect("ended");
    assert!(aborted.success() && died.signal().is_some(), "{died}");
    assert!(!died.core_dumped(), "{died}");
    assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
    assert_eq!(field(&limits, "Max core file size"), ["0", "0", "bytes"]);
    assert_eq!(field(&status, "NoNewPrivs:"), ["1"]);
    assert_eq!(field(&status, "Umask:"), ["0077"]);
    closed(data.path());
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("there").permissions().mode() & 0o7777
}

/// Holds that a folder, and all that is in it, is its owner's alone; the names of what is in it, in order.
fn closed(folder: &Path) -> Vec<String> {
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("read") {
        let (path, kind) = entry.map(|entry| (entry.path(), entry.file_type())).expect("read");
        let kind = kind.expect("known");
        assert!(kind.is_file() || kind.is_socket(), "{}", path.display());
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        names.push(path.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned());
    }
    names.sort();
    names
}

/// The database, its log and all that lies beside it, through the life of a server; and what others could read before,
/// as after a copy that was made by hand, they cannot read after.
#[tokio::test]
async fn every_file_is_its_owners_alone() {
    let folder = Arc::new(TempDir::new().expect("a folder"));
    let backups = TempDir::new().expect("a folder");
    let (copies, copy) = (backups.path().join("copies"), backups.path().join("astral.backup"));
    let (copies_name, copy_name) = (copies.to_str().expect("UTF-8"), copy.to_str().expect("UTF-8"));
    let run = |arguments: &[&str]| {
        let done = operator(folder.path(), arguments, "");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let mut server = TestServer::start_in(Arc::clone(&folder), &["--backup-dir", copies_name]).await;
    let served = ["astral.redb", "operator.sock", "revocations.log", "running.json", "setup-code"];
    assert_eq!(closed(folder.path()), served);
    server.club("Summit").await.create_key("Sync").await;
    run(&["backup", copy_name]);
    assert_eq!(mode(&copy), 0o600);
    until_there_is_a_backup(&copies).await;
    assert_eq!(closed(&copies).len(), 1, "the server's own, which is made when it starts");
    assert_eq!(closed(folder.path()), served);

    server.kill();
    assert_eq!(closed(folder.path()), served, "what a server that was killed leaves behind");

    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("opened");
    open(folder.path(), 0o755);
    open(&folder.path().join("astral.redb"), 0o644);
    open(&folder.path().join("revocations.log"), 0o644);
    open(&copy, 0o644);
    run(&["restore", copy_name, "--force"]);
    let restored = ["astral.redb", "astral.redb.replaced-1"];
    assert_eq!(closed(folder.path()), [&restored[..], &served[1..]].concat());

    let mut server = TestServer::start_in(Arc::clone(&folder), &[]).await;
    assert_eq!(closed(folder.path()), [&restored[..], &served[1..4]].concat());
    server.stop().await;
    assert_eq!(closed(folder.path()), [&restored[..], &["revocations.log"]].concat());
}

/// Waits until the server has made a backup in `folder`.
async fn until_there_is_a_backup(folder: &Path) {
    let begun = Instant::now();
    let is_there = || {
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.map(|file| file.path()).any(|path| path.extension().is_some_and(|end| end == "redb"))
    };
    while !is_there() {
        assert!(begun.elapsed() < PATIENCE, "no backup in {}", folder.display());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
