//! Who is calling, and what that allows.

use super::{Ruling, not_found, refuse};
use crate::model::{
    step::{By, Step},
    world::{Actor, KeyStatus, Place, Role, SESSION, Scope, Status, World},
};

/// Who a request comes from.
#[derive(Debug, Clone, Copy)]
pub enum Caller {
    Session(usize),
    Key(usize),
}

/// What an admitted caller is in a club.
#[derive(Debug, Clone, Copy)]
pub enum Standing {
    Member(usize, Role),
    Key(usize),
}

impl World {
    /// Whose credential it is. A credential that counts is used by that, whatever comes of the request.
    pub(super) fn caller(&mut self, step: &Step) -> Ruling<Caller> {
        match step.by {
            By::Nobody => refuse(401, "credential_missing"),
            By::Session(session) if session < self.sessions.len() => self.session(session),
            By::Secret(secret) if secret < self.secrets.len() => self.key_with(secret, step.place()),
            // A code is refused as what it is only if there is one; `request` sends an unknown token else.
            By::Code(code) if code < self.invitations.len() => refuse(401, "credential_invalid"),
            By::UnknownToken | By::Session(_) | By::Code(_) => refuse(401, "session_over"),
            By::Nonsense | By::UnknownSecret | By::Secret(_) => refuse(401, "credential_invalid"),
        }
    }

    fn session(&mut self, number: usize) -> Ruling<Caller> {
        if !self.is_live(number) {
            return refuse(401, "session_over");
        }
        let now = self.now;
        let session = &mut self.sessions[number];
        session.ends_at = session.ends_at.max((now + SESSION.0).min(session.created_at + SESSION.1));
        Ok(Caller::Session(number))
    }

    fn key_with(&mut self, secret: usize, from: Place) -> Ruling<Caller> {
        let key = self.secrets[secret].key;
        match self.status(key) {
            KeyStatus::Revoked => return refuse(401, "key_revoked"),
            KeyStatus::Expired => return refuse(401, "key_expired"),
            KeyStatus::Active => {}
        }
        if self.standing_of(secret) == "ended" {
            return refuse(401, "secret_replaced");
        }
        let allowed = &self.keys[key].allowed_ips;
        if !allowed.is_empty() && !allowed.iter().any(|range| from.is_in(range)) {
            return refuse(403, "address_not_allowed");
        }
        self.secrets[secret].last_used_at = Some(self.now);
        Ok(Caller::Key(key))
    }

    /// By whom the audit says that it was done.
    pub(super) fn actor(&self, caller: Caller) -> Actor {
        match caller {
            Caller::Session(session) => Actor::User(self.sessions[session].user),
            Caller::Key(key) => Actor::Key(key),
        }
    }

    /// The club and what the caller is in it. Outsiders are told nothing.
    pub(super) fn enter(&self, caller: Caller, club: Option<usize>) -> Ruling<(usize, Standing)> {
        let Some(club) = club.filter(|club| *club < self.clubs.len()) else { return not_found() };
        match caller {
            Caller::Key(key) if self.keys[key].club == club => Ok((club, Standing::Key(key))),
            Caller::Key(_) => not_found(),
            Caller::Session(session) => match self.member_of_user(self.sessions[session].user, club) {
                Some(member) if self.members[member].status == Status::Active => {
                    Ok((club, Standing::Member(member, self.members[member].role)))
                }
                _ => not_found(),
            },
        }
    }

    pub(super) fn require_scope(&self, key: usize, scope: Scope) -> Ruling<()> {
        if self.keys[key].scopes.contains(&scope) { Ok(()) } else { refuse(403, "scope_required") }
    }

    pub(super) fn require_plan(&self, club: usize) -> Ruling<()> {
        if self.clubs[club].plan.has_keys() { Ok(()) } else { refuse(403, "plan_required") }
    }

    /// The club and its head coach, who is calling.
    pub(super) fn head_coach(&self, caller: Caller, club: Option<usize>) -> Ruling<(usize, usize)> {
        match self.enter(caller, club)? {
            (_, Standing::Key(_)) => refuse(403, "session_required"),
            (club, Standing::Member(member, Role::HeadCoach)) => Ok((club, member)),
            (_, Standing::Member(..)) => refuse(403, "head_coach_required"),
        }
    }

    /// The same, on a plan that has keys.
    pub(super) fn key_manager(&self, caller: Caller, club: Option<usize>) -> Ruling<(usize, usize)> {
        let (club, member) = self.head_coach(caller, club)?;
        self.require_plan(club)?;
        Ok((club, member))
    }

    /// The club, and whether who keeps its roster is the head coach. `makes` is what the request makes of a member.
    pub(super) fn roster_editor(&self, caller: Caller, club: Option<usize>, makes: Role) -> Ruling<(usize, bool)> {
        let (club, standing) = self.enter(caller, club)?;
        match standing {
            Standing::Member(_, Role::HeadCoach) => Ok((club, true)),
            Standing::Member(_, Role::Athlete) => refuse(403, "coach_required"),
            Standing::Member(_, Role::Coach) => Self::athletes_only(makes).map(|()| (club, false)),
            Standing::Key(key) => {
                self.require_scope(key, Scope::MembersWrite)?;
                Self::athletes_only(makes)?;
                self.require_plan(club)?;
                Ok((club, false))
            }
        }
    }

    /// Who is not the head coach can neither make nor change a coach.
    pub(super) fn athletes_only(role: Role) -> Ruling<()> {
        if role == Role::Athlete { Ok(()) } else { refuse(403, "head_coach_required") }
    }
}
