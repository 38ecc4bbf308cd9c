//! What must be there after each answer: a club as whoever reads the answers knows it, and who may do what in it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::service::{IpRange, Timestamp};

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Nobody,
    /// Head coach, coach, athlete, or the head coach of another club: their place among the tokens.
    Person(usize),
    /// The key with this number, with its present secret or the one before.
    Key(usize, Secret),
}

/// Which secret of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    Current,
    Previous,
}

pub const HEAD_COACH: Who = Who::Person(0);
pub const OUTSIDER: Who = Who::Person(3);

/// Whether a credential is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    Live,
    Dead,
    /// That depends on when it was used.
    Unsure,
}

/// A member as it was last told.
pub struct Member {
    pub told: Value,
    /// What the request that added it was answered with.
    first: Value,
    pub is_gone: bool,
}

/// A key as it was last told, and its secrets, the oldest first.
pub struct Key {
    pub told: Value,
    pub secrets: Vec<String>,
    pub is_revoked: bool,
    previous: Option<Previous>,
}

/// A secret that was replaced and still works.
struct Previous {
    secret: String,
    ends_at: Timestamp,
    /// Whether it can end sooner.
    can_retire: bool,
}

/// What is known of a club.
pub struct Model {
    pub organization: Value,
    pub members: Vec<Member>,
    pub keys: Vec<Key>,
    /// The people whose session was ended.
    ended: [bool; 4],
    /// Whether time has passed.
    has_waited: bool,
    /// How many events there must be of each action.
    pub events: BTreeMap<String, usize>,
}

/// A request that went through.
pub struct Done<'a> {
    pub who: Who,
    pub operation: &'a str,
    /// The member or key in its path.
    pub id: Option<&'a str>,
    pub sent: &'a Value,
    pub answer: &'a Value,
    pub is_replayed: bool,
    pub at: Timestamp,
}

/// The fields of a member that can be set, and what they are if nothing is said.
fn member_fields() -> [(&'static str, Value); 7] {
    [
        ("display_name", Value::Null),
        ("role", json!("athlete")),
        ("status", json!("active")),
        ("email", Value::Null),
        ("labels", json!([])),
        ("external_id", Value::Null),
        ("coach_id", Value::Null),
    ]
}

/// What a field was asked to become.
fn wished(sent: &Value, field: &str) -> Option<Value> {
    match &sent[field] {
        Value::Null => None,
        Value::String(text) => Some(json!(text.trim())),
        Value::Array(values) => {
            let mut texts: Vec<_> = values.iter().filter_map(Value::as_str).map(str::trim).collect();
            texts.sort_unstable();
            texts.dedup();
            Some(json!(texts))
        }
        other => Some(other.clone()),
    }
}

fn is_cleared(sent: &Value, field: &str) -> bool {
    sent["clear"].as_array().is_some_and(|fields| fields.iter().any(|cleared| cleared == field))
}

/// A key without what changes as it is used and as time goes by.
pub fn lasting(key: &Value) -> Value {
    let mut key = key.clone();
    if let Some(fields) = key.as_object_mut() {
        for passing in ["status", "last_used_at", "previous_secret", "revoked", "secret"] {
            fields.remove(passing);
        }
    }
    key
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| text.parse().expect("a time is answered as one"))
}

impl Key {
    fn is_over(&self, now: Timestamp) -> bool {
        self.is_revoked || time(&self.told["expires_at"]).is_some_and(|end| now >= end)
    }

    /// Whether a secret of it is accepted.
    pub fn liveness(&self, secret: &str, now: Timestamp) -> Liveness {
        let previous = self.previous.as_ref().filter(|previous| previous.secret == secret && now < previous.ends_at);
        match previous {
            _ if self.is_over(now) => Liveness::Dead,
            _ if self.secrets.last().is_some_and(|current| current == secret) => Liveness::Live,
            Some(previous) if previous.can_retire => Liveness::Unsure,
            Some(_) => Liveness::Live,
            None => Liveness::Dead,
        }
    }

    /// Whether it may be used from an address that is not known.
    pub fn is_usable_here(&self) -> bool {
        let ranges: Vec<IpRange> = serde_json::from_value(self.told["allowed_ips"].clone()).expect("ranges");
        IpRange::allow(&ranges, std::net::Ipv4Addr::UNSPECIFIED.into())
    }

    /// Takes what an answer says of it.
    fn hear(&mut self, answer: &Value) {
        for stays in ["id", "organization_id", "created_at", "created_by"] {
            assert_eq!(answer[stays], self.told[stays], "{stays} of a key stays");
        }
        self.told = lasting(answer);
    }
}

impl Model {
    /// A club as its head coach sees it when a game begins; the people's members stand first, in their order.
    pub fn new(organization: Value, members: &[Value], events: BTreeMap<String, usize>) -> Self {
        let member = |told: &Value| Member { told: told.clone(), first: told.clone(), is_gone: false };
        Self {
            organization,
            members: members.iter().map(member).collect(),
            keys: Vec::new(),
            ended: [false; 4],
            has_waited: false,
            events,
        }
    }

    pub const fn wait(&mut self) {
        self.has_waited = true;
    }

    fn event(&mut self, action: &str) {
        *self.events.entry(action.to_owned()).or_default() += 1;
    }

    /// The member with this id, unless it was removed.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.told["id"] == id && !member.is_gone)
    }

    fn key(&mut self, id: Option<&str>) -> &mut Key {
        let key = self.keys.iter_mut().find(|key| Some(&key.told["id"]) == id.map(Value::from).as_ref());
        key.expect("a key was answered that nobody has created")
    }

    /// The secret with which a key calls.
    pub fn secret(&self, number: usize, which: Secret) -> Option<&str> {
        let secrets = &self.keys.get(number)?.secrets;
        let place = secrets.len().checked_sub(if which == Secret::Current { 1 } else { 2 })?;
        secrets.get(place).map(String::as_str)
    }

    pub fn liveness(&self, who: Who, now: Timestamp) -> Liveness {
        match who {
            Who::Nobody => Liveness::Dead,
            Who::Person(place) if self.ended[place] => Liveness::Dead,
            Who::Person(_) if self.has_waited => Liveness::Unsure,
            Who::Person(_) => Liveness::Live,
            Who::Key(number, which) => match self.secret(number, which) {
                Some(secret) => self.keys[number].liveness(secret, now),
                None => Liveness::Dead,
            },
        }
    }

    /// The role of a person who is an active member.
    fn role(&self, who: Who) -> Option<&str> {
        let Who::Person(place) = who else { return None };
        let member = self.members.get(place).filter(|member| place < 3 && !member.is_gone)?;
        member.told["role"].as_str().filter(|_| member.told["status"] == "active")
    }

    fn has_scope(&self, who: Who, scope: &str) -> bool {
        let Who::Key(number, _) = who else { return false };
        self.keys[number].told["scopes"].as_array().is_some_and(|scopes| scopes.iter().any(|known| known == scope))
    }

    /// Whether a request can go through that is for this club, or for none.
    pub fn may(&self, who: Who, operation: &str, id: Option<&str>) -> bool {
        let role = self.role(who);
        let is_person = matches!(who, Who::Person(_));
        let is_coach = matches!(role, Some("head_coach" | "coach"));
        match operation {
            "report_leaked_secret" => true,
            "get_caller" => who != Who::Nobody,
            "list_organizations" | "logout" => is_person,
            "get_organization" => role.is_some() || self.has_scope(who, "organization:read"),
            "list_members" => is_coach || self.has_scope(who, "members:read"),
            "get_member" => {
                let is_own =
                    || id.is_some_and(|id| matches!(who, Who::Person(own) if self.members[own].told["id"] == id));
                is_coach || self.has_scope(who, "members:read") || (role.is_some() && is_own())
            }
            "create_member" => is_coach || self.has_scope(who, "members:write"),
            "update_member" | "delete_member" => {
                let is_athlete =
                    id.and_then(|id| self.member(id)).is_some_and(|member| member.told["role"] == "athlete");
                role == Some("head_coach") || (is_athlete && (is_coach || self.has_scope(who, "members:write")))
            }
            _ => role == Some("head_coach"),
        }
    }

    /// Leaves the athletes of a coach without one.
    fn release(&mut self, coach_id: &Value, at: Timestamp) {
        for member in self.members.iter_mut().filter(|member| member.told["coach_id"] == *coach_id && !member.is_gone) {
            member.told["coach_id"] = Value::Null;
            member.told["updated_at"] = json!(at);
        }
    }

    /// What one answer says is what the earlier ones and the requests have made of it.
    pub fn learn(&mut self, done: &Done<'_>) {
        let Done { id, sent, answer, at, .. } = *done;
        match done.operation {
            "get_organization" => self.hear_organization(answer),
            "update_organization" => {
                for field in ["name", "description"] {
                    let kept = if is_cleared(sent, field) { Value::Null } else { self.organization[field].clone() };
                    assert_eq!(answer[field], wished(sent, field).unwrap_or(kept), "{field}");
                    self.organization[field] = answer[field].clone();
                }
                for field in ["longest_key_days", "usual_key_days", "updated_at"] {
                    self.organization[field] = answer[field].clone();
                }
                self.hear_organization(answer);
            }
            "create_member" | "update_member" | "delete_member" | "get_member" | "list_members" => self.roster(done),
            "create_api_key" => {
                assert_eq!(answer["name"], wished(sent, "name").expect("a key has a name"));
                let secrets = vec![answer["secret"].as_str().expect("a new key has a secret").to_owned()];
                self.keys.push(Key { told: lasting(answer), secrets, is_revoked: false, previous: None });
                self.event("api_key.create");
            }
            "get_api_key" => self.hear_key(answer, at),
            "list_api_keys" => answer["data"].as_array().expect("a list").iter().for_each(|key| self.hear_key(key, at)),
            "update_api_key" => {
                let key = self.key(id);
                assert!(!key.is_over(at), "what is over cannot be changed");
                for field in ["name", "description"] {
                    let kept = if is_cleared(sent, field) { Value::Null } else { key.told[field].clone() };
                    assert_eq!(answer[field], wished(sent, field).unwrap_or(kept), "{field}");
                }
                let has_changed = lasting(answer) != key.told;
                key.hear(answer);
                if has_changed {
                    self.event("api_key.change");
                }
            }
            "rotate_api_key" => {
                let key = self.key(id);
                assert!(!key.is_over(at), "what is over cannot be rotated");
                let could_retire = key.previous.as_ref().is_some_and(|previous| previous.can_retire);
                let hint_of = |secret: &&String| format!("{}…{}", &secret[..15], &secret[35..38]);
                let kept = &answer["previous_secret"];
                let secret = key.secrets.iter().rev().find(|secret| kept["hint"] == hint_of(secret));
                key.previous = time(&kept["ends_at"]).map(|ends_at| Previous {
                    secret: secret.expect("the secret before is one of the key's").clone(),
                    ends_at,
                    can_retire: could_retire || !sent["retire_when_idle_hours"].is_null(),
                });
                key.secrets.push(answer["secret"].as_str().expect("a rotated key has a new secret").to_owned());
                key.hear(answer);
                self.event("api_key.rotate");
            }
            "end_previous_secret" => self.key(id).previous = None,
            "revoke_api_key" => self.revoke(id),
            "report_leaked_secret" => {
                let secret = sent["secret"].as_str().map(str::trim).unwrap_or_default();
                let is_open = |key: &&mut Key| !key.is_over(at) && key.secrets.iter().any(|known| known == secret);
                let Some(key) = self.keys.iter_mut().find(is_open) else { return };
                if key.secrets.last().is_some_and(|current| current == secret) {
                    let id = key.told["id"].as_str().map(str::to_owned);
                    self.revoke(id.as_deref());
                } else if key.previous.as_ref().is_some_and(|previous| previous.secret == secret) {
                    key.previous = None;
                }
            }
            "logout" => {
                if let Who::Person(place) = done.who {
                    self.ended[place] = true;
                }
            }
            _ => {}
        }
    }

    fn revoke(&mut self, id: Option<&str>) {
        if !std::mem::replace(&mut self.key(id).is_revoked, true) {
            self.event("api_key.revoke");
        }
    }

    /// Only the head coach is told how many keys are active.
    fn hear_organization(&self, answer: &Value) {
        let mut told = answer.clone();
        told["active_api_keys"] = self.organization["active_api_keys"].clone();
        assert_eq!(told, self.organization);
    }

    fn hear_key(&mut self, answer: &Value, at: Timestamp) {
        let key = self.key(answer["id"].as_str());
        assert_eq!(lasting(answer), key.told, "a key is what it was made");
        assert_eq!(!answer["revoked"].is_null(), key.is_revoked);
        assert_eq!(answer["status"] == "active", !key.is_over(at));
    }

    fn roster(&mut self, done: &Done<'_>) {
        let Done { who, id, sent, answer, is_replayed, at, .. } = *done;
        let is_head_coach = self.role(who) == Some("head_coach");
        match done.operation {
            "create_member" if is_replayed => {
                assert!(self.members.iter().any(|member| member.first == *answer), "it is answered as the first time");
            }
            "create_member" => {
                for (field, unsaid) in member_fields() {
                    assert_eq!(answer[field], wished(sent, field).unwrap_or(unsaid), "{field} of a new member");
                }
                assert_eq!((&answer["created_at"], &answer["user_id"]), (&json!(at), &Value::Null));
                assert!(is_head_coach || answer["role"] == "athlete", "only the head coach adds coaches");
                let is_known = self.members.iter().any(|member| member.told["id"] == answer["id"]);
                assert!(!is_known, "an id is given once");
                self.members.push(Member { told: answer.clone(), first: answer.clone(), is_gone: false });
                self.event("member.create");
            }
            "update_member" => {
                let before = &self.member(id.unwrap_or_default()).expect("it was there").told;
                let mut after = before.clone();
                for (field, empty) in member_fields() {
                    let wished = wished(sent, field).or_else(|| is_cleared(sent, field).then_some(empty));
                    after[field] = wished.unwrap_or_else(|| before[field].clone());
                }
                let changes_sides = |from, to| before["role"] == from && after["role"] == to;
                let (promoted, demoted) = (changes_sides("athlete", "coach"), changes_sides("coach", "athlete"));
                if promoted {
                    after["coach_id"] = Value::Null;
                }
                let has_changed = after != *before;
                if has_changed {
                    after["updated_at"] = json!(at);
                }
                assert!(is_head_coach || after["role"] == "athlete", "only the head coach makes coaches");
                assert_eq!(*answer, after, "a change changes what it names");
                if demoted {
                    self.release(&answer["id"], at);
                }
                if has_changed {
                    self.event("member.change");
                }
                let changed = self.members.iter_mut().find(|member| member.told["id"] == answer["id"]);
                changed.expect("it was there").told = after;
            }
            "delete_member" => {
                let id = Value::from(id.unwrap_or_default());
                let gone = self.members.iter_mut().find(|member| member.told["id"] == id && !member.is_gone);
                gone.expect("it was there").is_gone = true;
                self.release(&id, at);
                self.event("member.remove");
            }
            "get_member" => self.hear_member(answer),
            _ => answer["data"].as_array().expect("a list").iter().for_each(|member| self.hear_member(member)),
        }
    }

    fn hear_member(&self, answer: &Value) {
        let member = self.member(answer["id"].as_str().unwrap_or_default());
        assert_eq!(member.map(|member| &member.told), Some(answer), "a member is what it was made");
    }
}
