use astral_admin::state::Dialog;
use astral_client::types::{NewApiKey, Scope};
use astral_tests::screen::Screen;

use super::club;

/// A new key's program is being set up beside the console: the console says when it works.
#[tokio::test]
async fn the_first_call_with_a_new_key_is_shown_when_it_comes() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("New key");
    screen.type_into("Name", "Roster sync");
    screen.click("Create key");
    screen.wait_for("Copy this key now");
    assert!(screen.says("Waiting for the first call"));
    screen.click("Copy key");
    let secret = screen.copied().expect("copied").to_owned();
    screen.click("I have stored it");
    screen.wait_until_gone("Copy this key now");
    assert!(screen.says("Waiting for the first call"), "its page goes on waiting");
    server.client(&secret).list_members().org_id(&club.organization_id).send().await.expect("the key works");
    screen.wait_for_words("It works: first call");
    assert!(screen.says(", members listed, from 127.0.0.1."));
}

#[tokio::test]
async fn the_page_of_a_key_tells_how_it_is_used() {
    let (server, club) = club().await;
    let key =
        club.create_key_with(NewApiKey::builder().name("Roster sync").scopes(Some(vec![Scope::MembersRead]))).await;
    let client = server.client(&key.secret);
    for _ in 0..3 {
        client.list_members().org_id(&club.organization_id).send().await.expect("read");
    }
    let refused = client.get_organization().org_id(&club.organization_id).send().await;
    assert_eq!(astral_tests::refusal(refused).code, "scope_required");

    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for("More for Roster sync");
    screen.press("Down");
    screen.press("Enter");
    screen.wait_for("3 calls in 90 days, 1 refused. Days are those of UTC.");
    assert!(screen.says("Calls by day, "), "the chart has words for those who do not see it");
    assert!(screen.shows("members listed 3"));
    assert!(screen.shows("1 call (the key is not allowed to)"));
    assert!(screen.says("just now from 127.0.0.1"));

    // Revoked, and still tried.
    let revoke = club.head_coach.client.revoke_api_key().org_id(&club.organization_id).key_id(&key.id);
    revoke.send().await.expect("revoked");
    client.get_caller().send().await.expect_err("refused");
    screen.press("F5");
    screen.wait_for("Still being tried");
    assert!(screen.says("The last call came just now from 127.0.0.1, and was refused."));
}

#[tokio::test]
async fn what_an_act_would_break_is_said_before_it() {
    let (server, club) = club().await;
    let key = club.create_key("Roster sync").await;
    let client = server.client(&key.secret);
    client.list_members().org_id(&club.organization_id).send().await.expect("read");
    client.get_organization().org_id(&club.organization_id).send().await.expect("read");
    let mut screen = Screen::of(&server, &club.head_coach);

    screen.click("More for Roster sync");
    screen.click("Revoke");
    screen.wait_for_words(
        "It was last used just now from 127.0.0.1 and made 2 calls in the last 30 days: club read 1, members listed 1.",
    );
    screen.click("Keep it");

    screen.click("More for Roster sync");
    screen.click("Rotate");
    screen.wait_for_words("With the present secret came 2 calls in the last 30 days: club read 1, members listed 1.");
    screen.click("Cancel");

    screen.click("More for Roster sync");
    screen.click("Change");
    let known = |screen: &Screen| {
        let console = screen.state().console().expect("signed in");
        matches!(&console.dialog, Some(Dialog::Key(form)) if !form.is_awaited())
    };
    screen.wait_until("the key is known", known);
    screen.click("Add, change and remove athletes");
    screen.wait_for("Nothing that it did in the last 30 days would be refused.");
    screen.click("Read the members");
    screen
        .wait_for_words("Would have refused 1 call in the last 30 days: members listed 1. The last came just now from");
    screen.click("Everything");
    screen.wait_until("nothing is taken away", |screen| !screen.says("Would have refused"));
}
