use astral_tests::screen::Screen;

use super::club;

#[tokio::test]
async fn the_club_is_renamed() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("Ctrl 4");
    screen.wait_for("Hand the role over");
    screen.type_into("Name", "Summit Trail Club");
    screen.click("Save");
    screen.wait_for("Saved");
    assert!(screen.shows("Summit Trail Club"), "the navigation says so too");
    let now = club.head_coach.client.get_organization().org_id(&club.organization_id).send().await.expect("read");
    assert_eq!(now.name, "Summit Trail Club");
}

#[tokio::test]
async fn the_password_is_changed() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("You");
    screen.click("Change password");
    screen.type_into("Present password", "not the password");
    screen.type_into("New password", "short");
    screen.press("Enter");
    screen.wait_for("Must have at least 12 characters, has 5.");
    screen.type_into("New password", "lantern-harbor-quiet-orange");
    screen.press("Enter");
    screen.wait_for("Wrong password.");
    screen.type_into("Present password", &club.head_coach.password);
    screen.press("Enter");
    screen.wait_for_words("The password is changed");
    server.sign_in(&club.head_coach.email, "lantern-harbor-quiet-orange").await;
}

#[tokio::test]
async fn the_role_is_handed_over() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("Ctrl 4");
    screen.wait_for("Hand the role over");
    screen.click("Hand the role over");
    screen.wait_for("New head coach");
    screen.click("New head coach");
    screen.click("Ben Coach");
    screen.type_into("Your password", &club.head_coach.password);
    screen.click("Hand over");
    screen.wait_for("Only the head coach manages API keys");
    screen.wait_for("At Summit Running Club that is Ben Coach.");
}

#[tokio::test]
async fn every_session_is_ended() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("Ctrl 4");
    screen.wait_for("Sign out everywhere");
    screen.click("Sign out everywhere");
    screen.wait_for("Sign out everywhere?");
    // The button of the view lies behind the dialog.
    screen.tab_to("Sign out everywhere");
    screen.press("Enter");
    screen.wait_for("You are signed out everywhere.");
    let over = club.head_coach.client.get_caller().send().await;
    assert_eq!(astral_tests::refusal(over).status, 401, "another session of the same person");
}

#[tokio::test]
async fn on_a_plan_without_keys_it_is_said_what_to_do() {
    let (server, club) = club().await;
    club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    let done = server.operator(&["org", "set-plan", &club.organization_id, "free"], "");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    screen.press("F5");
    screen.wait_for("API keys need the Coach plan or above");
    assert!(screen.says("The key you have is kept and works again then."));
    let done = server.operator(&["org", "set-plan", &club.organization_id, "coach"], "");
    assert!(done.status.success());
    screen.press("F5");
    screen.wait_for("More for Roster sync");
}

#[tokio::test]
async fn the_club_says_how_long_its_keys_last() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("Ctrl 4");
    screen.wait_for("About");
    screen.type_into("Keys last at most, in days", "ten");
    screen.type_into("Usually, in days", "20");
    screen.click("Save");
    screen.wait_for("Must be a whole number of days, from 1 to 3650.");
    screen.type_into("Keys last at most, in days", "10");
    screen.click("Save");
    screen.wait_for("Must be at most 10, the longest time.");
    screen.type_into("Usually, in days", "5");
    screen.click("Save");
    screen.wait_for_words("Saved");
    screen.press("Ctrl 1");
    screen.press("Ctrl N");
    screen.wait_for("New API key");
    for (choice, there) in [("In 5 days", true), ("In 7 days", true), ("In 30 days", false), ("Never", false)] {
        assert_eq!(screen.shows(choice), there, "{choice}");
    }
    screen.type_into("Name", "Roster sync");
    screen.click("Create key");
    screen.wait_for("Copy this key now");
    let keys = club.head_coach.client.list_api_keys().org_id(&club.organization_id).send().await.expect("listed");
    let lasts = keys.data[0].expires_at.expect("an end") - keys.data[0].created_at;
    assert!(lasts <= chrono::TimeDelta::days(6), "{lasts}");
}
