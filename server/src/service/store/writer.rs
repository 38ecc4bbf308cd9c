//! The one thread that writes: it gathers the actions that are waiting into one synced commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    OpenError, WriteTx,
    open::{Opened, Opening},
    snapshot::Snapshots,
};
use crate::service::{
    error::{Error, Result, Unavailable},
    metrics::Commits,
};

/// How many actions share a commit at most.
const BATCH: usize = 1024;

/// An action that waits for its turn and then for the commit.
trait Job: Send {
    /// Runs the action. Forgets the outcome of an earlier run.
    fn run(&mut self, transaction: &WriteTx) -> Ran;

    /// Answers whoever waits: with the action's outcome if `committed`, else with the failure.
    fn answer(self: Box<Self>, committed: Result<(), Unavailable>);

    /// Whether it is done also where the disk is nearly full.
    fn is_urgent(&self) -> bool {
        true
    }
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
    urgent: bool,
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
        let Self { action, outcome, reply, .. } = *self;
        let outcome = match committed {
            Ok(()) => outcome.unwrap_or(Err(Unavailable::Panicked.into())),
            Err(failure) => Err(failure.into()),
        };
        // What the action holds is free before anybody hears of its end, and may ask for it again.
        drop(action);
        // Whoever asked may have gone; the write stands all the same.
        let _ = reply.send(outcome);
    }

    fn is_urgent(&self) -> bool {
        self.urgent
    }
}

/// Looks whether the database still works: something could not be read.
struct Look(Arc<AtomicBool>);

impl Job for Look {
    fn run(&mut self, _: &WriteTx) -> Ran {
        Ran::Accepted
    }

    fn answer(self: Box<Self>, _: Result<(), Unavailable>) {
        self.0.store(false, Ordering::Relaxed);
    }
}

pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Whether a [`Look`] is waiting.
    looking: Arc<AtomicBool>,
}

impl Writer {
    pub(super) fn start(
        snapshots: Arc<Snapshots>,
        opening: Opening,
        opened: Opened,
        reserve: u64,
        commits: Arc<Commits>,
    ) -> Self {
        let (queue, jobs) = mpsc::channel();
        let mut worker = Worker { snapshots, opening, opened: Some(opened), reserve, commits, jobs };
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || worker.work()).ok();
        Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(thread), looking: Arc::default() }
    }

    /// Runs `action` in its turn. An `urgent` one also where the disk is nearly full.
    pub(super) async fn write<R, F>(&self, action: F, urgent: bool) -> Result<R>
    where
        R: Send + 'static,
        F: FnMut(&WriteTx) -> Result<R> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        if !self.queue(Box::new(Pending { action, urgent, outcome: None, reply })) {
            return Err(Unavailable::Stopping.into());
        }
        answer.await.unwrap_or_else(|_| Err(Unavailable::Stopping.into()))
    }

    /// Has the writer look whether the database still works, and open it again if it does not.
    pub(super) fn look(&self) {
        if !self.looking.swap(true, Ordering::Relaxed) {
            self.queue(Box::new(Look(Arc::clone(&self.looking))));
        }
    }

    /// Whether the job is in the queue, and not refused since the writer has ended.
    fn queue(&self, job: Box<dyn Job>) -> bool {
        match &*self.queue.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(queue) => queue.send(job).is_ok(),
            None => false,
        }
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

/// How long to wait before the database is opened again after the disk has failed; twice as long each time, up to the
/// second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

struct Worker {
    snapshots: Arc<Snapshots>,
    opening: Opening,
    /// `None` until it is opened again.
    opened: Option<Opened>,
    reserve: u64,
    commits: Arc<Commits>,
    jobs: mpsc::Receiver<Box<dyn Job>>,
}

impl Worker {
    fn work(&mut self) {
        while let Ok(first) = self.jobs.recv() {
            let mut batch = vec![first];
            batch.extend(self.jobs.try_iter().take(BATCH - 1));
            self.refuse_for_want_of_room(&mut batch);
            self.run_batch(batch);
            if self.opened.is_none() && !self.open_again() {
                return;
            }
        }
    }

    /// Answers those that need more room than there is: the database must never meet the end of the disk, which it would
    /// take for a failure. What takes power away may use most of the reserve.
    fn refuse_for_want_of_room(&self, batch: &mut Vec<Box<dyn Job>>) {
        let Some(free) = self.opening.files.free().filter(|free| *free < self.reserve) else { return };
        let (refused, admitted): (Vec<_>, Vec<_>) =
            std::mem::take(batch).into_iter().partition(|job| !job.is_urgent() || free < self.reserve / 4);
        *batch = admitted;
        if !refused.is_empty() {
            tracing::error!(free, reserve = self.reserve, refused = refused.len(), "the disk is nearly full");
        }
        refused.into_iter().for_each(|job| job.answer(Err(Unavailable::DiskFull)));
    }

    /// Runs the batch until it goes through without an action that failed halfway, then commits it.
    fn run_batch(&mut self, mut batch: Vec<Box<dyn Job>>) {
        loop {
            // Where the database contradicts itself, it panics.
            let tried = catch_unwind(AssertUnwindSafe(|| self.try_batch(&mut batch)));
            match tried.unwrap_or(Err(Unavailable::Panicked)) {
                Ok(None) => return batch.into_iter().for_each(|job| job.answer(Ok(()))),
                Ok(Some((halfway, failure))) => batch.remove(halfway).answer(Err(failure)),
                Err(failure) => {
                    self.commits.failed.add_one();
                    tracing::error!(
                        error = &failure as &dyn std::error::Error,
                        "the database failed; the writes of the batch are refused, and it is opened again"
                    );
                    // Whether the disk has the batch is found out by opening it; until then nobody reads it.
                    self.snapshots.close();
                    self.opened = None;
                    return batch.into_iter().for_each(|job| job.answer(Err(Unavailable::CommitFailed)));
                }
            }
        }
    }

    /// Runs and commits the batch. `Some` names an action that failed after it had changed something:
    /// it cannot be rolled back alone, so nothing was committed, and the others must run again.
    fn try_batch(&mut self, batch: &mut [Box<dyn Job>]) -> Result<Option<(usize, Unavailable)>, Unavailable> {
        let opened = self.opened.as_mut().ok_or(Unavailable::Closed)?;
        let mut transaction = self.opening.begin(opened)?;
        let mut any_changed = false;
        for (position, job) in batch.iter_mut().enumerate() {
            transaction.moment = self.opening.clock.moment();
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
            let begun = Instant::now();
            let number = transaction.number;
            opened.commit(transaction)?;
            self.commits.durations.observe_time(begun.elapsed());
            self.commits.actions.observe(batch.len() as u64);
            self.snapshots.publish(number);
        }
        Ok(None)
    }

    /// Opens the database again and again until it works, and refuses what comes meanwhile; `false` if the server ended
    /// first.
    fn open_again(&mut self) -> bool {
        let (mut pause, longest) = PAUSES;
        loop {
            let path = self.opening.files.database_path();
            // One that is gone must not be taken for one that was never there.
            let there = std::fs::metadata(&path).map_err(|source| OpenError::Folder { path, source });
            match there.and_then(|_| self.opening.open()) {
                Ok(opened) => {
                    self.snapshots.open(Arc::clone(&opened.database));
                    self.opened = Some(opened);
                    tracing::warn!("the database is open again");
                    return true;
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the database cannot be opened again yet"
                    );
                }
            }
            let next = Instant::now() + pause;
            pause = longest.min(pause * 2);
            loop {
                match self.jobs.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(job) => job.answer(Err(Unavailable::Closed)),
                    Err(mpsc::RecvTimeoutError::Timeout) => break,
                    Err(mpsc::RecvTimeoutError::Disconnected) => return false,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::service::{
        clock::Clock,
        store::{
            Read as _, Store,
            tables::{META, USER_EMAILS},
        },
    };

    fn store(folder: &std::path::Path) -> Store {
        Store::of_test(folder, Clock::system()).expect("opens")
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
        let message = Store::of_test(folder.path(), Clock::system()).err().expect("refused").to_string();
        assert!(message.contains("has format 7") && message.contains("restore a backup"), "{message}");
    }
}
