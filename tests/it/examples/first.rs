//! The first scripts in `docs/integrations.md`.

use std::path::Path;

use astral_tests::repository;
use serde_json::json;

use super::{DASHBOARD, Ground, Said, made_once, must_run, node, python, symlink, tools};

/// The script of this name, as it stands in the guide.
fn script(name: &str) -> String {
    let guide = std::fs::read_to_string(repository().join("docs/integrations.md")).expect("checked in");
    let (_, rest) = guide.split_once(&format!("\nwhere `{name}` is\n\n")).expect("the script");
    let lines = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    lines.fold(String::new(), |script, line| script + line.strip_prefix("    ").unwrap_or_default() + "\n")
}

fn compile(folder: &Path) {
    std::fs::write(folder.join("first.mts"), script("first.mts")).expect("written");
    std::fs::copy(DASHBOARD.join("astral.ts"), folder.join("astral.ts")).expect("copied");
    symlink(tools().join("node_modules"), folder.join("node_modules")).expect("linked");
    let mut compiler = node();
    compiler.arg(tools().join("node_modules/typescript/bin/tsc")).args(["first.mts", "--strict", "--target", "es2022"]);
    must_run(compiler.args(["--module", "nodenext", "--types", "node"]).current_dir(folder));
}

// Both once stopped after the first page, and said nothing of it.
#[tokio::test]
async fn they_print_all_members_and_the_athletes_of_one_coach() {
    let ground = Ground::new().await;
    let (club, coach) = (&ground.club, &ground.club.coach.member_id);
    for number in 0..120 {
        let coach = (number < 60).then_some(coach);
        let body = json!({ "display_name": format!("Athlete {number}"), "coach_id": coach });
        let request = ground.server.request("post", &club.path("/members")).bearer_auth(&club.head_coach.token);
        assert_eq!(request.json(&body).send().await.expect("answered").status(), 201);
    }
    let file = ground.file("first.py");
    std::fs::write(&file, script("first.py")).expect("written");
    let mut in_python = python();
    in_python.arg(file);
    let mut in_typescript = node();
    in_typescript.arg(made_once("examples/first", compile).join("first.mjs"));

    let members = ground.members().await.len();
    let key = club.create_key("First").await.secret;
    for command in [in_python, in_typescript] {
        let output = Said::by(&command, &ground.server.url, &key).await.well();
        assert_eq!(output.matches("Ben Coach coaches Athlete").count(), 60, "{output}");
        assert_eq!(output.lines().count(), members + 60, "{output}");
        let said = Said::by(&command, &ground.server.url, "astral_live_nonsense").await;
        assert!(said.status != 0 && said.errors.contains("credential_invalid"), "{}", said.errors);
    }
}
