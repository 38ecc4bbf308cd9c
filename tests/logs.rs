//! After the whole suite: nothing secret stands in what its servers have logged, and no answer was outside the
//! document.

use astral_tests::{LOGS, PASSWORD_MARK};

#[test]
fn no_secret_token_password_or_header_is_ever_logged() {
    let mut read = 0;
    for entry in std::fs::read_dir(&*LOGS).expect("the suite has run") {
        let path = entry.expect("an entry").path();
        let log = std::fs::read(&path).expect("readable");
        let log = String::from_utf8_lossy(&log);
        read += log.len();
        for secret in ["astral_live_", "astral_session_", "astral_invitation_", "$argon2", PASSWORD_MARK, "Bearer "] {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{} has {secret:?} in a line: {}", path.display(), line.unwrap_or_default());
        }
    }
    // A suite that has logged nothing would prove nothing.
    assert!(read > 10_000, "only {read} bytes of log; run the test `it` first");
}

/// The server says so itself when it answers a problem that its document does not list for the operation.
#[test]
fn no_operation_has_refused_with_an_undocumented_code() {
    for entry in std::fs::read_dir(&*LOGS).expect("the suite has run") {
        let log = std::fs::read(entry.expect("an entry").path()).expect("readable");
        let log = String::from_utf8_lossy(&log);
        let line = log.lines().find(|line| line.contains("this refusal is not documented"));
        assert!(line.is_none(), "{}", line.unwrap_or_default());
    }
}
