//! The unit for systemd: how much it leaves open, and whether what it names is there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use astral_tests::{TestServer, binary, repository};
use tempfile::TempDir;

/// How exposed the service may be, as `systemd-analyze security` counts it: of 10.
const MOST_EXPOSED: f64 = 2.0;

fn packaging(file: &str) -> PathBuf {
    repository().join("packaging").join(file)
}

fn unit() -> String {
    fs::read_to_string(packaging("astral.service")).expect("a unit")
}

fn analyze(arguments: &[&str], unit: &Path) -> Output {
    let analyzed = Command::new("systemd-analyze").args(arguments).arg(unit).output();
    analyzed.expect("systemd-analyze runs: ./check installs it")
}

#[test]
fn the_service_is_hardly_exposed() {
    let said = analyze(&["security", "--offline=true", "--no-pager"], &packaging("astral.service"));
    let said = String::from_utf8(said.stdout).expect("UTF-8");
    let overall = said.lines().find_map(|line| line.split_once("Overall exposure level")?.1.split_once(": "));
    let (_, overall) = overall.unwrap_or_else(|| panic!("no figure in {said}"));
    let exposure: f64 = overall.split(' ').next().and_then(|figure| figure.parse().ok()).expect("a figure");
    assert!(exposure < MOST_EXPOSED, "{said}");
}

/// A key that systemd does not know it passes over, and the sandbox has a hole.
#[test]
fn systemd_knows_each_key_of_the_unit() {
    let folder = TempDir::new().expect("a folder");
    let copy = folder.path().join("astral.service");
    let program = binary().to_str().expect("UTF-8");
    fs::write(&copy, unit().replace("/usr/local/bin/astral-server", program)).expect("written");
    let said = analyze(&["verify", "--man=no"], &copy);
    let said = String::from_utf8(said.stderr).expect("UTF-8");
    let complaints: Vec<_> = said.lines().filter(|line| line.contains("astral.service")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_unit_starts_the_server_with_flags_that_it_has() {
    let unit = unit();
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something");
    let mut words = command.split_whitespace();
    assert!(words.next().is_some_and(|program| program.ends_with("/astral-server")), "{command}");
    assert_eq!(words.next(), Some("serve"), "{command}");
    let help = Command::new(binary()).args(["serve", "--help"]).output().expect("the server runs");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let flags: Vec<_> = words.filter(|word| word.starts_with("--")).collect();
    assert!(!flags.is_empty(), "{command}");
    for flag in flags {
        assert!(help.contains(&format!("{flag} <")), "{flag} is none of {help}");
    }
}

/// The settings that come with the unit: as they are, and with each taken for what it would be.
#[tokio::test]
async fn each_setting_of_the_example_is_one() {
    let folder = TempDir::new().expect("a folder");
    let example = fs::read_to_string(packaging("astral.toml")).expect("settings");
    let set = |line: &str| line.strip_prefix('#').filter(|line| !line.starts_with(' ')).unwrap_or(line).to_owned();
    let all: Vec<_> = example.lines().map(set).collect();
    let all = all.join("\n");
    assert!(all.contains("\nlisten = "), "{all}");
    let backups = folder.path().join("backups");
    for (name, settings) in [("as it is", &example), ("all", &all)] {
        let config = folder.path().join(name);
        fs::write(&config, settings).expect("written");
        // The flag wins over the file: nothing is written where the example says.
        let flags = ["--config", config.to_str().expect("UTF-8"), "--backup-dir", backups.to_str().expect("UTF-8")];
        let server = TestServer::start_with(&flags).await;
        let health = server.request("get", "/health/live").send().await.expect("answered");
        assert_eq!(health.status(), 200, "{name}");
    }
}
