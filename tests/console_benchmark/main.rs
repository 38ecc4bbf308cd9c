//! Measures the console and writes what comes of it into `docs/performance.md`: `just console-benchmark`.
//!
//! Given the name of a mode, it is one of the programs that are measured.

mod club;
mod frames;
mod report;
mod window;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use astral_admin::{
    App, Keeping, Start,
    state::{View, preferences::Preferences},
};
use astral_benchmark::process::Process;
use eframe::{NativeOptions, egui};
use jiff::{Timestamp, tz::TimeZone};

use self::{
    club::{LARGE, SMALL},
    report::{Memory, Report, Windows},
    window::Display,
};

/// How often a window is opened.
const STARTS: usize = 9;
/// How long a window is watched in which nothing happens.
const WATCHED: Duration = Duration::from_secs(20);

/// What a window can hold beside the real binary's.
mod mode {
    /// One label: the least that a window of egui can be.
    pub const LABEL: &str = "label";
    /// The console with a large club.
    pub const LOADED: &str = "loaded";
    /// No window: says how much memory the console takes without and with a large club.
    pub const MEMORY: &str = "memory";
}

#[expect(clippy::disallowed_methods, reason = "here time is passed in")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// What each console is started with. Time stands still for it, so that no frame does what another does not.
fn start() -> Start {
    let at = now();
    Start {
        preferences: Preferences::default(),
        keeping: Keeping::Memory,
        now: Box::new(move || at),
        zone: TimeZone::UTC,
        seed: at.as_nanosecond().unsigned_abs(),
    }
}

/// One label.
struct Label;

impl eframe::App for Label {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        egui::CentralPanel::default().show(ui, |ui| ui.label("Astral"));
    }
}

/// The console with a large club.
struct Loaded(App);

impl eframe::App for Loaded {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.0.logic(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.0.ui(ui);
    }
}

fn open_window(mode: &str, settings: PathBuf) -> eframe::Result {
    let options = NativeOptions {
        viewport: egui::ViewportBuilder::default().with_title("Astral").with_inner_size(frames::WINDOW),
        centered: true,
        persistence_path: Some(settings.join("window.ron")),
        ..NativeOptions::default()
    };
    let loaded = mode == mode::LOADED;
    eframe::run_native(
        "astral-console-benchmark",
        options,
        Box::new(move |creation| {
            if !loaded {
                return Ok(Box::new(Label));
            }
            let mut app = App::new(&creation.egui_ctx, Start { now: Box::new(now), ..start() });
            club::open(app.state_mut(), LARGE, View::Members);
            Ok(Box::new(Loaded(app)))
        }),
    )
}

fn median<T: Ord + Copy>(mut all: Vec<T>) -> T {
    all.sort();
    all[all.len() / 2]
}

fn in_windows(console: &Path, own: &Path) -> Result<Windows, String> {
    let display = Display::start()?;
    let settings = |folder: &Path| folder.display().to_string();
    let astral = || display.open(console, |folder| vec!["--no-keyring".into(), "--settings".into(), settings(folder)]);
    let label = || display.open(own, |folder| vec![mode::LABEL.into(), settings(folder)]);
    // Whatever is read from disk for the first time is read here.
    drop((astral(), label()));
    let (mut of_console, mut of_label) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        of_console.push(astral().first_frame);
        of_label.push(label().first_frame);
    }
    let (console, label) = (astral(), label());
    let (wakes_console, wakes_label) = (console.wakes(WATCHED), label.wakes(WATCHED));
    let (resident_console, resident_label) = (console.resident(), label.resident());
    drop((console, label));
    let loaded = display.open(own, |folder| vec![mode::LOADED.into(), settings(folder)]);
    Ok(Windows {
        first_frame_console: median(of_console),
        first_frame_label: median(of_label),
        wakes_console,
        wakes_label,
        wakes_loaded: loaded.wakes(WATCHED),
        resident_console,
        resident_label,
        resident_loaded: loaded.resident(),
    })
}

/// The memory of this process: without a club, and with a large one.
fn own_memory() -> Option<Memory> {
    let process = Process::own();
    let started = frames::Desk::new();
    let empty = process.resident()?;
    drop(started);
    let loaded = frames::Desk::of(LARGE, View::Members);
    let full = process.resident()?;
    drop(loaded);
    Some(Memory { empty, full })
}

#[expect(clippy::print_stdout, reason = "what it measures is printed")]
fn main() -> eframe::Result {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        None => {}
        Some(mode::MEMORY) => {
            if let Some(Memory { empty, full }) = own_memory() {
                println!("{empty} {full}");
            }
            return Ok(());
        }
        Some(mode) => return open_window(mode, arguments.next().expect("a folder").into()),
    }
    let own = std::env::current_exe().expect("a program has a file");
    let console = own.with_file_name("astral-admin");
    let views = [("Keys", View::Keys), ("Members", View::Members)];
    let frames = views.map(|(name, view)| (name, frames::measure(SMALL, view.clone()), frames::measure(LARGE, view)));
    let idle = [("Keys", View::Keys), ("Members", View::Members)]
        .map(|(name, view)| (name, frames::Desk::of(LARGE, view).rest()));
    let said = Command::new(&own).arg(mode::MEMORY).output().expect("it runs").stdout;
    let said = String::from_utf8(said).expect("numbers");
    let memory = said
        .trim()
        .split_once(' ')
        .map(|(empty, full)| Memory { empty: empty.parse().expect("a number"), full: full.parse().expect("a number") });
    let report = Report {
        frames: frames.into(),
        idle: idle.into(),
        memory,
        windows: in_windows(&console, &own),
        watched: WATCHED,
        binary: std::fs::metadata(&console).expect("it was built").len(),
    };
    let text = report.text();
    astral_benchmark::document::write(&text).expect("the document can be written");
    println!("{text}");
    Ok(())
}
