//! Secrets that stand in a text, and what they are now.

use jiff::Timestamp;

use super::{Key, Keys, PreviousSecret, Status};
pub use crate::rules::SecretKind;
use crate::state::{change::Sending, failure::Failure, secret::Secret, time::Clock};

/// The secrets that stand in a text.
pub struct Findings {
    /// What was searched, as one says it: `the pasted text`.
    pub searched: String,
    /// Those of the club's keys.
    pub keys: Vec<FoundKey>,
    /// All others.
    pub others: Vec<OtherSecret>,
    /// What could not be searched, and why.
    pub unread: Vec<Failure>,
    /// Whether the server was asked: nothing that could be a key needs no question.
    pub asked: bool,
}

/// A secret of one of the club's keys.
pub struct FoundKey {
    /// The key, as it was when it was found.
    pub read: Key,
    /// By which the secret can be recognized.
    pub hint: String,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Where it stands.
    pub place: Place,
    /// How ending it goes.
    pub sending: Sending,
}

/// What a secret is to its key now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Works, as long as the key does.
    Works,
    /// Was replaced, and works for a while.
    StillWorks,
    /// Was replaced, and works no more.
    Ended,
    /// Its key is revoked.
    Revoked,
    /// Its key has expired.
    Expired,
}

impl Standing {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Works => "Works",
            Self::StillWorks => "Old secret, still works",
            Self::Ended => "Old secret, ended",
            Self::Revoked => "Revoked",
            Self::Expired => "Expired",
        }
    }

    /// Whether a program can use it.
    pub const fn works(self) -> bool {
        matches!(self, Self::Works | Self::StillWorks)
    }
}

/// A secret that is not one of the club's keys.
pub struct OtherSecret {
    /// What it is for.
    pub kind: SecretKind,
    /// By which it can be recognized.
    pub hint: String,
    /// All of it, to be reported.
    pub secret: Secret,
    /// Where it stands.
    pub place: Place,
    /// Whether it was reported.
    pub reported: bool,
    /// How reporting it goes.
    pub sending: Sending,
}

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// In which file, if there are several.
    pub file: Option<String>,
    /// In which line it first stands, from 1 on.
    pub line: usize,
    /// How often it stands in all that was searched.
    pub times: usize,
}

impl Place {
    /// `Line 3`, or `chat.txt, line 3 and 4 more places`.
    pub fn in_words(&self) -> String {
        let place = match &self.file {
            Some(file) => format!("{file}, line {}", self.line),
            None => format!("Line {}", self.line),
        };
        match self.times {
            1 => place,
            2 => format!("{place} and 1 more place"),
            times => format!("{place} and {} more places", times - 1),
        }
    }
}

impl FoundKey {
    /// The key, as it is known now.
    pub fn key<'a>(&'a self, keys: &'a Keys) -> &'a Key {
        keys.get(&self.read.id).unwrap_or(&self.read)
    }

    /// What the secret is now. Whoever is waited for to revoke the key has not done so yet.
    pub fn standing(&self, keys: &Keys, clock: &Clock) -> Standing {
        let key = self.key(keys);
        let of_previous = |previous: &PreviousSecret| previous.hint == self.hint && clock.now < previous.ends_at;
        match key.status(clock.now) {
            Status::Revoked if !key.revoking => Standing::Revoked,
            Status::Expired => Standing::Expired,
            _ if key.hint == self.hint => Standing::Works,
            _ if key.previous_secret.as_ref().is_some_and(of_previous) => Standing::StillWorks,
            _ => Standing::Ended,
        }
    }
}

impl OtherSecret {
    /// What it is, in words.
    pub const fn word(&self) -> &'static str {
        match self.kind {
            SecretKind::ApiKey => "A key, not of this club",
            SecretKind::Session => "Somebody's sign-in",
            SecretKind::Invitation => "An invitation",
        }
    }
}

impl Findings {
    /// What was found, in a sentence.
    pub fn in_words(&self, keys: &Keys, clock: &Clock) -> String {
        let working = self.keys.iter().filter(|found| found.standing(keys, clock).works()).count();
        let searched = &self.searched;
        match (self.keys.len(), self.others.len()) {
            (0, 0) => format!("No key stands in {searched}."),
            (0, _) => format!("No key of this club stands in {searched}."),
            (1, _) if working == 1 => format!("A key stands in {searched}, and it works."),
            (1, _) => format!("A key stands in {searched}. It does not work any more."),
            (all, _) if working == 0 => format!("{all} keys stand in {searched}. None of them works any more."),
            (all, _) if working == all => format!("{all} keys stand in {searched}, and all of them work."),
            (all, _) if working == 1 => format!("{all} keys stand in {searched}, of which 1 still works."),
            (all, _) => format!("{all} keys stand in {searched}, of which {working} still work."),
        }
    }

    /// Whether there is something to end.
    pub fn is_urgent(&self, keys: &Keys, clock: &Clock) -> bool {
        self.keys.iter().any(|found| found.standing(keys, clock).works())
    }

    pub(super) fn sendings(&mut self) -> impl Iterator<Item = &mut Sending> {
        let of_keys = self.keys.iter_mut().map(|found| &mut found.sending);
        of_keys.chain(self.others.iter_mut().map(|other| &mut other.sending))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::state::{
        desk::{clock, key, start},
        keys::Revoked,
    };

    fn place() -> Place {
        Place { file: None, line: 3, times: 1 }
    }

    /// That secret of the key.
    pub fn found(read: Key) -> FoundKey {
        let (hint, sending) = (read.hint.clone(), Sending::default());
        FoundKey { read, hint, last_used_at: None, place: place(), sending }
    }

    /// These, and a token of somebody's session.
    pub fn findings(keys: Vec<FoundKey>) -> Findings {
        let secret = Secret::new("astral_session_x".into());
        let (kind, hint, sending) = (SecretKind::Session, "astral_session_abc…xyz".into(), Sending::default());
        let other = OtherSecret { kind, hint, secret, place: place(), reported: false, sending };
        Findings { searched: "the pasted text".into(), keys, others: vec![other], unread: Vec::new(), asked: true }
    }

    #[test]
    fn what_was_found_is_said_in_a_sentence() {
        let revoked = Revoked { at: start(), by: "Ana".into(), reason: None };
        let works = || found(key("key_1", "Sync"));
        let gone = || found(Key { revoked: Some(revoked.clone()), ..key("key_2", "Old") });
        let said = |keys| findings(keys).in_words(&Keys::default(), &clock());
        assert_eq!(said(vec![]), "No key of this club stands in the pasted text.");
        assert_eq!(said(vec![works()]), "A key stands in the pasted text, and it works.");
        assert_eq!(said(vec![gone()]), "A key stands in the pasted text. It does not work any more.");
        assert_eq!(said(vec![works(), gone()]), "2 keys stand in the pasted text, of which 1 still works.");
        assert_eq!(said(vec![works(), works()]), "2 keys stand in the pasted text, and all of them work.");
        assert_eq!(said(vec![gone(), gone()]), "2 keys stand in the pasted text. None of them works any more.");
    }
}
