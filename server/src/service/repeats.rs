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

/// What is to be kept of the answer to a request.
pub struct Kept {
    resource_id: String,
    answer: Option<Vec<u8>>,
}

impl<R> Once<R> {
    /// What was done now.
    ///
    /// # Errors
    /// [`Conflict::AlreadyCreated`] if it was done before.
    pub fn now(self) -> Result<R> {
        match self {
            Self::Now(done) => Ok(done),
            Self::Before { resource_id, .. } => Err(Conflict::AlreadyCreated { id: resource_id }.into()),
        }
    }
}

impl Kept {
    /// The answer is kept, and repeated.
    pub fn answer(resource_id: impl ToString, answer: Vec<u8>) -> Self {
        Self { resource_id: resource_id.to_string(), answer: Some(answer) }
    }

    /// The answer holds a secret: only what was created is remembered.
    pub fn nothing(resource_id: impl ToString) -> Self {
        Self { resource_id: resource_id.to_string(), answer: None }
    }
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

impl WriteTx {
    /// Does what the request asks for, and remembers what `keep` makes of it in the same transaction; or
    /// finds that it was done before.
    ///
    /// Whoever calls this has made the proof: an answer is repeated only to a caller who still has the right.
    /// Refusals are not remembered: they have changed nothing, and asking again does no harm.
    ///
    /// # Errors
    /// [`Conflict::IdempotencyKeyReused`]; [`Conflict::AlreadyCreated`] where the answer held a secret; those of
    /// `act`.
    pub fn once<R>(
        &self,
        attempt: &Attempt,
        act: impl FnOnce() -> Result<R>,
        keep: impl FnOnce(&R) -> Kept,
    ) -> Result<Once<R>> {
        let Some(claim) = &attempt.0 else { return act().map(Once::Now) };
        if let Some(Remembered { fingerprint, resource_id, answer, .. }) = store::idempotency::get(self, &claim.place)?
        {
            if fingerprint != claim.fingerprint {
                return Err(Conflict::IdempotencyKeyReused.into());
            }
            let answer = answer.ok_or_else(|| Conflict::AlreadyCreated { id: resource_id.clone() })?;
            return Ok(Once::Before { resource_id, answer });
        }
        let done = act()?;
        let Kept { resource_id, answer } = keep(&done);
        let remembered = Remembered { fingerprint: claim.fingerprint, at: self.now(), resource_id, answer };
        store::idempotency::put(self, &claim.place, &remembered)?;
        Ok(Once::Now(done))
    }
}
