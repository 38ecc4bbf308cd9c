//! How every sequence begins: four clubs whose people and keys are of every kind.

use super::{
    rules::Exchange,
    step::{Action, By, Found, Id, KeyFields, Match, MemberFields, Rotation, Step},
    world::{Actor, Club, Event, HOUR, Member, Plan, Role, Scope, Status, Target, User, World},
};

/// A club as the operator founds it: its name, its plan, and the name and email of its head coach.
pub struct Founding {
    pub name: &'static str,
    pub plan: Plan,
    pub head_coach: &'static str,
    pub email: &'static str,
}

/// The last one is there so that its head coach has an account.
pub const CLUBS: [Founding; 4] = [
    Founding { name: "Summit", plan: Plan::Coach, head_coach: "Ana Ruiz", email: "ana@<run>.example" },
    Founding { name: "Harbor", plan: Plan::Club, head_coach: "Ben Okafor", email: "ben@<run>.example" },
    Founding { name: "Meadow", plan: Plan::Enterprise, head_coach: "Cleo Conti", email: "cleo@<run>.example" },
    Founding { name: "Ridge", plan: Plan::Free, head_coach: "Dan de Vries", email: "dan@<run>.example" },
];

/// The clubs as they are founded; each head coach has a session of the same number.
fn founded() -> World {
    let mut world = World::default();
    for (club, Founding { name, plan, head_coach, email }) in CLUBS.into_iter().enumerate() {
        let event = Event {
            at: 0,
            actor: Actor::Operator,
            action: "organization.create",
            target: Target::Club(club),
            from: None,
        };
        world.users.push(User { email, display_name: head_coach, has_usual_password: true, created_at: 0 });
        world.clubs.push(Club {
            name,
            description: None,
            plan,
            longest_key_days: None,
            usual_key_days: None,
            revision: 1,
            created_at: 0,
            updated_at: 0,
            events: vec![event],
        });
        world.members.push(Member {
            club,
            user: Some(club),
            role: Role::HeadCoach,
            status: Status::Active,
            display_name: head_coach,
            email: Some(email),
            labels: Vec::new(),
            external_id: None,
            coach: None,
            created_at: 0,
            updated_at: 0,
            revision: 1,
            is_removed: false,
        });
        world.begin_session(club);
    }
    world
}

/// What is done before the first step: the people come into the clubs, and the keys become what they are.
///
/// In Summit Ben is a coach, Cleo his athlete and Dan a suspended coach; in Harbor Ana is an athlete. Summit has a key that
/// may do everything, one that may only read and soon expires, one with two secrets, and one that is revoked. Harbor has a
/// key that works from elsewhere. Meadow has a key, and falls back to the plan `free`. Ben has a session that is ended. Two
/// invitations to Summit are open: for somebody new, and for Ben, who is there already.
fn first_steps() -> Vec<Step> {
    let mut steps = Vec::new();
    let mut done = |by: usize, action| steps.push(Step::new(By::Session(by), action));
    // By this the ids of the head coaches' rows become known.
    (0..CLUBS.len()).for_each(|head_coach| done(head_coach, Action::WhoAmI));
    let (summit, harbor, meadow) = (Id::Known(0), Id::Known(1), Id::Known(2));
    let joins = [
        (0, summit, CLUBS[1].head_coach, Role::Coach, CLUBS[1].email),
        (0, summit, CLUBS[2].head_coach, Role::Athlete, CLUBS[2].email),
        (0, summit, CLUBS[3].head_coach, Role::Coach, CLUBS[3].email),
        (1, harbor, CLUBS[0].head_coach, Role::Athlete, CLUBS[0].email),
    ];
    for (invitation, (by, club, display_name, role, email)) in joins.into_iter().enumerate() {
        let new = MemberFields {
            display_name: Some(display_name),
            role: Some(role),
            email: Some(email),
            ..MemberFields::default()
        };
        done(by, Action::AddMember { club, new });
        done(by, Action::Invite { club, member: Id::Known(CLUBS.len() + invitation), email: None });
        done(by, Action::Accept { invitation, is_usual: true });
    }
    let change = MemberFields { coach: Some(Id::Known(4)), ..MemberFields::default() };
    done(0, Action::ChangeMember { club: summit, member: Id::Known(5), change, only: Match::Any });
    let change = MemberFields { status: Some(Status::Suspended), ..MemberFields::default() };
    done(0, Action::ChangeMember { club: summit, member: Id::Known(6), change, only: Match::Present });
    let named = |name| KeyFields { name: Some(name), ..KeyFields::default() };
    let reads = KeyFields { scopes: Some(vec![Scope::MembersRead]), lasts: Some(HOUR), ..named("Dashboard") };
    for (by, club, new) in [
        (0, summit, named("Roster sync")),
        (0, summit, reads),
        (0, summit, KeyFields { allowed_ips: Some(vec!["10.0.0.0/8"]), ..named("Rotated") }),
        (0, summit, named("Retired")),
        (1, harbor, KeyFields { allowed_ips: Some(vec!["192.0.2.0/24"]), ..named("Elsewhere") }),
        (2, meadow, named("On free")),
    ] {
        done(by, Action::CreateKey { club, new });
    }
    done(0, Action::RotateKey { club: summit, key: Id::Known(2), rotation: Rotation::default() });
    done(0, Action::RevokeKey { club: summit, key: Id::Known(3), reason: None, only: Match::Unsaid });
    done(2, Action::SetPlan { club: 2, plan: Plan::Free });
    // Accepting has given each of them another session.
    done(4, Action::SignOut { everywhere: false });
    for (number, (display_name, email)) in
        [("Sam Lee", "sam@<run>.example"), ("Robin Ash", "BEN@<run>.example")].into_iter().enumerate()
    {
        let new = MemberFields { display_name: Some(display_name), ..MemberFields::default() };
        done(0, Action::AddMember { club: summit, new });
        done(0, Action::Invite { club: summit, member: Id::Known(8 + number), email: Some(email) });
    }
    steps
}

/// The clubs with which a sequence begins, and all that is done for it after they were founded.
pub fn beginning() -> (World, Vec<Exchange>) {
    let mut world = founded();
    let exchanges = first_steps().iter().flat_map(|step| world.take(step)).collect();
    (world, exchanges)
}

/// What is done after the last step: everybody looks once more, and the head coaches read what was done.
pub fn last_steps(world: &World) -> Vec<Step> {
    let mut steps = vec![Step::new(By::Nobody, Action::EveryoneLooks { club: 0 })];
    for club in 0..world.clubs.len() {
        let heads = |session: &usize| {
            let member = world.member_of_user(world.sessions[*session].user, club);
            world.is_live(*session) && member.is_some_and(|member| world.members[member].role == Role::HeadCoach)
        };
        let Some(session) = (0..world.sessions.len()).find(heads) else { continue };
        for noun in ["organization", "member", "api_key"] {
            steps.push(Step::new(By::Session(session), Action::ListEvents { club: Id::Known(club), noun }));
        }
        let text = (0..world.secrets.len()).map(Found::Secret).collect();
        steps.push(Step::new(By::Session(session), Action::Identify { club: Id::Known(club), text }));
    }
    steps
}
