//! Signing in, and setting up a new server.

use jiff::Timestamp;

use super::{address::Address, exchange::Keyring, failure::Failure, form::Field, secret::Typed};
use crate::rules::{Email, Invalid, Name, Password};

/// The view that asks who is there.
#[derive(Default)]
pub struct SignIn {
    /// Where the server is.
    pub server: Field,
    /// Who signs in.
    pub email: Field,
    /// With what.
    pub password: Typed,
    /// Whether the password can be read.
    pub password_shown: bool,
    /// Whether the session is to be kept in the system's keyring.
    pub keep: bool,
    /// Whether it can be; unknown until the system was asked.
    pub keyring: Option<Keyring>,
    /// The fields of a new server, if one is to be set up.
    pub set_up: Option<SetUp>,
    /// Since when an answer is awaited.
    pub sending: Option<Timestamp>,
    /// Why it did not work.
    pub failure: Option<Failure>,
    /// Whether the keyring keeps a session that can be tried again.
    pub resumable: bool,
    /// Why the person is here again.
    pub notice: Option<String>,
    /// Whether the person tried with fields that are empty or wrong.
    pub tried: bool,
}

/// The first club of a new server, and its head coach.
#[derive(Default)]
pub struct SetUp {
    /// What the server printed when it was started.
    pub code: Field,
    /// What the club is called.
    pub club: Field,
    /// What the head coach is called.
    pub name: Field,
}

/// A person who is signed in and heads no club.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outsider {
    /// What they are called.
    pub name: String,
    /// The clubs they belong to, and who heads each, as far as they may know.
    pub clubs: Vec<(String, Option<String>)>,
}

impl SignIn {
    /// The server's address.
    pub fn address(&self) -> Result<Address, Invalid> {
        self.server.value()
    }

    /// The email.
    pub fn email(&self) -> Result<Email, Invalid> {
        self.email.value()
    }

    /// What is wrong with the password: for a new one the server's rules, else only that it is missing.
    pub fn password(&self) -> Result<(), Invalid> {
        let typed = self.password.text();
        if typed.is_empty() {
            Err(Invalid("must not be empty".into()))
        } else if self.set_up.is_some() {
            Password::parse(typed.to_owned()).map(|_| ())
        } else {
            Ok(())
        }
    }

    /// Whether all that was typed can be sent.
    pub fn is_ready(&self) -> bool {
        let set_up = self.set_up.as_ref().is_none_or(SetUp::is_ready);
        self.address().is_ok() && self.email().is_ok() && self.password().is_ok() && set_up
    }

    /// Marks every field as left, so that each says what is wrong with it.
    pub fn leave_all(&mut self) {
        self.tried = true;
        self.server.left = true;
        self.email.left = true;
        if let Some(set_up) = &mut self.set_up {
            for field in [&mut set_up.code, &mut set_up.club, &mut set_up.name] {
                field.left = true;
            }
        }
    }

    /// Takes what the server said of single fields.
    pub fn hear(&mut self, failure: &Failure) {
        self.email.hear("email", failure);
        if let Some(set_up) = &mut self.set_up {
            set_up.code.hear("setup_code", failure);
            set_up.club.hear("organization_name", failure);
            set_up.name.hear("display_name", failure);
        }
    }
}

impl SetUp {
    /// The code as it is sent.
    pub fn code(&self) -> Result<String, Invalid> {
        let code = self.code.text.trim();
        if code.is_empty() { Err(Invalid("must not be empty".into())) } else { Ok(code.to_owned()) }
    }

    /// The club's name.
    pub fn club(&self) -> Result<Name, Invalid> {
        self.club.value()
    }

    /// The head coach's name.
    pub fn name(&self) -> Result<Name, Invalid> {
        self.name.value()
    }

    fn is_ready(&self) -> bool {
        self.code().is_ok() && self.club().is_ok() && self.name().is_ok()
    }
}
