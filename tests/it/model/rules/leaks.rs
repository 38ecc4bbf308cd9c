//! Secrets that stand where they should not.

use serde_json::{Value, json};

use super::{Answer, Ruling, authority::Caller, invalid, no_fault};
use crate::model::{
    step::{Fault, Found, Step},
    world::{Actor, KeyStatus, Person, Target, World, name, time},
};

impl World {
    /// Having a secret is the right to end what it opens, on every plan. It is answered alike, known or not.
    pub(super) fn report(&mut self, step: &Step, found: Found) -> Ruling<Answer> {
        const REASON: &str = "Its secret was reported as leaked";
        if step.fault() == Some(Fault::Query) {
            return invalid(vec!["surprise"]);
        }
        let mut wrong: Vec<_> = step.fault().map(|_| "surprise").into_iter().collect();
        wrong.extend((found == Found::Nonsense).then_some("secret"));
        no_fault(wrong)?;
        match self.there(found) {
            Found::Secret(secret) => {
                let key = self.secrets[secret].key;
                match self.standing_of(secret) {
                    _ if self.status(key) != KeyStatus::Active => {}
                    "current" => {
                        let by = Person { user: None, display_name: "Leak report" };
                        self.revoke(key, by, Some(REASON), Actor::Anonymous, step.place());
                    }
                    "previous" => self.end_overlap(key, Actor::Anonymous, step.place()),
                    _ => {}
                }
            }
            Found::Token(session) => self.sessions[session].is_ended = true,
            Found::Code(invitation) if self.is_open(invitation) => {
                self.invitations[invitation].is_over = true;
                let member = self.invitations[invitation].member;
                let (club, target) = (self.members[member].club, Target::Member(member));
                self.record(club, Actor::Anonymous, "member.withdraw_invitation", target, Some(step.place()));
            }
            _ => {}
        }
        Ok(Answer::empty(202))
    }

    /// The club's own keys by name, and how many other secrets there are.
    pub(super) fn identify(&self, caller: Caller, club: Option<usize>, text: &[Found]) -> Ruling<Answer> {
        let (club, _) = self.key_manager(caller, club)?;
        let lines: Vec<_> = text.iter().map(|found| self.there(*found)).collect();
        let mut each: Vec<Found> = Vec::new();
        for found in lines.iter().filter(|found| **found != Found::Nonsense) {
            if !each.contains(found) {
                each.push(*found);
            }
        }
        let club_of = |secret: usize| self.keys[self.secrets[secret].key].club;
        let is_own = |found: &Found| matches!(found, Found::Secret(secret) if club_of(*secret) == club);
        let (own, others): (Vec<Found>, Vec<Found>) = each.into_iter().partition(is_own);
        let data: Vec<_> = own.into_iter().map(|found| self.identified(found, &lines)).collect();
        Ok(Answer::of(200, json!({ "data": data, "others": others.len() })))
    }

    fn identified(&self, found: Found, lines: &[Found]) -> Value {
        let Found::Secret(secret) = found else { return Value::Null };
        let key = self.secrets[secret].key;
        let (status, standing) = (self.status(key), self.standing_of(secret));
        let line = lines.iter().position(|other| *other == found).map(|line| line + 1);
        json!({
            "id": name("key", key),
            "name": self.keys[key].name,
            "status": status,
            "hint": name("hint", secret),
            "standing": standing,
            "works": status == KeyStatus::Active && standing != "ended",
            "last_used_at": self.secrets[secret].last_used_at.map(time),
            "line": line,
            "occurrences": lines.iter().filter(|other| **other == found).count(),
        })
    }
}
