//! Real windows, in a display of their own: Xvfb, with Mesa drawing in software.

use std::{
    error::Error,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use astral_benchmark::process::Process;
use x11rb::{
    connection::Connection as _,
    protocol::xproto::{ConnectionExt as _, ImageFormat, InputFocus, MapState, Window},
    rust_connection::RustConnection,
};

/// A display without a screen.
pub struct Display {
    server: Child,
    name: String,
    connection: RustConnection,
    root: Window,
}

/// A program, and the window that it has opened.
pub struct Opened {
    program: Child,
    _settings: tempfile::TempDir,
    /// From its start to the first picture in its window.
    pub first_frame: Duration,
}

/// A window smaller than this is not the program's own.
const SMALLEST: u16 = 200;
/// A window that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(30);
/// After so long nothing moves any more.
const SETTLED: Duration = Duration::from_secs(3);

impl Display {
    /// Starts it; why not, in words, if it cannot be.
    pub fn start() -> Result<Self, String> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("Xvfb cannot be started ({error})"))?;
        let mut number = String::new();
        let output = server.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut number).map_err(|error| format!("Xvfb says nothing ({error})"))?;
        let name = format!(":{}", number.trim());
        match x11rb::connect(Some(&name)) {
            Ok((connection, screen)) => {
                let root = connection.setup().roots[screen].root;
                Ok(Self { server, name, connection, root })
            }
            Err(error) => {
                // It may have ended already.
                let _ = server.kill();
                let _ = server.wait();
                Err(format!("Xvfb cannot be reached ({error})"))
            }
        }
    }

    /// Starts a program, and waits until its window shows something. `arguments` gets a new folder for what it remembers.
    pub fn open(&self, program: &Path, arguments: impl FnOnce(&Path) -> Vec<String>) -> Opened {
        let settings = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(program);
        command
            .args(arguments(settings.path()))
            .env("DISPLAY", &self.name)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("ASTRAL_SERVER")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let began = Instant::now();
        let mut program = command.spawn().expect("it was built");
        while began.elapsed() < PATIENCE {
            // A window can be gone between two questions about it.
            if let Ok(Some(window)) = self.painted() {
                let first_frame = began.elapsed();
                let focused = self.connection.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME).is_ok();
                assert!(focused && self.connection.flush().is_ok(), "the display lives");
                return Opened { program, _settings: settings, first_frame };
            }
            sleep(Duration::from_millis(1));
        }
        // It may have ended already.
        let _ = program.kill();
        let _ = program.wait();
        panic!("no window came within {PATIENCE:?}");
    }

    /// The window that is mapped and of more than one color.
    fn painted(&self) -> Result<Option<Window>, Box<dyn Error>> {
        for window in self.connection.query_tree(self.root)?.reply()?.children {
            let attributes = self.connection.get_window_attributes(window)?.reply()?;
            let place = self.connection.get_geometry(window)?.reply()?;
            if attributes.map_state != MapState::VIEWABLE || place.width < SMALLEST || place.height < SMALLEST {
                continue;
            }
            let all = u32::MAX;
            let image =
                self.connection.get_image(ImageFormat::Z_PIXMAP, window, 0, 0, place.width, place.height, all)?;
            let pixels = image.reply()?.data;
            let (first, rest) = pixels.split_at(4.min(pixels.len()));
            if rest.chunks_exact(4).any(|pixel| pixel != first) {
                return Ok(Some(window));
            }
        }
        Ok(None)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Opened {
    fn process(&self) -> Process {
        Process(self.program.id())
    }

    /// How often the thread that draws woke up in `span`, once the window has come to rest: it draws at most one frame
    /// each time.
    pub fn wakes(&self, span: Duration) -> u64 {
        sleep(SETTLED);
        // Distances in time are told in minutes: with each, one frame is due.
        let second = crate::now().as_second().rem_euclid(60).unsigned_abs();
        if second + span.as_secs() + 1 >= 60 {
            sleep(Duration::from_secs(61 - second));
        }
        let wakes = || self.process().wakes_of_main_thread().unwrap_or_default();
        let before = wakes();
        sleep(span);
        wakes() - before
    }

    /// Its resident set, in bytes.
    pub fn resident(&self) -> Option<u64> {
        self.process().resident()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
