//! What an act on a key would break.

use jiff::Timestamp;

use super::{LastUse, Scope, calls_in_words, operations_in_words, usage::from};
use crate::state::{Dialog, Screen, State, exchange::Command, failure::Failure, time::Clock};

/// What could be done with a key, as the server is asked what it would break.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the API")]
pub enum PlannedAction {
    Revoke,
    /// To these scopes.
    Narrow(Vec<Scope>),
    Rotate,
}

/// What an act on a key would break: the calls of the last 30 days that would have been refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Impact {
    /// Each operation that would be refused and how often it was called, most called first.
    pub operations: Vec<(String, u64)>,
    /// When the last of these calls came, and from where.
    pub last: Option<(Timestamp, Option<String>)>,
    /// The last use of what the act would end.
    pub last_use: Option<LastUse>,
}

/// What an act would break, as far as the server has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foretold {
    /// What was asked about.
    pub action: PlannedAction,
    /// The answer; none while it is awaited, or if it did not come.
    pub impact: Option<Impact>,
}

impl Impact {
    /// How many calls would have been refused.
    pub fn calls(&self) -> u64 {
        self.operations.iter().map(|(_, calls)| calls).sum()
    }

    /// What they were, when the last came and from where; none if there were none.
    pub fn in_words(&self, clock: &Clock) -> Option<String> {
        let (at, address) = self.last.as_ref()?;
        Some(format!(
            "{} in the last 30 days: {}. The last came {}{}.",
            calls_in_words(self.calls()),
            operations_in_words(&self.operations),
            clock.ago(*at),
            from(address.as_deref())
        ))
    }
}

impl State {
    /// Asks what an act on a key would break.
    pub(in crate::state) fn load_impact(&mut self, key: String, action: PlannedAction) {
        let organization = self.organization();
        self.ask(Command::LoadImpact { organization, key, action });
    }

    /// Takes what an act on a key would break, for the dialog that asks about it.
    pub(in crate::state) fn hear_impact(
        &mut self,
        organization: &str,
        id: &str,
        action: PlannedAction,
        result: Result<Impact, Failure>,
    ) {
        let failure = result.as_ref().err().cloned();
        if let Self { screen: Screen::Console(console), .. } = self
            && console.membership.organization_id == organization
        {
            let foretold = match &mut console.dialog {
                Some(Dialog::Revoke(form)) if form.key.id == id => Some(&mut form.foretold),
                Some(Dialog::Rotate(form)) if form.key.id == id => Some(&mut form.foretold),
                Some(Dialog::Key(form)) if form.is_of(id) => form.foretold.as_mut(),
                _ => None,
            };
            if let Some(foretold) = foretold.filter(|foretold| foretold.action == action) {
                foretold.impact = result.ok();
            }
        }
        self.after(failure);
    }

    /// Asks what it would break to leave a key no more than the scopes of its form, where it has more.
    pub(in crate::state) fn foretell_narrowing(&mut self) {
        let Some(Dialog::Key(form)) = self.dialog() else { return };
        let Some(key) = &form.key else { return };
        let scopes = form.scopes().unwrap_or_default();
        if scopes.is_empty() || key.scopes.iter().all(|scope| scopes.contains(scope)) {
            form.foretold = None;
            return;
        }
        let action = PlannedAction::Narrow(scopes);
        if form.foretold.as_ref().is_some_and(|foretold| foretold.action == action) {
            return;
        }
        form.foretold = Some(Foretold { action: action.clone(), impact: None });
        let id = key.id.clone();
        self.load_impact(id, action);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{
        Action,
        desk::{Desk, key},
        exchange::Event,
        keys::Key,
    };

    #[test]
    fn what_narrowing_would_break_is_asked_for_as_scopes_are_taken_away() {
        let all = Scope::ALL.to_vec();
        let mut desk = Desk::of(&["org_a"], vec![Key { scopes: all.clone(), ..key("key_1", "Sync") }]);
        desk.act(Action::EditKey("key_1".into()));
        let choose = |desk: &mut Desk, scopes: &[Scope]| {
            let Some(Dialog::Key(form)) = &mut desk.console().dialog else { panic!("the form is open") };
            form.scopes = scopes.to_vec();
            desk.asked.clear();
            desk.act(Action::ChooseScopes);
            desk.asked.iter().filter(|command| matches!(command, Command::LoadImpact { .. })).count()
        };
        assert_eq!(choose(&mut desk, &[Scope::MembersRead]), 1);
        assert_eq!(choose(&mut desk, &[Scope::MembersRead]), 0, "it is asked already");
        // An answer about other scopes came late.
        let late = PlannedAction::Narrow(vec![Scope::MembersWrite]);
        let event = |action: PlannedAction| Event::Impact {
            organization: "org_a".into(),
            id: "key_1".into(),
            action,
            result: Box::new(Ok(Impact { operations: vec![("get_organization".into(), 3)], ..Impact::default() })),
        };
        desk.hear(event(late));
        let foretold = |desk: &mut Desk| match &desk.console().dialog {
            Some(Dialog::Key(form)) => form.foretold.clone(),
            _ => panic!("the form is open"),
        };
        assert_eq!(foretold(&mut desk).expect("asked").impact, None);
        desk.hear(event(PlannedAction::Narrow(vec![Scope::MembersRead])));
        assert_eq!(foretold(&mut desk).expect("asked").impact.expect("known").calls(), 3);
        assert_eq!(choose(&mut desk, &all), 0);
        assert_eq!(foretold(&mut desk), None, "nothing is taken away");
    }
}
