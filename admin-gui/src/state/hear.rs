//! What the worker says, and what follows from it.

use super::{
    State,
    exchange::{Effect, Event},
};

impl State {
    /// Takes what the worker says of what was asked in the session of that number.
    pub fn hear(&mut self, era: u64, event: Event) -> Vec<Effect> {
        match event {
            // How a session ended, and what the system has, is true in the next one too.
            Event::SignedOut(result) => self.hear_signed_out(result),
            Event::Keyring(keyring) => self.hear_keyring(keyring),
            _ if era != self.era => {}
            Event::Resumed(session) => self.resumed(session),
            Event::SignedIn(Ok(signed_in)) => self.signed_in(signed_in),
            Event::SignedIn(Err(failure)) => self.not_signed_in(failure),
            Event::NotKept(reason) => self.not_kept(&reason),
            Event::HeadCoaches(found) => self.hear_head_coaches(found),
            Event::Reached(signed_in) => self.belongs(signed_in),
            Event::NotReached(failure) => self.not_reached(&failure),
            Event::Club { organization, result } => self.hear_club(&organization, *result),
            Event::Keys { load, page } => self.hear_keys(load, page),
            Event::Member { organization, id, result } => self.hear_member(&organization, id, *result),
            Event::Members { load, page } => self.hear_members(load, page),
            Event::Key { organization, id, result } => self.hear_key(&organization, id, *result),
            Event::Usage { organization, id, result } => self.hear_usage(&organization, id, *result),
            Event::Impact { organization, id, action, result } => {
                self.hear_impact(&organization, &id, action, *result);
            }
            Event::Findings { run, result } => self.hear_findings(run, *result),
            Event::FilesToSearch(files) => self.hear_files_to_search(files),
            Event::Events { load, page } => self.hear_events(load, page),
            Event::Exported { run, exported } => self.hear_exported(run, exported),
            Event::FileToWrite(file) => self.hear_file_to_write(file),
            Event::Changed { ticket, result } => self.changed(ticket, *result),
        }
        self.take_effects()
    }
}
