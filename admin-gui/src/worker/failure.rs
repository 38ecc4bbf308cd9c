//! What the client's errors mean to a coach.

use std::error::Error as _;

use astral_client::{Error, types::Problem};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::state::failure::{Failure, FailureKind};

/// The header in which a server says which version it is.
const VERSION: &str = "astral-version";

/// What `error` means, of a request to `host`.
pub fn of(error: Error<Problem>, host: &str) -> Failure {
    match error {
        Error::ErrorResponse(response) => {
            let retry_at = retry_at(response.headers());
            refused(response.into_inner(), retry_at)
        }
        Error::CommunicationError(error) | Error::ResponseBodyError(error) | Error::InvalidUpgrade(error) => {
            unanswered(&error, host)
        }
        Error::UnexpectedResponse(response) if response.status().is_server_error() => Failure::new(
            FailureKind::Broken,
            format!("{host} cannot answer now."),
            format!("It says {}. Try again in a moment; if it stays, tell whoever runs the server.", response.status()),
        ),
        Error::UnexpectedResponse(_) | Error::InvalidResponsePayload(..) => stranger(host),
        Error::InvalidRequest(reason) | Error::Custom(reason) => Failure::new(
            FailureKind::Broken,
            "The console could not write the request.",
            format!("{reason}. This is a fault of the console: please report it."),
        ),
    }
}

/// Whether this console and the server that sent `headers` know each other.
///
/// # Errors
/// If one of them is too old, or this is no Astral server; in words for the coach.
pub fn check_version(headers: &HeaderMap, host: &str) -> Result<(), Failure> {
    let Some(server) = headers.get(VERSION).and_then(|version| version.to_str().ok()) else {
        return Err(stranger(host));
    };
    compare(server, env!("CARGO_PKG_VERSION"), host)
}

/// What speaks the same API: the major version, before 1.0 the minor one too (Semantic Versioning, items 4 and 8); and a
/// console needs no newer server than itself.
fn compare(server: &str, console: &str, host: &str) -> Result<(), Failure> {
    let numbers = |version: &str| -> Option<(u32, u32)> {
        let mut parts = version.split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    let (Some(of_server), Some(of_console)) = (numbers(server), numbers(console)) else { return Err(stranger(host)) };
    let too_new = if of_console.0 == 0 { of_server > of_console } else { of_server.0 > of_console.0 };
    if of_server < of_console {
        Err(Failure::new(
            FailureKind::Incompatible,
            format!("The server at {host} is too old for this console."),
            format!("It is version {server}, and this console is {console}. Whoever runs the server can upgrade it."),
        ))
    } else if too_new {
        Err(Failure::new(
            FailureKind::Incompatible,
            format!("This console is too old for the server at {host}."),
            format!("The server is version {server}, and this console is {console}. Install the newer console."),
        ))
    } else {
        Ok(())
    }
}

fn stranger(host: &str) -> Failure {
    Failure::new(
        FailureKind::Incompatible,
        format!("What answers at {host} is not an Astral server that this console knows."),
        "Check the address. If it is right, server and console are of different versions: install those that belong together.",
    )
}

fn unanswered(error: &reqwest::Error, host: &str) -> Failure {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        causes.push(inner);
        cause = inner.source();
    }
    let text = causes.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ").to_lowercase();
    if text.contains("certificate") {
        let why = if text.contains("expired") {
            "has expired"
        } else if text.contains("not valid for") || text.contains("name") {
            "belongs to another name"
        } else {
            "was not issued by anyone that this computer trusts"
        };
        return Failure::new(
            FailureKind::Untrusted,
            format!("The certificate of {host} is not trusted."),
            format!(
                "It {why}, so somebody else could be answering. Nothing was sent. Check the address, or ask whoever runs \
                 the server."
            ),
        );
    }
    let (title, advice) = if text.contains("dns") || text.contains("lookup") {
        (format!("There is no server called {host}."), "Check the spelling of the address, and your connection.")
    } else if error.is_timeout() || text.contains("timed out") {
        (
            format!("{host} does not answer."),
            "It may be busy or switched off. Check the address, or try again in a moment.",
        )
    } else if text.contains("refused") {
        (
            format!("Nothing answers at {host}."),
            "Check the address and port. If they are right, the server is not running: whoever runs it can start it.",
        )
    } else if text.contains("corrupt message")
        || text.contains("invalid http version")
        || text.contains("invalidcontenttype")
    {
        (
            format!("{host} does not speak as this address expects."),
            "Check whether the address begins with https:// where it should be http://, or the other way round.",
        )
    } else {
        (format!("The connection to {host} broke off."), "Check your connection, and try again.")
    };
    Failure::new(FailureKind::Unreachable, title, advice)
}

fn refused(problem: Problem, retry_at: Option<Timestamp>) -> Failure {
    let kind = match (problem.status, problem.code.as_str()) {
        (_, "credential_missing" | "credential_invalid" | "session_over") => FailureKind::SignedOut,
        (429 | 503, _) => FailureKind::Busy(retry_at),
        (500.., _) => FailureKind::Broken,
        _ => FailureKind::Refused(problem.code),
    };
    Failure {
        kind,
        title: format!("{}.", problem.title),
        advice: problem.detail,
        fields: problem.errors.into_iter().map(|error| (error.field, error.message)).collect(),
        request_id: Some(problem.request_id.into()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the server's wait begins when its answer arrives")]
fn retry_at(headers: &HeaderMap) -> Option<Timestamp> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_know_each_other() {
        for (server, console) in [("0.1.0", "0.1.7"), ("0.1.9", "0.1.0"), ("1.2.0", "1.2.3"), ("1.4.0", "1.2.0")] {
            assert_eq!(compare(server, console, "club.example"), Ok(()), "{server} {console}");
        }
        for (server, console, says) in [
            ("0.1.0", "0.2.0", "too old for this console"),
            ("1.2.0", "1.3.0", "too old for this console"),
            ("0.2.0", "0.1.0", "console is too old"),
            ("2.0.0", "1.9.0", "console is too old"),
            ("nginx", "0.1.0", "not an Astral server"),
        ] {
            let failure = compare(server, console, "club.example").expect_err("they do not");
            assert!(failure.title.contains(says), "{server} {console}: {}", failure.title);
        }
    }
}
