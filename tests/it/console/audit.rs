use astral_client::types::AuditEvent;
use astral_tests::screen::Screen;
use eframe::egui::Role;

use super::club;

#[tokio::test]
async fn the_coach_sees_who_did_what() {
    let (server, club) = club().await;
    let key = club.create_key("Roster sync").await;
    let (org_id, client) = (&club.organization_id, &club.head_coach.client);
    client.revoke_api_key().org_id(org_id).key_id(&key.id).reason("Laptop lost").send().await.expect("revoked");
    club.add_athlete("Nia New").await;

    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("Ctrl 3");
    screen.wait_for_words("Ana Head: Revoked the key Roster sync");
    assert!(screen.says("Ana Head: Added the member Nia New"));
    assert!(screen.says("Whoever runs the server: Made the club") || screen.says("Made the club"));

    screen.click("Keys");
    screen.wait_until("members are not there", |screen| !screen.says("Added the member"));
    screen.wait_for_words("Created the key Roster sync");
    screen.click("Everything");
    screen.wait_for_words("Added the member Nia New");
    screen.press("/");
    screen.type_text("laptop");
    screen.wait_until("what changed is searched too", |screen| {
        screen.says("Revoked the key Roster sync") && !screen.says("Created the key")
    });
    screen.press("Escape");

    // All that is known of one, and what proves it.
    screen.wait_for_words("Revoked the key Roster sync");
    screen.click_role(Role::Row, "just now, Ana Head: Revoked the key Roster sync");
    screen.wait_for("Revoked the key Roster sync");
    for words in ["api_key.revoke", &key.id, "127.0.0.1", "reason: Laptop lost"] {
        assert!(screen.says(words), "{words}: {}", screen.text());
    }
    screen.press("Escape");
    screen.wait_until_gone("Copy id");
}

#[tokio::test]
async fn events_are_put_into_a_file() {
    let (server, club) = club().await;
    for number in 0..3 {
        club.create_key(&format!("Key {number}")).await;
    }
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("Ctrl 3");
    screen.wait_for_words("Created the key Key 2");
    screen.click("Keys");
    screen.click("Export");
    screen.wait_for("Export events");
    screen.type_into("File", "audit.csv");
    screen.click("Browse");
    screen.wait_for("Must be the whole path of a file, such as /home/ana/audit.csv.");
    screen.type_into("File", &path("nowhere/audit.csv"));
    screen.press("Enter");
    screen.wait_for_words("There is no folder");
    screen.type_into("File", &path("audit.csv"));
    screen.press("Enter");
    screen.wait_for_words("Put 3 events into");
    let table = std::fs::read_to_string(path("audit.csv")).expect("written");
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.starts_with("number,at,actor_kind,actor_id,actor,action,target_id,"), "{table}");
    assert!(table.contains(",Ana Head,api_key.create,key_") && table.contains(",Key 1,"), "{table}");

    screen.click("Everything");
    screen.click("Export");
    screen.wait_for("Export events");
    screen.click("JSON, with what proves it");
    screen.type_into("File", &path("audit.csv"));
    screen.press("Enter");
    screen.wait_for_words("already.");
    screen.type_into("File", &path("audit.json"));
    screen.press("Enter");
    screen.wait_for_words("events into");
    screen.wait_until_gone("Export events");
    let events: Vec<AuditEvent> =
        serde_json::from_slice(&std::fs::read(path("audit.json")).expect("written")).expect("JSON");
    assert!(events.len() > 3 && events.iter().all(|event| !event.content.is_empty()));
    assert_eq!(std::fs::read_to_string(path("audit.csv")).expect("kept"), table);
}
