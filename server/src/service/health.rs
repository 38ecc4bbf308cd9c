//! Whether the service can do its work: a read, and a small write that has reached the disk lately.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{Service, store};

/// For how long a write that came through says that the next would, and one that failed that it would not.
const LATELY: Duration = Duration::from_secs(5);
/// How long whoever asks waits for the write.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the service cannot do its work now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// A read failed.
    #[error("the database cannot be read")]
    Unreadable,
    /// A small write failed.
    #[error("a small write did not reach the disk")]
    Unwritable,
    /// A small write has not come through yet.
    #[error("a small write has not reached the disk in time")]
    Slow,
}

/// The write that is made to see whether one comes through.
#[derive(Debug, Default)]
pub struct Probe(Mutex<Option<Write>>);

/// The newest such write.
#[derive(Debug)]
struct Write {
    /// When it was begun, by the monotonic clock.
    begun: Duration,
    /// Whether it came through; `None` while it is on its way.
    outcome: watch::Receiver<Option<bool>>,
}

impl Probe {
    /// The newest write's outcome; and where to tell it, if another write is due, which is begun now.
    ///
    /// None is due while one is on its way: on a disk that is stuck, those who ask wait for the same one.
    fn take(&self, now: Duration) -> (watch::Receiver<Option<bool>>, Option<watch::Sender<Option<bool>>>) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Write { begun, outcome }) = &*newest {
            let is_on_its_way = outcome.borrow().is_none() && outcome.has_changed().is_ok();
            // A clock that was moved back makes a write due.
            if is_on_its_way || now.checked_sub(*begun).is_some_and(|age| age < LATELY) {
                return (outcome.clone(), None);
            }
        }
        let (tell, outcome) = watch::channel(None);
        *newest = Some(Write { begun: now, outcome: outcome.clone() });
        (outcome, Some(tell))
    }
}

impl Service {
    /// Whether the database can be read, and a small write has reached the disk within the last seconds, or does now.
    /// However many ask: one write in 5 s. Answers within 2 s.
    ///
    /// # Errors
    /// [`NotReady`], in words that say nothing of the inside.
    pub async fn ready(self: &Arc<Self>) -> Result<(), NotReady> {
        self.read(|tx| Ok(store::probe::read(tx)?)).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "not ready: the database cannot be read");
            NotReady::Unreadable
        })?;
        let (mut outcome, tell) = self.probe.take(self.clock.monotonic());
        if let Some(tell) = tell {
            let service = Arc::clone(self);
            // Apart from whoever asks: who goes away takes no answer from those who wait for the same one.
            tokio::spawn(async move {
                let written = service.write(|tx| Ok(store::probe::write(tx)?)).await;
                if let Err(error) = &written {
                    tracing::error!(error = error as &dyn std::error::Error, "not ready: a small write failed");
                }
                let _ = tell.send(Some(written.is_ok()));
            });
        }
        match tokio::time::timeout(PATIENCE, outcome.wait_for(Option::is_some)).await {
            Ok(Ok(came_through)) if *came_through == Some(true) => Ok(()),
            Ok(_) => Err(NotReady::Unwritable),
            Err(_) => Err(NotReady::Slow),
        }
    }
}
