use std::sync::Arc;

use astral_admin::state::{Connection, Screen as Shown};
use astral_client::types;
use astral_tests::{TestServer, screen::Screen};

use super::club;

#[tokio::test]
async fn a_server_that_stops_and_comes_back_is_a_quiet_banner() {
    let folder = Arc::new(tempfile::TempDir::new().expect("a folder"));
    let mut server = TestServer::start_in(folder.clone(), &[]).await;
    let club = server.club("Summit Running Club").await;
    club.create_key("Roster sync").await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for("More for Roster sync");

    server.kill();
    screen.press("F5");
    screen.wait_for("Not connected to the server.");
    assert!(screen.shows(&format!("Nothing answers at {address}.")), "it says why");
    assert!(screen.shows("More for Roster sync"), "what was seen stays");
    assert!(screen.says("What you see is from"));

    // A change is tried, taken back, and said.
    screen.press("ArrowDown");
    screen.press("Delete");
    // Nobody can say whether something uses the key.
    screen.wait_for("Type its name to confirm: Roster sync");
    screen.type_into("Type its name to confirm: Roster sync", "Roster sync");
    screen.click("Revoke key");
    screen.wait_for_words("Whether it was done is not known");
    assert!(screen.says("Roster sync, active"), "it is shown as it was");

    let _server = TestServer::start_in(folder, &["--listen", &address]).await;
    screen.wait_until("it goes away by itself", |screen| {
        screen.state().console().is_some_and(|console| console.connection == Connection::Online)
    });
    screen.wait_until_gone("Not connected to the server.");
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_is_told_and_gone_on_with() {
    let (server, club) = club().await;
    club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("New key");
    screen.type_into("Name", "Half typed");
    let all = server.sign_in(&club.head_coach.email, &club.head_coach.password).await;
    all.client.logout().everywhere(true).send().await.expect("signed out everywhere");
    screen.click("Create key");
    screen.wait_for_words("Your session has ended");

    screen.type_into("Password", &club.head_coach.password);
    screen.press("Enter");
    screen.wait_until("it is back", |screen| matches!(screen.state().screen, Shown::Console(_)));
    screen.wait_for("New API key");
    assert_eq!(screen.value("Name"), "Half typed", "nothing that was typed is lost");
    screen.click("Create key");
    screen.wait_for("Copy this key now");
}

#[tokio::test]
async fn a_role_that_was_handed_over_elsewhere_is_told() {
    let (server, club) = club().await;
    club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    let hand_over = types::HandOver::builder().member_id(&club.coach.member_id).password(&club.head_coach.password);
    let done = club.head_coach.client.hand_over_head_coach().org_id(&club.organization_id).body(hand_over);
    done.send().await.expect("handed over");

    screen.press("F5");
    screen.wait_for("Only the head coach manages API keys");
    screen.wait_for_words("You are not the head coach of Summit Running Club any more.");
}

#[tokio::test]
async fn a_limit_of_keys_is_told_in_the_form() {
    let server = TestServer::start_with(&["--max-active-keys", "1"]).await;
    let club = server.club("Summit Running Club").await;
    club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.click("New key");
    screen.type_into("Name", "One too many");
    screen.click("Create key");
    screen.wait_for("Your club has as many active keys as it may.");
    assert_eq!(screen.value("Name"), "One too many");
}

#[tokio::test]
async fn too_many_requests_are_told_and_what_is_shown_stays() {
    let server = TestServer::start_with(&["--rate-limit-key", "60"]).await;
    let club = server.club("Summit Running Club").await;
    club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    screen.wait_for("More for Roster sync");
    for _ in 0..200 {
        if screen.says("Too many requests.") {
            break;
        }
        screen.press("F5");
    }
    screen.wait_for("Too many requests.");
    assert!(screen.shows("More for Roster sync"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_answer_shows_that_it_is_awaited_and_freezes_nothing() {
    let (server, club) = club().await;
    let target = server.url.trim_start_matches("http://").to_owned();
    let (slow, hold) = slow_way_to(target, None).await;
    let mut screen = Screen::open(&slow);
    screen.sign_in(&club.head_coach.email, &club.head_coach.password);
    screen.wait_for("No API keys yet");

    hold.send_replace(true);
    screen.click("New key");
    screen.type_into("Name", "Slow");
    screen.click("Create key");
    screen.wait_until("the wait is shown", |screen| screen.state().is_waiting());
    screen.type_into("Description", "typed meanwhile");
    assert_eq!(screen.value("Description"), "typed meanwhile", "nothing is frozen");
    hold.send_replace(false);
    screen.wait_for("Copy this key now");
}

/// A way to `target` on which nothing comes through while it is held; it holds by itself once an answer with
/// `held_after` has come through.
pub async fn slow_way_to(
    target: String,
    held_after: Option<&'static str>,
) -> (String, tokio::sync::watch::Sender<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (hold, held) = tokio::sync::watch::channel(false);
    let holding = hold.clone();
    tokio::spawn(async move {
        while let Ok((from, _)) = listener.accept().await {
            let (target, held, holding) = (target.clone(), held.clone(), holding.clone());
            tokio::spawn(async move {
                let to = tokio::net::TcpStream::connect(target).await.expect("connected");
                let (mut from_read, mut from_write) = from.into_split();
                let (mut to_read, mut to_write) = to.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from_read, &mut to_write).await });
                let mut held = held;
                let mut bytes = [0; 65536];
                // What came before may hold the first half of what is looked for.
                let mut seen = Vec::new();
                loop {
                    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                    let Ok(count @ 1..) = to_read.read(&mut bytes).await else { break };
                    if held.wait_for(|held| !held).await.is_err()
                        || from_write.write_all(&bytes[..count]).await.is_err()
                    {
                        break;
                    }
                    seen.extend_from_slice(&bytes[..count]);
                    if held_after.is_some_and(|after| seen.windows(after.len()).any(|part| part == after.as_bytes())) {
                        seen.clear();
                        holding.send_replace(true);
                    }
                }
            });
        }
    });
    (address, hold)
}
