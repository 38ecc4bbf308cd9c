//! What is done in a sequence: by whom, from where, to what.

use super::world::{Place, Plan, Role, Scope, Status, Time, name};

/// One step of a sequence.
#[derive(Debug, Clone)]
pub struct Step {
    pub by: By,
    pub from: Place,
    pub fault: Option<Fault>,
    pub action: Action,
}

/// Whose credential comes with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// None comes.
    Nobody,
    /// Something that is no secret of Astral's.
    Nonsense,
    /// A session token of the right form that no server has issued.
    UnknownToken,
    /// A key's secret of the right form that no server has issued.
    UnknownSecret,
    /// The code of an invitation, which is no credential.
    Code(usize),
    Session(usize),
    Secret(usize),
}

/// What is wrong with a request beside what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A query parameter that there is not.
    Query,
    /// A field of the body that there is not.
    Field,
}

/// How a request names a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Id {
    Known(usize),
    /// An id of the right form that nothing has.
    Missing,
    /// An id of something else.
    OtherKind,
}

/// Which revision a change is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It is not said.
    Unsaid,
    /// Whichever there is.
    Any,
    Present,
    Other,
}

/// A secret that stands in a text, or is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Secret(usize),
    Token(usize),
    Code(usize),
    /// Of the right form, and never issued.
    Unknown,
    /// Not a secret by its form.
    Nonsense,
}

/// What is said of an organization; what is `None` is not said.
#[derive(Debug, Clone, Default)]
pub struct ClubFields {
    pub name: Option<&'static str>,
    pub description: Option<&'static str>,
    pub longest_key_days: Option<u16>,
    pub usual_key_days: Option<u16>,
    pub clear: Vec<&'static str>,
}

/// What is said of a member.
#[derive(Debug, Clone, Default)]
pub struct MemberFields {
    pub display_name: Option<&'static str>,
    pub role: Option<Role>,
    pub status: Option<Status>,
    pub email: Option<&'static str>,
    pub labels: Option<Vec<&'static str>>,
    pub external_id: Option<&'static str>,
    pub coach: Option<Id>,
    pub clear: Vec<&'static str>,
}

/// What is said of a key.
#[derive(Debug, Clone, Default)]
pub struct KeyFields {
    pub name: Option<&'static str>,
    pub description: Option<&'static str>,
    pub scopes: Option<Vec<Scope>>,
    /// How long from now on it is to last.
    pub lasts: Option<Time>,
    pub allowed_ips: Option<Vec<&'static str>>,
    pub clear: Vec<&'static str>,
}

/// How a key is to be rotated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rotation {
    pub overlap_seconds: Option<u32>,
    pub idle_hours: Option<u16>,
    pub replace: Option<bool>,
}

/// Which members to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub role: Option<Role>,
    pub status: Option<Status>,
    pub label: Option<&'static str>,
    pub coach: Option<Id>,
    pub q: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub enum Action {
    WhoAmI,
    SignIn {
        user: usize,
        is_usual: bool,
    },
    SignOut {
        everywhere: bool,
    },
    ListClubs,
    GetClub {
        club: Id,
    },
    ChangeClub {
        club: Id,
        change: ClubFields,
        only: Match,
    },
    HandOver {
        club: Id,
        to: Id,
        is_usual: bool,
    },
    ListMembers {
        club: Id,
        filter: Filter,
    },
    AddMember {
        club: Id,
        new: MemberFields,
    },
    GetMember {
        club: Id,
        member: Id,
    },
    ChangeMember {
        club: Id,
        member: Id,
        change: MemberFields,
        only: Match,
    },
    RemoveMember {
        club: Id,
        member: Id,
        only: Match,
    },
    Invite {
        club: Id,
        member: Id,
        email: Option<&'static str>,
    },
    Accept {
        invitation: usize,
        is_usual: bool,
    },
    CreateKey {
        club: Id,
        new: KeyFields,
    },
    ListKeys {
        club: Id,
        status: Option<&'static str>,
    },
    GetKey {
        club: Id,
        key: Id,
    },
    ChangeKey {
        club: Id,
        key: Id,
        change: KeyFields,
        only: Match,
    },
    RotateKey {
        club: Id,
        key: Id,
        rotation: Rotation,
    },
    RevokeKey {
        club: Id,
        key: Id,
        reason: Option<&'static str>,
        only: Match,
    },
    EndPreviousSecret {
        club: Id,
        key: Id,
    },
    Identify {
        club: Id,
        text: Vec<Found>,
    },
    Report {
        found: Found,
    },
    ListEvents {
        club: Id,
        noun: &'static str,
    },
    /// The operator puts a club on a plan.
    SetPlan {
        club: usize,
        plan: Plan,
    },
    /// Somebody signs in elsewhere, without the work that a password takes.
    Begin {
        user: usize,
    },
    /// Time goes by.
    Pass {
        by: Time,
    },
    /// Everybody who has, or ever had, a credential lists members and keys of a club.
    EveryoneLooks {
        club: usize,
    },
}

impl Found {
    pub fn written(self) -> String {
        match self {
            Self::Secret(number) => name("secret", number),
            Self::Token(number) => name("token", number),
            Self::Code(number) => name("code", number),
            Self::Unknown => "<unknown secret>".to_owned(),
            Self::Nonsense => "astral_live_nonsense".to_owned(),
        }
    }
}

impl Id {
    /// What stands for it in a request.
    pub fn written(self, kind: &str) -> String {
        match self {
            Self::Known(number) => name(kind, number),
            Self::Missing => format!("<missing {kind}>"),
            Self::OtherKind => "<missing request>".to_owned(),
        }
    }
}

impl Step {
    pub fn new(by: By, action: Action) -> Self {
        Self { by, from: Place::Here, fault: None, action }
    }

    /// Whether a password comes with it.
    fn has_password(&self) -> bool {
        matches!(self.action, Action::SignIn { .. } | Action::Accept { .. } | Action::HandOver { .. })
    }

    /// From where it comes.
    pub fn place(&self) -> Place {
        if self.has_password() { Place::New } else { self.from }
    }

    /// What is wrong with it: a field only where there is a body.
    pub fn fault(&self) -> Option<Fault> {
        self.fault.filter(|fault| *fault == Fault::Query || self.action.has_body())
    }
}

impl Action {
    fn has_body(&self) -> bool {
        matches!(
            self,
            Self::SignIn { .. }
                | Self::ChangeClub { .. }
                | Self::HandOver { .. }
                | Self::AddMember { .. }
                | Self::ChangeMember { .. }
                | Self::Invite { .. }
                | Self::Accept { .. }
                | Self::CreateKey { .. }
                | Self::ChangeKey { .. }
                | Self::RotateKey { .. }
                | Self::Identify { .. }
                | Self::Report { .. }
        )
    }
}
