//! The recipes of `docs/operations.md` for whoever is locked out, followed as they stand there: with the server running, and
//! with it stopped.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
};

use astral_client::types::{self, AssignableRole, MemberStatus};
use astral_tests::{Person, TestServer, binary, operator, password, refusal};
use serde_json::Value;
use tempfile::TempDir;

const DOCUMENT: &str = include_str!("../../docs/operations.md");
/// What all recipes stand below, and begin with.
const BEGINNING: &str = "## Recover";
/// The data folder of the document: the one thing that is replaced.
const DATA: &str = "/var/lib/astral";

const MISTYPED: &str = "### The password was mistyped too often";
const PASSWORD_LOST: &str = "### The password is lost";
const EMAIL_LOST: &str = "### The email account is lost";
const GONE: &str = "### The head coach is gone";
const GONE_AND_ALONE: &str = "### The head coach is gone, and nobody else can sign in";
const SUSPENDED: &str = "### The head coach was suspended or removed";

/// The people of the document.
const ANA: &str = "ana@summit.example";
const ANA_AT_HOME: &str = "ana@home.example";
const BEN: &str = "ben@summit.example";

/// The commands below a heading, up to the next one.
fn commands(heading: &str) -> String {
    let (mut commands, mut inside) = (String::new(), false);
    for line in DOCUMENT.lines().skip_while(|line| *line != heading).skip(1) {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => commands.extend([line, "\n"]),
            _ if line.starts_with('#') => break,
            _ => {}
        }
    }
    assert!(!commands.is_empty(), "there are no commands below '{heading}'");
    commands
}

/// The club that the recipes name, with Ana, its head coach.
struct Scene {
    server: TestServer,
    club: String,
    ana: Person,
}

/// What the operator has done, by the log: a chain each, oldest first.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    server: Vec<String>,
    club: Vec<String>,
}

impl Told {
    fn of(server: &[&str], club: &[&str]) -> Self {
        let owned = |actions: &[&str]| actions.iter().map(|action| (*action).to_owned()).collect();
        Self { server: owned(server), club: owned(club) }
    }
}

impl Scene {
    async fn new() -> Self {
        let folder = Arc::new(TempDir::new().expect("a folder"));
        let init = ["init", "--organization", "Summit Running Club", "--email", ANA, "--name", "Ana Ruiz"];
        assert!(operator(folder.path(), &init, &password("ana")).status.success());
        let server = TestServer::start_in(folder, &[]).await;
        let ana = server.sign_in(ANA, &password("ana")).await;
        let membership = ana.client.get_caller().send().await.expect("known").into_inner().memberships.remove(0);
        Self { server, club: membership.organization_id, ana: Person { member_id: membership.member_id, ..ana } }
    }

    /// Ben on the roster, and the code of his invitation.
    async fn invited(&self, role: AssignableRole) -> (String, String) {
        let new = types::NewMember::builder().display_name("Ben Okafor").role(role).email(Some(BEN.to_owned()));
        let member = self.ana.client.create_member().org_id(&self.club).body(new).send().await.expect("added");
        let code = self.server.invite(&self.ana, &self.club, &member.id, BEN).await;
        (member.into_inner().id, code)
    }

    /// Ben, a coach who can sign in.
    async fn ben(&self) -> Person {
        let (member_id, code) = self.invited(AssignableRole::Coach).await;
        let acceptance = types::InvitationAcceptance::builder().code(code).password(password("ben"));
        self.server.anonymous().accept_invitation().body(acceptance).send().await.expect("accepted");
        Person { member_id, ..self.server.sign_in(BEN, &password("ben")).await }
    }

    /// Follows a recipe, and types the password that it asks for; what the log tells of it. The server runs afterwards.
    async fn follow(&mut self, running: bool, heading: &str, typed: &str) -> Told {
        let before = self.told();
        if !running {
            assert!(self.server.stop().await.expect("a process").success());
        }
        let folder = self.server.folder.path().to_str().expect("UTF-8");
        let script = (commands(BEGINNING) + &commands(heading)).replace(DATA, folder);
        let programs = std::env::var_os("PATH").expect("a path");
        let programs = std::iter::once(binary().parent().expect("a folder").to_owned())
            .chain(std::env::split_paths(&programs))
            .collect::<Vec<_>>();
        let mut bash = Command::new("bash")
            .args(["-e", "-u", "-o", "pipefail", "-c", &script])
            .env("PATH", std::env::join_paths(programs).expect("a path"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash runs");
        // Where nothing is asked for, nobody reads it.
        let _ = writeln!(bash.stdin.take().expect("piped"), "{typed}");
        let output = bash.wait_with_output().expect("ended");
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned();
        assert!(output.status.success(), "{heading}: {said}");
        let after = self.told();
        for proof in [&["audit", "verify"][..], &["check"]] {
            let whole = self.server.operator(proof, "");
            assert!(whole.status.success() && whole.stdout.ends_with(b" whole\n"), "{heading}: {proof:?}: {whole:?}");
        }
        if !running {
            self.server = TestServer::start_in(Arc::clone(&self.server.folder), &[]).await;
        }
        Told { server: after.server[before.server.len()..].to_vec(), club: after.club[before.club.len()..].to_vec() }
    }

    fn told(&self) -> Told {
        let told = |chain: &[&str]| {
            let list = self.server.operator(&[&["audit", "list", "--limit", "1000", "--json"], chain].concat(), "");
            let events: Vec<Value> = serde_json::from_slice(&list.stdout).expect("events");
            let by_operator = events.iter().rev().filter(|event| event["actor"] == "operator");
            by_operator.map(|event| event["action"].as_str().expect("text").to_owned()).collect()
        };
        Told { server: told(&[]), club: told(&[&self.club]) }
    }

    /// The session is the head coach's, and the club's log tells them what the operator has done.
    async fn leads(&self, token: &str, told: &Told) {
        let new = types::NewApiKey::builder().name("Roster sync");
        let made = self.server.client(token).create_api_key().org_id(&self.club).body(new).send().await;
        made.expect("created by the head coach");
        let path = format!("/api/v1/organizations/{}/audit-events?actor=operator&limit=200", self.club);
        let answer = self.server.request("get", &path).bearer_auth(token).send().await.expect("answered");
        let page: types::AuditEventPage = answer.json().await.expect("a page");
        let listed: Vec<&str> = page.data.iter().rev().map(|event| &*event.action).collect();
        let told: Vec<&str> = told.club.iter().map(String::as_str).collect();
        assert!(listed.ends_with(&told), "{listed:?} does not end with {told:?}");
    }

    async fn goes_on(&self, token: &str) {
        self.server.client(token).get_caller().send().await.expect("the session goes on");
    }

    async fn is_over(&self, token: &str) {
        assert_eq!(refusal(self.server.client(token).get_caller().send().await).code, "session_over");
    }

    async fn refuses(&self, email: &str, password: String) -> types::Problem {
        let login = types::Login::builder().email(email).password(password);
        refusal(self.server.anonymous().login().body(login).send().await)
    }
}

#[test]
fn every_recipe_of_the_document_is_followed_here() {
    let below = DOCUMENT.lines().skip_while(|line| *line != BEGINNING).skip(1);
    let recipes: Vec<&str> =
        below.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("### ")).collect();
    assert_eq!(recipes, [MISTYPED, PASSWORD_LOST, EMAIL_LOST, GONE, GONE_AND_ALONE, SUSPENDED]);
}

#[tokio::test]
async fn whoever_mistyped_too_often_goes_on_with_the_password_they_have() {
    for running in [true, false] {
        let mut scene = Scene::new().await;
        while scene.refuses(ANA, password("wrong")).await.status != 429 {}
        let told = scene.follow(running, MISTYPED, "").await;
        assert_eq!(told, Told::of(&["user.unlock"], &[]));
        let again = scene.server.sign_in(ANA, &password("ana")).await;
        scene.leads(&again.token, &told).await;
        scene.goes_on(&scene.ana.token).await;
    }
}

#[tokio::test]
async fn whoever_lost_the_password_gets_another_and_every_session_ends() {
    for running in [true, false] {
        let mut scene = Scene::new().await;
        let elsewhere = scene.server.sign_in(ANA, &password("ana")).await;
        let told = scene.follow(running, PASSWORD_LOST, &password("found")).await;
        assert_eq!(told, Told::of(&["user.reset_password"], &[]));
        for ended in [&scene.ana, &elsewhere] {
            scene.is_over(&ended.token).await;
        }
        assert_eq!(scene.refuses(ANA, password("ana")).await.code, "wrong_email_or_password");
        let again = scene.server.sign_in(ANA, &password("found")).await;
        scene.leads(&again.token, &told).await;
    }
}

#[tokio::test]
async fn whoever_wants_another_email_gets_another_account_and_the_role() {
    for running in [true, false] {
        let mut scene = Scene::new().await;
        let told = scene.follow(running, EMAIL_LOST, &password("home")).await;
        let expected = Told::of(&["user.create", "user.reset_password"], &["member.create", "organization.hand_over"]);
        assert_eq!(told, expected);
        scene.is_over(&scene.ana.token).await;
        assert_eq!(scene.refuses(ANA, password("ana")).await.code, "wrong_email_or_password");
        let at_home = scene.server.sign_in(ANA_AT_HOME, &password("home")).await;
        scene.leads(&at_home.token, &told).await;
        let former = at_home.client.get_member().org_id(&scene.club).member_id(&scene.ana.member_id).send().await;
        assert_eq!(former.expect("in the club").role, types::Role::Coach);
    }
}

#[tokio::test]
async fn another_member_takes_over_from_a_head_coach_who_is_gone() {
    for running in [true, false] {
        let mut scene = Scene::new().await;
        let ben = scene.ben().await;
        let told = scene.follow(running, GONE, "").await;
        assert_eq!(told, Told::of(&["user.reset_password"], &["organization.hand_over"]));
        scene.leads(&ben.token, &told).await;
        scene.is_over(&scene.ana.token).await;
        assert_eq!(scene.refuses(ANA, password("ana")).await.code, "wrong_email_or_password");
    }
}

/// Ben is on the roster, as an athlete, and has never signed in.
#[tokio::test]
async fn somebody_without_an_account_takes_over_where_nobody_else_can_sign_in() {
    for running in [true, false] {
        let mut scene = Scene::new().await;
        let (member_id, code) = scene.invited(AssignableRole::Athlete).await;
        let told = scene.follow(running, GONE_AND_ALONE, &password("ben")).await;
        let expected = Told::of(&["user.create"], &["member.change", "member.change", "organization.hand_over"]);
        assert_eq!(told, expected);
        let ben = scene.server.sign_in(BEN, &password("ben")).await;
        scene.leads(&ben.token, &told).await;
        let me = ben.client.get_caller().send().await.expect("known").into_inner().memberships.remove(0);
        assert_eq!((me.member_id, me.role), (member_id, types::Role::HeadCoach), "the one of the roster");
        let acceptance = types::InvitationAcceptance::builder().code(code).password(password("ben"));
        let used = scene.server.anonymous().accept_invitation().body(acceptance).send().await;
        assert_eq!(refusal(used).code, "invitation_invalid");
        let former = scene.server.client(&scene.ana.token);
        let keys = former.list_api_keys().org_id(&scene.club).send().await;
        assert_eq!(refusal(keys).code, "head_coach_required");
    }
}

#[tokio::test]
async fn a_head_coach_who_was_suspended_or_removed_comes_back() {
    for (running, removed) in [(true, false), (false, true), (true, true), (false, false)] {
        let mut scene = Scene::new().await;
        let ben = scene.ben().await;
        let (ana, club) = (&scene.ana, &scene.club);
        let hand_over = types::HandOver::builder().member_id(&ben.member_id).password(password("ana"));
        ana.client.hand_over_head_coach().org_id(club).body(hand_over).send().await.expect("handed over");
        if removed {
            ben.client.delete_member().org_id(club).member_id(&ana.member_id).send().await.expect("removed");
        } else {
            let change = types::MemberChange::builder().status(MemberStatus::Suspended);
            let change = ben.client.update_member().org_id(club).member_id(&ana.member_id).body(change);
            change.send().await.expect("suspended");
        }
        assert_eq!(refusal(ana.client.get_organization().org_id(club).send().await).code, "not_found");
        let told = scene.follow(running, SUSPENDED, "").await;
        let admitted = if removed { "member.create" } else { "member.change" };
        assert_eq!(told, Told::of(&["user.reset_password"], &[admitted, "organization.hand_over"]));
        scene.leads(&scene.ana.token, &told).await;
        scene.is_over(&ben.token).await;
        assert_eq!(scene.refuses(BEN, password("ben")).await.code, "wrong_email_or_password");
    }
}
