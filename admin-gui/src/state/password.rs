//! The password, being changed.

use super::{
    Dialog, State,
    change::{Sending, What},
    exchange::Change,
    secret::Typed,
};
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

impl State {
    /// Sends the form of the password.
    pub(super) fn change_password(&mut self) {
        let Some(Dialog::Password(form)) = self.dialog() else { return };
        if form.sending.is_on() {
            return;
        }
        if !form.is_ready() {
            form.tried = true;
            return;
        }
        let change = Change::ChangePassword { current: form.current.secret(), new: form.new.secret() };
        self.send(What::ChangePassword, change);
    }

    /// The password is changed.
    pub(super) fn password_changed(&mut self, ticket: u64) {
        self.in_console(|console| console.close(ticket));
        self.say("The password is changed. Your other sessions have ended.");
    }
}
