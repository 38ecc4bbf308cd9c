//! Why something was not done, in words for the coach.

use jiff::Timestamp;

/// Why the server did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it means for what comes next.
    pub kind: FailureKind,
    /// What happened, in a sentence.
    pub title: String,
    /// What to do about it.
    pub advice: String,
    /// What is wrong with single fields: the API's name of the field, and what would be right.
    pub fields: Vec<(String, String)>,
    /// By which the operator finds the request in the log.
    pub request_id: Option<Box<str>>,
}

/// What a failure means for what comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// No answer came: the server is down, or the way to it. Whether a change was made is not known.
    Unreachable,
    /// Whoever answers cannot prove to be that server.
    Untrusted,
    /// Something else answers at this address, or a version that this console does not know.
    Incompatible,
    /// The session is over.
    SignedOut,
    /// Too much at once; the instant from which it may be tried again.
    Busy(Option<Timestamp>),
    /// The server said no; its code.
    Refused(String),
    /// The server failed.
    Broken,
    /// This machine failed: a disk is full, a folder is not there.
    Local,
}

impl Failure {
    /// A failure with these words alone.
    pub fn new(kind: FailureKind, title: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { kind, title: title.into(), advice: advice.into(), fields: Vec::new(), request_id: None }
    }

    /// Whether the server refused with this code.
    pub fn is(&self, code: &str) -> bool {
        matches!(&self.kind, FailureKind::Refused(refused) if refused == code)
    }

    /// Both sentences.
    pub fn text(&self) -> String {
        if self.advice.is_empty() { self.title.clone() } else { format!("{} {}", self.title, self.advice) }
    }
}
