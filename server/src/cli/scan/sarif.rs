//! A report in SARIF 2.1.0, the form in which code hosts take findings and show them beside the code.

use std::{
    env, fmt,
    io::{self, Write},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

use serde_json::{Value, json};

use super::report::{Finding, Report};
use crate::service::SecretKind;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub fn write(report: &Report, mut output: impl Write) -> io::Result<()> {
    let here = env::current_dir().unwrap_or_default();
    let notifications: Vec<_> = report
        .errors
        .iter()
        .map(|failure| {
            json!({
                "level": "error",
                "message": { "text": format!("{}: {}", failure.path.to_string_lossy(), failure.message) },
            })
        })
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "astral-server scan",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": SecretKind::ALL.iter().copied().map(rule).collect::<Vec<_>>(),
            } },
            "invocations": [{
                "executionSuccessful": report.errors.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "columnKind": "unicodeCodePoints",
            "results": report.findings.iter().map(|finding| result(finding, &here)).collect::<Vec<_>>(),
        }],
    });
    writeln!(output, "{log:#}")
}

const fn what(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::ApiKey => "The secret of an API key",
        SecretKind::Session => "The token of a session",
        SecretKind::Invitation => "The code of an invitation",
    }
}

fn rule(kind: SecretKind) -> Value {
    json!({
        "id": kind,
        "shortDescription": { "text": format!("{} of Astral", what(kind)) },
        "help": { "text": "Revoke it: removing it from here does not help. Paste it into the console's \"Found a key somewhere?\", or POST it to /api/v1/leaked-secrets of your server." },
        "defaultConfiguration": { "level": "error" },
    })
}

fn result(finding: &Finding, here: &Path) -> Value {
    let since = finding.commit.as_ref().map(|commit| format!(", since commit {commit}")).unwrap_or_default();
    json!({
        "ruleId": finding.kind,
        "level": "error",
        "message": { "text": format!("{} is here{since}: {}", what(finding.kind), finding.hint) },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": Uri(&finding.path, here).to_string() },
            "region": { "startLine": finding.place.line, "startColumn": finding.place.column },
        } }],
        "partialFingerprints": { "secretSha256/v1": finding.fingerprint },
    })
}

/// A path as a URI: relative, unless it leads out of the folder in which the command was typed.
struct Uri<'a>(&'a Path, &'a Path);

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, here) = self;
        let path = path.strip_prefix(here).unwrap_or(path);
        if path.is_absolute() {
            f.write_str("file://")?;
        }
        for byte in path.as_os_str().as_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    write!(f, "{}", char::from(*byte))?;
                }
                other => write!(f, "%{other:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        let here = Path::new("/home/ana/club");
        let uri = |path: &[u8]| Uri(Path::new(OsStr::from_bytes(path)), here).to_string();
        assert_eq!(uri(b"src/my file#1?.env"), "src/my%20file%231%3F.env");
        assert_eq!(uri(b"/home/ana/club/a:b"), "a%3Ab");
        assert_eq!(uri(b"/home/ana/\xff%"), "file:///home/ana/%FF%25");
        assert_eq!(uri("astral_live_012\u{2026}NOP".as_bytes()), "astral_live_012%E2%80%A6NOP");
    }
}
