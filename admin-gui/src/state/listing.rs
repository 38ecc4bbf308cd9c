//! A list that is loaded page by page and keeps what is on screen while it is loaded again.

use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};

use super::failure::{Failure, FailureKind};

/// Something that stands in a list of the server's.
pub trait Record {
    /// Its id.
    fn id(&self) -> &str;
}

/// What holds them.
pub trait Items: Default + Deref<Target = [<Self as Items>::Item]> {
    /// One of them.
    type Item: Record;

    /// Adds what the server lists next.
    fn add(&mut self, page: Vec<Self::Item>);

    /// The one of that id.
    fn find(&self, id: &str) -> Option<&Self::Item>;
}

impl<T: Record> Items for Vec<T> {
    type Item = T;

    fn add(&mut self, page: Self) {
        self.extend(page);
    }

    fn find(&self, id: &str) -> Option<&T> {
        self.iter().find(|item| item.id() == id)
    }
}

/// A list of the server's, as far as it is known.
#[derive(Debug, Clone)]
pub struct Listing<I> {
    /// What is shown.
    pub items: I,
    /// What is going on.
    pub progress: Progress,
    /// When what is shown was complete.
    pub loaded_at: Option<Timestamp>,
    /// Whether what is shown may be older than it should be.
    pub stale: bool,
    /// Where what is shown goes on; none if it is all there is.
    rest: Option<String>,
    /// What comes in while the old items stay on screen.
    incoming: Option<I>,
    /// What was shown before that.
    replaced: Option<I>,
    /// When the last load came to its end, well or not.
    settled_at: Option<Timestamp>,
    /// The load whose pages count; those of others are dropped.
    load: u64,
    /// Whether something was changed here since the load began, so that its pages may not know of it.
    changed: bool,
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
    /// The person stopped it.
    Stopped,
    /// It failed.
    Failed(Failure),
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// Where the next one begins; none at the end.
    pub next: Option<String>,
}

/// What a page has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing on screen.
    Nothing,
    /// Something on screen.
    Changed,
    /// It ended a load that began before something was changed here: load once more.
    Again,
}

impl<I: Default> Default for Listing<I> {
    fn default() -> Self {
        Self {
            items: I::default(),
            progress: Progress::Nothing,
            loaded_at: None,
            stale: false,
            rest: None,
            incoming: None,
            replaced: None,
            settled_at: None,
            load: 0,
            changed: false,
        }
    }
}

impl<I: Items> Listing<I> {
    /// Begins the load of that number: on from where what is shown ends, or from the start. The cursor of its first
    /// page.
    pub fn begin(&mut self, load: u64, now: Timestamp, on: bool) -> Option<String> {
        self.load = load;
        let cursor = self.rest.clone().filter(|_| on);
        self.give_up_incoming();
        self.incoming = (cursor.is_none() && !self.items.is_empty()).then(I::default);
        self.progress = Progress::Loading(now);
        self.changed = false;
        self.stale = false;
        cursor
    }

    /// Takes a page of `load`, or why it did not come.
    pub fn hear(&mut self, load: u64, now: Timestamp, page: Result<Page<I::Item>, Failure>) -> Heard {
        if load != self.load || !self.is_loading() {
            return Heard::Nothing;
        }
        let Page { items, next } = match page {
            Ok(page) => page,
            Err(failure) => {
                // A refresh that fails leaves what is shown.
                self.give_up_incoming();
                self.progress = Progress::Failed(failure);
                self.settled_at = Some(now);
                return Heard::Changed;
            }
        };
        let ends = next.is_none();
        match &mut self.incoming {
            Some(incoming) => incoming.add(items),
            None => {
                self.rest = next;
                let mut items = items;
                if self.changed {
                    items.retain(|item| self.items.find(item.id()).is_none());
                }
                self.items.add(items);
            }
        }
        if !ends {
            return if self.incoming.is_some() { Heard::Nothing } else { Heard::Changed };
        }
        self.progress = Progress::Complete;
        self.settled_at = Some(now);
        match self.incoming.take() {
            Some(incoming) if self.changed => {
                self.replaced = Some(incoming);
                return Heard::Again;
            }
            Some(incoming) => {
                self.replaced = Some(std::mem::replace(&mut self.items, incoming));
                self.rest = None;
            }
            None => {}
        }
        self.loaded_at = Some(now);
        Heard::Changed
    }

    fn give_up_incoming(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            self.replaced = Some(incoming);
        }
    }

    /// What was shown before, or was read for nothing, once: freeing it may take longer than a frame has.
    pub(super) fn take_replaced(&mut self) -> Option<I> {
        self.replaced.take()
    }

    /// Something was changed here.
    pub fn touch(&mut self) {
        self.changed = true;
    }

    /// Stops loading, at the person's wish.
    pub fn stop(&mut self) {
        if self.is_loading() {
            self.load = 0;
            self.give_up_incoming();
            let whole = self.rest.is_none() && self.loaded_at.is_some();
            self.progress = if whole { Progress::Complete } else { Progress::Stopped };
        }
    }

    /// Ends the load where `next` begins: what came in is shown.
    pub fn cut(&mut self, next: String, now: Timestamp) {
        if let Some(incoming) = self.incoming.take() {
            self.replaced = Some(std::mem::replace(&mut self.items, incoming));
        }
        self.load = 0;
        self.rest = Some(next);
        self.progress = Progress::Stopped;
        (self.loaded_at, self.settled_at) = (Some(now), Some(now));
    }

    /// Whether a page of that load is awaited.
    pub fn awaits(&self, load: u64) -> bool {
        load == self.load && self.is_loading()
    }

    /// Nothing will come any more: the session is over.
    pub fn interrupt(&mut self) {
        self.stale = true;
        if self.is_loading() {
            self.stop();
            if self.items.is_empty() {
                self.progress = Progress::Nothing;
            }
        }
    }

    /// When it should be loaded again: so long after the last load, and not before the server wants it.
    pub fn refresh_at(&self, pause: SignedDuration) -> Option<Timestamp> {
        if self.is_loading() {
            return None;
        }
        let at = self.settled_at? + pause;
        match &self.progress {
            Progress::Failed(Failure { kind: FailureKind::Busy(Some(retry_at)), .. }) => Some(at.max(*retry_at)),
            _ => Some(at),
        }
    }

    /// The item of that id.
    pub fn get(&self, id: &str) -> Option<&I::Item> {
        self.items.find(id)
    }

    /// Whether pages are awaited.
    pub fn is_loading(&self) -> bool {
        matches!(self.progress, Progress::Loading(_))
    }

    /// Whether what is shown may be older than it should be, and is not being loaded again.
    pub fn is_outdated(&self) -> bool {
        self.stale && !self.is_loading()
    }

    /// Whether what is shown goes on.
    pub fn has_rest(&self) -> bool {
        self.rest.is_some()
    }

    /// Whether nothing was ever shown and pages are awaited.
    pub fn is_first_load(&self) -> bool {
        self.items.is_empty() && self.loaded_at.is_none() && (self.is_loading() || self.progress == Progress::Nothing)
    }

    /// Since when pages of a refresh are awaited, while old ones are on screen.
    pub fn refreshing_since(&self) -> Option<Timestamp> {
        if self.is_first_load() { None } else { self.progress.since() }
    }

    /// How many rows of the running load came in.
    pub fn received(&self) -> usize {
        self.incoming.as_ref().unwrap_or(&self.items).len()
    }
}

impl Progress {
    /// Since when pages are awaited.
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Loading(since) => Some(*since),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Row(&'static str);

    impl Record for Row {
        fn id(&self) -> &str {
            self.0
        }
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn page(items: &[&'static str], next: Option<&str>) -> Result<Page<Row>, Failure> {
        Ok(Page { items: items.iter().map(|id| Row(id)).collect(), next: next.map(str::to_owned) })
    }

    fn ids(list: &Listing<Vec<Row>>) -> Vec<&'static str> {
        list.items.iter().map(|row| row.0).collect()
    }

    fn failure(kind: FailureKind) -> Result<Page<Row>, Failure> {
        Err(Failure::new(kind, "No.", ""))
    }

    #[test]
    fn the_first_load_shows_each_page_and_a_refresh_only_the_whole() {
        let mut list = Listing::<Vec<Row>>::default();
        list.begin(1, NOW, false);
        assert!(list.is_first_load());
        assert_eq!(list.hear(1, NOW, page(&["a", "b"], Some("next"))), Heard::Changed);
        assert_eq!(ids(&list), ["a", "b"]);
        assert_eq!(list.hear(1, NOW, page(&["c"], None)), Heard::Changed);
        assert_eq!((ids(&list), &list.progress), (vec!["a", "b", "c"], &Progress::Complete));

        list.begin(2, NOW, false);
        assert_eq!(list.hear(2, NOW, page(&["x"], Some("next"))), Heard::Nothing);
        assert_eq!(ids(&list), ["a", "b", "c"], "the old rows stay while the new ones come");
        assert_eq!(list.hear(1, NOW, page(&["z"], None)), Heard::Nothing, "pages of an earlier load are dropped");
        assert_eq!(list.hear(2, NOW, page(&["y"], None)), Heard::Changed);
        assert_eq!(ids(&list), ["x", "y"]);
    }

    #[test]
    fn a_refresh_that_fails_leaves_what_is_shown() {
        let mut list = Listing::<Vec<Row>>::default();
        list.begin(1, NOW, false);
        list.hear(1, NOW, page(&["a"], None));
        list.begin(2, NOW, false);
        list.hear(2, NOW, page(&["b"], Some("next")));
        list.hear(2, NOW, failure(FailureKind::Unreachable));
        assert_eq!(ids(&list), ["a"]);
        assert!(matches!(list.progress, Progress::Failed(_)));
    }

    #[test]
    fn a_stopped_load_goes_on_where_it_stopped_also_after_a_refresh_was_stopped() {
        let mut list = Listing::<Vec<Row>>::default();
        list.begin(1, NOW, false);
        list.hear(1, NOW, page(&["a"], Some("second")));
        list.stop();
        assert_eq!(list.hear(1, NOW, page(&["b"], None)), Heard::Nothing, "what was on its way is dropped");

        list.begin(2, NOW, false);
        list.hear(2, NOW, page(&["a", "b", "c"], Some("fourth")));
        list.stop();
        assert_eq!((ids(&list), &list.progress), (vec!["a"], &Progress::Stopped));

        assert_eq!(list.begin(3, NOW, true).as_deref(), Some("second"));
        list.hear(3, NOW, page(&["b", "c"], None));
        assert_eq!((ids(&list), list.has_rest()), (vec!["a", "b", "c"], false));
    }

    /// A key was revoked while the list was being read again; the page that came then still called it active.
    #[test]
    fn a_refresh_that_began_before_a_change_does_not_undo_it() {
        let mut list = Listing::<Vec<Row>>::default();
        list.begin(1, NOW, false);
        list.hear(1, NOW, page(&["a", "b"], None));
        list.begin(2, NOW, false);
        list.items.remove(0);
        list.touch();
        assert_eq!(list.hear(2, NOW, page(&["a", "b"], None)), Heard::Again);
        assert_eq!(ids(&list), ["b"]);
    }

    #[test]
    fn what_was_added_while_pages_come_in_is_there_once() {
        let mut list = Listing::<Vec<Row>>::default();
        list.begin(1, NOW, false);
        list.hear(1, NOW, page(&["a"], Some("second")));
        list.items.push(Row("new"));
        list.touch();
        list.hear(1, NOW, page(&["b", "new"], None));
        assert_eq!(ids(&list), ["a", "new", "b"]);
    }

    /// A refresh that was refused was asked for again at once, for ever.
    #[test]
    fn after_a_failure_it_waits_as_after_success_and_as_long_as_the_server_wants() {
        let minute = SignedDuration::from_secs(60);
        let mut list = Listing::<Vec<Row>>::default();
        assert_eq!(list.refresh_at(minute), None);
        list.begin(1, NOW, false);
        list.hear(1, NOW, failure(FailureKind::Refused("plan_required".into())));
        assert_eq!(list.refresh_at(minute), Some(NOW + minute));
        list.begin(2, NOW, false);
        assert_eq!(list.refresh_at(minute), None, "it is being loaded");
        let later = NOW + minute + minute;
        list.hear(2, NOW, failure(FailureKind::Busy(Some(later))));
        assert_eq!(list.refresh_at(minute), Some(later));
    }
}
