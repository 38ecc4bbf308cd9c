//! Signing in and out, who am I.

use serde_json::json;

use super::{Answer, Ruling, authority::Caller, no_fault, refuse};
use crate::model::{
    step::Step,
    world::{Status, World, name},
};

impl World {
    pub(super) fn sign_in(&mut self, step: &Step, user: usize, is_usual: bool) -> Ruling<Answer> {
        no_fault(step.fault().map(|_| "surprise").into_iter().collect())?;
        if self.users.get(user).is_none_or(|user| user.has_usual_password != is_usual) {
            return refuse(401, "wrong_email_or_password");
        }
        let session = self.begin_session(user);
        Ok(Answer::of(200, self.session_body(session)))
    }

    /// Ends the session, or every one of the person. Keys stay.
    pub(super) fn sign_out(&mut self, caller: Caller, everywhere: bool) -> Ruling<Answer> {
        let Caller::Session(calling) = caller else { return refuse(403, "session_required") };
        let user = self.sessions[calling].user;
        for (number, session) in self.sessions.iter_mut().enumerate() {
            session.is_ended |= number == calling || everywhere && session.user == user;
        }
        Ok(Answer::empty(204))
    }

    /// The active memberships of a person: club and member, by the club's id.
    pub(super) fn memberships(&self, user: usize) -> Vec<(usize, usize)> {
        let of_club = |club| self.member_of_user(user, club).map(|member| (club, member));
        let active = |(_, member): &(usize, usize)| self.members[*member].status == Status::Active;
        (0..self.clubs.len()).filter_map(of_club).filter(active).collect()
    }

    /// A key needs no scope for it, but the plan.
    pub(super) fn who_am_i(&self, caller: Caller) -> Ruling<Answer> {
        let body = match caller {
            Caller::Session(session) => {
                let user = self.sessions[session].user;
                let of_club = |(club, member): (usize, usize)| {
                    json!({
                        "organization_id": name("club", club),
                        "organization_name": self.clubs[club].name,
                        "member_id": name("member", member),
                        "role": self.members[member].role,
                    })
                };
                let memberships: Vec<_> = self.memberships(user).into_iter().map(of_club).collect();
                json!({
                    "kind": "session", "user": self.user_body(user), "memberships": memberships, "api_key": null,
                })
            }
            Caller::Key(key) => {
                self.require_plan(self.keys[key].club)?;
                let whole = self.key_body(key);
                let fields = ["id", "organization_id", "name", "scopes", "expires_at"];
                let api_key: serde_json::Map<_, _> =
                    fields.into_iter().map(|field| (field.to_owned(), whole[field].clone())).collect();
                json!({ "kind": "api_key", "user": null, "memberships": [], "api_key": api_key })
            }
        };
        Ok(Answer::of(200, body))
    }
}
