//! How things look in answers.

use serde_json::{Value, json};

use super::world::{
    ANY, Actor, Club, Event, INVITATION, Invitation, Person, Place, Session, Target, Time, User, World, name, time,
};

fn maybe_time(at: Option<Time>) -> Option<String> {
    at.map(time)
}

impl World {
    pub fn user_body(&self, user: usize) -> Value {
        let User { email, display_name, created_at, .. } = &self.users[user];
        json!({ "id": name("user", user), "email": email, "display_name": display_name, "created_at": time(*created_at) })
    }

    pub fn club_body(&self, club: usize, is_head_coach: bool) -> Value {
        let active = is_head_coach.then(|| self.active_keys(club));
        let Club { name: called, description, plan, longest_key_days, usual_key_days, .. } = &self.clubs[club];
        let features: &[&str] = if plan.has_keys() { &["security_settings"] } else { &[] };
        json!({
            "id": name("club", club),
            "name": called,
            "description": description,
            "plan": plan,
            "features": features,
            "active_api_keys": active,
            "longest_key_days": longest_key_days,
            "usual_key_days": usual_key_days,
            "created_at": time(self.clubs[club].created_at),
            "updated_at": time(self.clubs[club].updated_at),
        })
    }

    pub fn member_body(&self, number: usize) -> Value {
        let member = &self.members[number];
        json!({
            "id": name("member", number),
            "organization_id": name("club", member.club),
            "user_id": member.user.map(|user| name("user", user)),
            "role": member.role,
            "status": member.status,
            "display_name": member.display_name,
            "email": member.email,
            "labels": member.labels,
            "external_id": member.external_id,
            "coach_id": member.coach.map(|coach| name("member", coach)),
            "created_at": time(member.created_at),
            "updated_at": time(member.updated_at),
        })
    }

    fn person_body(person: &Person) -> Value {
        json!({ "id": person.user.map(|user| name("user", user)), "display_name": person.display_name })
    }

    pub fn key_body(&self, number: usize) -> Value {
        let key = &self.keys[number];
        let last_used_at =
            self.secrets.iter().filter(|secret| secret.key == number).filter_map(|secret| secret.last_used_at).max();
        let previous = self.overlap(number).map(|(secret, ends_at)| {
            let last_used_at = maybe_time(self.secrets[secret].last_used_at);
            json!({ "hint": name("hint", secret), "ends_at": time(ends_at), "last_used_at": last_used_at })
        });
        let revoked = key
            .revoked
            .as_ref()
            .map(|(at, by, reason)| json!({ "at": time(*at), "by": Self::person_body(by), "reason": reason }));
        json!({
            "id": name("key", number),
            "organization_id": name("club", key.club),
            "name": key.name,
            "description": key.description,
            "hint": name("hint", key.current),
            "scopes": key.scopes,
            "allowed_ips": key.allowed_ips,
            "status": self.status(number),
            "created_at": time(key.created_at),
            "created_by": Self::person_body(&key.created_by),
            "expires_at": maybe_time(key.expires_at),
            "last_used_at": maybe_time(last_used_at),
            "previous_secret": previous,
            "revoked": revoked,
        })
    }

    /// The same with its current secret, which the answer shows this once.
    pub fn key_body_with_secret(&self, number: usize) -> Value {
        let mut body = json!({ "secret": name("secret", self.keys[number].current) });
        if let (Value::Object(body), Value::Object(rest)) = (&mut body, self.key_body(number)) {
            body.extend(rest);
        }
        body
    }

    pub fn invitation_body(&self, number: usize) -> Value {
        let Invitation { member, email, created_at, .. } = &self.invitations[number];
        json!({
            "id": name("invitation", number),
            "organization_id": name("club", self.members[*member].club),
            "member_id": name("member", *member),
            "email": email,
            "created_at": time(*created_at),
            "expires_at": time(created_at + INVITATION),
        })
    }

    pub fn session_body(&self, number: usize) -> Value {
        let Session { user, ends_at, .. } = &self.sessions[number];
        json!({ "token": name("token", number), "expires_at": time(*ends_at), "user": self.user_body(*user) })
    }

    pub fn event_body(&self, event: &Event) -> Value {
        let (kind, id, called) = match event.actor {
            Actor::User(user) => ("user", Some(name("user", user)), Some(self.users[user].display_name)),
            Actor::Key(key) => ("api_key", Some(name("key", key)), Some(self.keys[key].name)),
            Actor::Operator => ("operator", None, None),
            Actor::Anonymous => ("anonymous", None, None),
        };
        let (target, now_called) = match event.target {
            Target::Club(club) => (name("club", club), Some(self.clubs[club].name)),
            Target::Member(member) => {
                let there = Some(&self.members[member]).filter(|member| !member.is_removed);
                (name("member", member), there.map(|member| member.display_name))
            }
            Target::Key(key) => (name("key", key), Some(self.keys[key].name)),
        };
        json!({
            "id": ANY,
            "at": time(event.at),
            "actor": { "kind": kind, "id": id, "display_name": called },
            "action": event.action,
            "target": { "id": target, "display_name": now_called },
            "address": event.from.map(Place::address),
            "request_id": if event.from.is_some() { Some(ANY) } else { None },
            "changes": ANY,
            "number": ANY,
            "hash": ANY,
            "content": ANY,
        })
    }
}
