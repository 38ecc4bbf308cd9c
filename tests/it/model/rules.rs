//! The rules: what each step comes to, and what becomes of the clubs.
//!
//! Written from what the product promises, not from the server. Refusals come in one order: the credential; what needs no
//! stored data; the club; role or scope; the plan; the thing; what is in the way; what is wrong beside what is stored.

mod authority;
mod keys;
mod leaks;
mod members;
mod organizations;
mod sessions;

use serde_json::{Value, json};

use super::{
    request::{Call, Request},
    step::{Action, By, Fault, Id, Match, Step},
    world::{ANY, Actor, Event, Place, Target, World},
};

/// What is done, and how it must be answered, if it is a request.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub call: Call,
    pub answer: Option<Answer>,
    /// Whether uses must be on disk before anything else is done.
    pub flush: bool,
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// `None` if it must be empty.
    pub body: Option<Value>,
    /// `None` if it does not matter.
    pub etag: Option<String>,
}

impl Answer {
    fn of(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), etag: None }
    }

    fn empty(status: u16) -> Self {
        Self { status, body: None, etag: None }
    }

    fn tagged(self, revision: u64) -> Self {
        Self { etag: Some(format!("\"{revision}\"")), ..self }
    }

    /// A list, all of it on one page.
    fn list(data: Vec<Value>) -> Self {
        Self::of(200, json!({ "data": data, "next_cursor": null }))
    }

    /// In a word or two.
    pub fn written(&self) -> String {
        match self.body.as_ref().and_then(|body| body["code"].as_str()) {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }
}

/// Why a request is refused.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    /// The fields that are wrong.
    fields: Vec<&'static str>,
    resource: Option<String>,
}

type Ruling<T> = Result<T, Refusal>;

fn refuse<T>(status: u16, code: &'static str) -> Ruling<T> {
    Err(Refusal { status, code, fields: Vec::new(), resource: None })
}

fn not_found<T>() -> Ruling<T> {
    refuse(404, "not_found")
}

fn invalid<T>(fields: Vec<&'static str>) -> Ruling<T> {
    Err(Refusal { status: 422, code: "invalid_request", fields, resource: None })
}

/// Refuses if any of these fields is wrong.
fn no_fault(mut fields: Vec<&'static str>) -> Ruling<()> {
    fields.sort_unstable();
    if fields.is_empty() { Ok(()) } else { invalid(fields) }
}

impl From<Refusal> for Answer {
    fn from(Refusal { status, code, fields, resource }: Refusal) -> Self {
        let errors: Vec<_> = fields.iter().map(|field| json!({ "field": field, "message": ANY })).collect();
        let body = json!({
            "type": format!("/docs/problems/{code}"),
            "title": ANY,
            "status": status,
            "detail": ANY,
            "code": code,
            "errors": errors,
            "resource_id": resource,
            "request_id": ANY,
        });
        Self::of(status, body)
    }
}

/// What a path names, once it is known to be well-formed.
fn well_formed(id: Id) -> Ruling<Option<usize>> {
    match id {
        Id::Known(number) => Ok(Some(number)),
        Id::Missing => Ok(None),
        Id::OtherKind => not_found(),
    }
}

impl Match {
    /// Refuses a change that is meant for another revision.
    fn require(self) -> Ruling<()> {
        if self == Self::Other { refuse(412, "revision_mismatch") } else { Ok(()) }
    }
}

impl World {
    /// What a step comes to.
    pub fn take(&mut self, step: &Step) -> Vec<Exchange> {
        let apart = |call| vec![Exchange { call, answer: None, flush: false }];
        match step.action {
            Action::Pass { by } => {
                self.now += by;
                apart(Call::Pass { by })
            }
            Action::SetPlan { club, plan } => {
                self.set_plan(club, plan);
                apart(Call::SetPlan { club, plan })
            }
            Action::Begin { user } => {
                let user = user % self.users.len();
                apart(Call::Begin { user, email: self.users[user].email, session: self.begin_session(user) })
            }
            Action::EveryoneLooks { club } => self.looks(club).iter().map(|step| self.ask(step)).collect(),
            _ => vec![self.ask(step)],
        }
    }

    /// A request and its answer.
    fn ask(&mut self, step: &Step) -> Exchange {
        let request: Request = self.request(step);
        let answer = self.decide(step).unwrap_or_else(Answer::from);
        Exchange { call: Call::Http(request), answer: Some(answer), flush: self.ends_by_idleness(step.by) }
    }

    /// Whether the credential is a secret of a key whose previous secret can end by idleness: for that only those uses
    /// count that are on disk.
    fn ends_by_idleness(&self, by: By) -> bool {
        let By::Secret(secret) = by else { return false };
        let key = self.secrets.get(secret).and_then(|secret| self.keys[secret.key].previous.as_ref());
        key.is_some_and(|previous| previous.idle_hours.is_some())
    }

    /// Everybody lists the members of a club, and every person its keys.
    fn looks(&self, club: usize) -> Vec<Step> {
        let club = Id::Known(club);
        let members = || Action::ListMembers { club, filter: Default::default() };
        let keys = || Action::ListKeys { club, status: Some("all") };
        let sessions = (0..self.sessions.len()).map(By::Session);
        let secrets = (0..self.secrets.len()).map(By::Secret);
        let by_sessions = sessions.flat_map(|by| [Step::new(by, members()), Step::new(by, keys())]);
        by_sessions.chain(secrets.map(|by| Step::new(by, members()))).collect()
    }

    fn record(&mut self, club: usize, actor: Actor, action: &'static str, target: Target, from: Option<Place>) {
        let event = Event { at: self.now, actor, action, target, from };
        self.clubs[club].events.push(event);
    }

    /// What a request comes to.
    fn decide(&mut self, step: &Step) -> Ruling<Answer> {
        match &step.action {
            Action::SignIn { user, is_usual } => self.sign_in(step, *user, *is_usual),
            Action::Accept { invitation, is_usual } => self.accept(step, *invitation, *is_usual),
            Action::Report { found } => self.report(step, *found),
            _ => {
                let caller = self.caller(step)?;
                if step.fault() == Some(Fault::Query) {
                    return invalid(vec!["surprise"]);
                }
                self.decide_for(step, caller)
            }
        }
    }

    fn decide_for(&mut self, step: &Step, caller: authority::Caller) -> Ruling<Answer> {
        let mut wrong = if step.fault() == Some(Fault::Field) { vec!["surprise"] } else { Vec::new() };
        match &step.action {
            Action::WhoAmI => self.who_am_i(caller),
            Action::SignOut { everywhere } => self.sign_out(caller, *everywhere),
            Action::ListClubs => self.list_clubs(caller),
            Action::GetClub { club } => self.get_club(caller, well_formed(*club)?),
            Action::ChangeClub { club, change, only } => {
                let club = well_formed(*club)?;
                no_fault(wrong)?;
                self.change_club(step, caller, club, change, *only)
            }
            Action::HandOver { club, to, is_usual } => {
                let club = well_formed(*club)?;
                wrong.extend((*to == Id::OtherKind).then_some("member_id"));
                no_fault(wrong)?;
                self.hand_over(step, caller, club, well_formed(*to)?, *is_usual)
            }
            Action::ListMembers { club, filter } => self.list_members(caller, well_formed(*club)?, filter),
            Action::AddMember { club, new } => {
                let club = well_formed(*club)?;
                wrong.extend((new.coach == Some(Id::OtherKind)).then_some("coach_id"));
                no_fault(wrong)?;
                self.add_member(step, caller, club, new)
            }
            Action::GetMember { club, member } => self.get_member(caller, well_formed(*club)?, well_formed(*member)?),
            Action::ChangeMember { club, member, change, only } => {
                let (club, member) = (well_formed(*club)?, well_formed(*member)?);
                wrong.extend((change.coach == Some(Id::OtherKind)).then_some("coach_id"));
                no_fault(wrong)?;
                self.change_member(step, caller, club, member, change, *only)
            }
            Action::RemoveMember { club, member, only } => {
                self.remove_member(step, caller, well_formed(*club)?, well_formed(*member)?, *only)
            }
            Action::Invite { club, member, email } => {
                let (club, member) = (well_formed(*club)?, well_formed(*member)?);
                no_fault(wrong)?;
                self.invite(step, caller, club, member, *email)
            }
            Action::CreateKey { club, new } => {
                let club = well_formed(*club)?;
                no_fault(wrong)?;
                no_fault(new.past())?;
                self.create_key(step, caller, club, new)
            }
            Action::ListKeys { club, status } => self.list_keys(caller, well_formed(*club)?, *status),
            Action::GetKey { club, key } => self.get_key(caller, well_formed(*club)?, well_formed(*key)?),
            Action::ChangeKey { club, key, change, only } => {
                let (club, key) = (well_formed(*club)?, well_formed(*key)?);
                no_fault(wrong)?;
                no_fault(change.past())?;
                self.change_key(step, caller, club, key, change, *only)
            }
            Action::RotateKey { club, key, rotation } => {
                let (club, key) = (well_formed(*club)?, well_formed(*key)?);
                no_fault(wrong)?;
                self.rotate_key(step, caller, club, key, *rotation)
            }
            Action::RevokeKey { club, key, reason, only } => {
                self.revoke_key(step, caller, well_formed(*club)?, well_formed(*key)?, *reason, *only)
            }
            Action::EndPreviousSecret { club, key } => {
                self.end_previous_secret(step, caller, well_formed(*club)?, well_formed(*key)?)
            }
            Action::Identify { club, text } => {
                let club = well_formed(*club)?;
                no_fault(wrong)?;
                self.identify(caller, club, text)
            }
            Action::ListEvents { club, noun } => self.list_events(caller, well_formed(*club)?, noun),
            Action::SignIn { .. }
            | Action::Accept { .. }
            | Action::Report { .. }
            | Action::SetPlan { .. }
            | Action::Begin { .. }
            | Action::Pass { .. }
            | Action::EveryoneLooks { .. } => unreachable!("nobody needs a credential for it"),
        }
    }
}
