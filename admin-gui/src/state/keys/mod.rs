//! The keys of a club, as they are shown.

mod act;
mod activation;
mod form;
mod found;
mod hear;
mod impact;
mod key;
mod leaks;
mod revoke;
mod rotate;
mod secret_once;
mod usage;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    activation::{Activation, FirstUse},
    form::{Expiry, KeyForm},
    found::{Findings, FoundKey, OtherSecret, Place, SecretKind, Standing},
    impact::{Foretold, Impact, PlannedAction},
    key::{
        Attention, EXPIRING_DAYS, IDLE_DAYS, Key, KeyFacts, NEVER_USED_DAYS, PreviousSecret, Revoked, Scope, Status,
        scopes_in_short,
    },
    leaks::{LeakForm, Search, Suspect},
    revoke::{Known, RevokeForm},
    rotate::{EndPreviousSecretForm, IDLE_HOURS, Overlap, RotateForm, Rotation},
    secret_once::{Example, SecretOnce},
    usage::{
        Advice, AdvisedAction, DayUsage, LastUse, RefusedUse, SecretUsage, Usage, calls_in_words, operation_in_words,
        operations_in_words, refusal_in_words,
    },
};
use super::{
    failure::Failure,
    listing::Listing,
    number::grouped,
    selection::{Move, Selection},
    time::Clock,
};
use crate::rules::fold;

/// Which keys are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Filter {
    /// Those that work.
    #[default]
    Active,
    /// Those that work and expire soon.
    Expiring,
    /// Those whose time has come.
    Expired,
    /// Those that were taken back.
    Revoked,
    /// All of them.
    All,
}

impl Filter {
    /// All there are, in the order of the row of choices.
    pub const ALL: [Self; 5] = [Self::Active, Self::Expiring, Self::Expired, Self::Revoked, Self::All];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Expiring => "Expiring",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
            Self::All => "All",
        }
    }

    /// Whether it needs the keys that work no more, which are loaded on request only.
    pub const fn needs_ended(self) -> bool {
        matches!(self, Self::Expired | Self::Revoked | Self::All)
    }

    fn takes(self, key: &Key, clock: &Clock) -> bool {
        match self {
            Self::Active => key.status(clock.now) == Status::Active,
            Self::Expiring => key.attention(clock) == Some(Attention::Expiring),
            Self::Expired => key.status(clock.now) == Status::Expired,
            Self::Revoked => key.status(clock.now) == Status::Revoked,
            Self::All => true,
        }
    }
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Column {
    /// Name, and hint below.
    Name,
    /// What it may do.
    Scopes,
    /// What it is now.
    Status,
    /// When and by whom it was created.
    #[default]
    Created,
    /// When it ends.
    Expires,
    /// When it was last used.
    LastUsed,
}

/// The keys of a club, and how they are shown.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The keys.
    pub list: Listing<Vec<Key>>,
    /// Whether those that work no more are to be among them.
    pub with_ended: bool,
    /// Whether they are.
    pub has_ended: bool,
    /// The key whose page is open: it stays when a list comes without it.
    pub open: Option<Key>,
    /// How a key is used, the one whose page was open last, or why that is not known.
    pub usage: Option<(String, Result<Usage, Failure>)>,
    /// The new secret whose first call is waited for.
    pub activation: Option<Activation>,
    /// Which are shown.
    pub filter: Filter,
    /// What is searched for.
    pub search: String,
    /// By what they are sorted, and whether the other way round.
    pub sort: (Column, bool),
    /// The key that the keyboard is on.
    pub selected: Selection,
    /// The places in the list of those that are shown, in order.
    pub rows: Vec<usize>,
    /// How many there are of each kind; counted when that was found, since each frame asks.
    tally: Tally,
}

/// How many keys there are of each kind.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    active: usize,
    expired: usize,
    revoked: usize,
    expiring: usize,
    idle: usize,
    never_used: usize,
    /// Of the active ones, those that never expire.
    endless: usize,
}

impl Tally {
    fn of(keys: &[Key], clock: &Clock) -> Self {
        let mut tally = Self::default();
        for key in keys {
            match key.status(clock.now) {
                Status::Active => tally.active += 1,
                Status::Expired => tally.expired += 1,
                Status::Revoked => tally.revoked += 1,
                Status::Held => {}
            }
            match key.attention(clock) {
                Some(Attention::Expiring) => tally.expiring += 1,
                Some(Attention::Idle) => tally.idle += 1,
                Some(Attention::NeverUsed) => tally.never_used += 1,
                None => {}
            }
            tally.endless += usize::from(key.is_endless(clock.now));
        }
        tally
    }
}

impl Keys {
    /// No keys yet, of which those will be shown in that order.
    pub(super) fn shown_as(filter: Filter, sort: (Column, bool)) -> Self {
        Self { filter, sort, with_ended: filter.needs_ended(), ..Self::default() }
    }

    /// The key of that id.
    pub fn get(&self, id: &str) -> Option<&Key> {
        self.list.get(id).or_else(|| self.open.as_ref().filter(|open| open.id == id))
    }

    /// Puts `key` in the place of the one with its id, or in front.
    pub fn put(&mut self, key: Key) {
        if self.open.as_ref().is_some_and(|open| open.id == key.id) {
            self.open = Some(key.clone());
        }
        self.list.touch();
        let items = &mut self.list.items;
        match items.iter_mut().find(|known| known.id == key.id) {
            Some(known) => *known = key,
            None => items.insert(0, key),
        }
    }

    /// Shows `key` as it is now.
    pub(super) fn update(&mut self, key: Key, clock: &Clock) {
        self.put(key);
        self.arrange(clock);
    }

    /// Finds anew what is shown, and counts: after the list, the filter, the search or the order has changed, or the
    /// minute.
    pub fn arrange(&mut self, clock: &Clock) {
        self.tally = Tally::of(&self.list.items, clock);
        let folded = fold(self.search.trim());
        let items = &self.list.items;
        let mut rows: Vec<usize> = (0..items.len())
            .filter(|&at| self.filter.takes(&items[at], clock) && (folded.is_empty() || items[at].contains(&folded)))
            .collect();
        let (column, reversed) = self.sort;
        match column {
            Column::Name => rows.sort_by_cached_key(|&at| (fold(&items[at].name), items[at].id.clone())),
            Column::Scopes => rows.sort_by_key(|&at| (items[at].scopes.len(), scopes_in_short(&items[at].scopes))),
            Column::Status => rows.sort_by_key(|&at| items[at].status(clock.now)),
            // Ids are made in order of time.
            Column::Created => rows.sort_by(|&one, &other| items[other].id.cmp(&items[one].id)),
            Column::Expires => rows.sort_by_key(|&at| items[at].expires_at.map_or(i64::MAX, Timestamp::as_second)),
            Column::LastUsed => {
                rows.sort_by_key(|&at| {
                    std::cmp::Reverse(items[at].last_used_at.map_or(i64::MIN, Timestamp::as_second))
                });
            }
        }
        if reversed {
            rows.reverse();
        }
        self.rows = rows;
        self.selected.find(&self.rows, |id| self.list.items.iter().position(|key| key.id == id));
    }

    /// How many keys the filter takes, without the search; unknown while those that it needs are not loaded.
    pub fn count(&self, filter: Filter) -> Option<usize> {
        let known = self.has_ended || !filter.needs_ended();
        let loaded = self.list.loaded_at.is_some();
        (known && loaded).then_some(match filter {
            Filter::Active => self.tally.active,
            Filter::Expiring => self.tally.expiring,
            Filter::Expired => self.tally.expired,
            Filter::Revoked => self.tally.revoked,
            Filter::All => self.list.items.len(),
        })
    }

    /// How many keys want a look.
    pub fn wanting_attention(&self) -> usize {
        self.tally.expiring + self.tally.idle + self.tally.never_used
    }

    /// The keys in a sentence: "12 active · 2 expire within 30 days · 1 never used · 1 without an expiry date".
    pub fn summary(&self) -> String {
        let Tally { active, expiring, idle, never_used, endless, .. } = self.tally;
        let mut parts = vec![format!("{} active", grouped(active))];
        match expiring {
            0 => {}
            1 => parts.push("1 expires within 30 days".to_owned()),
            many => parts.push(format!("{} expire within 30 days", grouped(many))),
        }
        match idle {
            0 => {}
            many => parts.push(format!("{} not used for 90 days", grouped(many))),
        }
        match never_used {
            0 => {}
            many => parts.push(format!("{} never used", grouped(many))),
        }
        match endless {
            0 => {}
            1 => parts.push("1 without an expiry date".to_owned()),
            many => parts.push(format!("{} without an expiry date", grouped(many))),
        }
        parts.join(" · ")
    }

    /// Selects the key of that id.
    pub fn choose(&mut self, id: String) {
        self.selected.choose(id, &self.rows, |id| self.list.items.iter().position(|key| key.id == id));
    }

    /// Moves the selection.
    pub fn select(&mut self, to: Move) {
        self.selected.go(to, &self.rows, |at| &self.list.items[at].id);
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use super::*;
    use crate::state::desk::{clock, key};

    #[test]
    fn keys_are_filtered_searched_and_sorted() {
        let clock = clock();
        let mut keys = Keys::default();
        keys.put(key("key_1", "Über sync"));
        keys.put(Key { last_used_at: None, ..key("key_2", "Analytics") });
        keys.put(Key {
            revoked: Some(Revoked { at: clock.now, by: "Ana".into(), reason: None }),
            ..key("key_3", "Old dashboard")
        });
        let names = |keys: &Keys| keys.rows.iter().map(|&at| keys.list.items[at].name.clone()).collect::<Vec<_>>();
        keys.arrange(&clock);
        assert_eq!(names(&keys), ["Analytics", "Über sync"], "newest first, those that work");
        keys.search = "uber".into();
        keys.arrange(&clock);
        assert_eq!(names(&keys), ["Über sync"]);
        keys.search.clear();
        keys.filter = Filter::All;
        keys.sort = (Column::Name, false);
        keys.arrange(&clock);
        assert_eq!(names(&keys), ["Analytics", "Old dashboard", "Über sync"]);
        keys.sort = (Column::LastUsed, false);
        keys.arrange(&clock);
        assert_eq!(names(&keys).last().map(String::as_str), Some("Analytics"), "never used comes last");
    }

    #[test]
    fn keys_are_counted_as_the_filters_take_them() {
        let clock = clock();
        let now = clock.now;
        let mut keys = Keys { has_ended: true, ..Keys::default() };
        keys.list.loaded_at = Some(now);
        keys.put(key("key_1", "Sync"));
        keys.put(Key { expires_at: Some(now + 48.hours()), ..key("key_2", "Soon") });
        keys.put(Key { last_used_at: None, ..key("key_3", "Unused") });
        keys.put(Key { last_used_at: Some(now - (91 * 24).hours()), ..key("key_4", "Idle") });
        keys.put(Key { expires_at: Some(now - 1.hours()), ..key("key_5", "Late") });
        keys.put(Key { revoked: Some(Revoked { at: now, by: "Ana".into(), reason: None }), ..key("key_6", "Gone") });
        for filter in Filter::ALL {
            keys.filter = filter;
            keys.arrange(&clock);
            assert_eq!(keys.count(filter), Some(keys.rows.len()), "{filter:?}");
        }
        assert_eq!(keys.wanting_attention(), 3);
        assert_eq!(
            keys.summary(),
            "4 active · 1 expires within 30 days · 1 not used for 90 days · 1 never used · 3 without an expiry date"
        );
        let later = Clock { now: now + 48.hours(), ..clock };
        keys.arrange(&later);
        assert_eq!((keys.count(Filter::Active), keys.count(Filter::Expired)), (Some(3), Some(2)), "time passes");
        keys.has_ended = false;
        assert_eq!(keys.count(Filter::Expired), None, "those that work no more are not loaded");
    }
}
