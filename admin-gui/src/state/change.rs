//! A change that was asked for.

use jiff::Timestamp;

use super::failure::Failure;

/// What every dialog that sends something knows of its sending.
#[derive(Debug, Default, Clone)]
pub struct Sending {
    /// The ticket under which it was sent, and when.
    pub ticket: Option<(u64, Timestamp)>,
    /// Why it was refused.
    pub failure: Option<Failure>,
}

impl Sending {
    /// Whether an answer is awaited.
    pub fn is_on(&self) -> bool {
        self.ticket.is_some()
    }

    /// Whether what was sent under `ticket` is awaited.
    pub fn is(&self, ticket: u64) -> bool {
        self.ticket.is_some_and(|(sent, _)| sent == ticket)
    }
}

/// The `Idempotency-Key` of something that is created: it stays as long as what is sent stays the same.
#[derive(Debug, Clone)]
pub struct Once<T>(Option<(T, String)>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Clone + PartialEq> Once<T> {
    /// The key under which `wish` is sent: that of the last try if it was the same, else `fresh`.
    pub fn key_for(&mut self, wish: &T, fresh: String) -> String {
        match &self.0 {
            Some((sent, key)) if sent == wish => key.clone(),
            _ => self.0.insert((wish.clone(), fresh)).1.clone(),
        }
    }
}
