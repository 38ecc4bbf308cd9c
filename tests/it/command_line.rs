//! The command line, as the operator types it.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use astral_client::types;
use astral_tests::{TestServer, binary, operator, password, refusal};
use serde_json::Value;
use tempfile::TempDir;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn refused(output: Output) -> String {
    assert!(!output.status.success(), "{}", said(&output));
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// The demo prints one line when it answers, from which a script can start.
#[tokio::test]
async fn the_demo_starts_a_script() {
    let mut demo = Command::new(binary())
        .args(["demo", "--listen", "127.0.0.1:0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    BufReader::new(demo.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    let club: Value = serde_json::from_str(&line).expect("JSON");
    let text = |path: &str| {
        club.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} in {club}")).to_owned()
    };
    let (url, org_id) = (text("/url"), text("/organization_id"));
    let with_key = astral_client::with_credential(&url, &text("/api_key/secret"));
    assert_eq!(
        with_key.get_caller().send().await.expect("known").into_inner().api_key.expect("a key").id,
        text("/api_key/id")
    );
    let page = with_key.list_members().org_id(&org_id).send().await.expect("listed").into_inner();
    assert_eq!(page.data.len(), 50);
    let anonymous = astral_client::anonymous(&url);
    for (who, role, count) in [
        ("head_coach", types::Role::HeadCoach, 1),
        ("coach", types::Role::Coach, 3),
        ("athlete", types::Role::Athlete, 50),
    ] {
        let login =
            types::Login::builder().email(text(&format!("/{who}/email"))).password(text(&format!("/{who}/password")));
        let session = anonymous.login().body(login).send().await.expect("signed in").into_inner();
        let person = astral_client::with_credential(&url, &session.token);
        assert_eq!(person.get_caller().send().await.expect("known").into_inner().memberships[0].role, role);
        let of_role =
            with_key.list_members().org_id(&org_id).role(role).limit(200).send().await.expect("listed").into_inner();
        assert_eq!(of_role.data.len(), count);
        if who == "head_coach" {
            for (status, least) in [("active", 4), ("expired", 1), ("revoked", 1)] {
                let status: types::KeyStatusFilter = status.parse().expect("a status");
                let keys =
                    person.list_api_keys().org_id(&org_id).status(status).send().await.expect("listed").into_inner();
                assert!(keys.data.len() >= least, "{status}");
            }
        }
    }
    astral_tests::terminate(demo.id());
    assert!(demo.wait().expect("ended").success());
}

#[tokio::test]
async fn init_makes_the_first_club_and_refuses_a_second() {
    let folder = Arc::new(TempDir::new().expect("a folder"));
    let arguments =
        ["init", "--organization", "Summit", "--plan", "club", "--email", "ana@summit.example", "--name", "Ana"];
    let init = |input: &str| operator(folder.path(), &arguments, input);
    assert!(refused(init("")).contains("is empty"));
    assert!(refused(init("short")).contains("at least 12 characters"));
    assert!(done(init(&password("ana"))).contains("plan: club"));
    assert!(refused(init(&password("ana"))).contains("org create"));
    let server = TestServer::start_in(folder, &[]).await;
    let ana = server.sign_in("ana@summit.example", &password("ana")).await;
    assert_eq!(
        ana.client.get_caller().send().await.expect("known").into_inner().memberships[0].role,
        types::Role::HeadCoach
    );
    assert!(!server.folder.path().join("setup-code").exists());
}

/// The same commands, on a folder that nobody serves and through the socket of a running server.
#[tokio::test]
async fn the_operators_commands_work_on_a_running_server_and_on_a_stopped_one() {
    let mut server = TestServer::start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    let org_id = &*club.organization_id;
    for round in ["running", "stopped"] {
        if round == "stopped" {
            assert!(server.stop().await.expect("a process").success());
        }
        assert!(done(server.operator(&["org", "list"], "")).contains("Summit"), "{round}");
        let list: Value = serde_json::from_str(&done(server.operator(&["user", "list", "--json"], ""))).expect("JSON");
        assert_eq!(list.as_array().expect("users").len(), 3, "{round}");
        assert!(done(server.operator(&["key", "list", org_id], "")).contains(&key.id), "{round}");
        assert!(
            done(server.operator(&["org", "set-plan", org_id, "enterprise"], "")).contains("enterprise"),
            "{round}"
        );
        let reset = server.operator(&["user", "reset-password", &club.coach.email], &password(round));
        assert!(done(reset).contains("sessions_ended"), "{round}");
        assert!(
            refused(server.operator(&["user", "reset-password", "no@body.example"], &password("x")))
                .contains("user list")
        );
        assert!(refused(server.operator(&["org", "set-plan", org_id, "gold"], "")).contains("must be one of: free"));
    }
    done(server.operator(&["org", "set-head-coach", org_id, &club.coach.email], ""));
    done(server.operator(&["key", "revoke", org_id, &key.id, "--reason", "Leaked"], ""));
    let server = TestServer::start_in(server.folder.clone(), &[]).await;
    assert_eq!(refusal(server.client(&key.secret).get_caller().send().await).code, "key_revoked");
    let coach = server.sign_in(&club.coach.email, &password("stopped")).await;
    let keys = coach.client.list_api_keys().org_id(org_id).status(types::KeyStatusFilter::Revoked).send().await;
    let revoked = keys.expect("head coach now").into_inner().data.remove(0).revoked.expect("revoked");
    assert_eq!((revoked.by.id, &*revoked.by.display_name), (None, "operator"));
    let former = server.client(&club.head_coach.token).list_api_keys().org_id(org_id).send().await;
    assert_eq!(refusal(former).code, "head_coach_required");
}

#[tokio::test]
async fn a_second_process_is_told_who_has_the_folder() {
    let server = TestServer::start().await;
    let second = operator(server.folder.path(), &["serve", "--listen", "127.0.0.1:0"], "");
    let message = refused(second);
    assert!(message.contains(&format!("process {}", server.pid())) && message.contains(&server.url), "{message}");
}

#[tokio::test]
async fn the_data_folder_is_the_owners_alone() {
    let parent = TempDir::new().expect("a folder");
    let folder = parent.path().join("astral");
    let arguments = ["init", "--organization", "Summit", "--email", "ana@summit.example", "--name", "Ana"];
    done(operator(&folder, &arguments, &password("ana")));
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("astral.redb"))), (0o700, 0o600));
    let server = TestServer::start().await;
    assert_eq!(mode(&server.folder.path().join("operator.sock")), 0o600);
    assert_eq!(mode(&server.folder.path().join("running.json")), 0o600);
}

/// Read by a supervisor: "told to stop" is no failure, however early it comes.
#[tokio::test]
async fn a_server_that_is_stopped_as_soon_as_it_serves_stops_well() {
    for _ in 0..5 {
        let mut server = TestServer::start().await;
        assert!(server.stop().await.expect("a process").success());
        assert!(!server.folder.path().join("running.json").exists());
    }
}

#[tokio::test]
async fn a_reset_password_works_at_once_for_whoever_was_slowed() {
    let server = TestServer::start().await;
    let club = server.club("Summit").await;
    let coach = &club.coach;
    let login = |password: String| {
        server.anonymous().login().body(types::Login::builder().email(&coach.email).password(password)).send()
    };
    while refusal(login(password("wrong")).await).status != 429 {}
    done(server.operator(&["user", "reset-password", &coach.email], &password("reset")));
    login(password("reset")).await.expect("signed in");
}

#[test]
fn a_folder_that_was_typed_wrong_is_not_made() {
    let parent = TempDir::new().expect("a folder");
    let wrong = parent.path().join("typo");
    for command in [&["org", "list"][..], &["user", "list"], &["user", "reset-password", "a@b.example"]] {
        assert!(refused(operator(&wrong, command, &password("x"))).contains("there is no database in"));
    }
    assert!(!wrong.exists());
}

#[test]
fn a_folder_with_other_things_is_neither_closed_nor_used() {
    let folder = TempDir::new().expect("a folder");
    let set = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).expect("set");
    let init = || {
        let arguments = ["init", "--organization", "Summit", "--email", "ana@summit.example", "--name", "Ana"];
        operator(folder.path(), &arguments, &password("ana"))
    };
    set(0o755);
    std::fs::write(folder.path().join("other"), "").expect("written");
    assert!(refused(init()).contains("holds other things"));
    std::fs::remove_file(folder.path().join("other")).expect("removed");
    done(init());
    let mode = std::fs::metadata(folder.path()).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "a folder of ours is closed to others");
}

/// What a copy that failed leaves behind must not become a new club.
#[test]
fn an_empty_database_is_refused() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("astral.redb"), "").expect("written");
    let serve = operator(folder.path(), &["serve", "--listen", "127.0.0.1:0"], "");
    assert!(refused(serve).contains("restore a backup, or remove the file"));
}

/// The system takes only short paths for sockets.
#[tokio::test]
async fn a_folder_with_a_long_path_is_served_and_operated() {
    let parent = TempDir::with_prefix("a".repeat(150)).expect("a folder");
    let server = TestServer::start_in(Arc::new(parent), &[]).await;
    server.club("Summit").await;
    assert!(done(server.operator(&["org", "list"], "")).contains("Summit"));
}

#[test]
fn settings_come_from_flags_then_variables_then_the_file() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("astral.toml");
    let serve = |text: &str, variable: Option<&str>, flags: &[&str]| {
        std::fs::write(&file, text).expect("written");
        let mut command = Command::new(binary());
        command.args(["serve", "--data"]).arg(folder.path().join("data")).arg("--config").arg(&file).args(flags);
        command.envs(variable.map(|value| ("ASTRAL_LISTEN", value)));
        refused(command.output().expect("runs"))
    };
    // Each is refused before anything is served, by a message that says where it came from.
    assert!(serve("listen = \"192.0.2.1:1\"", None, &[]).contains("192.0.2.1:1"));
    assert!(serve("listen = \"192.0.2.1:1\"", Some("192.0.2.2:2"), &[]).contains("192.0.2.2:2"));
    assert!(
        serve("listen = \"192.0.2.1:1\"", Some("192.0.2.2:2"), &["--listen", "192.0.2.3:3"]).contains("192.0.2.3:3")
    );
    assert!(serve("listen = \"192.0.2.1:1\"", None, &[]).contains("--insecure-listen"));
    assert!(serve("lisden = \"127.0.0.1:1\"", None, &[]).contains("lisden"));
    assert!(serve("", None, &["--cache-mb", "0"]).contains("from 1 to"));
    assert!(serve("", None, &["--max-connections", "18446744073709551615"]).contains("from 1 to"));
    assert!(serve("log = 1", None, &[]).contains("is wrong"));
    assert!(serve("log = \"loud\"", None, &[]).contains("must be error, warn"));
    assert!(serve("", Some("localhost:80"), &[]).contains("such as 127.0.0.1:7878"));
    assert!(serve("", None, &["--public-url", "club.example"]).contains("https://"));
}

/// Each line of a log in JSON is an object that says what, when and how grave.
#[tokio::test]
async fn the_log_is_json_on_request() {
    let folder = TempDir::new().expect("a folder");
    let mut serving = Command::new(binary())
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "debug", "--log-format", "json", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    BufReader::new(serving.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
    let url = line.trim().rsplit(' ').next().expect("a URL");
    let answer = astral_client::http()
        .build()
        .expect("a client")
        .get(format!("{url}/api/v1/auth/me?secret=astral_live_x"))
        .send()
        .await
        .expect("answered");
    let request_id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
    astral_tests::terminate(serving.id());
    let done = serving.wait_with_output().expect("ended");
    let log = String::from_utf8(done.stderr).expect("UTF-8");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
    let request = lines.iter().find(|line| line["request_id"] == *request_id).expect("the request's line");
    assert_eq!(
        (&request["operation"], &request["status"], &request["code"]),
        (&"get_caller".into(), &401.into(), &"credential_missing".into())
    );
    assert!(!log.contains("astral_live_"));
}

#[test]
fn the_document_is_printed() {
    let printed = done(Command::new(binary()).arg("openapi").output().expect("runs"));
    assert_eq!(printed, astral_server::openapi());
}

/// What benchmarks run on is a database like any other.
#[tokio::test]
async fn seeded_clubs_are_whole() {
    let folder = Arc::new(TempDir::new().expect("a folder"));
    let secrets = folder.path().with_extension("keys");
    let seed = |members: &str| {
        let mut command = Command::new(binary());
        command.args([
            "seed",
            "--organizations",
            "3",
            "--keys",
            "2",
            "--password",
            "correct-horse-battery",
            "--members",
        ]);
        command.arg(members).arg("--secrets").arg(&secrets).arg("--data").arg(folder.path()).output().expect("runs")
    };
    done(seed("60"));
    assert!(refused(seed("60")).contains("there is a database in"), "it fills new folders only");
    let keys = std::fs::read_to_string(&secrets).expect("written");
    std::fs::remove_file(&secrets).expect("removed");
    let server = TestServer::start_in(Arc::clone(&folder), &[]).await;
    assert_eq!(keys.lines().count(), 6);
    for line in keys.lines() {
        let (club, secret) = line.split_once(' ').expect("two words");
        let list =
            server.client(secret).list_members().org_id(club).limit(200).send().await.expect("listed").into_inner();
        assert_eq!(list.data.len(), 61, "with the head coach");
        let coaches = list.data.iter().filter(|member| member.role == types::Role::Coach).count();
        assert_eq!(coaches, 3);
    }
    let head_coach = server.sign_in("coach-0000002@seed.example", "correct-horse-battery").await;
    assert_eq!(head_coach.client.list_organizations().send().await.expect("listed").into_inner().data.len(), 1);
    assert!(done(server.operator(&["audit", "verify"], "")).contains("4 chains"));
}
