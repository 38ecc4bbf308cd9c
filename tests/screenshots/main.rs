//! Makes the pictures in `docs/screenshots`: the console in a real window, on the demo club. `just screenshots` runs it
//! under a display of its own; the names of scenes as arguments make those alone.

mod scenes;

use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use astral_admin::{App, Keeping, Start, state::preferences::Preferences};
use eframe::{
    NativeOptions,
    egui::{self, ColorImage, Context, Event, Theme, ViewportCommand},
};
use image::{
    ExtendedColorType, ImageEncoder as _,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use jiff::{Timestamp, tz::TimeZone};

use scenes::{Scene, Step};

/// The demo club, for as long as the pictures are made.
struct Demo {
    child: Child,
    url: String,
    email: String,
    password: String,
}

impl Demo {
    fn start() -> Self {
        let beside = std::env::current_exe().expect("a program has a file").with_file_name("astral-server");
        let mut child = Command::new(beside)
            .args(["demo", "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the demo starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let demo: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        Self {
            child,
            url: text(&demo["url"]),
            email: text(&demo["head_coach"]["email"]),
            password: text(&demo["head_coach"]["password"]),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays the scenes, one after the other.
struct Player {
    demo: Demo,
    folder: PathBuf,
    scenes: VecDeque<Scene>,
    playing: Option<Playing>,
}

struct Playing {
    scene: Scene,
    app: App,
    steps: VecDeque<Step>,
    /// Frames that were drawn since the last step.
    frames: u32,
    asked: bool,
    saved: Arc<AtomicBool>,
    began: Instant,
}

/// Frames after which nothing moves any more.
const SETTLED: u32 = 20;
/// A scene that takes longer than this does not come to its end.
const LONGEST: Duration = Duration::from_secs(30);

impl Player {
    #[expect(clippy::disallowed_methods, reason = "here time is passed in")]
    fn begin(&mut self, ctx: &Context, scene: Scene) -> Playing {
        ctx.set_theme(if scene.dark { Theme::Dark } else { Theme::Light });
        ctx.send_viewport_cmd(ViewportCommand::InnerSize(scene.size.into()));
        let preferences = Preferences { server: self.demo.url.clone(), email: String::new(), ..Preferences::default() };
        let start = Start {
            preferences,
            keeping: Keeping::Memory,
            now: Box::new(Timestamp::now),
            zone: TimeZone::system(),
            seed: Timestamp::now().as_nanosecond().unsigned_abs(),
        };
        let app = App::new(ctx, start);
        ctx.set_zoom_factor(scene.zoom);
        let steps = scenes::steps(&scene, &self.demo.email, &self.demo.password);
        Playing { scene, app, steps, frames: 0, asked: false, saved: Arc::default(), began: Instant::now() }
    }
}

impl eframe::App for Player {
    /// The pointer stays out of the pictures.
    fn raw_input_hook(&mut self, _ctx: &Context, input: &mut egui::RawInput) {
        input.events.retain(|event| !matches!(event, Event::PointerMoved(_) | Event::PointerButton { .. }));
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        let Some(mut playing) = self.playing.take() else {
            match self.scenes.pop_front() {
                Some(scene) => self.playing = Some(self.begin(&ctx, scene)),
                None => ctx.send_viewport_cmd(ViewportCommand::Close),
            }
            ctx.request_repaint();
            return;
        };
        playing.app.logic(&ctx);
        playing.app.ui(ui);
        ctx.request_repaint();
        let name = playing.scene.file_name();
        assert!(playing.began.elapsed() < LONGEST, "the scene {name} does not come to its end");
        if playing.saved.load(Ordering::Relaxed) {
            return;
        }
        playing.frames += 1;
        if let Some(step) = playing.steps.front_mut() {
            if step(&mut playing.app, &ctx) {
                playing.steps.pop_front();
                playing.frames = 0;
            }
        } else if playing.frames > SETTLED && !playing.asked {
            playing.asked = true;
            let (file, saved) = (self.folder.join(&name), playing.saved.clone());
            ctx.request_screenshot(move |image| {
                save(&image, &file);
                saved.store(true, Ordering::Relaxed);
            });
        }
        self.playing = Some(playing);
    }
}

fn save(image: &ColorImage, file: &Path) {
    let [width, height] = image.size.map(|side| u32::try_from(side).expect("a screen"));
    let bytes: Vec<u8> = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let file = std::fs::File::create(file).expect("the folder can be written");
    let encoder = PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive);
    encoder.write_image(&bytes, width, height, ExtendedColorType::Rgb8).expect("as many bytes as pixels");
}

fn main() -> eframe::Result {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let scenes: VecDeque<Scene> = scenes::all()
        .into_iter()
        .filter(|scene| wanted.is_empty() || wanted.iter().any(|name| scene.file_name().starts_with(name.as_str())))
        .collect();
    let folder = astral_tests::repository().join("docs/screenshots");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let options = NativeOptions {
        viewport: egui::ViewportBuilder::default().with_title("Astral").with_inner_size([1200.0, 800.0]),
        ..NativeOptions::default()
    };
    eframe::run_native(
        "astral-screenshots",
        options,
        Box::new(move |_| Ok(Box::new(Player { demo: Demo::start(), folder, scenes, playing: None }))),
    )
}
