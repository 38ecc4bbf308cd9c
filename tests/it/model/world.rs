//! The clubs as plain data: all that the rules speak of, and nothing of how a server keeps it.
//!
//! Things are named by their number, in the order in which they came to be. What only the server makes up (ids, secrets)
//! stands in bodies as a placeholder such as `<member 3>`; [`super::names`] knows what it stands for.

use serde::Serialize;

/// Milliseconds since the sequence began.
pub type Time = i64;

pub const HOUR: Time = 3_600_000;
pub const DAY: Time = 24 * HOUR;

/// What a session lives after its last use, and at most.
pub const SESSION: (Time, Time) = (30 * DAY, 90 * DAY);
/// What an invitation lives.
pub const INVITATION: Time = 14 * DAY;
/// How many active keys a club may have here: few, so that the limit is met.
pub const MOST_KEYS: usize = 4;

/// Stands in an expected body for what the model does not know.
pub const ANY: &str = "<any>";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    HeadCoach,
    Coach,
    Athlete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Active,
    Inactive,
    Suspended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    Free,
    Coach,
    Club,
    Enterprise,
}

impl Plan {
    pub fn has_keys(self) -> bool {
        self != Self::Free
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Scope {
    #[serde(rename = "organization:read")]
    OrganizationRead,
    #[serde(rename = "members:read")]
    MembersRead,
    #[serde(rename = "members:write")]
    MembersWrite,
}

pub const SCOPES: [Scope; 3] = [Scope::OrganizationRead, Scope::MembersRead, Scope::MembersWrite];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    Active,
    Expired,
    Revoked,
}

/// From where a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// 10.0.0.1
    Here,
    /// 192.0.2.7
    There,
    /// An address that nobody had before, so that no guess of a password slows another.
    New,
}

impl Place {
    pub fn address(self) -> &'static str {
        match self {
            Self::Here => "10.0.0.1",
            Self::There => "192.0.2.7",
            Self::New => ANY,
        }
    }

    /// Whether it lies in this range.
    pub fn is_in(self, range: &str) -> bool {
        match self {
            Self::Here => range == "10.0.0.0/8",
            Self::There => range == "192.0.2.0/24",
            Self::New => false,
        }
    }
}

#[derive(Debug, Clone)]
pub struct User {
    pub email: &'static str,
    pub display_name: &'static str,
    /// Whether it is the usual password of everybody: a new account has the one that came with its invitation.
    pub has_usual_password: bool,
    pub created_at: Time,
}

#[derive(Debug, Clone)]
pub struct Club {
    pub name: &'static str,
    pub description: Option<&'static str>,
    pub plan: Plan,
    pub longest_key_days: Option<u16>,
    pub usual_key_days: Option<u16>,
    pub revision: u64,
    pub created_at: Time,
    pub updated_at: Time,
    /// Oldest first.
    pub events: Vec<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    User(usize),
    Key(usize),
    Operator,
    Anonymous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Club(usize),
    Member(usize),
    Key(usize),
}

#[derive(Debug, Clone)]
pub struct Event {
    pub at: Time,
    pub actor: Actor,
    pub action: &'static str,
    pub target: Target,
    pub from: Option<Place>,
}

#[derive(Debug, Clone)]
pub struct Member {
    pub club: usize,
    pub user: Option<usize>,
    pub role: Role,
    pub status: Status,
    pub display_name: &'static str,
    pub email: Option<&'static str>,
    /// Sorted, each once.
    pub labels: Vec<&'static str>,
    pub external_id: Option<&'static str>,
    pub coach: Option<usize>,
    pub created_at: Time,
    pub updated_at: Time,
    pub revision: u64,
    pub is_removed: bool,
}

#[derive(Debug, Clone)]
pub struct Invitation {
    pub member: usize,
    pub email: &'static str,
    pub created_at: Time,
    /// Used, replaced, withdrawn, or its member is gone.
    pub is_over: bool,
}

#[derive(Debug, Clone)]
pub struct Session {
    pub user: usize,
    pub created_at: Time,
    pub ends_at: Time,
    pub is_ended: bool,
}

/// Who created or revoked a key, as they were called then.
#[derive(Debug, Clone)]
pub struct Person {
    pub user: Option<usize>,
    pub display_name: &'static str,
}

#[derive(Debug, Clone)]
pub struct Key {
    pub club: usize,
    pub name: &'static str,
    pub description: Option<&'static str>,
    /// Sorted, each once.
    pub scopes: Vec<Scope>,
    pub allowed_ips: Vec<&'static str>,
    pub created_at: Time,
    pub created_by: Person,
    pub expires_at: Option<Time>,
    pub revoked: Option<(Time, Person, Option<&'static str>)>,
    /// The secret that was handed out last.
    pub current: usize,
    /// The one before it, if a rotation has let it go on.
    pub previous: Option<Previous>,
    pub revision: u64,
}

#[derive(Debug, Clone)]
pub struct Previous {
    pub secret: usize,
    pub replaced_at: Time,
    pub deadline: Time,
    pub idle_hours: Option<u16>,
}

#[derive(Debug, Clone)]
pub struct Secret {
    pub key: usize,
    pub last_used_at: Option<Time>,
}

#[derive(Debug, Clone, Default)]
pub struct World {
    pub now: Time,
    pub users: Vec<User>,
    pub clubs: Vec<Club>,
    pub members: Vec<Member>,
    pub invitations: Vec<Invitation>,
    pub sessions: Vec<Session>,
    pub keys: Vec<Key>,
    pub secrets: Vec<Secret>,
}

/// What stands for something that the server names.
pub fn name(kind: &str, number: usize) -> String {
    format!("<{kind} {number}>")
}

/// What stands for an instant.
pub fn time(at: Time) -> String {
    format!("<time {at}>")
}

impl World {
    /// The members of a club, by id.
    pub fn members_of(&self, club: usize) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.members.len()).filter(move |member| self.is_member(*member, club))
    }

    /// Whether the club has this member.
    pub fn is_member(&self, member: usize, club: usize) -> bool {
        self.members.get(member).is_some_and(|member| member.club == club && !member.is_removed)
    }

    /// The row of a person in a club.
    pub fn member_of_user(&self, user: usize, club: usize) -> Option<usize> {
        self.members_of(club).find(|member| self.members[*member].user == Some(user))
    }

    /// The keys of a club, by id.
    pub fn keys_of(&self, club: usize) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.keys.len()).filter(move |key| self.keys[*key].club == club)
    }

    /// What a key is now. What a person decided wins over what time brought.
    pub fn status(&self, key: usize) -> KeyStatus {
        let key = &self.keys[key];
        if key.revoked.is_some() {
            KeyStatus::Revoked
        } else if key.expires_at.is_some_and(|end| self.now >= end) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }

    pub fn active_keys(&self, club: usize) -> usize {
        self.keys_of(club).filter(|key| self.status(*key) == KeyStatus::Active).count()
    }

    /// The secret before the current one and when it ends, if it has not. Idle hours count from its last use, and not
    /// before it was replaced; and only once the new secret was used.
    pub fn overlap(&self, key: usize) -> Option<(usize, Time)> {
        let key = &self.keys[key];
        let Previous { secret, replaced_at, deadline, idle_hours } = key.previous.as_ref()?;
        let idle_hours = idle_hours.filter(|_| self.secrets[key.current].last_used_at.is_some());
        let last_use = self.secrets[*secret].last_used_at.unwrap_or(*replaced_at).max(*replaced_at);
        let idle = idle_hours.map(|hours| last_use + Time::from(hours) * HOUR);
        let ends_at = idle.map_or(*deadline, |idle| idle.min(*deadline));
        (self.now < ends_at).then_some((*secret, ends_at))
    }

    /// What a secret is to its key.
    pub fn standing_of(&self, secret: usize) -> &'static str {
        let key = self.secrets[secret].key;
        if self.keys[key].current == secret {
            "current"
        } else if self.overlap(key).is_some_and(|(previous, _)| previous == secret) {
            "previous"
        } else {
            "ended"
        }
    }

    pub fn is_live(&self, session: usize) -> bool {
        self.sessions.get(session).is_some_and(|session| !session.is_ended && self.now < session.ends_at)
    }

    pub fn begin_session(&mut self, user: usize) -> usize {
        let (created_at, ends_at) = (self.now, self.now + SESSION.0);
        self.sessions.push(Session { user, created_at, ends_at, is_ended: false });
        self.sessions.len() - 1
    }
}
