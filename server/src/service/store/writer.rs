//! The one thread that writes: it gathers the actions that are waiting into one synced commit.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
};

use redb::Durability;
use tokio::sync::oneshot;

use super::{META, WriteTx, snapshot::Snapshots};
use crate::service::{
    clock::{Clock, Entropy},
    error::{Error, Result, Unavailable},
    recent::RecentUse,
};

/// How many actions share a commit at most.
const BATCH: usize = 1024;

/// An action that waits for its turn and then for the commit.
trait Job: Send {
    /// Runs the action. Forgets the outcome of an earlier run.
    fn run(&mut self, transaction: &WriteTx) -> Ran;

    /// Answers whoever waits: with the action's outcome if `committed`, else with the failure.
    fn answer(self: Box<Self>, committed: Result<(), Unavailable>);
}

/// What came of running an action.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ran {
    Accepted,
    Refused,
    /// The database failed under it: nothing of the batch can be trusted to be written.
    Broken,
}

struct Pending<F, R> {
    action: F,
    outcome: Option<Result<R>>,
    reply: oneshot::Sender<Result<R>>,
}

impl<R: Send, F: FnMut(&WriteTx) -> Result<R> + Send> Job for Pending<F, R> {
    fn run(&mut self, transaction: &WriteTx) -> Ran {
        self.outcome = None;
        let outcome = (self.action)(transaction);
        let ran = match &outcome {
            Ok(_) => Ran::Accepted,
            Err(Error::Unavailable(failure @ Unavailable::Storage(_))) => {
                tracing::error!(error = failure as &dyn std::error::Error, "the database failed under an action");
                Ran::Broken
            }
            Err(_) => Ran::Refused,
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>, committed: Result<(), Unavailable>) {
        let Self { action, outcome, reply } = *self;
        let outcome = match committed {
            Ok(()) => outcome.unwrap_or(Err(Unavailable::Panicked.into())),
            Err(failure) => Err(failure.into()),
        };
        // What the action holds is free before anybody hears of its end, and may ask for it again.
        drop(action);
        // Whoever asked may have gone; the write stands all the same.
        let _ = reply.send(outcome);
    }
}

pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        snapshots: Arc<Snapshots>,
        clock: Clock,
        entropy: Entropy,
        recent: Arc<RecentUse>,
        last_id: u128,
    ) -> Self {
        let (queue, jobs) = mpsc::channel();
        let mut worker = Worker { snapshots, clock, entropy, recent, last_id };
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || worker.work(&jobs)).ok();
        Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(thread) }
    }

    pub(super) async fn write<R, F>(&self, action: F) -> Result<R>
    where
        R: Send + 'static,
        F: FnMut(&WriteTx) -> Result<R> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { action, outcome: None, reply });
        let sent = match &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(queue) => queue.send(job).is_ok(),
            None => false,
        };
        if !sent {
            return Err(Unavailable::Stopping.into());
        }
        answer.await.unwrap_or_else(|_| Err(Unavailable::Stopping.into()))
    }

    /// Lets the thread finish what is queued, and waits for it.
    pub(super) fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer's thread had panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

struct Worker {
    snapshots: Arc<Snapshots>,
    clock: Clock,
    entropy: Entropy,
    recent: Arc<RecentUse>,
    last_id: u128,
}

impl Worker {
    fn work(&mut self, jobs: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            batch.extend(jobs.try_iter().take(BATCH - 1));
            self.run_batch(batch);
        }
    }

    /// Runs the batch until it goes through without an action that failed halfway, then commits it.
    fn run_batch(&mut self, mut batch: Vec<Box<dyn Job>>) {
        loop {
            match self.try_batch(&mut batch) {
                Ok(None) => return batch.into_iter().for_each(|job| job.answer(Ok(()))),
                Ok(Some((halfway, failure))) => batch.remove(halfway).answer(Err(failure)),
                Err(failure) => {
                    tracing::error!(
                        error = &failure as &dyn std::error::Error,
                        "a commit failed; its writes were refused"
                    );
                    return batch.into_iter().for_each(|job| job.answer(Err(Unavailable::CommitFailed)));
                }
            }
        }
    }

    /// Runs and commits the batch. `Some` names an action that failed after it had changed something:
    /// it cannot be rolled back alone, so nothing was committed, and the others must run again.
    fn try_batch(&mut self, batch: &mut [Box<dyn Job>]) -> Result<Option<(usize, Unavailable)>, Unavailable> {
        let mut transaction = self.snapshots.database().begin_write()?;
        transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
        // Opening after a crash then takes a millisecond instead of a walk through the file.
        transaction.set_quick_repair(true);
        let mut transaction = WriteTx {
            transaction,
            now: self.clock.now(),
            entropy: self.entropy,
            recent: Arc::clone(&self.recent),
            last_id: Cell::new(self.last_id),
            changed: Cell::new(false),
        };
        let mut any_changed = false;
        for (position, job) in batch.iter_mut().enumerate() {
            transaction.now = self.clock.now();
            transaction.changed.set(false);
            let ran = catch_unwind(AssertUnwindSafe(|| job.run(&transaction)));
            let changed = transaction.changed.get();
            match ran {
                Ok(Ran::Accepted) => any_changed |= changed,
                Ok(Ran::Refused) if !changed => {}
                Ok(Ran::Broken) => return Err(Unavailable::CommitFailed),
                Ok(Ran::Refused) => {
                    tracing::error!("an action failed after its first change; its batch runs again without it");
                    return Ok(Some((position, Unavailable::Panicked)));
                }
                Err(_) => {
                    tracing::error!("an action panicked; its batch runs again without it");
                    return Ok(Some((position, Unavailable::Panicked)));
                }
            }
        }
        if any_changed {
            let last_id = transaction.last_id.get();
            transaction.put(META, b"last_id", &last_id.to_be_bytes())?;
            transaction.transaction.commit()?;
            self.snapshots.publish();
            self.last_id = last_id;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::service::store::{Read as _, Store, tables::USER_EMAILS};

    fn store(folder: &std::path::Path) -> Store {
        Store::open(folder, 1 << 20, Clock::system(), Entropy::system(), Arc::default(), |file| file).expect("opens")
    }

    /// One caller's refusal, half-done change or panic must never take back another's write. The writer is held
    /// until all of them wait, so that they share a batch: the one before the fault is seen to run again.
    #[tokio::test]
    async fn a_batch_survives_whatever_one_of_its_actions_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = store(folder.path());
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let (release, held) = mpsc::channel::<()>();
        let hold = store.write(move |_| Ok(held.recv().is_err()));
        let put = |name: &'static str| {
            store.write(move |tx| {
                RUNS.fetch_add(usize::from(name == "one"), Ordering::SeqCst);
                Ok(tx.put(USER_EMAILS, name.as_bytes(), b"x")?)
            })
        };
        // Polled in this order: each is queued before the last lets the writer go.
        let (hold, one, refused, halfway, panicked, two, ()) = tokio::join!(
            hold,
            put("one"),
            store.write(|_| Err::<(), _>(Error::NotFound)),
            store.write(|tx| {
                tx.put(USER_EMAILS, b"halfway", b"x")?;
                Err::<(), _>(Error::NotFound)
            }),
            store.write(|tx| -> Result<()> {
                tx.put(USER_EMAILS, b"panicked", b"x")?;
                panic!("as a bug would")
            }),
            put("two"),
            async move { drop(release) },
        );
        assert!(hold.expect("released"));
        one.and(two).expect("written");
        assert!(matches!(refused, Err(Error::NotFound)));
        assert!(matches!(halfway, Err(Error::Unavailable(_))));
        assert!(matches!(panicked, Err(Error::Unavailable(_))));
        assert_eq!(RUNS.load(Ordering::SeqCst), 3, "once for each batch that was given up, and once for the last");
        let found = |name: &str| store.read(|tx| Ok(tx.has(USER_EMAILS, name.as_bytes())?)).expect("reads");
        assert!(found("one") && found("two"));
        assert!(!found("halfway") && !found("panicked"));
    }

    #[tokio::test]
    async fn an_unknown_format_is_refused_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = store(folder.path());
        first.write(|tx| Ok(tx.put(META, b"format", &7u32.to_be_bytes())?)).await.expect("written");
        drop(first);
        let again =
            Store::open(folder.path(), 1 << 20, Clock::system(), Entropy::system(), Arc::default(), |file| file);
        let message = again.err().expect("refused").to_string();
        assert!(message.contains("has format 7") && message.contains("restore a backup"), "{message}");
    }
}
