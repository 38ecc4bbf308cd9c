//! Keys: create, list, read, change, rotate, revoke.

use super::{Answer, Ruling, authority::Caller, no_fault, not_found, refuse};
use crate::model::{
    step::{KeyFields, Match, Rotation, Step},
    world::{
        Actor, DAY, HOUR, Key, KeyStatus, MOST_KEYS, Person, Place, Previous, SCOPES, Scope, Secret, Target, Time,
        World,
    },
};

impl KeyFields {
    /// An end that does not lie in the future is wrong, whatever is stored.
    pub(super) fn past(&self) -> Vec<&'static str> {
        self.lasts.filter(|lasts| *lasts <= 0).map(|_| "expires_at").into_iter().collect()
    }
}

fn scopes(asked: Option<&Vec<Scope>>) -> Option<Vec<Scope>> {
    let mut scopes = asked?.clone();
    scopes.sort_unstable();
    scopes.dedup();
    Some(scopes)
}

fn ranges(asked: Option<&Vec<&'static str>>) -> Option<Vec<&'static str>> {
    let mut ranges = asked?.clone();
    ranges.sort_unstable();
    ranges.dedup();
    Some(ranges)
}

impl World {
    fn key_answer(&self, key: usize) -> Answer {
        Answer::of(200, self.key_body(key)).tagged(self.keys[key].revision)
    }

    fn answer_with_secret(&self, status: u16, key: usize) -> Answer {
        Answer::of(status, self.key_body_with_secret(key)).tagged(self.keys[key].revision)
    }

    fn key_in(&self, club: usize, key: Option<usize>) -> Ruling<usize> {
        match key.filter(|key| self.keys.get(*key).is_some_and(|key| key.club == club)) {
            Some(key) => Ok(key),
            None => not_found(),
        }
    }

    /// The head coach, as they are called in the club now.
    fn person(&self, member: usize) -> Person {
        Person { user: self.members[member].user, display_name: self.members[member].display_name }
    }

    /// Refuses an end that lies further ahead than the club lets keys last.
    fn require_within(&self, club: usize, expires_at: Option<Time>) -> Ruling<()> {
        let latest = self.clubs[club].longest_key_days.map(|days| self.now + Time::from(days) * DAY);
        let is_within = latest.is_none_or(|latest| expires_at.is_some_and(|end| end <= latest));
        no_fault(if is_within { Vec::new() } else { vec!["expires_at"] })
    }

    pub(super) fn create_key(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        new: &KeyFields,
    ) -> Ruling<Answer> {
        let (club, member) = self.key_manager(caller, club)?;
        if self.active_keys(club) >= MOST_KEYS {
            return refuse(409, "key_limit_reached");
        }
        let days = self.clubs[club].usual_key_days.or(self.clubs[club].longest_key_days);
        let usual = days.map(|days| Time::from(days) * DAY);
        let expires_at = new.lasts.or(usual).map(|lasts| self.now + lasts);
        self.require_within(club, expires_at)?;
        let (key, current) = (self.keys.len(), self.secrets.len());
        self.secrets.push(Secret { key, last_used_at: None });
        self.keys.push(Key {
            club,
            name: new.name.unwrap_or_default(),
            description: new.description,
            scopes: scopes(new.scopes.as_ref()).unwrap_or(SCOPES.to_vec()),
            allowed_ips: ranges(new.allowed_ips.as_ref()).unwrap_or_default(),
            created_at: self.now,
            created_by: self.person(member),
            expires_at,
            revoked: None,
            current,
            previous: None,
            revision: 1,
        });
        let actor = self.actor(caller);
        self.record(club, actor, "api_key.create", Target::Key(key), Some(step.place()));
        Ok(self.answer_with_secret(201, key))
    }

    /// Newest first; the active ones unless something else is said.
    pub(super) fn list_keys(
        &self,
        caller: Caller,
        club: Option<usize>,
        status: Option<&'static str>,
    ) -> Ruling<Answer> {
        let (club, _) = self.key_manager(caller, club)?;
        let is_asked = |key: &usize| match status.unwrap_or("active") {
            "active" => self.status(*key) == KeyStatus::Active,
            "expired" => self.status(*key) == KeyStatus::Expired,
            "revoked" => self.status(*key) == KeyStatus::Revoked,
            _ => true,
        };
        Ok(Answer::list(self.keys_of(club).rev().filter(is_asked).map(|key| self.key_body(key)).collect()))
    }

    pub(super) fn get_key(&self, caller: Caller, club: Option<usize>, key: Option<usize>) -> Ruling<Answer> {
        let (club, _) = self.key_manager(caller, club)?;
        Ok(self.key_answer(self.key_in(club, key)?))
    }

    /// Expired and revoked are final.
    fn require_active(&self, key: usize) -> Ruling<()> {
        if self.status(key) == KeyStatus::Active { Ok(()) } else { refuse(409, "key_not_active") }
    }

    pub(super) fn change_key(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        key: Option<usize>,
        change: &KeyFields,
        only: Match,
    ) -> Ruling<Answer> {
        let (club, _) = self.key_manager(caller, club)?;
        let key = self.key_in(club, key)?;
        only.require()?;
        self.require_active(key)?;
        let clears = |field| change.clear.contains(&field);
        let before = self.keys[key].clone();
        let lasts = change.lasts.map(|lasts| self.now + lasts);
        let after = Key {
            name: change.name.unwrap_or(before.name),
            description: change.description.or(before.description).filter(|_| !clears("description")),
            scopes: scopes(change.scopes.as_ref()).unwrap_or_else(|| before.scopes.clone()),
            allowed_ips: match ranges(change.allowed_ips.as_ref()) {
                Some(ranges) => ranges,
                None if clears("allowed_ips") => Vec::new(),
                None => before.allowed_ips.clone(),
            },
            expires_at: lasts.or(before.expires_at).filter(|_| !clears("expires_at")),
            ..before.clone()
        };
        if after.expires_at != before.expires_at {
            self.require_within(club, after.expires_at)?;
        }
        let facts =
            |key: &Key| (key.name, key.description, key.scopes.clone(), key.allowed_ips.clone(), key.expires_at);
        if facts(&after) != facts(&before) {
            self.keys[key] = Key { revision: before.revision + 1, ..after };
            let actor = self.actor(caller);
            self.record(club, actor, "api_key.change", Target::Key(key), Some(step.place()));
        }
        Ok(self.key_answer(key))
    }

    /// The present secret goes on for a while. In an overlap that must be asked for: the newer secret ends at once, and the
    /// older keeps its end.
    pub(super) fn rotate_key(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        key: Option<usize>,
        rotation: Rotation,
    ) -> Ruling<Answer> {
        let (club, _) = self.key_manager(caller, club)?;
        let key = self.key_in(club, key)?;
        self.require_active(key)?;
        let is_in_overlap = self.overlap(key).is_some();
        if is_in_overlap && rotation.replace != Some(true) {
            return refuse(409, "rotation_in_progress");
        }
        let seconds = rotation.overlap_seconds.unwrap_or(24 * 60 * 60);
        let (now, next) = (self.now, self.secrets.len());
        self.secrets.push(Secret { key, last_used_at: None });
        let rotated = &mut self.keys[key];
        if !is_in_overlap {
            let deadline = now + Time::from(seconds) * (HOUR / 3600);
            let idle_hours = rotation.idle_hours;
            rotated.previous = Some(Previous { secret: rotated.current, replaced_at: now, deadline, idle_hours });
        } else if seconds == 0 {
            rotated.previous = None;
        }
        rotated.current = next;
        rotated.revision += 1;
        let actor = self.actor(caller);
        self.record(club, actor, "api_key.rotate", Target::Key(key), Some(step.place()));
        Ok(self.answer_with_secret(200, key))
    }

    /// On every plan; again changes nothing, and keeps the first reason.
    pub(super) fn revoke_key(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        key: Option<usize>,
        reason: Option<&'static str>,
        only: Match,
    ) -> Ruling<Answer> {
        let (club, member) = self.head_coach(caller, club)?;
        let key = self.key_in(club, key)?;
        if self.keys[key].revoked.is_none() {
            only.require()?;
            self.revoke(key, self.person(member), reason, self.actor(caller), step.place());
        }
        Ok(Answer::empty(204))
    }

    pub(super) fn revoke(&mut self, key: usize, by: Person, reason: Option<&'static str>, actor: Actor, from: Place) {
        self.keys[key].revoked = Some((self.now, by, reason));
        self.keys[key].revision += 1;
        self.record(self.keys[key].club, actor, "api_key.revoke", Target::Key(key), Some(from));
    }

    /// On every plan; where there is no overlap it changes nothing.
    pub(super) fn end_previous_secret(
        &mut self,
        step: &Step,
        caller: Caller,
        club: Option<usize>,
        key: Option<usize>,
    ) -> Ruling<Answer> {
        let (club, _) = self.head_coach(caller, club)?;
        let key = self.key_in(club, key)?;
        if self.overlap(key).is_some() {
            self.end_overlap(key, self.actor(caller), step.place());
        }
        Ok(Answer::empty(204))
    }

    pub(super) fn end_overlap(&mut self, key: usize, actor: Actor, from: Place) {
        self.keys[key].previous = None;
        self.keys[key].revision += 1;
        self.record(self.keys[key].club, actor, "api_key.end_previous_secret", Target::Key(key), Some(from));
    }
}
