use astral_client::types;
use astral_tests::{Club, screen::Screen};
use eframe::egui::Role;

use super::{club, trouble::slow_way_to};

async fn members(club: &Club) -> Vec<types::Member> {
    let list = club.head_coach.client.list_members().org_id(&club.organization_id).limit(200).send().await;
    list.expect("listed").into_inner().data
}

async fn member(club: &Club, name: &str) -> types::Member {
    members(club).await.into_iter().find(|member| member.display_name == name).expect("on the roster")
}

fn open(screen: &mut Screen) {
    screen.press("Ctrl 2");
    screen.wait_for("More for Ben Coach");
}

#[tokio::test]
async fn a_member_is_added_changed_and_removed() {
    let (server, club) = club().await;
    let mut screen = Screen::of(&server, &club.head_coach);
    open(&mut screen);
    screen.click("New member");
    screen.click("Add member");
    screen.wait_for("Must not be empty.");
    screen.type_into("Name", "Amara Okafor");
    screen.type_into("Email", "amara@club.example");
    screen.type_into("Labels", "u16, sprint");
    screen.type_into("External id", "T-17");
    screen.click("Add member");
    screen.wait_for_words("Added Amara Okafor");
    let added = member(&club, "Amara Okafor").await;
    assert_eq!((added.labels.join(" ").as_str(), added.external_id.as_deref()), ("sprint u16", Some("T-17")));

    screen.click("More for Amara Okafor");
    screen.click("Change");
    screen.wait_for("Change member");
    screen.type_into("Email", "");
    screen.click("Inactive");
    screen.click("Save");
    screen.wait_for_words("Saved Amara Okafor");
    let changed = member(&club, "Amara Okafor").await;
    assert_eq!((changed.email, changed.status), (None, types::MemberStatus::Inactive));
    assert_eq!(changed.external_id.as_deref(), Some("T-17"), "what was not touched stays");

    screen.click("More for Amara Okafor");
    screen.click("Remove");
    screen.wait_for("Remove Amara Okafor?");
    screen.click("Remove member");
    screen.wait_for("Removed Amara Okafor");
    assert!(members(&club).await.iter().all(|member| member.display_name != "Amara Okafor"));
}

#[tokio::test]
async fn what_the_server_refuses_is_said_and_goes_back() {
    let (server, club) = club().await;
    let new = types::NewMember::builder().display_name("Dana").email(Some("dana@club.example".to_owned()));
    let add = club.head_coach.client.create_member().org_id(&club.organization_id).body(new);
    add.send().await.expect("added");
    let mut screen = Screen::of(&server, &club.head_coach);
    open(&mut screen);
    screen.click("New member");
    screen.type_into("Name", "Another Dana");
    screen.type_into("Email", "DANA@club.example");
    screen.click("Add member");
    screen.wait_for("Belongs to another member of the club.");
    screen.click("Cancel");

    // Nobody becomes coach who cannot sign in: shown at once, then taken back.
    screen.click("More for Dana");
    screen.click("Change");
    screen.wait_for("Change member");
    screen.click_role(Role::RadioButton, "Coach");
    screen.click("Save");
    screen.wait_for("They have not accepted an invitation yet.");
    screen.click("Cancel");
    assert!(screen.says("Dana, athlete, active"));
}

#[tokio::test]
async fn several_members_are_changed_at_once() {
    let (server, club) = club().await;
    for name in ["Dana", "Eli", "Fay"] {
        club.add_athlete(name).await;
    }
    let mut screen = Screen::of(&server, &club.head_coach);
    open(&mut screen);
    for name in ["Dana", "Eli"] {
        screen.click(&format!("Mark {name}"));
    }
    assert!(screen.shows("2 marked"));
    screen.click_role(Role::Button, "Labels");
    screen.click("Add label");
    screen.type_into("Label", "u18");
    screen.press("Enter");
    screen.wait_for("Done for 2 members");
    for (name, labels) in [("Dana", vec!["u18"]), ("Eli", vec!["u18"]), ("Fay", vec![])] {
        assert_eq!(member(&club, name).await.labels, labels, "{name}");
    }

    screen.click("Set status");
    screen.click("Set inactive");
    screen.wait_until("both are inactive", |screen| screen.says("Eli, athlete, inactive"));
    screen.click("Remove");
    screen.wait_for("Remove 2 members?");
    screen.click("Remove members");
    screen.wait_until_gone("More for Dana");
    screen.wait_until("the server has done it", |screen| screen.state().changes_on_their_way() == 0);
    assert_eq!(members(&club).await.len(), 4, "Ana, Ben, Cleo, Fay");
}

#[tokio::test]
async fn a_coach_is_assigned_and_filtered_by() {
    let (server, club) = club().await;
    club.add_athlete("Dana").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    open(&mut screen);
    screen.click("More for Dana");
    screen.click("Assign coach");
    screen.wait_for("Assign a coach");
    screen.click_role(Role::ComboBox, "Coach");
    screen.click("Ben Coach");
    screen.click("Assign coach");
    screen.wait_for_words("Saved Dana");
    assert_eq!(member(&club, "Dana").await.coach_id.as_deref(), Some(club.coach.member_id.as_str()));

    screen.click("Filter by coach");
    screen.click("Ben Coach");
    screen.wait_until_gone("More for Cleo Athlete");
    assert!(screen.shows("More for Dana"));
}

#[tokio::test]
async fn an_invitation_is_shown_once() {
    let (server, club) = club().await;
    let new = types::NewMember::builder().display_name("Dana").email(Some("dana@club.example".to_owned()));
    let add = club.head_coach.client.create_member().org_id(&club.organization_id).body(new);
    add.send().await.expect("added");
    let mut screen = Screen::of(&server, &club.head_coach);
    open(&mut screen);
    screen.click("More for Dana");
    screen.click("Invite");
    screen.wait_for("Copy link");
    screen.click("Copy link");
    let link = screen.copied().expect("copied").to_owned();
    assert!(link.starts_with(&server.url), "{link}");
    screen.click("Close");
    screen.wait_until_gone("Invite Dana");
    assert!(!screen.text().contains(&link));

    // Without an email on the roster, one is asked for.
    club.add_athlete("Eli").await;
    screen.press("F5");
    screen.wait_for("More for Eli");
    screen.click("More for Eli");
    screen.click("Invite");
    screen.wait_for("Make invitation");
    screen.type_into("Email", "not an email");
    screen.press("Enter");
    screen.wait_for("Must be an email address, such as ana@club.example.");
    screen.type_into("Email", "eli@club.example");
    screen.press("Enter");
    screen.wait_for("Copy link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_roster_comes_page_by_page_and_can_be_stopped() {
    let (server, club) = club().await;
    for number in 0..230 {
        club.add_athlete(&format!("Athlete {number:03}")).await;
    }
    let target = server.url.trim_start_matches("http://").to_owned();
    let (way, hold) = slow_way_to(target, Some("\"next_cursor\":\"")).await;
    let mut screen = Screen::open(&way);
    screen.sign_in(&club.head_coach.email, &club.head_coach.password);
    screen.wait_for("No API keys yet");
    screen.press("Ctrl 2");
    screen.wait_for("200 members loaded so far");
    screen.click("Stop loading");
    screen.wait_for("Stopped after 200 members");
    hold.send_replace(false);
    screen.click("Load the rest");
    screen.wait_until("all are here", |screen| {
        screen.state().console().is_some_and(|console| console.members.list.items.len() == 233)
    });
    screen.press("/");
    screen.type_text("athlete 229");
    screen.wait_for("More for Athlete 229");
    assert!(screen.shows("1 of 233"));
}

/// The keyboard went to the first row, the table stayed at its end, and Delete meant somebody out of sight.
#[tokio::test]
async fn the_row_that_the_keyboard_is_on_is_in_sight() {
    let (server, club) = club().await;
    for number in 0..60 {
        club.add_athlete(&format!("Athlete {number:03}")).await;
    }
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.press("Ctrl 2");
    screen.wait_for("More for Athlete 000");
    screen.press("End");
    screen.wait_for("More for Cleo Athlete");
    assert!(!screen.shows("More for Athlete 000"), "the table is longer than the window");
    screen.press("Home");
    screen.wait_for("More for Ana Head");
    screen.press("PageDown");
    screen.press("PageDown");
    screen.press("ArrowUp");
    let state = screen.state().console().expect("signed in");
    let row = state.members.selected.row().expect("a row");
    let name = state.members.list.items[state.members.rows[row]].name.clone();
    screen.wait_for(&format!("More for {name}"));
}
