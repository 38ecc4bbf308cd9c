//! What a step is to the server: mostly a request, with placeholders for what the server makes up.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    step::{Action, By, Fault, Filter, Found, Id, KeyFields, Match, MemberFields, Step},
    world::{DAY, HOUR, Place, Plan, Time, World, name, time},
};

/// What is done to the server.
#[derive(Debug, Clone)]
pub enum Call {
    Http(Request),
    SetPlan { club: usize, plan: Plan },
    Begin { user: usize, email: &'static str, session: usize },
    Pass { by: Time },
}

/// A request, with placeholders for what the server makes up.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    /// Its path and query.
    pub path: String,
    pub body: Option<Value>,
    pub credential: Option<String>,
    pub from: Place,
    pub if_match: Option<String>,
}

/// The fields of a body that are said.
#[derive(Default)]
struct Body(Map<String, Value>);

impl Body {
    fn with(mut self, field: &str, value: Option<impl Serialize>) -> Self {
        if let Some(value) = value {
            self.0.insert(field.to_owned(), json!(value));
        }
        self
    }

    fn clearing(self, fields: &[&str]) -> Self {
        self.with("clear", (!fields.is_empty()).then_some(fields))
    }

    fn done(self) -> Option<Value> {
        Some(Value::Object(self.0))
    }
}

/// The usual password of everybody, and another.
fn password(is_usual: bool) -> &'static str {
    if is_usual { super::server::PASSWORD } else { "lantern-harbor-quiet-another" }
}

/// A text in which secrets stand, a line each.
fn text(found: &[Found]) -> String {
    found.iter().map(|found| format!("line with {} in it\n", found.written())).collect()
}

impl World {
    /// The id as it is now: what is not there is missing, as where a sequence was shortened.
    fn settled(id: Id, there: usize) -> Id {
        match id {
            Id::Known(number) if number >= there => Id::Missing,
            other => other,
        }
    }

    fn club_path(&self, club: Id, rest: &str) -> String {
        format!("/api/v1/organizations/{}{rest}", Self::settled(club, self.clubs.len()).written("club"))
    }

    fn member_path(&self, club: Id, member: Id, rest: &str) -> String {
        let member = Self::settled(member, self.members.len()).written("member");
        self.club_path(club, &format!("/members/{member}{rest}"))
    }

    fn key_path(&self, club: Id, key: Id, rest: &str) -> String {
        let key = Self::settled(key, self.keys.len()).written("key");
        self.club_path(club, &format!("/api-keys/{key}{rest}"))
    }

    fn member_fields(&self, fields: &MemberFields) -> Option<Value> {
        let coach = fields.coach.map(|coach| Self::settled(coach, self.members.len()).written("member"));
        Body::default()
            .with("display_name", fields.display_name)
            .with("role", fields.role)
            .with("status", fields.status)
            .with("email", fields.email)
            .with("labels", fields.labels.as_ref())
            .with("external_id", fields.external_id)
            .with("coach_id", coach)
            .clearing(&fields.clear)
            .done()
    }

    fn key_fields(&self, fields: &KeyFields) -> Option<Value> {
        Body::default()
            .with("name", fields.name)
            .with("description", fields.description)
            .with("scopes", fields.scopes.as_ref())
            .with("expires_at", fields.lasts.map(|lasts| time(self.now + lasts)))
            .with("allowed_ips", fields.allowed_ips.as_ref())
            .clearing(&fields.clear)
            .done()
    }

    fn filtered(&self, filter: &Filter) -> String {
        fn word(value: impl Serialize) -> String {
            json!(value).as_str().unwrap_or_default().to_owned()
        }
        let Filter { role, status, label, coach, q } = filter;
        let given = [
            ("role", role.map(word)),
            ("status", status.map(word)),
            ("label", label.map(word)),
            ("coach_id", coach.map(|coach| Self::settled(coach, self.members.len()).written("member"))),
            ("q", q.map(word)),
        ];
        given.into_iter().filter_map(|(field, value)| Some(format!("{field}={}&", value?))).collect()
    }

    /// The request that a step is.
    pub fn request(&self, step: &Step) -> Request {
        let Request { method, mut path, mut body, if_match, .. } = self.plain_request(&step.action);
        match step.fault() {
            Some(Fault::Query) => path += if path.contains('?') { "&surprise=1" } else { "?surprise=1" },
            Some(Fault::Field) => body.iter_mut().for_each(|body| body["surprise"] = json!(true)),
            None => {}
        }
        let credential = match step.by {
            By::Nobody => None,
            By::Nonsense => Some("astral_live_nonsense".to_owned()),
            By::Session(number) if number < self.sessions.len() => Some(name("token", number)),
            By::Secret(number) if number < self.secrets.len() => Some(name("secret", number)),
            By::Code(number) if number < self.invitations.len() => Some(name("code", number)),
            By::UnknownToken | By::Session(_) | By::Code(_) => Some("<unknown token>".to_owned()),
            By::UnknownSecret | By::Secret(_) => Some("<unknown secret>".to_owned()),
        };
        Request { method, path, body, credential, from: step.place(), if_match }
    }

    fn plain_request(&self, action: &Action) -> Request {
        let club_revision = |club: Id| match club {
            Id::Known(club) => self.clubs.get(club).map(|club| club.revision),
            _ => None,
        };
        let member_revision = |member: Id| match member {
            Id::Known(member) => self.members.get(member).map(|member| member.revision),
            _ => None,
        };
        let key_revision = |key: Id| match key {
            Id::Known(key) => self.keys.get(key).map(|key| key.revision),
            _ => None,
        };
        let (method, path, body, if_match) = match action {
            Action::WhoAmI => ("GET", "/api/v1/auth/me".to_owned(), None, None),
            Action::SignIn { user, is_usual } => {
                let email = self.users.get(*user).map_or("nobody@<run>.example", |user| user.email);
                let body = json!({ "email": email, "password": password(*is_usual) });
                ("POST", "/api/v1/auth/login".to_owned(), Some(body), None)
            }
            Action::SignOut { everywhere } => {
                let query = if *everywhere { "?everywhere=true" } else { "" };
                ("POST", format!("/api/v1/auth/logout{query}"), None, None)
            }
            Action::ListClubs => ("GET", "/api/v1/organizations".to_owned(), None, None),
            Action::GetClub { club } => ("GET", self.club_path(*club, ""), None, None),
            Action::ChangeClub { club, change, only } => {
                let body = Body::default()
                    .with("name", change.name)
                    .with("description", change.description)
                    .with("longest_key_days", change.longest_key_days)
                    .with("usual_key_days", change.usual_key_days)
                    .clearing(&change.clear)
                    .done();
                ("PATCH", self.club_path(*club, ""), body, only.header(club_revision(*club)))
            }
            Action::HandOver { club, to, is_usual } => {
                let to = Self::settled(*to, self.members.len()).written("member");
                let body = json!({ "member_id": to, "password": password(*is_usual) });
                ("POST", self.club_path(*club, "/head-coach"), Some(body), None)
            }
            Action::ListMembers { club, filter } => {
                let path = self.club_path(*club, &format!("/members?{}limit=200", self.filtered(filter)));
                ("GET", path, None, None)
            }
            Action::AddMember { club, new } => {
                ("POST", self.club_path(*club, "/members"), self.member_fields(new), None)
            }
            Action::GetMember { club, member } => ("GET", self.member_path(*club, *member, ""), None, None),
            Action::ChangeMember { club, member, change, only } => {
                let only = only.header(member_revision(*member));
                ("PATCH", self.member_path(*club, *member, ""), self.member_fields(change), only)
            }
            Action::RemoveMember { club, member, only } => {
                ("DELETE", self.member_path(*club, *member, ""), None, only.header(member_revision(*member)))
            }
            Action::Invite { club, member, email } => {
                let body = Body::default().with("email", *email).done();
                ("POST", self.member_path(*club, *member, "/invitation"), body, None)
            }
            Action::Accept { invitation, is_usual } => {
                let is_there = *invitation < self.invitations.len();
                let code = if is_there { name("code", *invitation) } else { "<unknown code>".to_owned() };
                let body = json!({ "code": code, "password": password(*is_usual) });
                ("POST", "/api/v1/invitations/accept".to_owned(), Some(body), None)
            }
            Action::CreateKey { club, new } => ("POST", self.club_path(*club, "/api-keys"), self.key_fields(new), None),
            Action::ListKeys { club, status } => {
                let status = status.map(|status| format!("status={status}&")).unwrap_or_default();
                ("GET", self.club_path(*club, &format!("/api-keys?{status}limit=200")), None, None)
            }
            Action::GetKey { club, key } => ("GET", self.key_path(*club, *key, ""), None, None),
            Action::ChangeKey { club, key, change, only } => {
                let only = only.header(key_revision(*key));
                ("PATCH", self.key_path(*club, *key, ""), self.key_fields(change), only)
            }
            Action::RotateKey { club, key, rotation } => {
                let body = Body::default()
                    .with("overlap_seconds", rotation.overlap_seconds)
                    .with("retire_when_idle_hours", rotation.idle_hours)
                    .with("replace", rotation.replace)
                    .done();
                ("POST", self.key_path(*club, *key, "/rotate"), body, None)
            }
            Action::RevokeKey { club, key, reason, only } => {
                let query = reason.map(|reason| format!("?reason={reason}")).unwrap_or_default();
                ("DELETE", self.key_path(*club, *key, &query), None, only.header(key_revision(*key)))
            }
            Action::EndPreviousSecret { club, key } => {
                ("DELETE", self.key_path(*club, *key, "/previous-secret"), None, None)
            }
            Action::Identify { club, text: found } => {
                let found: Vec<_> = found.iter().map(|found| self.there(*found)).collect();
                let body = json!({ "text": text(&found) });
                ("POST", self.club_path(*club, "/api-keys/identify"), Some(body), None)
            }
            Action::Report { found } => {
                let body = json!({ "secret": self.there(*found).written() });
                ("POST", "/api/v1/leaked-secrets".to_owned(), Some(body), None)
            }
            Action::ListEvents { club, noun } => {
                ("GET", self.club_path(*club, &format!("/audit-events?action={noun}&limit=200")), None, None)
            }
            Action::SetPlan { .. } | Action::Begin { .. } | Action::Pass { .. } | Action::EveryoneLooks { .. } => {
                unreachable!("no request")
            }
        };
        Request { method, path, body, credential: None, from: Place::Here, if_match }
    }

    /// The secret, if there is one of that number.
    pub fn there(&self, found: Found) -> Found {
        match found {
            Found::Secret(number) if number >= self.secrets.len() => Found::Unknown,
            Found::Token(number) if number >= self.sessions.len() => Found::Unknown,
            Found::Code(number) if number >= self.invitations.len() => Found::Unknown,
            other => other,
        }
    }
}

impl Match {
    /// The header, for a thing that has this revision.
    fn header(self, revision: Option<u64>) -> Option<String> {
        let revision = revision.unwrap_or(1);
        match self {
            Self::Unsaid => None,
            Self::Any => Some("*".to_owned()),
            Self::Present => Some(format!("\"{revision}\"")),
            Self::Other => Some(format!("\"{}\"", revision + 1)),
        }
    }
}

impl Call {
    /// What it is, in a line.
    pub fn written(&self) -> String {
        match self {
            Self::Http(Request { method, path, body, credential, from, if_match }) => {
                let by = credential.as_deref().unwrap_or("nobody");
                let only = if_match.as_ref().map(|only| format!(" If-Match: {only}")).unwrap_or_default();
                let body = body.as_ref().map(|body| format!(" {body}")).unwrap_or_default();
                format!("{by} from {from:?}: {method} {path}{only}{body}")
            }
            Self::SetPlan { club, plan } => format!("the operator puts <club {club}> on the plan {plan:?}"),
            Self::Begin { user, session, .. } => format!("<user {user}> signs in elsewhere: <token {session}>"),
            Self::Pass { by } => {
                let (days, hours, rest) = (by / DAY, by % DAY / HOUR, by % HOUR);
                format!("{days} d {hours} h {rest} ms go by")
            }
        }
    }
}
