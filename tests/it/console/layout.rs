use astral_tests::screen::{Look, Place, Screen};
use eframe::egui::{Rect, Role};

use super::club;

/// What is drawn must lie in the window, and nothing that can be pressed may lie over another such thing.
#[track_caller]
fn is_tidy(screen: &Screen, size: [f32; 2], view: &str) {
    // What lies below can be scrolled to, what lies beside cannot.
    let window = Rect::from_min_size(eframe::egui::Pos2::ZERO, [size[0], 10_000.0].into()).expand(1.0);
    let places = screen.places();
    let pressed: Vec<&Place> = places
        .iter()
        .filter(|place| matches!(place.role, Role::Button | Role::CheckBox | Role::RadioButton | Role::TextInput))
        .filter(|place| place.rect.is_positive())
        .collect();
    for place in &pressed {
        assert!(
            window.contains_rect(place.rect),
            "{view}: {:?} '{}' lies outside the window: {:?}",
            place.role,
            place.name,
            place.rect
        );
    }
    for (at, one) in pressed.iter().enumerate() {
        for other in &pressed[at + 1..] {
            let common = one.rect.shrink(1.0).intersect(other.rect.shrink(1.0));
            assert!(
                !common.is_positive(),
                "{view}: '{}' {:?} lies over '{}' {:?}",
                one.name,
                one.rect,
                other.name,
                other.rect
            );
        }
    }
}

#[tokio::test]
async fn nothing_overlaps_in_any_window() {
    let (server, club) = club().await;
    let long =
        "A key whose name is as long as a name may be so that it fits nowhere and is cut, with a word at its end";
    for name in [&long[..100], "مزامنة قائمة الرياضيين", "סנכרון רשימת הספורטאים", "選手名簿の同期スクリプト"]
    {
        club.create_key(name).await;
        club.add_athlete(name).await;
    }
    for number in 0..60 {
        club.create_key(&format!("Key {number}")).await;
    }
    for (size, zoom) in [
        ([1000.0, 600.0], 1.0),
        ([800.0, 600.0], 1.0),
        ([640.0, 480.0], 1.0),
        ([2560.0, 1400.0], 1.0),
        ([1600.0, 1200.0], 2.0),
    ] {
        let mut screen = Screen::of_with(&server, &club.head_coach, &Look { size, zoom, dark: false });
        let points = size.map(|side: f32| side / zoom);
        is_tidy(&screen, points, "keys");
        screen.press("ArrowDown");
        screen.press("Enter");
        screen.wait_for("Back to API keys");
        is_tidy(&screen, points, "key");
        screen.press("Ctrl 2");
        screen.wait_for("More for Ben Coach");
        is_tidy(&screen, points, "members");
        screen.press("Ctrl 3");
        screen.wait_for_words("Created the key");
        is_tidy(&screen, points, "audit");
        screen.press("Ctrl 4");
        screen.wait_for("Hand the role over");
    }
}

/// Dialogs fit into a small window, with their buttons in sight.
#[tokio::test]
async fn a_dialog_fits_into_a_small_window() {
    let (server, club) = club().await;
    club.create_key("Roster sync").await;
    let look = Look { size: [640.0, 480.0], ..Look::default() };
    let mut screen = Screen::of_with(&server, &club.head_coach, &look);
    let window = Rect::from_min_size(eframe::egui::Pos2::ZERO, look.size.into());
    for (keys, button) in [("Ctrl N", "Create key"), ("?", "Close"), ("Ctrl L", "Close")] {
        screen.press(keys);
        screen.wait_for(button);
        let places = screen.places();
        let button = places.iter().find(|place| place.name == button && place.role == Role::Button).expect("there");
        assert!(window.contains_rect(button.rect), "{}: {:?}", button.name, button.rect);
        screen.press("Escape");
    }
}

#[tokio::test]
async fn everything_that_can_be_pressed_has_a_name() {
    let (server, club) = club().await;
    club.create_key("Roster sync").await;
    let mut screen = Screen::of(&server, &club.head_coach);
    let views = ["Ctrl 1", "Ctrl 2", "Ctrl 3", "Ctrl 4", "Ctrl L"];
    for keys in views {
        screen.press(keys);
        for place in screen.places() {
            assert!(
                !place.name.is_empty() || !eframe::egui::accessibility::is_input(place.role),
                "{keys}: a {:?} at {:?} has no name",
                place.role,
                place.rect
            );
        }
    }
}
