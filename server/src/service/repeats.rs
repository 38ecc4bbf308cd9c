//! Requests that can be sent again: done once, answered as often as they come.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

use super::{
    authority::Caller,
    error::{Conflict, Result},
    model::idempotency::{Fingerprint, IdempotencyKey, Remembered},
    store::{self, Read as _, WriteTx, idempotency::Place},
};

/// The requests that are running now.
#[derive(Default)]
pub struct Repeats(Arc<Mutex<HashSet<Place>>>);

/// A request that is running. Where the client gave it a name, no other with that name runs until this and
/// its clones are gone, the one that waits for the writer included.
#[derive(Clone)]
pub struct Attempt(Option<Arc<Claim>>);

struct Claim {
    place: Place,
    fingerprint: Fingerprint,
    running: Arc<Mutex<HashSet<Place>>>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place);
    }
}

/// What a request that can be sent again comes to.
pub enum Once<R> {
    /// It was done now.
    Now(R),
    /// It was done before.
    Before {
        /// The id of what it created.
        resource_id: String,
        /// The body of its answer.
        answer: Vec<u8>,
    },
}

impl Repeats {
    /// Begins a request of `caller`'s, under the name that the client gave it.
    ///
    /// # Errors
    /// [`Conflict::InProgress`] if it is running.
    pub fn begin(&self, caller: &Caller, key: Option<IdempotencyKey>, fingerprint: Fingerprint) -> Result<Attempt> {
        let Some(key) = key else { return Ok(Attempt(None)) };
        let name = Sha256::new().chain_update(caller.actor().to_string()).chain_update([0]).chain_update(key.as_str());
        let place = name.finalize().into();
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place) {
            return Err(Conflict::InProgress.into());
        }
        Ok(Attempt(Some(Arc::new(Claim { place, fingerprint, running: Arc::clone(&self.0) }))))
    }
}

impl Claim {
    /// The request that went through under this name.
    ///
    /// # Errors
    /// [`Conflict::IdempotencyKeyReused`] if it was another one.
    fn earlier(&self, tx: &WriteTx) -> Result<Option<Remembered>> {
        match store::idempotency::get(tx, &self.place)? {
            Some(earlier) if earlier.fingerprint != self.fingerprint => Err(Conflict::IdempotencyKeyReused.into()),
            earlier => Ok(earlier),
        }
    }

    fn remember(&self, tx: &WriteTx, resource_id: String, answer: Option<Vec<u8>>) -> Result<()> {
        let remembered = Remembered { fingerprint: self.fingerprint, at: tx.now(), resource_id, answer };
        Ok(store::idempotency::put(tx, &self.place, &remembered)?)
    }
}

/// Whoever calls these has made the proof: an answer is repeated only to a caller who still has the right.
/// Refusals are not remembered: they have changed nothing, and asking again does no harm.
impl WriteTx {
    /// Does what the request asks for, and remembers id and body of what it `answers` in the same transaction;
    /// or finds that it was done before.
    ///
    /// # Errors
    /// [`Conflict::IdempotencyKeyReused`]; those of `act`.
    pub fn once<R>(
        &self,
        attempt: &Attempt,
        act: impl FnOnce() -> Result<R>,
        answers: impl FnOnce(&R) -> (String, Vec<u8>),
    ) -> Result<Once<R>> {
        let Some(claim) = &attempt.0 else { return act().map(Once::Now) };
        if let Some(Remembered { resource_id, answer, .. }) = claim.earlier(self)? {
            return Ok(Once::Before { resource_id, answer: answer.unwrap_or_default() });
        }
        let done = act()?;
        let (resource_id, answer) = answers(&done);
        claim.remember(self, resource_id, Some(answer))?;
        Ok(Once::Now(done))
    }

    /// The same for a request whose answer holds a secret: only the id of what it has `created` is remembered.
    ///
    /// # Errors
    /// [`Conflict::IdempotencyKeyReused`]; [`Conflict::AlreadyCreated`] if it was done before; those of `act`.
    pub fn once_with_secret<R>(
        &self,
        attempt: &Attempt,
        act: impl FnOnce() -> Result<R>,
        created: impl FnOnce(&R) -> String,
    ) -> Result<R> {
        let Some(claim) = &attempt.0 else { return act() };
        if let Some(earlier) = claim.earlier(self)? {
            return Err(Conflict::AlreadyCreated { id: earlier.resource_id }.into());
        }
        let done = act()?;
        claim.remember(self, created(&done), None)?;
        Ok(done)
    }
}
