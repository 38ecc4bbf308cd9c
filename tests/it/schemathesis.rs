//! Schemathesis over the whole document, once with every kind of credential: no server error, no answer outside the
//! document, no accepted input that the document forbids, and no use after revocation.
//!
//! What is sent and checked stands in `tests/schemathesis/`. Each run has a server, a club and people of its own, a
//! clock that stands still, and a seed. `just schemathesis` sends more.

use std::sync::Arc;

use astral_client::types::{NewApiKey, Scope};
use astral_server::{
    HttpSettings,
    service::{Clock, Settings},
};
use astral_tests::{Club, Person, TestServer, repository, target};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

/// Before the days that the document's examples name as future ones.
const NOW: &str = "2026-01-01T00:00:00Z";
/// How many requests each phase makes up for an operation, beside those that walk the schema's edges.
const EXAMPLES: &str = "5";
/// The same for those who can change something.
const MORE_EXAMPLES: &str = "12";
const SEED: &str = "20260101";

/// What a run goes with.
struct Credential {
    /// The caller's column in `authority.md`.
    column: &'static str,
    /// The header in which it is sent, if there is one.
    header: Option<&'static str>,
    secret: String,
    /// The person, if it is a session.
    person: Option<Value>,
    /// Which member of the club the caller is, or else any.
    member_id: String,
}

impl Credential {
    fn session(column: &'static str, person: &Person) -> Self {
        Self {
            column,
            header: Some("Authorization"),
            secret: person.token.clone(),
            person: Some(json!({ "email": person.email, "password": person.password })),
            member_id: person.member_id.clone(),
        }
    }

    fn key(column: &'static str, secret: String) -> Self {
        Self { column, header: Some("Authorization"), secret, person: None, member_id: String::new() }
    }
}

/// A server for one run.
struct Ground {
    server: TestServer,
    clock: Clock,
}

impl Ground {
    async fn new() -> Self {
        let clock = Clock::fixed(NOW.parse().expect("a date"));
        // The limits are there, and said in each answer, but never reached.
        let mut http =
            HttpSettings { trusted_proxies: vec!["127.0.0.1".parse().expect("an address")], ..HttpSettings::default() };
        http.rate_limits.key = 1_000_000.try_into().ok();
        http.rate_limits.organization = 1_000_000.try_into().ok();
        http.rate_limits.address = 1_000_000.try_into().ok();
        let settings = Settings { max_active_keys: 1_000_000, ..Settings::default() };
        let folder = Arc::new(TempDir::new().expect("a folder"));
        Self { server: TestServer::start_here(folder, clock.clone(), settings, http).await, clock }
    }

    async fn club(&self) -> Club {
        self.server.club("Summit").await
    }

    /// Runs schemathesis with this credential about the club.
    async fn run(&self, name: &str, club: &Club, credential: Credential) {
        // A further session: the run's own can end.
        let head_coach = self.server.sign_in(&club.head_coach.email, &club.head_coach.password).await;
        let target = club.add_athlete("Tia Target").await.id;
        let member_id = if credential.column == "athlete" { &credential.member_id } else { &target };
        let stage = json!({
            "url": self.server.url,
            "column": credential.column,
            "credential": credential.header.map(|_| &credential.secret),
            "person": credential.person,
            "ids": {
                "org_id": club.organization_id,
                "member_id": member_id,
                "key_id": club.create_key("Target").await.id,
                "coach_id": club.coach.member_id,
                "own_member_id": credential.member_id,
            },
            "head_coach": { "token": head_coach.token },
            "coach": { "email": club.coach.email, "password": club.coach.password },
            "setup_code": null,
        });
        let header = credential.header.map(|name| match name {
            "Authorization" => format!("{name}: Bearer {}", credential.secret),
            name => format!("{name}: {}", credential.secret),
        });
        // Where it leaves `Authorization` out, this credential is there all the same.
        let elsewhere: &[&str] = match credential.header {
            Some("X-API-Key") => &["--exclude-checks", "missing_required_header"],
            _ => &[],
        };
        schemathesis(name, &stage, header, elsewhere).await;
    }
}

/// Runs schemathesis, and fails with what it says. That stands in `target/schemathesis/` too.
async fn schemathesis(name: &str, stage: &Value, header: Option<String>, flags: &[&str]) {
    let set = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let powerful = ["head coach", "coach", "all scopes", "outsider"].iter().any(|column| stage["column"] == *column);
    let examples = set("ASTRAL_EXAMPLES", if powerful { MORE_EXAMPLES } else { EXAMPLES });
    let seed = set("ASTRAL_SEED", SEED);
    let ours = repository().join("tests/schemathesis");
    // What it writes goes away with it.
    let folder = TempDir::new_in(target()).expect("a folder");
    let mut run = Command::new(repository().join(".venv/bin/python"));
    run.args(["-m", "schemathesis.cli", "--config-file"]).arg(ours.join("schemathesis.toml"));
    run.arg("run").arg(repository().join("openapi/openapi.json"));
    run.args(["--url", stage["url"].as_str().expect("a text"), "--max-examples", &examples, "--seed", &seed]);
    run.args(["--no-color", "--warnings", "off"]).args(flags);
    if let Some(header) = header {
        run.args(["--header", &header]);
    }
    run.current_dir(folder.path()).envs([
        ("PYTHONPATH", ours.as_os_str()),
        ("PYTHONDONTWRITEBYTECODE", "1".as_ref()),
        // The order in sets of texts, which it makes choices from.
        ("PYTHONHASHSEED", "0".as_ref()),
        ("ASTRAL_STAGE", stage.to_string().as_ref()),
        ("ASTRAL_AUTHORITY", repository().join("tests/it/authority.md").as_os_str()),
    ]);
    let done = run.output().await.expect("./check installs the tools; run it once");
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let reports = target().join("schemathesis");
    std::fs::create_dir_all(&reports).expect("a folder");
    std::fs::write(reports.join(format!("{name}.txt")), &*said).expect("written");
    assert!(done.status.success(), "{said}");
}

#[tokio::test]
async fn the_head_coach_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    ground.run("head-coach", &club, Credential::session("head coach", &club.head_coach)).await;
}

#[tokio::test]
async fn a_coach_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    ground.run("coach", &club, Credential::session("coach", &club.coach)).await;
}

#[tokio::test]
async fn an_athlete_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    ground.run("athlete", &club, Credential::session("athlete", &club.athlete)).await;
}

#[tokio::test]
async fn an_outsider_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    let other = ground.server.club("Other").await;
    ground.run("outsider", &club, Credential::session("outsider", &other.head_coach)).await;
}

#[tokio::test]
async fn a_key_with_every_scope_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    let key = club.create_key("All").await;
    ground.run("key", &club, Credential::key("all scopes", key.secret)).await;
}

#[tokio::test]
async fn a_key_that_reads_members_alone_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    let key = club.create_key_for(Scope::MembersRead).await;
    ground.run("reading-key", &club, Credential::key("members:read", key.secret)).await;
}

#[tokio::test]
async fn a_key_in_a_header_of_its_own_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    let key = club.create_key("All").await;
    ground
        .run(
            "key-in-header",
            &club,
            Credential { header: Some("X-API-Key"), ..Credential::key("all scopes", key.secret) },
        )
        .await;
}

#[tokio::test]
async fn a_revoked_key_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    let key = club.create_key("Revoked").await;
    let revoke = club.head_coach.client.revoke_api_key().org_id(&club.organization_id).key_id(&key.id);
    revoke.send().await.expect("revoked");
    ground.run("revoked-key", &club, Credential::key("revoked key", key.secret)).await;
}

#[tokio::test]
async fn an_expired_key_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    let expires_at = DateTime::<Utc>::from(ground.server.service().now()) + TimeDelta::hours(1);
    let key = club.create_key_with(NewApiKey::builder().name("Expired").expires_at(Some(expires_at))).await;
    ground.clock.advance(TimeDelta::hours(1));
    ground.run("expired-key", &club, Credential::key("expired key", key.secret)).await;
}

#[tokio::test]
async fn whoever_has_no_credential_finds_no_fault() {
    let ground = Ground::new().await;
    let club = ground.club().await;
    ground.run("nobody", &club, Credential { header: None, ..Credential::key("nobody", String::new()) }).await;
}

/// There is no club, and so nothing but to found one.
#[tokio::test]
async fn setting_the_server_up_has_no_fault() {
    let ground = Ground::new().await;
    let stage = json!({
        "url": ground.server.url,
        "column": "",
        "credential": null,
        "person": null,
        "ids": {},
        "head_coach": null,
        "coach": null,
        "setup_code": ground.server.setup_code(),
    });
    // No link leads from the one operation to itself.
    let flags = ["--include-operation-id", "set_up", "--phases", "examples,coverage,fuzzing"];
    schemathesis("set-up", &stage, None, &flags).await;
}
