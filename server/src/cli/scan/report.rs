//! What a scan has found, and how it is written. No whole secret gets this far.

use std::{
    collections::HashSet,
    ffi::OsString,
    io::{self, Write},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::search::Place;
use crate::service::{Secret, SecretKind, find_secrets};

/// A secret in a place.
pub struct Finding {
    pub path: PathBuf,
    pub place: Place,
    /// In git: the first commit that has it there, if any has.
    pub commit: Option<String>,
    pub kind: SecretKind,
    pub hint: String,
    /// The SHA-256 of the secret in full, as the server stores it: of 154 random bits it gives nothing away, and cut
    /// short it could no longer be looked up.
    pub fingerprint: String,
}

impl Finding {
    pub fn new(path: &Path, place: Place, secret: &Secret) -> Self {
        Self {
            path: shown(path),
            place,
            commit: None,
            kind: secret.kind(),
            hint: secret.hint(),
            fingerprint: HEXLOWER.encode(secret.hash().as_bytes()),
        }
    }

    pub fn set_path(&mut self, path: &Path) {
        self.path = shown(path);
    }

    fn json(&self) -> Value {
        json!({
            "kind": self.kind,
            "hint": self.hint,
            "fingerprint": self.fingerprint,
            "path": self.path.to_string_lossy(),
            "line": self.place.line,
            "column": self.place.column,
            "commit": self.commit,
        })
    }
}

/// Something that could not be searched.
pub struct Failure {
    pub path: PathBuf,
    pub message: String,
}

/// What came of a scan.
#[derive(Default)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub errors: Vec<Failure>,
    /// How many files, or objects of git, were searched.
    pub searched: u64,
}

impl Report {
    pub fn fail(&mut self, path: &Path, message: String) {
        let message = String::from_utf8_lossy(&masked(message.as_bytes())).into_owned();
        self.errors.push(Failure { path: shown(path), message });
    }

    /// Puts everything into the order in which it is told: the same for each scan of the same files.
    pub fn sort(&mut self) {
        self.findings.sort_by(|a, b| (&a.path, a.place, &a.commit).cmp(&(&b.path, b.place, &b.commit)));
        self.errors.sort_by(|a, b| (&a.path, &a.message).cmp(&(&b.path, &b.message)));
    }

    pub fn write_text(&self, mut output: impl Write) -> io::Result<()> {
        for Finding { path, place, commit, kind, hint, .. } in &self.findings {
            write!(output, "{}:{}:{}: {kind} {hint}", printable(path), place.line, place.column)?;
            match commit {
                Some(commit) => writeln!(output, " since commit {commit}")?,
                None => writeln!(output)?,
            }
        }
        Ok(())
    }

    pub fn write_json(&self, mut output: impl Write) -> io::Result<()> {
        let errors: Vec<_> = self
            .errors
            .iter()
            .map(|Failure { path, message }| json!({ "path": path.to_string_lossy(), "message": message }))
            .collect();
        let report = json!({
            "findings": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
            "files_searched": self.searched,
            "errors": errors,
        });
        writeln!(output, "{report:#}")
    }

    /// What could not be searched, how much was found, and what to do about it.
    pub fn write_summary(&self, mut output: impl Write) -> io::Result<()> {
        for Failure { path, message } in &self.errors {
            writeln!(output, "astral-server: {}: {message}", printable(path))?;
        }
        let secrets = self.findings.iter().map(|finding| &finding.fingerprint).collect::<HashSet<_>>().len();
        writeln!(
            output,
            "{} in {}, {} searched",
            counted(secrets as u64, "secret"),
            counted(self.findings.len() as u64, "place"),
            counted(self.searched, "file")
        )?;
        if secrets > 0 {
            writeln!(
                output,
                "Whoever could read these places may have the secret: removing it does not help, revoking it does. Paste it \
                 into\nthe console's \"Found a key somewhere?\", or POST it to /api/v1/leaked-secrets of your server."
            )?;
        }
        Ok(())
    }
}

/// `path` as it is told: without the `./` of `scan .`, and without a secret.
fn shown(path: &Path) -> PathBuf {
    let path = path.strip_prefix(".").ok().filter(|rest| !rest.as_os_str().is_empty()).unwrap_or(path);
    PathBuf::from(OsString::from_vec(masked(path.as_os_str().as_bytes())))
}

/// `bytes` with the hint of each secret in its place.
fn masked(bytes: &[u8]) -> Vec<u8> {
    let (mut masked, mut end) = (Vec::with_capacity(bytes.len()), 0);
    for found in find_secrets(bytes) {
        // Two can share what one ends and the other begins with.
        masked.extend_from_slice(bytes.get(end..found.start).unwrap_or_default());
        masked.extend_from_slice(found.secret.hint().as_bytes());
        end = found.end();
    }
    masked.extend_from_slice(&bytes[end..]);
    masked
}

/// `path` for a terminal: a name can neither end the line nor give the terminal orders.
fn printable(path: &Path) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    path.to_string_lossy().chars().map(escape).collect()
}

/// "1 file", "1,204 files".
fn counted(count: u64, what: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read() {
        let told = [0, 1, 999, 1204, 1_234_567].map(|count| counted(count, "file"));
        assert_eq!(told, ["0 files", "1 file", "999 files", "1,204 files", "1,234,567 files"]);
    }

    /// A file could be named so that a scan of its folder broke off.
    #[test]
    fn secrets_that_share_a_letter_are_masked() {
        let both = "astral_live_0123456789ABCDEFGHIJ0000190HJjjastral_live_0123456789ABCDEFGHIJKLMNOP0IezIr.txt";
        assert_eq!(shown(Path::new(both)), Path::new("astral_live_012…019astral_live_012…NOP.txt"));
    }

    #[test]
    fn a_path_neither_tells_a_secret_nor_gives_the_terminal_orders() {
        let path = Path::new("./a\n\u{1b}[2J/astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr\u{e9}");
        assert_eq!(printable(&shown(path)), "a\\n\\u{1b}[2J/astral_live_012…NOP\u{e9}");
        let no_text = Path::new(std::ffi::OsStr::from_bytes(b"./\xff"));
        assert_eq!((printable(&shown(no_text)).as_str(), shown(Path::new("."))), ("\u{fffd}", PathBuf::from(".")));
    }
}
