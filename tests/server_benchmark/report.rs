//! What was measured, as tables.

use std::{fmt::Write as _, time::Duration};

use crate::Load;

/// An operation beside the same bytes from memory.
pub struct Row {
    pub name: &'static str,
    pub ours: Load,
    pub fixed: Load,
}

fn micros(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

/// A table of operations.
pub fn table(rows: &[Row]) -> String {
    let mut text =
        "| operation | requests/s | p50 µs | p99 µs | p99.9 µs | CPU µs | the same bytes: requests/s | CPU µs | \
                    ratio of CPU | memory MB |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
    for Row { name, ours, fixed } in rows {
        let _ = writeln!(
            text,
            "| {name} | {:.0} | {} | {} | {} | {} | {:.0} | {} | {:.2} | {} |",
            ours.requests as f64 / ours.seconds,
            ours.p50.as_micros(),
            ours.p99.as_micros(),
            ours.p999.as_micros(),
            micros(ours.processor),
            fixed.requests as f64 / fixed.seconds,
            micros(fixed.processor),
            ours.processor.as_secs_f64() / fixed.processor.as_secs_f64(),
            ours.resident / 1_000_000,
        );
    }
    text
}
