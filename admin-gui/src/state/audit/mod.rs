//! Who did what in a club, as it is shown.

mod event;
mod export;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

pub use self::{
    event::Event,
    export::{ExportForm, ExportProgress, Exported, Format},
};
use super::{
    Dialog, Screen, State,
    exchange::Command,
    failure::Failure,
    listing::{Heard, Listing, Page},
    selection::{Move, Selection},
    time::Clock,
};
use crate::rules::fold;

/// What kind of thing was acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Keys.
    Keys,
    /// Members.
    Members,
    /// The club.
    Club,
    /// Requests that were refused.
    Refused,
}

impl Kind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Keys, Self::Members, Self::Club, Self::Refused];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keys => "Keys",
            Self::Members => "Members",
            Self::Club => "Club",
            Self::Refused => "Refused",
        }
    }

    /// The noun of its actions, as the API has it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Keys => "api_key",
            Self::Members => "member",
            Self::Club => "organization",
            Self::Refused => "request",
        }
    }
}

/// How far back is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Period {
    /// 7 days.
    Week,
    /// 30 days.
    #[default]
    Month,
    /// 365 days.
    Year,
    /// To the beginning.
    All,
}

impl Period {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Week, Self::Month, Self::Year, Self::All];

    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Week => "Last 7 days",
            Self::Month => "Last 30 days",
            Self::Year => "Last 365 days",
            Self::All => "From the beginning",
        }
    }

    fn since(self, now: Timestamp) -> Option<Timestamp> {
        let days = match self {
            Self::Week => 7,
            Self::Month => 30,
            Self::Year => 365,
            Self::All => return None,
        };
        now.checked_sub(SignedDuration::from_hours(24 * days)).ok()
    }
}

/// Which events are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of this kind alone.
    pub kind: Option<Kind>,
    /// Of this actor alone, by id.
    pub actor: Option<String>,
    /// How far back.
    pub period: Period,
}

/// Which events the server is asked for: the same for each page of a load.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Of this noun alone.
    pub noun: Option<&'static str>,
    /// Of this actor alone.
    pub actor: Option<String>,
    /// Not before this instant.
    pub since: Option<Timestamp>,
}

/// How many events are read before somebody must ask for more.
const AT_ONCE: usize = 1000;

/// The events of a club, and how they are shown.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// The events, newest first.
    pub list: Listing<Vec<Event>>,
    /// Which are shown.
    pub filter: Filter,
    /// What is searched for.
    pub search: String,
    /// The event that the keyboard is on.
    pub selected: Selection,
    /// The places in the list of those that are shown, in order.
    pub rows: Vec<usize>,
    /// Everybody who was seen to do something: id and name.
    pub actors: BTreeMap<String, String>,
    /// What the present load asks for.
    query: Query,
    /// What the list asked for that is shown, if it goes on.
    rest_query: Query,
    /// How many are read before somebody must ask for more.
    wanted: usize,
}

impl Audit {
    /// Finds anew what is shown.
    pub fn arrange(&mut self) {
        let folded = fold(self.search.trim());
        let items = &self.list.items;
        self.rows = (0..items.len()).filter(|&at| folded.is_empty() || items[at].contains(&folded)).collect();
        self.selected.find(&self.rows, |id| self.list.items.iter().position(|event| event.id == id));
    }

    /// Moves the selection.
    pub fn select(&mut self, to: Move) {
        self.selected.go(to, &self.rows, |at| &self.list.items[at].id);
    }

    /// Selects the event of that id.
    pub fn choose(&mut self, id: String) {
        self.selected.choose(id, &self.rows, |id| self.list.items.iter().position(|event| event.id == id));
    }

    /// What the server is asked for as things are chosen.
    fn asks(&self, clock: &Clock) -> Query {
        Query {
            noun: self.filter.kind.map(Kind::noun),
            actor: self.filter.actor.clone(),
            since: self.filter.period.since(clock.now),
        }
    }
}

impl State {
    /// Reads the events: from the newest, or on from where what is shown ends.
    pub(super) fn load_audit(&mut self, on: bool) {
        let (now, load) = (self.clock.now, self.next_load());
        let clock = self.clock.clone();
        let Some(console) = self.console_mut() else { return };
        let audit = &mut console.audit;
        // What goes on must ask for the same.
        audit.query = if on { audit.rest_query.clone() } else { audit.asks(&clock) };
        audit.wanted = if on { audit.list.items.len() } else { 0 } + AT_ONCE;
        let cursor = audit.list.begin(load, now, on);
        let (organization, query) = (console.membership.organization_id.clone(), audit.query.clone());
        self.ask(Command::LoadEvents { organization, query, cursor, load });
    }

    /// Shows other events.
    pub(super) fn filter_audit(&mut self) {
        self.in_console(|console| {
            console.audit.list = Listing::default();
            console.audit.rows.clear();
        });
        self.load_audit(false);
    }

    /// Searches the events that are shown for what was typed.
    pub(super) fn search_audit(&mut self) {
        self.in_console(|console| console.audit.arrange());
    }

    /// Shows all that is known of an event.
    pub(super) fn show_event(&mut self, id: &str) {
        let Some(console) = self.console_mut() else { return };
        let Some(event) = console.audit.list.get(id).cloned() else { return };
        console.audit.choose(event.id.clone());
        self.open_dialog(Dialog::Event(Box::new(event)));
    }

    /// Takes a page of events, or why it did not come.
    pub(super) fn hear_events(&mut self, load: u64, page: Result<Page<Event>, Failure>) {
        let failure = page.as_ref().err().cloned();
        let mut go_on = None;
        if let Self { screen: Screen::Console(console), clock, .. } = self
            && console.audit.list.awaits(load)
        {
            let audit = &mut console.audit;
            let next = page.as_ref().ok().and_then(|page| page.next.clone());
            for event in page.iter().flat_map(|page| &page.items) {
                audit.actors.entry(event.actor_id.clone()).or_insert_with(|| event.who().to_owned());
            }
            let heard = audit.list.hear(load, clock.now, page);
            let received = audit.list.received();
            match next {
                Some(cursor) if received < audit.wanted => go_on = Some((audit.query.clone(), cursor)),
                Some(cursor) => {
                    audit.list.cut(cursor, clock.now);
                    audit.rest_query = audit.query.clone();
                }
                None => {}
            }
            drop(audit.list.take_replaced());
            if heard == Heard::Changed || !audit.list.is_loading() {
                audit.arrange();
            }
        }
        if let Some((query, cursor)) = go_on {
            let organization = self.organization();
            self.ask(Command::LoadEvents { organization, query, cursor: Some(cursor), load });
        }
        self.after(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{
        Action, View,
        desk::{Desk, audit_event, start},
        exchange,
    };

    fn asked(desk: &Desk) -> (Query, Option<String>, u64) {
        let asked = desk.asked.iter().rev().find_map(|command| match command {
            Command::LoadEvents { query, cursor, load, .. } => Some((query.clone(), cursor.clone(), *load)),
            _ => None,
        });
        asked.expect("events were asked for")
    }

    fn page(numbers: std::ops::Range<i64>, next: Option<&str>) -> Result<Page<Event>, Failure> {
        let items = numbers.map(audit_event).collect();
        Ok(Page { items, next: next.map(str::to_owned) })
    }

    #[test]
    fn a_thousand_are_read_and_then_more_when_somebody_asks() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::Show(View::Audit));
        let (query, cursor, load) = asked(&desk);
        assert_eq!((query.noun, cursor), (None, None));
        assert_eq!(query.since, Some(start() - SignedDuration::from_hours(24 * 30)));
        for part in 0..5 {
            let next = format!("next{part}");
            desk.hear(exchange::Event::Events { load, page: page(part * 200..part * 200 + 200, Some(&next)) });
            if part < 4 {
                assert_eq!(asked(&desk).1, Some(next), "the same query, on from there");
                assert_eq!(asked(&desk).0, query);
            }
        }
        assert_eq!(desk.console().audit.list.items.len(), 1000);
        assert!(!desk.console().audit.list.is_loading() && desk.console().audit.list.has_rest());
        // Read anew, while the old ones stay on screen: the newest thousand again.
        desk.wait(SignedDuration::from_secs(5));
        desk.act(Action::Refresh);
        let (again, cursor, load) = asked(&desk);
        assert!(cursor.is_none() && again != query && desk.console().audit.rows.len() == 1000);
        for part in 0..5 {
            let page = page(part * 200 + 7..part * 200 + 207, Some("older"));
            desk.hear(exchange::Event::Events { load, page });
        }
        assert_eq!(desk.console().audit.list.items[0].id, "evt_7", "what is new is there");
        desk.act(Action::LoadMoreEvents);
        let (on, cursor, load) = asked(&desk);
        assert_eq!((on, cursor.as_deref()), (again, Some("older")), "the same query, on from there");
        desk.hear(exchange::Event::Events { load, page: page(1007..1010, None) });
        assert_eq!(desk.console().audit.rows.len(), 1003);
    }

    /// A page was on its way when the filter was changed, and its cursor was sent with the new filter.
    #[test]
    fn a_late_page_begins_nothing() {
        let mut desk = Desk::of(&["org_a", "org_b"], vec![]);
        desk.act(Action::Show(View::Audit));
        let late = asked(&desk).2;
        desk.act(Action::Switch("org_b".into()));
        desk.act(Action::Show(View::Audit));
        let count = desk.asked.len();
        desk.hear(exchange::Event::Events { load: late, page: page(0..3, Some("next")) });
        assert_eq!(desk.asked.len(), count, "nothing is asked for");
        assert!(desk.console().audit.actors.is_empty(), "nor is anybody of the other club named");
    }

    #[test]
    fn events_are_filtered_by_the_server_and_searched_here() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.act(Action::Show(View::Audit));
        let load = asked(&desk).2;
        desk.hear(exchange::Event::Events { load, page: page(0..3, None) });
        assert_eq!(desk.console().audit.actors.len(), 1);
        desk.console().audit.search = "key 2".into();
        desk.act(Action::SearchAudit);
        assert_eq!(desk.console().audit.rows, [2]);
        desk.console().audit.filter =
            Filter { kind: Some(Kind::Keys), actor: Some("usr_1".into()), period: Period::All };
        desk.act(Action::FilterAudit);
        let (query, ..) = asked(&desk);
        assert_eq!(query, Query { noun: Some("api_key"), actor: Some("usr_1".into()), since: None });
        assert!(desk.console().audit.list.is_first_load());
        // What comes of the load before is of no use.
        desk.hear(exchange::Event::Events { load, page: page(0..3, None) });
        assert!(desk.console().audit.list.items.is_empty());
    }

    #[test]
    fn what_was_done_is_said_in_words() {
        let refused = Event {
            action: "request.refuse".into(),
            changes: vec![
                ("code".into(), "scope_required".into()),
                ("count".into(), "3".into()),
                ("operation".into(), "get_organization".into()),
            ],
            ..audit_event(1)
        };
        assert_eq!(refused.what(), "Was refused 3 calls");
        assert_eq!(refused.target(), "club read (the key is not allowed to)");
        let event = audit_event(4);
        assert_eq!((event.who(), &*event.what(), &*event.target()), ("Ana Ruiz", "Created the key", "Key 4"));
        let by_operator = Event { actor_id: "operator".into(), actor_name: None, ..event };
        assert_eq!(by_operator.who(), "Whoever runs the server");
    }
}
