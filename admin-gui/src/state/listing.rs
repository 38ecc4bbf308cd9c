//! A list that is loaded page by page and keeps what is on screen while it is loaded again.

use jiff::Timestamp;

use super::failure::Failure;

/// A list of the server's, as far as it is known.
#[derive(Debug, Clone)]
pub struct Listing<T> {
    /// What is shown.
    pub items: Vec<T>,
    /// What comes in while the old items stay on screen.
    incoming: Option<Vec<T>>,
    /// What is going on.
    pub progress: Progress,
    /// When what is shown was complete.
    pub loaded_at: Option<Timestamp>,
    /// The load whose pages count; those of earlier ones are dropped.
    load: u64,
}

/// What is going on with a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Never asked for.
    Nothing,
    /// Pages come in since then.
    Loading(Timestamp),
    /// All there is.
    Complete,
    /// The person stopped it; the cursor of the page that would come next.
    Stopped(Option<String>),
    /// It failed; the cursor of the page that did not come.
    Failed(Failure, Option<String>),
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// Where the next one begins; none at the end.
    pub next: Option<String>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self { items: Vec::new(), incoming: None, progress: Progress::Nothing, loaded_at: None, load: 0 }
    }
}

impl<T> Listing<T> {
    /// Begins to load from the start, or on from a cursor; returns the number of this load.
    pub fn begin(&mut self, now: Timestamp, from: Option<&str>) -> u64 {
        self.load += 1;
        self.incoming = (from.is_none() && !self.items.is_empty()).then(Vec::new);
        self.progress = Progress::Loading(now);
        self.load
    }

    /// The number of the load whose pages count.
    pub fn load(&self) -> u64 {
        self.load
    }

    /// Takes a page of `load` that was asked for with `cursor`, or why it did not come. Whether anything on screen
    /// changed.
    pub fn hear(&mut self, load: u64, now: Timestamp, cursor: Option<String>, page: Result<Page<T>, Failure>) -> bool {
        if load != self.load || !self.is_loading() {
            return false;
        }
        match page {
            Ok(Page { items, next }) => {
                self.incoming.as_mut().unwrap_or(&mut self.items).extend(items);
                let changed = self.incoming.is_none() || next.is_none();
                if next.is_none() {
                    if let Some(incoming) = self.incoming.take() {
                        self.items = incoming;
                    }
                    self.progress = Progress::Complete;
                    self.loaded_at = Some(now);
                }
                changed
            }
            Err(failure) => {
                // A refresh that fails leaves what is shown; the next one begins from the start.
                let cursor = if self.incoming.take().is_some() { None } else { cursor };
                self.progress = Progress::Failed(failure, cursor);
                true
            }
        }
    }

    /// Stops loading, at the person's wish.
    pub fn stop(&mut self, next: Option<String>) {
        if self.is_loading() {
            self.load += 1;
            let refreshing = self.incoming.take().is_some();
            self.progress =
                if refreshing && self.loaded_at.is_some() { Progress::Complete } else { Progress::Stopped(next) };
        }
    }

    /// Whether pages are awaited.
    pub fn is_loading(&self) -> bool {
        matches!(self.progress, Progress::Loading(_))
    }

    /// Whether nothing was ever shown and pages are awaited.
    pub fn is_first_load(&self) -> bool {
        self.items.is_empty() && self.loaded_at.is_none() && (self.is_loading() || self.progress == Progress::Nothing)
    }

    /// How many rows of the running load came in.
    pub fn received(&self) -> usize {
        self.incoming.as_ref().unwrap_or(&self.items).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::failure::FailureKind;

    fn page(items: &[u32], next: Option<&str>) -> Result<Page<u32>, Failure> {
        Ok(Page { items: items.to_vec(), next: next.map(str::to_owned) })
    }

    #[test]
    fn the_first_load_shows_each_page_and_a_refresh_only_the_whole() {
        let now = Timestamp::UNIX_EPOCH;
        let mut list = Listing::default();
        let load = list.begin(now, None);
        assert!(list.is_first_load());
        assert!(list.hear(load, now, None, page(&[1, 2], Some("next"))));
        assert_eq!(list.items, [1, 2]);
        assert!(list.hear(load, now, None, page(&[3], None)));
        assert_eq!((list.items.as_slice(), &list.progress), ([1, 2, 3].as_slice(), &Progress::Complete));

        let load = list.begin(now, None);
        assert!(!list.hear(load, now, None, page(&[7], Some("next"))));
        assert_eq!(list.items, [1, 2, 3], "the old rows stay while the new ones come");
        assert!(!list.hear(load - 1, now, None, page(&[9], None)), "pages of an earlier load are dropped");
        assert!(list.hear(load, now, None, page(&[8], None)));
        assert_eq!(list.items, [7, 8]);
    }

    #[test]
    fn a_refresh_that_fails_leaves_what_is_shown() {
        let now = Timestamp::UNIX_EPOCH;
        let mut list = Listing::default();
        let load = list.begin(now, None);
        list.hear(load, now, None, page(&[1], None));
        let load = list.begin(now, None);
        list.hear(load, now, None, page(&[2], Some("next")));
        let failure = Failure::new(FailureKind::Unreachable, "No answer.", "");
        list.hear(load, now, Some("next".into()), Err(failure));
        assert_eq!(list.items, [1]);
        assert!(matches!(list.progress, Progress::Failed(_, None)));
    }

    #[test]
    fn a_stopped_load_goes_on_where_it_stopped() {
        let now = Timestamp::UNIX_EPOCH;
        let mut list = Listing::default();
        let load = list.begin(now, None);
        list.hear(load, now, None, page(&[1], Some("second")));
        list.stop(Some("second".into()));
        assert!(!list.hear(load, now, None, page(&[2], None)), "what was on its way is dropped");
        let load = list.begin(now, Some("second"));
        assert!(list.hear(load, now, None, page(&[2], None)));
        assert_eq!(list.items, [1, 2]);
    }
}
