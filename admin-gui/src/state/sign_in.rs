//! Signing in, and setting up a new server.

use jiff::Timestamp;

use super::{
    Screen, State,
    address::Address,
    exchange::{Command, Keyring},
    failure::Failure,
    form::Field,
    secret::{Secret, Typed},
};
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

impl State {
    /// The view that asks who is there, with what is remembered.
    pub(super) fn asking(&self, notice: Option<String>) -> SignIn {
        let server = self.preferences.server.parse::<Address>();
        SignIn {
            server: Field::of(server.as_ref().map_or(self.preferences.server.as_str(), Address::typed)),
            email: Field::of(&self.preferences.email),
            keep: self.preferences.keep,
            keyring: self.keyring,
            notice,
            ..SignIn::default()
        }
    }

    /// Goes over to setting a new server up, or back.
    pub(super) fn toggle_set_up(&mut self) {
        let Screen::SignIn(sign_in) = &mut self.screen else { return };
        sign_in.set_up = if sign_in.set_up.is_some() { None } else { Some(SetUp::default()) };
        sign_in.failure = None;
        sign_in.tried = false;
    }

    /// Sends what stands in the view.
    pub(super) fn sign_in(&mut self) {
        let now = self.clock.now;
        let Screen::SignIn(sign_in) = &mut self.screen else { return };
        if sign_in.sending.is_some() {
            return;
        }
        if !sign_in.is_ready() {
            // What was refused before is not what is wrong now.
            sign_in.failure = None;
            sign_in.leave_all();
            return;
        }
        let (Ok(server), Ok(email)) = (sign_in.address(), sign_in.email()) else { return };
        sign_in.sending = Some(now);
        sign_in.failure = None;
        sign_in.notice = None;
        sign_in.resumable = false;
        self.era += 1;
        let (email, password) = (email.as_str().to_owned(), sign_in.password.secret());
        let keep = sign_in.keep && sign_in.keyring == Some(Keyring::There);
        self.preferences.server = server.as_str().to_owned();
        self.preferences.email.clone_from(&email);
        self.preferences.keep = sign_in.keep;
        let command = match &sign_in.set_up {
            None => Command::SignIn { server, email, password, keep },
            Some(set_up) => {
                let (Ok(code), Ok(club), Ok(name)) = (set_up.code(), set_up.club(), set_up.name()) else { return };
                Command::SetUp {
                    server,
                    setup_code: Secret::new(code),
                    organization_name: club.as_str().to_owned(),
                    display_name: name.as_str().to_owned(),
                    email,
                    password,
                    keep,
                }
            }
        };
        self.ask(command);
    }

    /// Takes why nobody was signed in.
    pub(super) fn not_signed_in(&mut self, failure: Failure) {
        let Screen::SignIn(sign_in) = &mut self.screen else { return };
        sign_in.sending = None;
        sign_in.hear(&failure);
        sign_in.failure = Some(failure);
    }

    /// Tries the session that the keyring keeps.
    pub(super) fn resume(&mut self) {
        let Screen::SignIn(sign_in) = &self.screen else { return };
        let Ok(server) = sign_in.address() else { return };
        server.as_str().clone_into(&mut self.preferences.server);
        self.era += 1;
        self.screen = Screen::Starting(self.clock.now);
        self.ask(Command::Resume { server: Some(server) });
    }

    /// Does not wait for the session that the keyring keeps.
    pub(super) fn skip_resume(&mut self) {
        if matches!(self.screen, Screen::Starting(_)) {
            self.era += 1;
            self.screen = Screen::SignIn(Box::new(self.asking(None)));
        }
    }

    /// Takes whether sessions can be kept.
    pub(super) fn hear_keyring(&mut self, keyring: Keyring) {
        self.keyring = Some(keyring);
        if let Screen::SignIn(sign_in) = &mut self.screen {
            sign_in.keyring = Some(keyring);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::state::{
        Action, Screen, State,
        desk::{Desk, clock, signed_in},
        exchange::{Event, Keyring},
        preferences::Preferences,
    };

    /// The box to stay signed in did not show to whom did not wait for the last session.
    #[test]
    fn whether_there_is_a_keyring_is_heard_also_after_the_last_session_was_not_waited_for() {
        let mut desk = Desk::starting();
        let era = desk.state.era();
        desk.act(Action::SkipResume);
        desk.state.hear(era, Event::Keyring(Keyring::There));
        desk.state.hear(era, Event::Resumed(Some(Ok(signed_in(&["org_a"])))));
        let Screen::SignIn(sign_in) = &desk.state.screen else { panic!("it asks who is there") };
        assert_eq!(sign_in.keyring, Some(Keyring::There));
    }

    #[test]
    fn an_address_without_a_scheme_is_sent_with_one() {
        let preferences = Preferences { server: "club.example".into(), ..Preferences::default() };
        let (state, _) = State::new(preferences, clock(), 7);
        assert_eq!(state.preferences.server, "https://club.example");
    }
}
