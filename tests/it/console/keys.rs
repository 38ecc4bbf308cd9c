use astral_admin::state::Dialog;
use astral_client::types;
use astral_server::service::Clock;
use astral_tests::screen::Screen;
use chrono::{DateTime, TimeDelta, Utc};
use eframe::egui::Role;

use super::club;

/// The keys of the club, as the server has them.
async fn keys(club: &astral_tests::Club, status: types::KeyStatusFilter) -> Vec<types::ApiKey> {
    let list = club.head_coach.client.list_api_keys().org_id(&club.organization_id).status(status).send().await;
    list.expect("listed").into_inner().data
}

#[tokio::test]
async fn a_key_is_created_copied_used_and_revoked_by_keyboard_alone() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for_words("A key lets a program");

    screen.press("Ctrl N");
    screen.wait_for("New API key");
    assert_eq!(screen.focused().as_deref(), Some("Name"), "the keyboard is in the first field");
    screen.type_text("Roster sync");
    screen.press("Enter");
    screen.wait_for("Copy this key now");

    // The keyboard is on the button that copies.
    assert_eq!(screen.focused().as_deref(), Some("Copy key"));
    screen.press("Enter");
    let secret = screen.copied().expect("copied").to_owned();
    assert!(screen.shows("Copied"), "the button says so");
    let caller = server.client(&secret).get_caller().send().await.expect("the key works").into_inner();
    assert_eq!(caller.api_key.expect("a key").name, "Roster sync");

    screen.press("Escape");
    assert!(screen.shows("Copy this key now"), "nothing closes it by accident");
    assert!(screen.shows("Is it stored?"));
    screen.tab_to("I have stored it");
    screen.press("Enter");
    screen.wait_until_gone("Copy this key now");
    assert!(!screen.text().contains(&secret), "it is nowhere on screen any more");

    // The table has the keyboard, and the new key is the row it is on.
    screen.press("Delete");
    screen.wait_for("Revoke \"Roster sync\"?");
    screen.wait_for_words("Whatever uses it stops working");
    // It was used a moment ago, since the list was read: its name is asked for.
    screen.wait_for("Something uses this key.");
    screen.tab_to("Type its name to confirm: Roster sync");
    screen.type_text("Roster sync");
    screen.tab_to("Revoke key");
    screen.press("Enter");
    screen.wait_for_words("Revoked \"Roster sync\"");
    let refused = server.client(&secret).get_caller().send().await;
    assert_eq!(astral_tests::refusal(refused).status, 401);
}

#[tokio::test]
async fn what_is_typed_for_a_key_is_what_the_server_has() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("New key");
    screen.type_into("Name", "  Race results  ");
    screen.type_into("Description", "On the club house computer");
    screen.click("Never");
    assert!(screen.says("an expiry date is recommended"));
    screen.click("Everything");
    screen.click("Read the club's name, plan and description");
    screen.type_into("Allowed addresses", "203.0.113.7, 10.0.0.0/8");
    screen.click("Create key");
    screen.wait_for("Copy this key now");
    let [key] = &keys(&club, types::KeyStatusFilter::Active).await[..] else { panic!("one key") };
    assert_eq!(key.name, "Race results");
    assert_eq!(key.description.as_deref(), Some("On the club house computer"));
    assert_eq!(key.scopes, [types::Scope::MembersRead, types::Scope::MembersWrite]);
    assert_eq!(key.allowed_ips, ["10.0.0.0/8", "203.0.113.7"]);
    assert_eq!(key.expires_at, None);
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_field_in_the_servers_words() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("New key");
    screen.type_into("Allowed addresses", "club.example");
    screen.click("On a date");
    screen.type_into("Last day", "31/12/2026");
    screen.click("Create key");
    for says in [
        "Must not be empty.",
        "'club.example' must be an address or a range, such as 203.0.113.7 or 2001:db8::/32.",
        "Must be a date, year first, such as 2027-01-31.",
    ] {
        screen.wait_for(says);
    }
    assert!(keys(&club, types::KeyStatusFilter::All).await.is_empty());

    // What the server says of a name that is too long is what the console says.
    let new = types::NewApiKey::builder().name("x".repeat(101));
    let refused = club.head_coach.client.create_api_key().org_id(&club.organization_id).body(new).send().await;
    let Err(astral_client::Error::ErrorResponse(problem)) = refused else { panic!("refused") };
    let message = &problem.errors[0].message;
    screen.type_into("Name", &"x".repeat(101));
    let mut words = message.clone();
    words.replace_range(..1, &message[..1].to_uppercase());
    screen.wait_for(&format!("{words}."));
}

#[tokio::test]
async fn keys_are_searched_filtered_and_sorted() {
    let (server, club) = club().await;
    for name in ["Analytics", "Über sync", "Old dashboard"] {
        club.create_key(name).await;
    }
    let [.., oldest] = &keys(&club, types::KeyStatusFilter::Active).await[..] else { panic!("three keys") };
    let revoke = club.head_coach.client.revoke_api_key().org_id(&club.organization_id).key_id(&oldest.id);
    revoke.send().await.expect("revoked");

    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for("More for Über sync");
    assert!(!screen.shows("More for Analytics"), "what works no more comes on request");
    screen.click("Revoked");
    screen.wait_for("More for Analytics");
    assert!(!screen.shows("More for Über sync"));
    screen.click("All 3");
    screen.wait_for("More for Über sync");

    screen.press("/");
    assert_eq!(screen.focused().as_deref(), Some("Search keys"));
    screen.type_text("uber");
    assert!(screen.shows("More for Über sync") && !screen.shows("More for Analytics"));
    screen.type_into("Search keys", "nothing like it");
    screen.wait_for("No key matches \"nothing like it\"");
    screen.click("Clear search");
    screen.wait_for("More for Analytics");

    let order = |screen: &Screen| {
        let mut rows: Vec<_> = screen.places().into_iter().filter(|place| place.role == Role::Row).collect();
        rows.sort_by(|one, other| one.rect.top().total_cmp(&other.rect.top()));
        rows.into_iter().map(|row| row.name.split(',').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(&screen), ["Old dashboard", "Über sync", "Analytics"], "newest first");
    screen.click("Name");
    assert_eq!(order(&screen), ["Analytics", "Old dashboard", "Über sync"]);
    screen.click("Name, sorted");
    assert_eq!(order(&screen), ["Über sync", "Old dashboard", "Analytics"]);
}

#[tokio::test]
async fn the_page_of_a_key_shows_its_facts_and_changes_them() {
    let (server, club) = club().await;
    let created = club.create_key("Roster sync").await;
    server.client(&created.secret).get_caller().send().await.expect("used");
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("ArrowDown");
    screen.press("Ctrl C");
    assert_eq!(screen.copied(), Some(created.id.as_str()));
    screen.press("Enter");
    screen.wait_for("Back to API keys");
    screen.wait_for(&created.hint);
    screen.wait_for("just now");

    screen.click("Change");
    screen.wait_for("Change API key");
    assert_eq!(screen.value("Name"), "Roster sync");
    screen.type_into("Name", "Roster sync, new machine");
    screen.click("Read only");
    screen.wait_until("its present revision is known", |screen| {
        let dialog = screen.state().console().and_then(|console| console.dialog.as_ref());
        matches!(dialog, Some(Dialog::Key(form)) if !form.is_awaited())
    });
    screen.click("Save");
    screen.wait_for_words("Saved \"Roster sync, new machine\"");
    let [key] = &keys(&club, types::KeyStatusFilter::Active).await[..] else { panic!("one key") };
    assert_eq!(key.name, "Roster sync, new machine");
    assert_eq!(key.scopes, [types::Scope::OrganizationRead, types::Scope::MembersRead]);

    // In use: its name must be typed.
    screen.click("Revoke");
    screen.wait_for_words("Something uses this key");
    screen.press("Enter");
    assert_eq!(screen.state().changes_on_their_way(), 0, "nothing is sent");
    assert!(keys(&club, types::KeyStatusFilter::Revoked).await.is_empty());
    screen.type_into("Type its name to confirm: Roster sync, new machine", "Roster sync, new machine");
    screen.type_into("Reason", "The machine was sold");
    screen.click("Revoke key");
    // The page shows it before the server has answered; the notice comes after.
    screen.wait_for_words("Whatever used it is refused now");
    screen.wait_for_words("Revoked by Ana Head");
    screen.wait_for("The machine was sold");
    screen.wait_until("the server has done it", |screen| screen.state().changes_on_their_way() == 0);
    let [key] = &keys(&club, types::KeyStatusFilter::Revoked).await[..] else { panic!("revoked") };
    assert_eq!(key.revoked.as_ref().and_then(|revoked| revoked.reason.as_deref()), Some("The machine was sold"));
    screen.press("Escape");
    screen.wait_until_gone("Back to API keys");
}

#[tokio::test]
async fn a_change_meant_for_another_revision_is_told_and_taken_back() {
    let (server, club) = club().await;
    let created = club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("ArrowDown");
    screen.press("Enter");
    screen.click("Change");
    screen.wait_until("the revision is known", |screen| {
        matches!(
            screen.state().console().and_then(|console| console.dialog.as_ref()),
            Some(Dialog::Key(form)) if form.etag.is_some()
        )
    });
    let change = types::ApiKeyChange::builder()
        .name(Some("Changed elsewhere".to_owned()))
        .description(Some("Elsewhere".to_owned()));
    let changed =
        club.head_coach.client.update_api_key().org_id(&club.organization_id).key_id(&created.id).body(change);
    changed.send().await.expect("changed");

    screen.type_into("Name", "Changed here");
    screen.click("Save");
    screen.wait_for("Somebody else has changed this meanwhile.");
    assert_eq!(screen.value("Name"), "Changed here", "what was typed is still there");
    screen.wait_until("what was not touched is as it is now", |screen| screen.value("Description") == "Elsewhere");
    screen.click("Save");
    screen.wait_for_words("Saved \"Changed here\"");
    let [key] = &keys(&club, types::KeyStatusFilter::Active).await[..] else { panic!("one key") };
    assert_eq!((key.name.as_str(), key.description.as_deref()), ("Changed here", Some("Elsewhere")));
}

#[tokio::test]
async fn a_key_is_rotated_and_its_old_secret_ended() {
    let (server, club) = club().await;
    let created = club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("More for Roster sync");
    screen.click("Rotate");
    screen.wait_for("Rotate \"Roster sync\"?");
    screen.click("1 day");
    screen.click("Make a new secret");
    screen.wait_for("Copy this key now");
    assert!(screen.says(&format!("Put it in the place of {}, which works until", created.hint)));
    screen.click("Copy key");
    let secret = screen.copied().expect("copied").to_owned();
    assert_ne!(secret, created.secret);
    for secret in [&created.secret, &secret] {
        server.client(secret).get_caller().send().await.expect("both work");
    }
    screen.click("I have stored it");
    screen.wait_until_gone("Copy this key now");
    let [key] = &keys(&club, types::KeyStatusFilter::Active).await[..] else { panic!("one key") };
    let previous = key.previous_secret.as_ref().expect("an overlap");
    assert_eq!((&previous.hint, previous.ends_at - key.created_at > TimeDelta::hours(23)), (&created.hint, true));

    // On its page: which is still used, and the end of the old one, unless it is wanted still.
    screen.press("Enter");
    screen.wait_for_words("Two secrets work until");
    screen.press("F5");
    screen.wait_for_words("was last used just now");
    screen.click("End old secret");
    screen.wait_for("End the old secret of \"Roster sync\"?");
    screen.click("Keep it");
    screen.wait_until_gone("End the old secret of \"Roster sync\"?");
    server.client(&created.secret).get_caller().send().await.expect("it was kept");
    screen.click("End old secret");
    screen.wait_for("End the old secret of \"Roster sync\"?");
    screen.tab_to("End old secret");
    screen.press("Enter");
    screen.wait_for_words("has ended. Whatever used it is refused now.");
    assert_eq!(astral_tests::refusal(server.client(&created.secret).get_caller().send().await).code, "secret_replaced");
    server.client(&secret).get_caller().send().await.expect("the new one goes on");
    assert!(!screen.says("Two secrets work until"));
}

/// Two who head a club, or one with two windows.
#[tokio::test]
async fn a_rotation_on_top_of_another_is_explained() {
    let (server, club) = club().await;
    let created = club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    let rotate = club.head_coach.client.rotate_api_key().org_id(&club.organization_id).key_id(&created.id);
    let newer = rotate.body(types::Rotation::builder()).send().await.expect("rotated").into_inner();
    screen.click("More for Roster sync");
    screen.click("Rotate");
    screen.wait_for("This key is being rotated already");
    screen.click("Make a new secret");
    screen.wait_for("Copy this key now");
    assert_eq!(astral_tests::refusal(server.client(&newer.secret).get_caller().send().await).code, "secret_replaced");
    server.client(&created.secret).get_caller().send().await.expect("the older keeps its time");
}

#[tokio::test]
async fn a_dialog_gives_the_keyboard_back() {
    let (server, club) = club().await;
    club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for("More for Roster sync");
    screen.tab_to("New key");
    screen.press("Enter");
    screen.wait_for("New API key");
    screen.press("Escape");
    screen.wait_until_gone("New API key");
    screen.wait_until("the keyboard is back", |screen| screen.focused().as_deref() == Some("New key"));
}

/// What expires soon is listed with what to do about it.
#[tokio::test]
async fn a_key_that_expires_soon_is_rotated_from_its_list() {
    let (server, club) = club().await;
    club.create_key("For ever").await;
    let now = DateTime::<Utc>::from(Clock::system().now());
    club.create_key_with(
        types::NewApiKey::builder().name("Roster sync").expires_at(Some(now + TimeDelta::hours(5 * 24 + 1))),
    )
    .await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for("More for Roster sync");
    assert!(!screen.shows("Rotate Roster sync"), "among all keys it stands in the menu");
    screen.click("Expiring 1");
    screen.wait_until_gone("More for For ever");
    screen.click("Rotate Roster sync");
    screen.wait_for("Rotate \"Roster sync\"?");
    assert!(screen.says("This key expires in 5 days, whichever secret is used."));
}
