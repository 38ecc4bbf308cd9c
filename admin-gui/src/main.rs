//! Opens the window.

#![cfg_attr(windows, windows_subsystem = "windows")]

use astral_admin::{App, Keeping, Start, state::preferences::Preferences};
use clap::Parser;
use eframe::{CreationContext, Frame, NativeOptions, Storage, egui};
use jiff::{Timestamp, tz::TimeZone};

/// The console of Astral: your club's API keys and roster.
#[derive(Parser)]
#[command(name = "astral-admin", version, about, max_term_width = 100)]
struct Arguments {
    /// The server's address; what was used last if left out
    #[arg(long, env = "ASTRAL_SERVER")]
    server: Option<String>,
    /// Keep the session in memory alone, not in the system's keyring
    #[arg(long)]
    no_keyring: bool,
    /// Remember window, view, filters and address in this folder, not in the system's place for it
    #[arg(long, value_name = "DIR")]
    settings: Option<std::path::PathBuf>,
}

/// Under which the preferences stand in what is remembered.
const PREFERENCES: &str = "preferences";

struct Window {
    app: App,
    ctx: egui::Context,
    /// Tells of the system's wishes while it is kept.
    _wishes: mundy::Subscription,
}

impl eframe::App for Window {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut Frame) {
        self.app.logic(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut Frame) {
        self.app.ui(ui);
    }

    fn save(&mut self, storage: &mut dyn Storage) {
        eframe::set_value(storage, PREFERENCES, &self.app.preferences(&self.ctx));
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.app.close();
    }

    /// What egui remembers holds what was typed.
    fn persist_egui_memory(&self) -> bool {
        false
    }
}

fn main() -> eframe::Result {
    let Arguments { server, no_keyring, settings } = Arguments::parse();
    let options = NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_app_id("astral-admin")
            .with_title("Astral")
            .with_inner_size([1200.0, 800.0])
            .with_min_inner_size([640.0, 480.0]),
        centered: true,
        persistence_path: settings.map(|folder| folder.join("astral-admin.ron")),
        system_font_fallback: true,
        ..NativeOptions::default()
    };
    eframe::run_native(
        "astral-admin",
        options,
        Box::new(move |creation| Ok(Box::new(open(creation, server, no_keyring)))),
    )
}

#[expect(clippy::disallowed_methods, reason = "here time is passed in")]
fn open(creation: &CreationContext<'_>, server: Option<String>, no_keyring: bool) -> Window {
    let mut preferences: Preferences =
        creation.storage.and_then(|storage| eframe::get_value(storage, PREFERENCES)).unwrap_or_default();
    if let Some(server) = server {
        preferences.server = server;
    }
    let keeping = if no_keyring { Keeping::Memory } else { Keeping::Keyring };
    let start = Start {
        preferences,
        keeping,
        now: Box::new(Timestamp::now),
        zone: TimeZone::system(),
        seed: uuid::Uuid::new_v4().as_u128(),
    };
    let app = App::new(&creation.egui_ctx, start);
    Window { app, ctx: creation.egui_ctx.clone(), _wishes: astral_admin::follow(&creation.egui_ctx) }
}
