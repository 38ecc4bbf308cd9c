//! The census: what only a walk through the database can tell, taken now and then and in its own time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    Service,
    error::Result,
    store::census::{Census, Walk},
};

/// How old a census is when another is taken.
const CENSUS_EVERY: Duration = Duration::from_secs(300);
/// How many rows a walk takes at a time: of members' blocks that is 4 MiB.
const ROWS_AT_ONCE: usize = 256;
/// How long a walk rests after that, so that it drives nobody's pages out of the cache.
const REST: Duration = Duration::from_millis(500);

impl Service {
    /// Walks through the database for what only a walk can tell, in its own time; nothing if that was done lately, or is
    /// being done.
    ///
    /// # Errors
    /// If the database cannot be read. It is done again the next time.
    pub async fn take_census(self: &Arc<Self>) -> Result<()> {
        let Some(taking) = self.census.begin(self.clock.monotonic()) else { return Ok(()) };
        let mut walk = Walk::begin();
        loop {
            let (walked, found) = self
                .read_apart(move |tx| {
                    let found = walk.go_on(tx, ROWS_AT_ONCE)?;
                    Ok((walk, found))
                })
                .await?;
            if let Some(census) = found {
                taking.ended(census, self.clock.monotonic());
                return Ok(());
            }
            walk = walked;
            tokio::time::sleep(REST).await;
        }
    }
}

/// The newest census, and whether another is being taken.
#[derive(Debug, Default)]
pub struct CensusTaking(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    newest: Option<(Census, Duration)>,
    is_running: bool,
}

impl CensusTaking {
    /// The newest census.
    pub fn newest(&self) -> Option<Census> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).newest.map(|(census, _)| census)
    }

    /// The right to take one, of which there is one at a time, if one is due at `now`.
    fn begin(&self, now: Duration) -> Option<Taking<'_>> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |(_, at)| now.checked_sub(at).is_some_and(|age| age < CENSUS_EVERY);
        if taken.is_running || taken.newest.is_some_and(is_recent) {
            return None;
        }
        taken.is_running = true;
        Some(Taking(&self.0))
    }
}

/// The right to take a census; ends with it, however that ends.
struct Taking<'a>(&'a Mutex<Taken>);

impl Taking<'_> {
    fn ended(self, census: Census, now: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).newest = Some((census, now));
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_running = false;
    }
}
