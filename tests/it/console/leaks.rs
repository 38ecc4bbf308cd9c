//! "Found a key somewhere?" in the console.

use astral_client::types;
use astral_server::service::{Entropy, Secret, SecretKind};
use astral_tests::screen::Screen;

use super::club;

#[tokio::test]
async fn a_key_in_a_pasted_text_is_named_and_revoked_with_one_click() {
    let (server, club) = club().await;
    let key = club.create_key("Roster sync").await;
    let old = club.create_key("Old script").await;
    let revoke = club.head_coach.client.revoke_api_key().org_id(&club.organization_id).key_id(&old.id);
    revoke.send().await.expect("revoked");
    server.client(&key.secret).get_caller().send().await.expect("works");

    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("Found a key somewhere?");
    let text = format!("Hi Ana,\nI use {} and before it was {}.\n{}", &*key.secret, &*old.secret, &*key.secret);
    screen.paste(&text);
    screen.wait_for("2 keys stand in the pasted text, of which 1 still works.");
    assert!(screen.says("used just now") && screen.says("Line 2 and 1 more place"));
    assert!(screen.shows("Works") && screen.shows("Revoked"));
    assert!(!screen.text().contains(&*key.secret), "what was pasted is shown nowhere");
    assert!(!screen.shows("Revoke: Old script"), "there is nothing left to do");

    screen.click("Revoke: Roster sync");
    screen.wait_for("2 keys stand in the pasted text. None of them works any more.");
    let refused = astral_tests::refusal(server.client(&key.secret).get_caller().send().await);
    assert_eq!(refused.code, "key_revoked");
    let read = club.head_coach.client.get_api_key().org_id(&club.organization_id).key_id(&key.id).send().await;
    assert_eq!(read.expect("read").into_inner().revoked.expect("revoked").reason.as_deref(), Some("Found in a text"));
    // From there to its page.
    screen.click("Open Roster sync");
    screen.wait_until_gone("Found a key somewhere?");
    screen.wait_for("Roster sync");
    assert!(screen.says("Found in a text"));
}

#[tokio::test]
async fn files_that_are_dropped_are_searched_and_what_is_not_the_clubs_can_be_reported() {
    let (server, club) = club().await;
    let key = club.create_key("Roster sync").await;
    let rotation = types::Rotation::builder();
    let rotate = club.head_coach.client.rotate_api_key().org_id(&club.organization_id).key_id(&key.id).body(rotation);
    rotate.send().await.expect("rotated");
    let folder = tempfile::tempdir().expect("a folder");
    let (chat, dump) = (folder.path().join("chat.txt"), folder.path().join("dump.bin"));
    std::fs::write(&chat, format!("\n\nfirst {}", &*key.secret)).expect("written");
    std::fs::write(&dump, [b"\xff\0\xfe", club.coach.token.as_bytes()].concat()).expect("written");

    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for("More for Roster sync");
    screen.drop_files(&[&chat, &dump]);
    screen.wait_for("A key stands in 2 files, and it works.");
    assert!(screen.shows("Old secret, still works") && screen.says("chat.txt, line 3"));
    assert!(screen.says("Somebody's sign-in") && screen.says("dump.bin, line 1"));
    screen.click("End old secret: Roster sync");
    screen.wait_for("Old secret, ended");
    let refused = astral_tests::refusal(server.client(&key.secret).get_caller().send().await);
    assert_eq!(refused.code, "secret_replaced");

    screen.click(&format!("Report {}", hint(&club.coach.token)));
    screen.wait_for("Reported");
    let refused = astral_tests::refusal(club.coach.client.get_caller().send().await);
    assert_eq!(refused.code, "session_over");
}

fn hint(secret: &str) -> String {
    Secret::parse(secret.to_owned()).expect("a secret").hint()
}

#[tokio::test]
async fn what_cannot_be_searched_and_what_holds_no_key_is_told() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for("Found a key somewhere?");
    screen.press("Ctrl L");
    screen.wait_for("Press Ctrl V, or drop files here");
    screen.paste("nothing here");
    screen.wait_for("No key stands in the pasted text.");
    screen.paste(&" ".repeat((10 << 20) + 1));
    screen.wait_for("The text is too long: at most 10 MB can be searched at once.");
    let folder = tempfile::tempdir().expect("a folder");
    screen.drop_files(&[folder.path()]);
    screen.wait_for_words("is a folder.");
    let read = folder.path().join("chat.txt");
    std::fs::write(&read, "nothing here either").expect("written");
    screen.drop_files(&[&read, folder.path()]);
    screen.wait_for("No key stands in chat.txt.");
    assert!(screen.says("is a folder."), "what was not searched is told too");
    screen.paste_picture();
    screen.wait_for("A picture cannot be searched.");
    // The keyboard stays where it was.
    assert_eq!(screen.focused().as_deref(), Some("Paste"));
    screen.drop_files(&[&folder.path().join("gone.txt")]);
    screen.wait_for("There is no file gone.txt any more.");
    screen.paste(&Secret::generate(SecretKind::ApiKey, || Entropy::system().bytes()).reveal());
    screen.wait_for("No key of this club stands in the pasted text.");
    assert!(screen.says("A key, not of this club"));
    screen.press("Escape");
    screen.wait_until_gone("Press Ctrl V, or drop files here");
}
