//! What Prometheus reads: that it is well formed, moves as it must, tells nothing that it must not, and is what the
//! dashboard and the alerts in `docs/monitoring` ask for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::UNIX_EPOCH,
};

use astral_client::types;
use astral_tests::{TestServer, binary, password, repository};
use serde_json::Value;
use tempfile::TempDir;

/// The page, read as Prometheus reads it.
pub struct Scrape {
    text: String,
    /// Each family and its type.
    families: HashMap<String, String>,
    /// Each series, with its labels as they are written.
    series: BTreeMap<String, f64>,
}

impl Scrape {
    /// What the server says now; it was started with `--metrics-listen`.
    pub async fn of(server: &TestServer) -> Self {
        let answer = read(server, "get", "/metrics").await;
        assert_eq!(answer.status(), 200);
        let media_type = answer.headers()["content-type"].to_str().expect("text").to_owned();
        assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");
        Self::parse(answer.text().await.expect("text"))
    }

    /// # Panics
    /// If it is not as the format wants it.
    fn parse(text: String) -> Self {
        let (mut families, mut series) = (HashMap::new(), BTreeMap::new());
        let (mut help, mut family) = ("", "");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let said;
                (help, said) = rest.split_once(' ').expect("a name and a text");
                assert!(said.ends_with('.'), "{line}");
                continue;
            }
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let kind;
                (family, kind) = rest.split_once(' ').expect("a name and a type");
                assert_eq!(family, help, "the help of a family comes before its type");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(kind == "counter", family.ends_with("_total"), "{line}");
                assert!(is_name(family), "{line}");
                assert!(families.insert(family.to_owned(), kind.to_owned()).is_none(), "{family} is there twice");
                continue;
            }
            let (name, value) = line.rsplit_once(' ').expect("a series and a value");
            let (base, labels) = name.split_once('{').unwrap_or((name, "}"));
            let kind = families.get(family).expect("a type comes before its samples");
            let own = base.strip_prefix(family).expect("the samples of a family are together");
            let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&own), "{line}");
            let labels = labels.strip_suffix('}').expect("labels end");
            for label in labels.split(',').filter(|label| !label.is_empty()) {
                let (label, value) = label.split_once('=').expect("a label has a value");
                assert!(is_name(label), "{line}");
                let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("in quotes");
                assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c)), "{line}");
            }
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite() && value >= 0.0, "{line}");
            assert!(series.insert(name.to_owned(), value).is_none(), "{name} is there twice");
        }
        let scrape = Self { text, families, series };
        scrape.check_histograms();
        scrape
    }

    /// The buckets of a histogram grow, and the last holds all.
    fn check_histograms(&self) {
        let mut buckets: HashMap<&str, Vec<(f64, f64)>> = HashMap::new();
        for (name, count) in &self.series {
            if let Some((of, bound)) = name.split_once("le=\"") {
                let bound = bound.trim_end_matches("\"}").replace("+Inf", "inf").parse().expect("a number");
                buckets.entry(of).or_default().push((bound, *count));
            }
        }
        assert!(!buckets.is_empty());
        for (of, mut buckets) in buckets {
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.is_sorted_by(|one, next| one.1 <= next.1), "{of}: {buckets:?}");
            let (last, all) = buckets.last().expect("a bucket");
            assert!(last.is_infinite(), "{of}");
            let labels = of.split_once('{').expect("labels").1.trim_end_matches(',');
            let base = of.split_once("_bucket").expect("a bucket").0;
            let count = if labels.is_empty() { format!("{base}_count") } else { format!("{base}_count{{{labels}}}") };
            assert_eq!(self.series.get(&count), Some(all), "{count}");
        }
    }

    /// The value of a series.
    ///
    /// # Panics
    /// If there is none.
    pub fn value(&self, series: &str) -> f64 {
        *self.series.get(series).unwrap_or_else(|| panic!("{series} is not in\n{}", self.text))
    }

    fn has(&self, metric: &str) -> bool {
        let is_of = |family: &String, kind: &String| {
            let rest = metric.strip_prefix(family.as_str());
            rest == Some("") || (kind == "histogram" && matches!(rest, Some("_bucket" | "_sum" | "_count")))
        };
        self.families.iter().any(|(family, kind)| is_of(family, kind))
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

async fn start() -> TestServer {
    TestServer::start_with(&["--metrics-listen", "127.0.0.1:0"]).await
}

async fn start_with_backups(folder: &Path) -> TestServer {
    let folder = folder.to_str().expect("UTF-8");
    TestServer::start_with(&["--metrics-listen", "127.0.0.1:0", "--backup-dir", folder]).await
}

/// Where the server says that Prometheus reads.
fn metrics_url(server: &TestServer) -> Option<String> {
    let running = fs::read(server.folder.path().join("running.json")).expect("it runs");
    let running: Value = serde_json::from_slice(&running).expect("JSON");
    running["metrics"].as_str().map(str::to_owned)
}

/// What the listener for metrics answers.
async fn read(server: &TestServer, method: &str, path: &str) -> reqwest::Response {
    let url = metrics_url(server).expect("there is a listener");
    let url = format!("{}{path}", url.strip_suffix("/metrics").expect("its path"));
    let client = astral_client::http().build().expect("a client");
    client.request(method.to_uppercase().parse().expect("a method"), url).send().await.expect("answered")
}

#[tokio::test]
async fn what_is_counted_moves_as_it_must() {
    let server = start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync").await;
    let client = server.client(&key.secret);
    let before = Scrape::of(&server).await;
    for _ in 0..3 {
        client.list_members().org_id(&club.organization_id).send().await.expect("listed");
    }
    let head = server.request("head", &club.path("/members")).bearer_auth(&key.secret).send().await.expect("answered");
    assert_eq!(head.status(), 200);
    let wrong = server.request("get", "/api/v1/auth/me").bearer_auth("astral_live_wrong").send().await;
    assert_eq!(wrong.expect("answered").status(), 401);
    for _ in 0..2 {
        assert_eq!(server.request("brew", "/docs").send().await.expect("answered").status(), 405);
    }
    club.add_athlete("Dora").await;
    let login = types::Login::builder().email(&club.coach.email).password(password("wrong"));
    server.anonymous().login().body(login).send().await.expect_err("refused");
    let after = Scrape::of(&server).await;

    let grown = |series: &str| after.value(series) - before.series.get(series).copied().unwrap_or(0.0);
    assert_eq!(grown(r#"astral_requests_total{operation="list_members",method="GET",status="2xx"}"#), 3.0);
    assert_eq!(grown(r#"astral_requests_total{operation="list_members",method="HEAD",status="2xx"}"#), 1.0);
    assert_eq!(grown(r#"astral_request_duration_seconds_count{operation="list_members"}"#), 4.0);
    assert!(grown(r#"astral_request_duration_seconds_sum{operation="list_members"}"#) > 0.0);
    assert_eq!(grown(r#"astral_requests_total{operation="get_caller",method="GET",status="4xx"}"#), 1.0);
    assert_eq!(grown(r#"astral_refusals_total{code="credential_invalid"}"#), 1.0);
    assert_eq!(grown(r#"astral_requests_total{operation="other",method="other",status="4xx"}"#), 2.0);
    assert_eq!(grown(r#"astral_refusals_total{code="method_not_allowed"}"#), 2.0);
    assert_eq!(grown(r#"astral_refusals_total{code="wrong_email_or_password"}"#), 1.0);
    assert_eq!(grown(r#"astral_refusals_total{code="not_found"}"#), 0.0);
    assert!(grown("astral_commits_total") >= 1.0, "an athlete was added");
    assert_eq!(grown("astral_commits_total"), grown("astral_commit_duration_seconds_count"));
    assert_eq!(grown("astral_commits_total"), grown("astral_commit_actions_count"));
    assert_eq!(grown("astral_commits_failed_total"), 0.0);
    assert_eq!(grown("astral_argon2_duration_seconds_count"), 1.0);
    assert!(grown("astral_cache_hits_total") > 0.0);
    assert!(grown("process_cpu_seconds_total") >= 0.0);
    assert_eq!(after.value("astral_ready"), 1.0);
    assert_eq!(after.value("astral_organizations"), 1.0);
    assert_eq!(after.value("astral_users"), 3.0);
    assert_eq!(after.value("astral_sessions"), 3.0);
    assert_eq!(after.value(r#"astral_api_keys{state="active"}"#), 1.0);
    assert_eq!(after.value(&format!("astral_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), 1.0);
    let size = fs::metadata(server.folder.path().join("astral.redb")).expect("a file").len();
    assert_eq!(after.value("astral_database_size_bytes"), size as f64);
    assert!(after.value("astral_connections_open") >= 1.0);
    assert!(after.value("process_open_fds") >= after.value("astral_connections_open"));
    let started = after.value("process_start_time_seconds");
    let now = chrono::DateTime::parse_from_rfc2822(head.headers()["date"].to_str().expect("text")).expect("a date");
    assert!((now.timestamp() as f64 - started).abs() < 300.0, "{started}");

    // A key that is revoked changes its state at once.
    let revoke = club.head_coach.client.revoke_api_key().org_id(&club.organization_id).key_id(&key.id);
    revoke.send().await.expect("revoked");
    let revoked = Scrape::of(&server).await;
    assert_eq!(revoked.value(r#"astral_api_keys{state="active"}"#), 0.0);
    assert_eq!(revoked.value(r#"astral_api_keys{state="revoked"}"#), 1.0);
}

/// Whoever reads has shown no credential: of what is anybody's, and of what a client makes up, nothing is told.
#[tokio::test]
async fn nothing_is_told_of_anybody() {
    let server = start().await;
    let club = server.club("Summit").await;
    let key = club.create_key("Sync for the spring camp").await;
    server.client(&key.secret).get_caller().send().await.expect("known");
    let _ = server.request("get", "/lantern/astral_live_lantern?lantern=1").send().await.expect("answered");
    let _ = server.request("lantern", "/").header("user-agent", "lantern").send().await.expect("answered");
    let login = types::Login::builder().email("lantern@summit.example").password("lantern-harbor-quiet");
    server.anonymous().login().body(login).send().await.expect_err("refused");
    let Scrape { text, .. } = Scrape::of(&server).await;
    let athlete = &club.athlete;
    let ids = [&*key.id, &club.organization_id, &athlete.member_id, &athlete.user_id];
    let personal = [&*key.secret, &athlete.token, &athlete.email, &key.name, "Summit", "summit", "@"];
    for hidden in ids.into_iter().chain(personal).chain(["lantern", "127.0.0.1"]) {
        assert!(!text.contains(hidden), "{hidden} is in\n{text}");
    }
}

/// Members and expired keys are counted by a walk, which is taken first when the server starts.
#[tokio::test]
async fn a_walk_tells_what_no_length_does() {
    let folder = Arc::new(TempDir::new().expect("a folder"));
    let mut server = TestServer::start_in(Arc::clone(&folder), &[]).await;
    server.club("Summit").await;
    server.stop().await;
    let server = TestServer::start_in(folder, &["--metrics-listen", "127.0.0.1:0"]).await;
    loop {
        let scrape = Scrape::of(&server).await;
        if let Some(members) = scrape.series.get("astral_members") {
            assert_eq!(*members, 3.0);
            assert_eq!(scrape.value(r#"astral_api_keys{state="expired"}"#), 0.0);
            break;
        }
    }
}

#[tokio::test]
async fn the_listener_serves_metrics_alone_and_the_other_serves_none() {
    let server = start().await;
    for path in ["/", "/metrics/", "/metrics/x", "/health/live", "/openapi.json", "/api/v1/auth/me"] {
        assert_eq!(read(&server, "get", path).await.status(), 404, "{path}");
    }
    let head = read(&server, "head", "/metrics").await;
    assert_eq!((head.status().as_u16(), head.text().await.expect("text").as_str()), (200, ""));
    for method in ["post", "put", "delete", "options"] {
        let answer = read(&server, method, "/metrics").await;
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(answer.headers()["allow"], "GET, HEAD");
    }
    for path in ["/metrics", "/metrics/", "/api/v1/metrics"] {
        let answer = server.request("get", path).send().await.expect("answered");
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.json::<Value>().await.expect("a problem")["code"], "not_found");
    }
    assert_eq!(metrics_url(&TestServer::start().await), None, "nobody reads where no address is named");
}

#[tokio::test]
async fn metrics_are_not_let_beyond_this_machine_unless_somebody_says_so() {
    let folder = TempDir::new().expect("a folder");
    let serve = |flags: &[&str]| {
        let output = Command::new(binary())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(flags)
            .arg("--data")
            .arg(folder.path().join("data"))
            .output()
            .expect("ran");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let config = folder.path().join("astral.toml");
    let from_file = |text: &str, flags: &[&str]| {
        fs::write(&config, text).expect("written");
        serve(&[&["--config", config.to_str().expect("UTF-8")][..], flags].concat())
    };
    // An address that no machine has: nothing listens anywhere, whatever is let.
    let said = serve(&["--metrics-listen", "192.0.2.1:1"]);
    assert!(said.contains("it asks for no credential") && said.contains("--insecure-listen"), "{said}");
    let said = from_file("metrics_listen = \"192.0.2.1:1\"", &[]);
    assert!(said.contains("--metrics-listen 192.0.2.1:1"), "{said}");
    let said = from_file("metrics_listen = \"192.0.2.1:1\"", &["--insecure-listen"]);
    assert!(said.contains("cannot listen on 192.0.2.1:1"), "{said}");
    let said = serve(&["--metrics-listen", "nonsense"]);
    assert!(said.contains("must be an address and a port"), "{said}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let said = serve(&["--metrics-listen", &taken.local_addr().expect("an address").to_string()]);
    assert!(said.contains("name another with --metrics-listen"), "{said}");
}

/// The names of metrics in an expression, or in a text that holds some.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("astral_") || word.starts_with("process_")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_newest_backup_is_told_and_attempts_that_fail_are_counted() {
    let backups = TempDir::new().expect("a folder");
    let server = start_with_backups(backups.path()).await;
    let mut scrape = Scrape::of(&server).await;
    while scrape.value("astral_backups_total") < 1.0 {
        scrape = Scrape::of(&server).await;
    }
    let made = fs::read_dir(backups.path()).expect("a folder").next().expect("a backup").expect("an entry");
    let file = made.metadata().expect("a file");
    assert_eq!(scrape.value("astral_backup_newest_size_bytes"), file.len() as f64);
    let written = file.modified().expect("a time").duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let apart = written - scrape.value("astral_backup_newest_timestamp_seconds");
    assert!((-1.0..3600.0).contains(&apart), "{apart}");
    assert_eq!(scrape.value("astral_backups_failed_total"), 0.0);

    // A server that comes later knows of it, too.
    let server = start_with_backups(backups.path()).await;
    let mut scrape = Scrape::of(&server).await;
    while !scrape.has("astral_backup_newest_timestamp_seconds") {
        scrape = Scrape::of(&server).await;
    }
    assert_eq!(scrape.value("astral_backups_total"), 0.0, "none is due");

    let server = start_with_backups(&made.path()).await;
    let mut scrape = Scrape::of(&server).await;
    while scrape.value("astral_backups_failed_total") < 1.0 {
        scrape = Scrape::of(&server).await;
    }
    assert!(!scrape.has("astral_backup_newest_timestamp_seconds"));
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_ask_for_what_there_is() {
    let backups = TempDir::new().expect("a folder");
    let server = start_with_backups(backups.path()).await;
    let mut scrape = Scrape::of(&server).await;
    while !scrape.has("astral_members") || !scrape.has("astral_backup_newest_timestamp_seconds") {
        scrape = Scrape::of(&server).await;
    }
    let monitoring = |name: &str| fs::read_to_string(repository().join("docs/monitoring").join(name)).expect("there");
    let alerts = monitoring("alerts.yml");
    let asked = metrics_in(&alerts);
    assert!(asked.len() >= 9, "{asked:?}");
    let rules = alerts.matches("- alert: ").count();
    for part in ["expr: ", "for: ", "labels: ", "summary: ", "description: "] {
        // Nothing is waited for where one occurrence is enough.
        let most = if part == "for: " { rules - 1..=rules } else { rules..=rules };
        assert!(most.contains(&alerts.matches(part).count()), "{part}");
    }
    let dashboard: Value = serde_json::from_str(&monitoring("dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut of_dashboard = metrics_in(dashboard["templating"].to_string().as_str());
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "an id is there twice");
        if panel["type"] == "row" {
            continue;
        }
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{}", panel["title"]);
        for target in targets {
            let metrics = metrics_in(target["expr"].as_str().expect("an expression"));
            assert!(!metrics.is_empty(), "{target}");
            of_dashboard.extend(metrics);
        }
    }
    for metric in asked.iter().chain(&of_dashboard) {
        assert!(scrape.has(metric), "{metric} is asked for, and there is none");
    }
    let told = |family: &String| of_dashboard.iter().any(|asked| asked.starts_with(family.as_str()));
    let left: Vec<_> = scrape.families.keys().filter(|family| !told(family)).map(String::as_str).collect();
    let quiet = ["process_threads", "process_virtual_memory_bytes", "astral_cache_evictions_total"];
    assert!(left.iter().all(|family| quiet.contains(family)), "the dashboard does not show {left:?}");
}
