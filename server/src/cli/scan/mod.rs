//! `scan`: finds leaked secrets, offline, by their prefix and checksum.
//!
//! [`files`] walks folders and [`git`] a repository's history; both read through [`search`], and what they find ends in
//! a [`report`], which is written as text, JSON or [`sarif`].
//!
//! What git ignores is searched as anything else: a `.env` usually is ignored, and is where secrets are.

mod files;
pub(crate) mod fuzzing;
mod git;
mod report;
mod sarif;
mod search;

use std::{
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, ValueEnum};

use self::report::Report;

/// What to search, and how to tell of it.
#[derive(Args)]
pub struct ScanOptions {
    /// Files and folders to search; - is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Search all that is or was in the git repository at each PATH, instead of the files there
    #[arg(long)]
    git: bool,
    /// How to write what is found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A line for each place
    Text,
    /// One object
    Json,
    /// SARIF 2.1.0, for services that show findings beside the code
    Sarif,
}

/// The exit status if secrets were found, whatever else went wrong.
const FOUND: u8 = 1;
/// The exit status if nothing was found, but not everything could be searched.
pub const FAILED: u8 = 2;

/// Searches, tells, and says by the exit status what came of it.
pub fn scan(options: &ScanOptions) -> Result<ExitCode, String> {
    if options.git && options.paths.iter().any(|path| path == Path::new("-")) {
        return Err("--git takes the folders of repositories; - is standard input".to_owned());
    }
    let mut report = Report::default();
    if options.git {
        for path in &options.paths {
            git::search(path, &mut report);
        }
    } else {
        files::search(&options.paths, &mut report);
    }
    report.sort();
    match write(options.format, &report, BufWriter::new(io::stdout().lock())) {
        // A reader that has seen enough is no failure.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            report.fail(Path::new("standard output"), error.to_string());
        }
        _ => {}
    }
    // Whoever has closed standard error wants to hear nothing.
    let _ = report.write_summary(io::stderr().lock());
    Ok(match (report.findings.is_empty(), report.errors.is_empty()) {
        (false, _) => ExitCode::from(FOUND),
        (true, false) => ExitCode::from(FAILED),
        (true, true) => ExitCode::SUCCESS,
    })
}

fn write(format: Format, report: &Report, mut output: impl Write) -> io::Result<()> {
    match format {
        Format::Text => report.write_text(&mut output)?,
        Format::Json => report.write_json(&mut output)?,
        Format::Sarif => sarif::write(report, &mut output)?,
    }
    output.flush()
}
