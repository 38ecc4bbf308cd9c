//! The console as it is shipped: the real program in a real window, with keyboard and mouse, against the real server.

mod desktop;

use std::{fs, path::Path, time::Duration};

use astral_client::types;
use astral_tests::{Club, TestServer};
use tempfile::TempDir;

use self::desktop::{ACTIVE, DANGER, Desktop, PRIMARY, Place, Window};

/// A server, a club with one key, a display, and a folder for what the console remembers.
async fn scene() -> (TestServer, Club, Desktop, TempDir) {
    let server = TestServer::start().await;
    let club = server.club("Summit Running Club").await;
    club.create_key("Roster sync").await;
    (server, club, Desktop::start(), TempDir::new().expect("a folder"))
}

/// Waits until the view of the keys is there, with the row of one: where 'New key' is.
async fn keys_are_shown(desktop: &Desktop) -> Place {
    desktop.patch("the row of a key is there", ACTIVE).await;
    desktop.patch("'New key' is there", PRIMARY).await
}

/// What is copied, once the server knows it as the secret of the key of that name.
async fn copied(desktop: &Desktop, server: &TestServer, name: &str) -> String {
    desktop
        .wait_for(&format!("the secret of '{name}' is on the clipboard"), async || {
            let copied = desktop.clipboard();
            let caller = server.client(&copied).get_caller().send().await.ok()?.into_inner();
            (caller.api_key?.name == name).then_some(copied)
        })
        .await
}

/// Waits until the server has the key revoked, and refuses its secret.
async fn is_revoked(desktop: &Desktop, server: &TestServer, club: &Club, name: &str, secret: &str) {
    desktop
        .wait_for(&format!("'{name}' is revoked"), async || {
            let revoked = club.head_coach.client.list_api_keys().org_id(&club.organization_id);
            let revoked = revoked.status(types::KeyStatusFilter::Revoked).send().await.expect("listed").into_inner();
            revoked.data.iter().any(|key| key.name == name).then_some(())
        })
        .await;
    let refused = astral_tests::refusal(server.client(secret).get_caller().send().await);
    assert_eq!((refused.status, &*refused.code), (401, "key_revoked"));
}

/// No file of the folder holds one of these, nor the token of any session.
fn nothing_stands_in(folder: &Path, secrets: &[&str]) {
    let mut read = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let file = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
        for secret in secrets.iter().chain(&["astral_session_", "astral_live_"]) {
            assert!(!file.contains(secret), "{} holds {secret}", path.display());
        }
        read += file.len();
    }
    // A console that has remembered nothing would prove nothing.
    assert!(read > 0);
}

async fn sign_in(window: &Window<'_>, club: &Club) {
    window.type_text(&club.head_coach.email).await;
    window.press(&["Tab"]).await;
    window.type_text(&club.head_coach.password).await;
    window.press(&["Return"]).await;
}

/// Types the name of a key that was used, once it is asked for; where the button is that revokes it then.
async fn type_name(window: &Window<'_>, desktop: &Desktop, name: &str) -> Place {
    desktop
        .wait_for("'Revoke key' can be pressed", async || {
            // That it was used may be known a moment after the dialog is there, and the field is there only then.
            window.press(&["ctrl+a"]).await;
            window.type_text(name).await;
            desktop.patch_now(DANGER)
        })
        .await
}

#[tokio::test]
async fn a_key_is_created_copied_used_and_revoked_by_mouse() {
    let (server, club, desktop, settings) = scene().await;
    let window = desktop.open(settings.path(), &["--server", &server.url]).await;
    desktop.patch("'Sign in' is there", PRIMARY).await;
    window.type_text(&club.head_coach.email).await;
    window.press(&["Tab"]).await;
    window.type_text(&club.head_coach.password).await;
    let send = desktop.patch("'Sign in' is there", PRIMARY).await;
    window.click(send).await;

    let new = keys_are_shown(&desktop).await;
    window.click(new).await;
    window.type_text("Race results").await;
    let create = desktop.next_patch("'Create key' is there", PRIMARY, new).await;
    window.click(create).await;
    let copy = desktop.next_patch("'Copy key' is there", PRIMARY, create).await;
    window.click(copy).await;
    let secret = copied(&desktop, &server, "Race results").await;
    window.press(&["shift+Tab", "Return"]).await;
    // On its page the first call is waited for.
    desktop.patch("its page is there, with 'Revoke'", DANGER).await;
    window.press(&["Escape"]).await;

    // The newest key stands first.
    keys_are_shown(&desktop).await;
    let row = desktop.patch("its row is there", ACTIVE).await;
    window.click_for_menu(row).await;
    let revoke = desktop.writing("'Revoke' is in the menu", DANGER).await;
    window.click(revoke).await;
    let confirm = type_name(&window, &desktop, "Race results").await;
    window.click(confirm).await;
    is_revoked(&desktop, &server, &club, "Race results", &secret).await;

    window.close().await;
    nothing_stands_in(settings.path(), &[&club.head_coach.password, &club.head_coach.token, &secret]);
}

#[tokio::test]
async fn a_key_is_created_copied_used_and_revoked_by_keyboard() {
    let (server, club, desktop, settings) = scene().await;
    let window = desktop.open(settings.path(), &["--server", &server.url]).await;
    desktop.patch("'Sign in' is there", PRIMARY).await;
    sign_in(&window, &club).await;

    let new = keys_are_shown(&desktop).await;
    window.press(&["ctrl+n"]).await;
    let create = desktop.next_patch("'Create key' is there", PRIMARY, new).await;
    window.type_text("Analytics, second try").await;
    window.press(&["Return"]).await;
    desktop.next_patch("'Copy key' is there", PRIMARY, create).await;
    window.press(&["Return"]).await;
    let secret = copied(&desktop, &server, "Analytics, second try").await;
    window.press(&["shift+Tab", "Return"]).await;
    // On its page the first call is waited for.
    desktop.patch("its page is there, with 'Revoke'", DANGER).await;
    window.press(&["Escape"]).await;

    // The table has the keyboard, and the new key is the row that it is on.
    keys_are_shown(&desktop).await;
    window.press(&["Delete"]).await;
    type_name(&window, &desktop, "Analytics, second try").await;
    window.press(&["Return"]).await;
    is_revoked(&desktop, &server, &club, "Analytics, second try", &secret).await;

    window.close().await;
    nothing_stands_in(settings.path(), &[&club.head_coach.password, &club.head_coach.token, &secret]);
}

/// Both ways to paste: the button, which has the keyboard at first, and Ctrl V wherever it is.
#[tokio::test]
async fn keys_in_a_text_that_another_program_has_copied_are_revoked() {
    let (server, club, desktop, settings) = scene().await;
    let keys = [club.create_key("In a chat").await, club.create_key("In a log").await];
    let window = desktop.open(settings.path(), &["--server", &server.url]).await;
    desktop.patch("'Sign in' is there", PRIMARY).await;
    sign_in(&window, &club).await;
    keys_are_shown(&desktop).await;
    window.press(&["ctrl+l"]).await;
    let mut text = "Hello Ana,\nare these yours?".to_owned();
    for (key, paste) in keys.iter().zip(["Return", "ctrl+v"]) {
        text += &format!("\n{}", &*key.secret);
        desktop.copy(&text);
        window.press(&[paste]).await;
        let revoke = desktop.patch("'Revoke' is there, of the one that works", DANGER).await;
        window.click(revoke).await;
        is_revoked(&desktop, &server, &club, &key.name, &key.secret).await;
    }
    window.close().await;
    nothing_stands_in(settings.path(), &[&keys[0].secret, &keys[1].secret]);
}

#[tokio::test]
async fn address_email_and_view_are_there_again_after_a_restart() {
    let (server, club, desktop, settings) = scene().await;
    let window = desktop.open(settings.path(), &["--server", &server.url]).await;
    desktop.patch("'Sign in' is there", PRIMARY).await;
    sign_in(&window, &club).await;
    keys_are_shown(&desktop).await;
    window.press(&["ctrl+2"]).await;
    window.close().await;
    nothing_stands_in(settings.path(), &[&club.head_coach.password, &club.head_coach.token]);

    // The password is all that is asked for, and what Ctrl N makes in the view of members is a member.
    let window = desktop.open(settings.path(), &[]).await;
    desktop.patch("'Sign in' is there", PRIMARY).await;
    window.type_text(&club.head_coach.password).await;
    window.press(&["Return"]).await;
    desktop.patch("the row of a member is there", ACTIVE).await;
    let new = desktop.patch("'New member' is there", PRIMARY).await;
    window.press(&["ctrl+n"]).await;
    desktop.next_patch("'Add member' is there", PRIMARY, new).await;
    window.type_text("Dora Runner").await;
    window.press(&["Return"]).await;
    desktop
        .wait_for("the member is added", async || {
            let members = club.head_coach.client.list_members().org_id(&club.organization_id).send().await;
            members
                .expect("listed")
                .into_inner()
                .data
                .iter()
                .any(|member| member.display_name == "Dora Runner")
                .then_some(())
        })
        .await;
}

/// A console lies open all day on the computer of a coach.
#[tokio::test]
async fn a_window_in_which_nothing_happens_draws_nothing() {
    /// How long it is observed: what is measured is what happens in this span.
    const OBSERVED: Duration = Duration::from_secs(5);
    /// Fewer than a caret that blinks takes in this span, two frames a second.
    const FEW: u64 = 6;

    let (server, club, desktop, settings) = scene().await;
    let window = desktop.open(settings.path(), &["--server", &server.url]).await;
    desktop.patch("'Sign in' is there", PRIMARY).await;
    sign_in(&window, &club).await;
    keys_are_shown(&desktop).await;
    // The caret is in the search: one that blinks would draw all day.
    window.press(&["slash"]).await;

    // With each minute a frame is due, since distances in time are told in minutes.
    let second = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() % 60;
    if second + OBSERVED.as_secs() + 1 >= 60 {
        tokio::time::sleep(Duration::from_secs(61 - second)).await;
    }
    let before = window.wakes();
    tokio::time::sleep(OBSERVED).await;
    let wakes = window.wakes() - before;
    assert!(wakes < FEW, "{wakes} wakes in {OBSERVED:?}");
}
