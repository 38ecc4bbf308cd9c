//! A person who is signed in and heads no club.

use super::{Screen, State, exchange::Command};

/// A person who is signed in and heads no club.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outsider {
    /// What they are called.
    pub name: String,
    /// The clubs they belong to, and who heads each, as far as they may know.
    pub clubs: Vec<(String, Option<String>)>,
}

impl State {
    /// Shows the person called `name` the `clubs` they belong to, and finds out who heads those `asked` about by id and
    /// name.
    pub(super) fn show_outsider(&mut self, name: String, clubs: Vec<String>, asked: Vec<(String, String)>) {
        let clubs = clubs.into_iter().map(|club| (club, None)).collect();
        self.screen = Screen::Outsider(Outsider { name, clubs });
        if !asked.is_empty() {
            self.ask(Command::FindHeadCoaches(asked));
        }
    }

    /// Takes who heads the clubs.
    pub(super) fn hear_head_coaches(&mut self, found: Vec<(String, Option<String>)>) {
        let Screen::Outsider(outsider) = &mut self.screen else { return };
        for (club, head_coach) in found {
            if let Some(known) = outsider.clubs.iter_mut().find(|(name, _)| *name == club) {
                known.1 = head_coach;
            }
        }
    }
}
