//! `docs/performance.md`: a section for each benchmark, which it writes itself.

use std::{fs, num::NonZero, path::Path};

/// The folder of the whole repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The processor, how many cores of it, and how busy they were.
pub fn machine() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, NonZero::get);
    // How many programs wanted to run at the end, which is what the 99th percentile tells of on a busy machine.
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
    format!("{model}, {cores} cores, load average over the last five minutes {load}")
}

/// Puts a section, which begins with its heading (`## …`), in its place in the document, or at its end.
///
/// # Errors
/// If the document cannot be written.
pub fn write(section: &str) -> std::io::Result<()> {
    let file = repository().join("docs/performance.md");
    let known = fs::read_to_string(&file).unwrap_or_else(|_| "# Performance\n".to_owned());
    fs::write(file, with_section(&known, section))
}

fn with_section(known: &str, section: &str) -> String {
    let heading = section.lines().next().unwrap_or_default();
    let (before, after) = match known.split_once(&format!("{heading}\n")) {
        Some((before, rest)) => (before, rest.find("\n## ").map_or("", |at| &rest[at..])),
        None => (known, ""),
    };
    format!("{}\n\n{}\n{after}", before.trim_end(), section.trim_end())
}

#[cfg(test)]
mod tests {
    use super::with_section;

    #[test]
    fn a_section_takes_its_own_place() {
        let known = "# Performance\n\n## One\n\nold\n\n## Two\n\nkept\n";
        assert_eq!(with_section(known, "## One\n\nnew"), "# Performance\n\n## One\n\nnew\n\n## Two\n\nkept\n");
        assert_eq!(with_section(known, "## Two\n\nnew\n"), "# Performance\n\n## One\n\nold\n\n## Two\n\nnew\n");
        assert!(with_section(known, "## Three\n").ends_with("kept\n\n## Three\n"));
    }
}
