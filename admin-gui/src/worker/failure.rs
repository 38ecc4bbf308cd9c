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

/// Why a file cannot be written.
pub fn of_file(error: &std::io::Error, file: &std::path::Path) -> Failure {
    let folder = file.parent().unwrap_or(file).display();
    let (title, advice) = match error.kind() {
        std::io::ErrorKind::AlreadyExists => (
            format!("There is a file {} already.", file.display()),
            "Choose another name, or choose it with Browse, which asks whether to replace it.".to_owned(),
        ),
        std::io::ErrorKind::NotFound => {
            (format!("There is no folder {folder}."), "Choose another, or make it first.".to_owned())
        }
        std::io::ErrorKind::PermissionDenied => {
            (format!("You may not write in {folder}."), "Choose a folder of your own.".to_owned())
        }
        std::io::ErrorKind::StorageFull => {
            ("The disk is full.".to_owned(), "Make room, or choose a folder on another disk.".to_owned())
        }
        _ => ("The file cannot be written.".to_owned(), format!("The system says: {error}.")),
    };
    Failure::new(FailureKind::Local, title, advice)
}

/// Why a file cannot be read.
pub fn of_reading(error: &std::io::Error, name: &str) -> Failure {
    let (title, advice) = match error.kind() {
        std::io::ErrorKind::IsADirectory => (
            format!("{name} is a folder."),
            "Drop the files in it; or have whoever runs the server search all of it: astral-server scan.".to_owned(),
        ),
        std::io::ErrorKind::NotFound => {
            (format!("There is no file {name} any more."), "Choose it again where it is now.".to_owned())
        }
        std::io::ErrorKind::PermissionDenied => {
            (format!("You may not read {name}."), "Ask whoever owns it, or paste what stands in it.".to_owned())
        }
        _ => (format!("{name} cannot be read."), format!("The system says: {error}.")),
    };
    Failure::new(FailureKind::Local, title, advice)
}

/// What was to be done in the background broke.
pub fn of_panic(error: &tokio::task::JoinError) -> Failure {
    Failure::new(
        FailureKind::Local,
        "The text could not be searched.",
        format!("{error}. This is a fault of the console: please report it."),
    )
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

/// What a refusal means to a coach, where the server's words are for whoever writes a program.
fn words(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "head_coach_required" => {
            ("Only the head coach may do this.", "The role may have gone to somebody else meanwhile.")
        }
        "coach_required" | "session_required" | "scope_required" => {
            ("You may not do this.", "Ask the head coach of the club.")
        }
        "plan_required" => (
            "API keys need the Coach plan or above.",
            "Whoever runs this server can change the plan; keys are kept and work again then.",
        ),
        "password_incorrect" => ("Wrong password.", "Type your present password to confirm this."),
        "not_found" => ("It is not there any more.", "Somebody may have removed it meanwhile. Refresh to see what is."),
        "key_not_active" => ("This key has expired or was revoked.", "That is final. Create a new one."),
        "rotation_in_progress" => {
            ("This key is being rotated already.", "End its old secret first, or wait until that ends.")
        }
        "key_limit_reached" => {
            ("Your club has as many active keys as it may.", "Revoke those that nothing uses any more.")
        }
        "email_taken" => ("Another member has this email.", "Two members of a club cannot share one."),
        "external_id_taken" => ("Another member has this external id.", "Two members of a club cannot share one."),
        "head_coach_must_stay" => ("A club keeps its head coach.", "Hand the role over first, under Club."),
        "invitation_not_accepted" => {
            ("They have not accepted an invitation yet.", "Only who can sign in can become coach. Invite them first.")
        }
        "invitation_already_accepted" => ("They have accepted an invitation.", "They can sign in already."),
        "already_member" => {
            ("This person is on the roster already.", "Their account belongs to another member of the club.")
        }
        "not_an_active_coach" => {
            ("They are not an active coach.", "The role can be handed to an active coach of the club who can sign in.")
        }
        "request_in_progress" => ("It is still being done.", "Wait a moment, then try again."),
        "invalid_request" => ("Something is not right yet.", "It is said beside the field."),
        "too_many_attempts" => ("Too many attempts.", "Wait a moment, then try again."),
        _ => return None,
    })
}

fn refused(problem: Problem, retry_at: Option<Timestamp>) -> Failure {
    let code = problem.code.clone();
    let kind = match (problem.status, problem.code.as_str()) {
        (_, "credential_missing" | "credential_invalid" | "session_over") => FailureKind::SignedOut,
        (429 | 503, _) => FailureKind::Busy(retry_at),
        (500.., _) => FailureKind::Broken,
        _ => FailureKind::Refused(problem.code),
    };
    let wait = match (&kind, retry_at) {
        (FailureKind::Busy(_), Some(_)) => "It asks to wait a moment.",
        _ => "",
    };
    let (title, advice) = match (words(&code), wait) {
        (Some((title, advice)), _) => (title.to_owned(), advice.to_owned()),
        (None, "") => (format!("{}.", problem.title), problem.detail),
        (None, wait) => (format!("{}.", problem.title), wait.to_owned()),
    };
    Failure {
        kind,
        title,
        advice,
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

    /// Codes whose words a coach understands as the server says them, or never sees.
    const AS_THE_SERVER_SAYS: [&str; 26] = [
        "address_not_allowed",
        "already_created",
        "already_set_up",
        "body_too_large",
        "credential_invalid",
        "credential_missing",
        "idempotency_key_reused",
        "insufficient_storage",
        "internal",
        "invitation_invalid",
        "key_expired",
        "key_held",
        "key_revoked",
        "malformed_request",
        "method_not_allowed",
        "rate_limited",
        "request_timeout",
        "revision_mismatch",
        "secret_replaced",
        "session_over",
        "two_credentials",
        "unavailable",
        "unsupported_media_type",
        "user_exists",
        "wrong_email_or_password",
        "wrong_setup_code",
    ];

    #[test]
    fn every_refusal_has_words_for_a_coach() {
        let document = include_str!("../../../openapi/openapi.json");
        let codes = document.split("\"code\": \"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut seen = 0;
        // An invitation has a code too.
        for code in codes.filter(|code| !code.starts_with("astral_")) {
            seen += 1;
            assert!(words(code).is_some() || AS_THE_SERVER_SAYS.contains(&code), "{code}");
        }
        assert!(seen > 40, "the document has examples of problems");
    }

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
