//! What was measured, as a section of `docs/performance.md`.

use std::{fmt::Write as _, time::Duration};

use astral_admin::state::number::grouped;
use astral_benchmark::document::machine;

use crate::{
    club::{LARGE, SMALL},
    frames::{Case, FRAMES, WINDOW},
};

/// What a frame may take to build.
const GOAL: Duration = Duration::from_millis(8);
/// The heading of the section.
const HEADING: &str = "## The console";

/// Resident sets of the process that measures itself, in bytes.
pub struct Memory {
    /// Of the console that nobody has signed in to.
    pub empty: u64,
    /// Of the console with a large club.
    pub full: u64,
}

/// What came of real windows: the real binary's, one with a label, and the console with a large club.
pub struct Windows {
    pub first_frame_console: Duration,
    pub first_frame_label: Duration,
    pub wakes_console: u64,
    pub wakes_label: u64,
    pub wakes_loaded: u64,
    pub resident_console: Option<u64>,
    pub resident_label: Option<u64>,
    pub resident_loaded: Option<u64>,
}

/// Everything that was measured.
pub struct Report {
    /// By view: with a small club, and with a large one.
    pub frames: Vec<(&'static str, Vec<Case>, Vec<Case>)>,
    /// By view: when egui wants the next frame while nothing happens.
    pub idle: Vec<(&'static str, Duration)>,
    pub memory: Option<Memory>,
    /// Why there were no windows, if there were none.
    pub windows: Result<Windows, String>,
    /// How long each window was watched.
    pub watched: Duration,
    /// The size of the binary, in bytes.
    pub binary: u64,
}

impl Report {
    /// The section.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let [width, height] = WINDOW;
        let (keys, members) = (grouped(LARGE.keys), grouped(LARGE.members));
        let _ = write!(
            text,
            "{HEADING}\n\n`just console-benchmark` measures this and writes it here. Measured on {}.\n\n\
             ### Building a frame\n\n\
             `App::logic` and `App::ui` in egui's `run_ui`, {width} x {height} points, without a display and without \
             painting: median and 99th percentile of {FRAMES} frames, in milliseconds, with {keys} keys (all of them \
             shown) and {members} members, beside the same with {} and {} in the same run.\n\n\
             | view | frame | few: median | p99 | many: median | p99 | ratio | under {} ms |\n\
             |---|---|---:|---:|---:|---:|---:|---|\n",
            machine(),
            SMALL.keys,
            SMALL.members,
            GOAL.as_millis(),
        );
        for (view, few, many) in &self.frames {
            for (few, many) in few.iter().zip(many) {
                let ratio = many.times.median.as_secs_f64() / few.times.median.as_secs_f64();
                let met = match (many.times.median < GOAL, many.times.p99 < GOAL) {
                    (true, true) => "yes",
                    (true, false) => "not always",
                    (false, _) => "no",
                };
                let _ = writeln!(
                    text,
                    "| {view} | {} | {} | {} | {} | {} | {ratio:.1} | {met} |",
                    many.name,
                    milliseconds(few.times.median),
                    milliseconds(few.times.p99),
                    milliseconds(many.times.median),
                    milliseconds(many.times.p99),
                );
            }
        }
        let slow: Vec<String> = self
            .frames
            .iter()
            .flat_map(|(view, _, many)| many.iter().map(move |case| (view, case)))
            .filter(|(_, case)| case.times.median >= GOAL)
            .map(|(view, case)| format!("{view}, {}", case.name))
            .collect();
        let goal = GOAL.as_millis();
        let _ = if slow.is_empty() {
            writeln!(text, "\nThe goal, a frame built in less than {goal} ms, is met by every median.")
        } else {
            writeln!(text, "\nThe goal, a frame built in less than {goal} ms, is not met by: {}.", slow.join("; "))
        };
        self.rest(&mut text);
        text
    }

    fn rest(&self, text: &mut String) {
        let watched = self.watched.as_secs();
        let _ = write!(
            text,
            "\n### While nothing happens, memory, size, start\n\n| what | value | beside |\n|---|---:|---|\n"
        );
        for (view, next) in &self.idle {
            let _ = writeln!(
                text,
                "| {view}, many: until egui wants the next frame, without a display | {} s | |",
                next.as_secs()
            );
        }
        let megabytes = |bytes: Option<u64>| {
            bytes.map_or_else(|| "unknown".to_owned(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6))
        };
        if let Some(memory) = &self.memory {
            let _ = writeln!(
                text,
                "| resident without a display, many (a process that measures itself) | {} | {} without a club |",
                megabytes(Some(memory.full)),
                megabytes(Some(memory.empty)),
            );
        }
        match &self.windows {
            Err(why) => {
                let _ = writeln!(
                    text,
                    "| in a real window: frames while idle, memory, time to the first frame | not measured | {why} |"
                );
            }
            Ok(seen) => {
                let _ = write!(
                    text,
                    "| frames that the real binary can have drawn in {watched} s of nothing (wakes of the thread that \
                     draws) | {} | {} in a window with one label |\n\
                     | the same with many members, in a window of the benchmark's | {} | |\n\
                     | resident, the real binary after its start (with Mesa, which draws in software) | {} | {} for a \
                     window with one label |\n\
                     | resident, many, in a window of the benchmark's | {} | |\n\
                     | from exec to the first frame, the real binary, median | {} ms | {} ms for a window with one \
                     label, ratio {:.1} |\n",
                    seen.wakes_console,
                    seen.wakes_label,
                    seen.wakes_loaded,
                    megabytes(seen.resident_console),
                    megabytes(seen.resident_label),
                    megabytes(seen.resident_loaded),
                    seen.first_frame_console.as_millis(),
                    seen.first_frame_label.as_millis(),
                    seen.first_frame_console.as_secs_f64() / seen.first_frame_label.as_secs_f64(),
                );
            }
        }
        let _ = writeln!(
            text,
            "| `astral-admin` on disk, as `cargo build --release --workspace` makes it | {:.1} MB | {} bytes |",
            self.binary as f64 / 1e6,
            grouped(usize::try_from(self.binary).unwrap_or(usize::MAX))
        );
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}
