//! The password, being changed.

use super::{change::Sending, secret::Typed};
use crate::rules::{Invalid, Password};

/// The password, being changed.
#[derive(Default)]
pub struct PasswordForm {
    /// The present one.
    pub current: Typed,
    /// The one to be.
    pub new: Typed,
    /// Whether both can be read.
    pub shown: bool,
    /// Whether the person tried with fields that are wrong.
    pub tried: bool,
    /// How the sending goes.
    pub sending: Sending,
}

impl PasswordForm {
    /// What is wrong with the new one.
    pub fn new_password(&self) -> Result<(), Invalid> {
        Password::parse(self.new.text().to_owned()).map(|_| ())
    }

    /// Whether all that was typed can be sent.
    pub fn is_ready(&self) -> bool {
        !self.current.text().is_empty() && self.new_password().is_ok()
    }
}
