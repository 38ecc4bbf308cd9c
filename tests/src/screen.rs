//! The console, driven by what is on screen: by the names and roles that a screen reader tells, with no display.
//!
//! ```no_run
//! # async fn example() {
//! let server = astral_tests::TestServer::start().await;
//! let club = server.club("Summit Running Club").await;
//! let mut screen = astral_tests::screen::Screen::of(&server, &club.head_coach);
//! screen.click("New key");
//! screen.type_into("Name", "Roster sync");
//! screen.press("Enter");
//! screen.wait_for("Copy this key now");
//! # }
//! ```

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use astral_admin::{
    App, Keeping, Start,
    state::{State, preferences::Preferences},
};
use eframe::egui::{self, Key, Modifiers, OutputCommand, Role};
use egui_kittest::{
    Harness,
    kittest::{NodeT as _, Queryable as _},
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{Person, TestServer};

/// How long something that should come may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The console's window, without a display.
pub struct Screen {
    harness: Harness<'static, Window>,
    woken: Arc<(Mutex<bool>, Condvar)>,
}

/// What the window holds.
struct Window {
    start: Option<Start>,
    app: Option<App>,
    copied: Vec<String>,
}

/// How a window is opened.
pub struct Look {
    /// Its size, in points.
    pub size: [f32; 2],
    /// Whether it is dark.
    pub dark: bool,
    /// How large text is.
    pub zoom: f32,
}

impl Default for Look {
    fn default() -> Self {
        Self { size: [1200.0, 800.0], dark: false, zoom: 1.0 }
    }
}

impl Screen {
    /// A console that asks who is there, with this address typed in.
    pub fn open(address: &str) -> Self {
        Self::open_with(address, &Look::default())
    }

    /// A console that asks who is there, in a window like this.
    #[expect(clippy::disallowed_methods, reason = "here time is passed in")]
    pub fn open_with(address: &str, look: &Look) -> Self {
        let woken: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let wake = woken.clone();
        let start = Start {
            preferences: Preferences { server: address.to_owned(), zoom: look.zoom, ..Preferences::default() },
            keeping: Keeping::Memory,
            now: Box::new(Timestamp::now),
            zone: TimeZone::UTC,
            seed: Timestamp::now().as_nanosecond().unsigned_abs(),
        };
        let harness = Harness::builder()
            .with_size(look.size)
            .with_theme(if look.dark { egui::Theme::Dark } else { egui::Theme::Light })
            .allow_missing_glyphs()
            .with_context_setup(move |ctx| {
                ctx.set_request_repaint_callback(move |_| {
                    let (woken, condition) = &*wake;
                    *woken.lock().expect("nobody panics with it") = true;
                    condition.notify_all();
                });
            })
            .build_ui_state(
                |ui, window: &mut Window| {
                    // Fonts that are set in a frame are there in the next.
                    if let Some(start) = window.start.take() {
                        window.app = Some(App::new(ui.ctx(), start));
                    } else if let Some(app) = &mut window.app {
                        app.logic(ui.ctx());
                        app.ui(ui);
                        let copied = ui.ctx().output(|output| output.commands.clone());
                        window.copied.extend(copied.into_iter().filter_map(|command| match command {
                            OutputCommand::CopyText(text) => Some(text),
                            _ => None,
                        }));
                    }
                },
                Window { start: Some(start), app: None, copied: Vec::new() },
            );
        let mut screen = Self { harness, woken };
        screen.wait_until("it asks who is there", |screen| screen.shows("Sign in"));
        screen
    }

    /// A console in which this person has signed in, and sees the keys of their club.
    pub fn of(server: &TestServer, person: &Person) -> Self {
        Self::of_with(server, person, &Look::default())
    }

    /// The same, in a window like this.
    pub fn of_with(server: &TestServer, person: &Person, look: &Look) -> Self {
        let mut screen = Self::open_with(&server.url, look);
        screen.sign_in(&person.email, &person.password);
        screen.wait_until("the keys are loaded", |screen| {
            screen.state().console().is_some_and(|console| console.keys.list.loaded_at.is_some())
        });
        screen
    }

    /// Types who is there, and sends it.
    pub fn sign_in(&mut self, email: &str, password: &str) {
        self.type_into("Email", email);
        self.type_into("Password", password);
        self.click("Sign in");
    }

    /// What the console knows.
    pub fn state(&self) -> &State {
        self.app().state()
    }

    /// The console itself.
    pub fn app(&self) -> &App {
        self.harness.state().app.as_ref().expect("it is there from the second frame on")
    }

    /// The context that it is drawn in.
    pub fn context(&self) -> &egui::Context {
        &self.harness.ctx
    }

    /// Draws one frame.
    pub fn frame(&mut self) {
        self.harness.step();
    }

    /// How the console changes without a person: for scenes that take too long to come to.
    pub fn set(&mut self, change: impl FnOnce(&mut State)) {
        change(self.harness.state_mut().app.as_mut().expect("it is there").state_mut());
        self.frame();
        self.frame();
    }

    /// Whether something on screen is called exactly so, or says so.
    pub fn shows(&self, label: &str) -> bool {
        self.harness.query_all_by_label(label).next().is_some()
    }

    /// Whether something on screen says this among other words.
    pub fn says(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    /// Waits until something on screen is called so, or says so.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn wait_for(&mut self, label: &str) {
        self.wait_until(&format!("'{label}' is there"), |screen| screen.shows(label));
    }

    /// Waits until something on screen says this among other words.
    ///
    /// # Panics
    /// If it does not come.
    #[track_caller]
    pub fn wait_for_words(&mut self, words: &str) {
        self.wait_until(&format!("it says '{words}'"), |screen| screen.says(words));
    }

    /// Waits until nothing on screen is called so.
    ///
    /// # Panics
    /// If it stays.
    #[track_caller]
    pub fn wait_until_gone(&mut self, label: &str) {
        self.wait_until(&format!("'{label}' is gone"), |screen| !screen.shows(label));
    }

    /// Draws frames until `arrived`: the next one when the console wants it, as in a window.
    ///
    /// # Panics
    /// If it does not come, with what is on screen.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, arrived: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        loop {
            *self.woken.0.lock().expect("nobody panics with it") = false;
            self.frame();
            if arrived(self) {
                // A dialog is visible from its second frame on.
                self.frame();
                self.frame();
                return;
            }
            assert!(began.elapsed() < PATIENCE, "waited in vain until {what}; on screen is\n{}", self.text());
            let woken = self.woken.0.lock().expect("nobody panics with it");
            // Time passes for what waits for time alone.
            let wait = Duration::from_millis(50);
            let _ = self.woken.1.wait_timeout_while(woken, wait, |woken| !*woken).expect("nobody panics with it");
        }
    }

    /// Clicks on what is called so, once it has come to rest where it can be clicked.
    ///
    /// # Panics
    /// If it is not there, cannot be pressed, or is there more than once.
    #[track_caller]
    pub fn click(&mut self, label: &str) {
        self.click_on(label, |role| role != Role::Label);
    }

    /// Clicks on what has this role and this name.
    ///
    /// # Panics
    /// If it is not there, or more than once.
    #[track_caller]
    pub fn click_role(&mut self, role: Role, label: &str) {
        self.click_on(label, |known| known == role);
    }

    #[track_caller]
    fn click_on(&mut self, label: &str, role: impl Fn(Role) -> bool) {
        let mut before = None;
        for _ in 0..60 {
            let found: Vec<_> = self
                .harness
                .query_all_by_label(label)
                .filter(|node| role(node.accesskit_node().role()) && !node.accesskit_node().is_disabled())
                .collect();
            let [node] = &found[..] else {
                panic!("{} can be clicked that are called '{label}'; on screen is\n{}", found.len(), self.text())
            };
            let rect = node.rect();
            let window = self.harness.ctx.content_rect();
            if !window.contains_rect(rect.shrink(1.0)) {
                node.scroll_to_me();
            } else if before == Some(rect) {
                node.click();
                drop(found);
                self.frame();
                self.frame();
                self.frame();
                return;
            }
            before = Some(rect);
            drop(found);
            self.frame();
        }
        panic!("'{label}' does not come to rest in the window: {before:?}");
    }

    /// Replaces what stands in the field of this name.
    ///
    /// # Panics
    /// If there is no such field.
    #[track_caller]
    pub fn type_into(&mut self, label: &str, text: &str) {
        let is_field =
            |role| matches!(role, Role::TextInput | Role::PasswordInput | Role::MultilineTextInput | Role::SearchInput);
        let found: Vec<_> =
            self.harness.query_all_by_label(label).filter(|node| is_field(node.accesskit_node().role())).collect();
        let [node] = &found[..] else {
            panic!("{} fields are called '{label}'; on screen is\n{}", found.len(), self.text())
        };
        node.focus();
        drop(found);
        self.frame();
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.harness.key_press(Key::Backspace);
        self.type_text(text);
    }

    /// Types where the keyboard is.
    pub fn type_text(&mut self, text: &str) {
        self.harness.event(egui::Event::Text(text.to_owned()));
        self.frame();
        self.frame();
    }

    /// Pastes a text, as Ctrl V does.
    pub fn paste(&mut self, text: &str) {
        self.harness.event(egui::Event::Paste(text.to_owned()));
        self.frame();
        self.frame();
    }

    /// Pastes a picture.
    pub fn paste_picture(&mut self) {
        let picture = egui::ColorImage::filled([1, 1], egui::Color32::WHITE);
        self.harness.event(egui::Event::PasteImage(Arc::new(picture)));
        self.frame();
        self.frame();
    }

    /// Drops files on the window.
    pub fn drop_files(&mut self, files: &[&Path]) {
        let dropped = files.iter().map(|file| Arc::new(Dropped(file.to_path_buf())) as egui::DroppedFileHandle);
        self.harness.input_mut().dropped_files.extend(dropped);
        self.frame();
        self.frame();
    }

    /// Presses keys, as they are written in the list of shortcuts: `Ctrl N`, `Enter`, `/`.
    ///
    /// # Panics
    /// If there is no such key.
    #[track_caller]
    pub fn press(&mut self, keys: &str) {
        let mut modifiers = Modifiers::NONE;
        for word in keys.split(' ') {
            match word {
                "Ctrl" => modifiers |= Modifiers::COMMAND | Modifiers::CTRL,
                "Shift" => modifiers |= Modifiers::SHIFT,
                "?" => self.harness.event(egui::Event::Text("?".to_owned())),
                "C" if modifiers.command => self.harness.event(egui::Event::Copy),
                key => {
                    let key = Key::from_name(key).unwrap_or_else(|| panic!("there is no key {key}"));
                    self.harness.key_press_modifiers(modifiers, key);
                }
            }
        }
        self.frame();
        self.frame();
        self.frame();
    }

    /// Presses Tab until the keyboard is on what is called so.
    ///
    /// # Panics
    /// If it does not get there.
    #[track_caller]
    pub fn tab_to(&mut self, label: &str) {
        for _ in 0..100 {
            if self.focused().as_deref() == Some(label) {
                return;
            }
            self.press("Tab");
        }
        panic!("Tab does not lead to '{label}'; on screen is\n{}", self.text());
    }

    /// What has the keyboard: its name.
    pub fn focused(&self) -> Option<String> {
        let mut nodes = vec![self.harness.root().accesskit_node()];
        while let Some(node) = nodes.pop() {
            if node.is_focused() {
                return Some(node.label().unwrap_or_default());
            }
            nodes.extend(node.children());
        }
        None
    }

    /// What was copied last.
    pub fn copied(&self) -> Option<&str> {
        self.harness.state().copied.last().map(String::as_str)
    }

    /// What stands in the field of this name.
    ///
    /// # Panics
    /// If there is no such field.
    #[track_caller]
    pub fn value(&self, label: &str) -> String {
        let found = self.harness.query_all_by_label(label).find_map(|node| node.value());
        found.unwrap_or_else(|| panic!("no field is called '{label}'; on screen is\n{}", self.text()))
    }

    /// Everything that has a place on screen: its role, its name, and where it is.
    pub fn places(&self) -> Vec<Place> {
        let scale = self.harness.ctx.pixels_per_point();
        let mut places = Vec::new();
        let mut nodes = vec![self.harness.root().accesskit_node()];
        while let Some(node) = nodes.pop() {
            nodes.extend(node.children());
            if let Some(bounds) = node.bounding_box() {
                places.push(Place {
                    role: node.role(),
                    name: node.label().or_else(|| node.value()).unwrap_or_default(),
                    rect: egui::Rect::from_min_max(
                        egui::pos2(bounds.x0 as f32, bounds.y0 as f32) / scale,
                        egui::pos2(bounds.x1 as f32, bounds.y1 as f32) / scale,
                    ),
                    can_be_pressed: node.data().supports_action(egui::accesskit::Action::Click),
                });
            }
        }
        places
    }

    /// What is on screen, as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for place in self.places() {
            if !place.name.is_empty() {
                text.push_str(&format!("{:?} '{}'\n", place.role, place.name));
            }
        }
        text
    }
}

/// Something on screen.
#[derive(Debug, Clone)]
pub struct Place {
    /// What it is.
    pub role: Role,
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub rect: egui::Rect,
    /// Whether it can be pressed.
    pub can_be_pressed: bool,
}

/// A file that is dropped on the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}
