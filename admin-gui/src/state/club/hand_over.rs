//! The head coach's role, being handed over.

use crate::state::{change::Sending, secret::Typed};

/// The head coach's role, being handed over.
#[derive(Default)]
pub struct HandOverForm {
    /// Who is to have it.
    pub member_id: Option<String>,
    /// The present head coach's password.
    pub password: Typed,
    /// Whether it can be read.
    pub shown: bool,
    /// How the sending goes.
    pub sending: Sending,
}
