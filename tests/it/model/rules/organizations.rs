//! Clubs: read, change, hand over, what was done in them.

use super::{
    Answer, Ruling,
    authority::{Caller, Standing},
    invalid, not_found, refuse,
};
use crate::model::{
    step::{ClubFields, Match, Step},
    world::{Actor, Club, Plan, Role, Scope, Status, Target, World},
};

impl World {
    /// A club as the caller sees it. The head coach's tag also counts the active keys, which change without the club.
    fn club_answer(&self, club: usize, is_head_coach: bool) -> Answer {
        let revision = self.clubs[club].revision;
        let count = if is_head_coach { format!(".{}", self.active_keys(club)) } else { String::new() };
        Answer { etag: Some(format!("\"{revision}{count}\"")), ..Answer::of(200, self.club_body(club, is_head_coach)) }
    }

    pub(super) fn list_clubs(&self, caller: Caller) -> Ruling<Answer> {
        let Caller::Session(session) = caller else { return refuse(403, "session_required") };
        let memberships = self.memberships(self.sessions[session].user).into_iter();
        let is_head_coach = |member: usize| self.members[member].role == Role::HeadCoach;
        Ok(Answer::list(memberships.map(|(club, member)| self.club_body(club, is_head_coach(member))).collect()))
    }

    pub(super) fn get_club(&self, caller: Caller, club: Option<usize>) -> Ruling<Answer> {
        let (club, standing) = self.enter(caller, club)?;
        match standing {
            Standing::Member(_, role) => Ok(self.club_answer(club, role == Role::HeadCoach)),
            Standing::Key(key) => {
                self.require_scope(key, Scope::OrganizationRead)?;
                self.require_plan(club)?;
                Ok(self.club_answer(club, false))
            }
        }
    }

    pub(super) fn change_club(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        change: &ClubFields,
        only: Match,
    ) -> Ruling<Answer> {
        let (club, _) = self.head_coach(caller, club)?;
        only.require()?;
        let clears = |field| change.clear.contains(&field);
        let before = self.clubs[club].clone();
        let mut after = before.clone();
        after.name = change.name.unwrap_or(before.name);
        after.description = change.description.or(before.description).filter(|_| !clears("description"));
        after.longest_key_days =
            change.longest_key_days.or(before.longest_key_days).filter(|_| !clears("longest_key_days"));
        after.usual_key_days = change.usual_key_days.or(before.usual_key_days).filter(|_| !clears("usual_key_days"));
        if after.longest_key_days.is_some_and(|longest| after.usual_key_days.is_some_and(|usual| usual > longest)) {
            return invalid(vec!["usual_key_days"]);
        }
        let facts = |club: &Club| (club.name, club.description, club.longest_key_days, club.usual_key_days);
        if facts(&after) != facts(&before) {
            (after.revision, after.updated_at) = (before.revision + 1, self.now);
            self.clubs[club] = after;
            let actor = self.actor(caller);
            self.record(club, actor, "organization.change", Target::Club(club), Some(step.place()));
        }
        Ok(self.club_answer(club, true))
    }

    /// The operator puts a club on a plan. Nothing is deleted by it.
    pub(super) fn set_plan(&mut self, club: usize, plan: Plan) {
        if self.clubs[club].plan != plan {
            let now = self.now;
            let club_now = &mut self.clubs[club];
            (club_now.plan, club_now.updated_at) = (plan, now);
            club_now.revision += 1;
            self.record(club, Actor::Operator, "organization.set_plan", Target::Club(club), None);
        }
    }

    pub(super) fn hand_over(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        to: Option<usize>,
        is_usual: bool,
    ) -> Ruling<Answer> {
        let (club, from) = self.head_coach(caller, club)?;
        let user = self.members[from].user.map(|user| &self.users[user]);
        if user.is_none_or(|user| user.has_usual_password != is_usual) {
            return refuse(403, "password_incorrect");
        }
        let Some(to) = to.filter(|to| self.is_member(*to, club)) else { return not_found() };
        // Whoever has the role already keeps it.
        if to == from {
            return Ok(self.club_answer(club, true));
        }
        let next = &self.members[to];
        if next.role != Role::Coach || next.status != Status::Active {
            return refuse(409, "not_an_active_coach");
        }
        if next.user.is_none() {
            return refuse(409, "invitation_not_accepted");
        }
        for (member, role) in [(from, Role::Coach), (to, Role::HeadCoach)] {
            self.members[member].role = role;
            self.touch(member);
        }
        let actor = self.actor(caller);
        self.record(club, actor, "organization.hand_over", Target::Member(to), Some(step.place()));
        Ok(self.club_answer(club, false))
    }

    /// What was done to things of this kind in the club, newest first.
    pub(super) fn list_events(&self, caller: Caller, club: Option<usize>, noun: &str) -> Ruling<Answer> {
        let (club, _) = self.head_coach(caller, club)?;
        let events = self.clubs[club].events.iter().rev();
        let events = events.filter(|event| event.action.split('.').next() == Some(noun));
        Ok(Answer::list(events.map(|event| self.event_body(event)).collect()))
    }
}
