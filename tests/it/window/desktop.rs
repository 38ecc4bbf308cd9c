//! A display of its own, and the console on it as a person has it: keyboard, mouse, what is on screen, the clipboard.
//!
//! What can be pressed is found by its color. Whatever is done, the console is given the time to come to rest.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use astral_benchmark::process::Process;
use astral_tests::{binary, target, terminate};
use image::{Rgb, RgbImage};
use tempfile::TempDir;
use tokio::time::MissedTickBehavior;
use x11rb::{
    connection::Connection as _,
    protocol::xproto::{ClientMessageEvent, ConnectionExt as _, EventMask},
};

/// How long something that should come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// From one look to the next, while something is awaited.
const LOOK: Duration = Duration::from_millis(50);

/// The size of the display, which is that of the console's window: what is where in one is there in the other.
const SIZE: (u32, u32) = (1200, 800);

/// What the one primary action of a view is painted with. Here and below: `theme/tokens.rs` by day, since this
/// display has no theme to follow.
pub const PRIMARY: Rgb<u8> = Rgb([0x51, 0x51, 0xCD]);
/// What takes something away: a button's ground, an entry's text in a menu.
pub const DANGER: Rgb<u8> = Rgb([0xB4, 0x23, 0x2A]);
/// The ground of the word "Active" in the row of a key.
pub const ACTIVE: Rgb<u8> = Rgb([0xE5, 0xF6, 0xEC]);

/// A display, and whatever is opened on it.
pub struct Desktop {
    display: Child,
    /// As in the variable `DISPLAY`.
    name: String,
    /// Where the display keeps its pixels.
    pixels: TempDir,
}

impl Desktop {
    /// A display without a window manager.
    pub fn start() -> Self {
        let pixels = TempDir::new().expect("a folder");
        // Without -noreset it would begin anew, and cut whoever connects just then off, each time that xdotool was the
        // last to leave.
        let mut display = Command::new("Xvfb")
            .args(["-displayfd", "1", "-noreset", "-nolisten", "tcp"])
            .args(["-screen", "0", &format!("{}x{}x24", SIZE.0, SIZE.1)])
            .arg("-fbdir")
            .arg(pixels.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("./check installs Xvfb; run it once");
        let mut number = String::new();
        BufReader::new(display.stdout.take().expect("piped")).read_line(&mut number).expect("a line");
        Self { display, name: format!(":{}", number.trim()), pixels }
    }

    /// Opens the console with these settings and flags, and gives it the keyboard.
    pub async fn open(&self, settings: &Path, flags: &[&str]) -> Window<'_> {
        let console = Command::new(binary().with_file_name("astral-admin"))
            .arg("--no-keyring")
            .arg("--settings")
            .arg(settings)
            .args(flags)
            .env("DISPLAY", &self.name)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("WINIT_X11_SCALE_FACTOR", "1")
            .env_remove("ASTRAL_SERVER")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("WAYLAND_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is built beside the server");
        let mut window = Window { desktop: self, console, id: String::new() };
        let process = window.console.id().to_string();
        window.id = self
            .wait_for("the window is there", async || {
                let found = self.tool("xdotool", &["search", "--onlyvisible", "--pid", &process]);
                found.lines().last().map(str::to_owned)
            })
            .await;
        // Without a window manager nobody gives it the keyboard: clicks would arrive, and typing would be lost.
        self.tool("xdotool", &["windowfocus", "--sync", &window.id]);
        window
    }

    /// Puts a text on the clipboard, as another program does.
    pub fn copy(&self, text: &str) {
        let mut xclip = Command::new("xclip")
            .args(["-in", "-selection", "clipboard"])
            .env("DISPLAY", &self.name)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("./check installs xclip; run it once");
        xclip.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
        // It goes on in the background, until something else is copied or the display ends.
        assert!(xclip.wait().expect("it runs").success());
    }

    /// What is on the clipboard, as other programs get it.
    pub fn clipboard(&self) -> String {
        self.tool("xclip", &["-out", "-selection", "clipboard"])
    }

    /// Waits until there is what `look` looks for.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn wait_for<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let began = Instant::now();
        let mut looks = tokio::time::interval(LOOK);
        // Two looks at one frame would tell nothing of whether it stays.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Some(found) = look().await {
                return found;
            }
            let picture = failure_picture();
            assert!(began.elapsed() < PATIENCE, "waited in vain until {what}; a picture is in {}", picture.display());
        }
    }

    /// Waits until `color` fills a patch of the screen that is as large as a button or a pill and stays where it is:
    /// the topmost one.
    pub async fn patch(&self, what: &str, color: Rgb<u8>) -> Place {
        let mut before = None;
        self.wait_for(what, async || {
            let now = self.patch_now(color);
            let rests = now.is_some() && now == before;
            before = now;
            now.filter(|_| rests)
        })
        .await
    }

    /// The topmost such patch that is on screen now.
    pub fn patch_now(&self, color: Rgb<u8>) -> Option<Place> {
        patches(&self.picture(), color).into_iter().min_by_key(|patch| patch.top)
    }

    /// The same as [`Desktop::patch`], once it is elsewhere than the one before: a button stays while its answer is awaited.
    pub async fn next_patch(&self, what: &str, color: Rgb<u8>, before: Place) -> Place {
        self.wait_for(what, async || Some(self.patch(what, color).await).filter(|patch| !patch.overlaps(before))).await
    }

    /// Waits until something is written in `color`, and stays where it is: around all of it.
    pub async fn writing(&self, what: &str, color: Rgb<u8>) -> Place {
        let mut before = None;
        self.wait_for(what, async || {
            let picture = self.picture();
            let written = picture.enumerate_pixels().filter(|(.., pixel)| **pixel == color);
            let now = written.map(|(x, y, _)| Place::at(x, y)).reduce(Place::with);
            let rests = now.is_some() && now == before;
            before = now;
            now.filter(|_| rests)
        })
        .await
    }

    /// What is on screen.
    fn picture(&self) -> RgbImage {
        // An X window dump: words of 32 bits, of which the first is the length of the header, and the 20th how many
        // colors of 12 bytes stand between it and the pixels.
        let dump = fs::read(self.pixels.path().join("Xvfb_screen0")).expect("the display runs");
        let word = |at: usize| u32::from_be_bytes(dump[at * 4..][..4].try_into().expect("four bytes")) as usize;
        let pixels = &dump[word(0) + word(19) * 12..];
        RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
            let at = (y * SIZE.0 + x) as usize * 4;
            Rgb([pixels[at + 2], pixels[at + 1], pixels[at]])
        })
    }

    /// What a program says that is run on the display.
    fn tool(&self, program: &str, arguments: &[&str]) -> String {
        let mut run = Command::new("timeout");
        let run = run.arg("20").arg(program).args(arguments).env("DISPLAY", &self.name).stdin(Stdio::null()).output();
        String::from_utf8(run.expect("./check installs it; run it once").stdout).expect("text")
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        terminate(self.display.id());
        let _ = self.display.wait();
    }
}

/// Where what was on screen stands after the test that is running has failed.
fn failure_picture() -> PathBuf {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default().rsplit("::").next().unwrap_or_default();
    target().join(format!("window-failure-{test}.png"))
}

/// The console's window.
pub struct Window<'a> {
    desktop: &'a Desktop,
    console: Child,
    /// As X knows it.
    id: String,
}

impl Window<'_> {
    /// Types a text where the keyboard is.
    pub async fn type_text(&self, text: &str) {
        self.desktop.tool("xdotool", &["type", text]);
        self.rest().await;
    }

    /// Presses keys, one chord after the other, as xdotool calls them: `ctrl+n`, `Return`.
    pub async fn press(&self, chords: &[&str]) {
        for chord in chords {
            self.desktop.tool("xdotool", &["key", chord]);
            self.rest().await;
        }
    }

    /// Clicks in the middle of a place.
    pub async fn click(&self, place: Place) {
        self.click_with("1", place).await;
    }

    /// Clicks in the middle of a place with the other button of the mouse.
    pub async fn click_for_menu(&self, place: Place) {
        self.click_with("3", place).await;
    }

    async fn click_with(&self, button: &str, place: Place) {
        let (x, y) = place.middle();
        self.desktop.tool("xdotool", &["mousemove", &x.to_string(), &y.to_string(), "click", button]);
        self.rest().await;
    }

    /// Waits until the console has done all that it can do by itself: each of its threads sleeps, and what is on screen
    /// stays as it is.
    async fn rest(&self) {
        let mut before = None;
        self.desktop
            .wait_for("the console comes to rest", async || {
                let now = self.sleeps().then(|| self.desktop.picture());
                let rests = now.is_some() && now == before;
                before = now;
                rests.then_some(())
            })
            .await;
    }

    fn sleeps(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.console.id())).expect("it runs");
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok()).all(|thread| {
            let (_, facts) = thread.rsplit_once(')').expect("the name is in parentheses");
            facts.starts_with(" S")
        })
    }

    /// How often the thread that draws woke up, or was interrupted, so far: it draws at most one frame each time.
    pub fn wakes(&self) -> u64 {
        Process(self.console.id()).wakes_of_main_thread().expect("it runs")
    }

    /// Closes the window as a window manager does, and waits until the program has ended well.
    pub async fn close(mut self) {
        let (server, _) = x11rb::connect(Some(&self.desktop.name)).expect("the display runs");
        let atom = |name: &str| {
            let asked = server.intern_atom(false, name.as_bytes()).expect("the display runs");
            asked.reply().expect("answered").atom
        };
        let id = self.id.parse().expect("xdotool writes numbers");
        let please = [atom("WM_DELETE_WINDOW"), x11rb::CURRENT_TIME, 0, 0, 0];
        let message = ClientMessageEvent::new(32, id, atom("WM_PROTOCOLS"), please);
        server.send_event(false, id, EventMask::NO_EVENT, message).expect("sent");
        server.flush().expect("sent");
        let ended = self
            .desktop
            .wait_for("the console ends", async || self.console.try_wait().expect("it is a child of ours"))
            .await;
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The failure that is told already matters more than one of the picture.
            let _ = self.desktop.picture().save(failure_picture());
        }
        // It may have ended already.
        let _ = self.console.kill();
        let _ = self.console.wait();
    }
}

/// A rectangle on screen, in pixels; what is at its edges belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Place {
    fn at(x: u32, y: u32) -> Self {
        Self { left: x, top: y, right: x, bottom: y }
    }

    fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn overlaps(self, other: Self) -> bool {
        self.left <= other.right && other.left <= self.right && self.top <= other.bottom && other.top <= self.bottom
    }

    fn middle(self) -> (u32, u32) {
        ((self.left + self.right) / 2, (self.top + self.bottom) / 2)
    }
}

/// The patches of the picture that `color` fills but for what is written on it; lines and letters are none.
fn patches(picture: &RgbImage, color: Rgb<u8>) -> Vec<Place> {
    let (width, height) = picture.dimensions();
    let mut new: Vec<bool> = picture.pixels().map(|pixel| *pixel == color).collect();
    let mut patches = Vec::new();
    for start in 0..width * height {
        if !new[start as usize] {
            continue;
        }
        let mut filled = 0;
        let mut patch = Place::at(start % width, start / width);
        let mut next = vec![start];
        while let Some(at) = next.pop() {
            if !std::mem::take(&mut new[at as usize]) {
                continue;
            }
            let (x, y) = (at % width, at / width);
            patch = patch.with(Place::at(x, y));
            filled += 1;
            next.extend((x > 0).then(|| at - 1));
            next.extend((x + 1 < width).then(|| at + 1));
            next.extend((y > 0).then(|| at - width));
            next.extend((y + 1 < height).then(|| at + width));
        }
        let (wide, high) = (patch.right - patch.left + 1, patch.bottom - patch.top + 1);
        if wide >= 40 && high >= 16 && filled * 2 > wide * high {
            patches.push(patch);
        }
    }
    patches
}
