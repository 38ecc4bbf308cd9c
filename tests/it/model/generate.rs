//! What can come next: anybody may try anything, and whoever may do it does so more often, so that something happens.

use proptest::{
    option::weighted,
    prelude::{BoxedStrategy, Just, Strategy, any},
    sample::{select, subsequence},
    strategy::Union,
};

use super::{
    step::{Action, By, ClubFields, Fault, Filter, Found, Id, KeyFields, Match, MemberFields, Rotation, Step},
    world::{DAY, HOUR, Place, Plan, Role, SCOPES, Status, World},
};

const NAMES: [&str; 4] = ["Robin Ash", "Kim Robinson", "Sam Lee", "Noor Haddad"];
/// Those with a capital letter are the same as those without.
const EMAILS: [&str; 6] = [
    "ana@<run>.example",
    "Ben@<run>.example",
    "cleo@<run>.example",
    "Cleo@<run>.example",
    "dan@<run>.example",
    "robin@<run>.test",
];
const LABELS: [&str; 3] = ["Sprint", "U14", "U16"];
const EXTERNAL_IDS: [&str; 2] = ["A-1", "A-2"];
const RANGES: [&str; 2] = ["10.0.0.0/8", "192.0.2.0/24"];
/// For how long keys are made; the first do not lie in the future.
const LASTS: [i64; 6] = [-1, 0, 1, HOUR, DAY, 10 * DAY];
/// What time goes by: up to the last millisecond, and over it.
const PASSES: [i64; 8] = [1, HOUR - 1, HOUR, DAY - 1, DAY, 8 * DAY, 14 * DAY, 31 * DAY];

type Weighted<T> = (u32, BoxedStrategy<T>);

fn one_of<T: std::fmt::Debug + 'static>(choices: Vec<Weighted<T>>) -> BoxedStrategy<T> {
    Union::new_weighted(choices).boxed()
}

/// One of these with that weight, if there is any.
fn among<T: Clone + std::fmt::Debug + 'static>(weight: u32, those: Vec<T>) -> Option<Weighted<T>> {
    (!those.is_empty()).then(|| (weight, select(those).boxed()))
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(probability: f64, those: &'static [T]) -> BoxedStrategy<Option<T>> {
    if probability < 1.0 { weighted(probability, select(those)).boxed() } else { select(those).prop_map(Some).boxed() }
}

/// The next step.
pub fn next(world: &World) -> BoxedStrategy<Step> {
    let mut choices: Vec<_> = [(0, 30), (1, 8), (2, 8), (3, 2)]
        .into_iter()
        .map(|(club, weight)| (weight, step(callers(world, club), in_club(world, Id::Known(club), club))))
        .collect();
    for club in [Id::Missing, Id::OtherKind] {
        choices.push((1, step(callers(world, 0), in_club(world, club, 0))));
    }
    choices.push((9, step(anybody(world), anywhere(world))));
    choices.push((8, step(Just(By::Nobody).boxed(), apart(world))));
    one_of(choices)
}

fn step(by: BoxedStrategy<By>, action: BoxedStrategy<Action>) -> BoxedStrategy<Step> {
    let places = one_of(vec![(8, Just(Place::Here).boxed()), (2, Just(Place::There).boxed())]);
    let faults = maybe(0.03, &[Fault::Query, Fault::Field]);
    (by, places, faults, action).prop_map(|(by, from, fault, action)| Step { by, from, fault, action }).boxed()
}

/// Anybody at all.
fn anybody(world: &World) -> BoxedStrategy<By> {
    let strangers = [By::Nobody, By::Nonsense, By::UnknownToken, By::UnknownSecret, By::Code(0)];
    let mut choices: Vec<_> = among(1, strangers.to_vec()).into_iter().collect();
    choices.extend(among(4, (0..world.sessions.len()).map(By::Session).collect()));
    choices.extend(among(4, (0..world.secrets.len()).map(By::Secret).collect()));
    one_of(choices)
}

/// Mostly whoever has something to do with the club.
fn callers(world: &World, club: usize) -> BoxedStrategy<By> {
    let role = |session: &usize| {
        let member = world.member_of_user(world.sessions[*session].user, club)?;
        world.is_live(*session).then(|| world.members[member].role)
    };
    let sessions = || 0..world.sessions.len();
    let heads = sessions().filter(|session| role(session) == Some(Role::HeadCoach)).map(By::Session).collect();
    let others = sessions()
        .filter(|session| role(session).is_some_and(|role| role != Role::HeadCoach))
        .map(By::Session)
        .collect();
    let is_own = |secret: &usize| world.keys[world.secrets[*secret].key].club == club;
    let secrets = (0..world.secrets.len()).filter(is_own).map(By::Secret).collect();
    let mut choices = vec![(3, anybody(world))];
    choices.extend(among(11, heads));
    choices.extend(among(3, others));
    choices.extend(among(4, secrets));
    one_of(choices)
}

/// Mostly one of those; else another of that kind, or none.
fn ids(those: Vec<usize>, all: usize) -> BoxedStrategy<Id> {
    let mut choices = vec![(1, Just(Id::Missing).boxed()), (1, Just(Id::OtherKind).boxed())];
    choices.extend(among(24, those.into_iter().map(Id::Known).collect()));
    choices.extend(among(3, (0..all).map(Id::Known).collect()));
    one_of(choices)
}

fn matches() -> BoxedStrategy<Match> {
    let of = |only| Just(only).boxed();
    one_of(vec![(6, of(Match::Unsaid)), (1, of(Match::Any)), (2, of(Match::Present)), (1, of(Match::Other))])
}

/// A secret of any kind.
fn found(world: &World) -> BoxedStrategy<Found> {
    let mut choices: Vec<_> = among(1, vec![Found::Unknown, Found::Nonsense]).into_iter().collect();
    choices.extend(among(8, (0..world.secrets.len()).map(Found::Secret).collect()));
    choices.extend(among(2, (0..world.sessions.len()).map(Found::Token).collect()));
    choices.extend(among(2, (0..world.invitations.len()).map(Found::Code).collect()));
    one_of(choices)
}

fn club_fields() -> BoxedStrategy<ClubFields> {
    let days = || maybe(0.2, &[1, 7, 30]);
    let clear = subsequence(vec!["description", "longest_key_days", "usual_key_days"], 0..=2);
    (maybe(0.4, &["Summit", "Peak"]), maybe(0.4, &["Since 1987", "By the lake"]), days(), days(), clear)
        .prop_map(|(name, description, longest_key_days, usual_key_days, mut clear)| {
            // What is said and cleared at once is another matter.
            clear.retain(|field| match *field {
                "description" => description.is_none(),
                "longest_key_days" => longest_key_days.is_none(),
                _ => usual_key_days.is_none(),
            });
            ClubFields { name, description, longest_key_days, usual_key_days, clear }
        })
        .boxed()
}

fn member_fields(world: &World, club: usize, is_new: bool) -> BoxedStrategy<MemberFields> {
    let said = if is_new { 1.0 } else { 0.3 };
    let texts = (maybe(said, &NAMES), maybe(0.3, &EMAILS), maybe(0.25, &EXTERNAL_IDS));
    let labels = weighted(0.3, subsequence(LABELS.to_vec(), 0..=2));
    let roles = maybe(0.3, &[Role::Coach, Role::Athlete]);
    let statuses = maybe(0.25, &[Status::Active, Status::Inactive, Status::Suspended]);
    let coaches = world.members_of(club).filter(|member| world.members[*member].role != Role::Athlete).collect();
    let coach = weighted(0.3, ids(coaches, world.members.len()));
    let clear = subsequence(vec!["email", "labels", "external_id", "coach_id"], 0..=if is_new { 0 } else { 2 });
    (texts, labels, roles, statuses, coach, clear)
        .prop_map(|((display_name, email, external_id), labels, role, status, coach, mut clear)| {
            clear.retain(|field| match *field {
                "email" => email.is_none(),
                "labels" => labels.is_none(),
                "external_id" => external_id.is_none(),
                _ => coach.is_none(),
            });
            MemberFields { display_name, role, status, email, labels, external_id, coach, clear }
        })
        .boxed()
}

fn key_fields(is_new: bool) -> BoxedStrategy<KeyFields> {
    let texts = (maybe(if is_new { 1.0 } else { 0.4 }, &["Sync", "Dashboard"]), maybe(0.2, &["Every night"]));
    let scopes = weighted(0.4, subsequence(SCOPES.to_vec(), 1..=3));
    let ranges = weighted(0.2, subsequence(RANGES.to_vec(), 0..=2));
    let clear = subsequence(vec!["description", "expires_at", "allowed_ips"], 0..=if is_new { 0 } else { 2 });
    (texts, scopes, maybe(0.4, &LASTS), ranges, clear)
        .prop_map(|((name, description), scopes, lasts, allowed_ips, mut clear)| {
            clear.retain(|field| match *field {
                "description" => description.is_none(),
                "expires_at" => lasts.is_none(),
                _ => allowed_ips.is_none(),
            });
            KeyFields { name, description, scopes, lasts, allowed_ips, clear }
        })
        .boxed()
}

fn rotation() -> BoxedStrategy<Rotation> {
    (maybe(0.6, &[0, 3600, 172_800]), maybe(0.4, &[1, 24]), maybe(0.5, &[true, false]))
        .prop_map(|(overlap_seconds, idle_hours, replace)| Rotation { overlap_seconds, idle_hours, replace })
        .boxed()
}

fn filter(world: &World, club: usize) -> BoxedStrategy<Filter> {
    let coaches = world.members_of(club).filter(|member| world.members[*member].role != Role::Athlete);
    let coach = select(coaches.map(Id::Known).chain([Id::Missing]).collect::<Vec<_>>());
    (
        maybe(0.3, &[Role::Athlete, Role::Coach, Role::HeadCoach]),
        maybe(0.3, &[Status::Active, Status::Inactive, Status::Suspended]),
        maybe(0.2, &LABELS),
        weighted(0.2, coach),
        maybe(0.2, &["robin", "sam", "nobody"]),
    )
        .prop_map(|(role, status, label, coach, q)| Filter { role, status, label, coach, q })
        .boxed()
}

/// Something in the club `id`, with the things of `club`.
fn in_club(world: &World, id: Id, club: usize) -> BoxedStrategy<Action> {
    let members = || ids(world.members_of(club).collect(), world.members.len());
    let keys = || ids(world.keys_of(club).collect(), world.keys.len());
    one_of(vec![
        (3, Just(Action::GetClub { club: id }).boxed()),
        (
            4,
            (club_fields(), matches())
                .prop_map(move |(change, only)| Action::ChangeClub { club: id, change, only })
                .boxed(),
        ),
        (
            2,
            (members(), weighted_bool(0.8))
                .prop_map(move |(to, is_usual)| Action::HandOver { club: id, to, is_usual })
                .boxed(),
        ),
        (5, filter(world, club).prop_map(move |filter| Action::ListMembers { club: id, filter }).boxed()),
        (9, member_fields(world, club, true).prop_map(move |new| Action::AddMember { club: id, new }).boxed()),
        (4, members().prop_map(move |member| Action::GetMember { club: id, member }).boxed()),
        (
            10,
            (members(), member_fields(world, club, false), matches())
                .prop_map(move |(member, change, only)| Action::ChangeMember { club: id, member, change, only })
                .boxed(),
        ),
        (
            3,
            (members(), matches())
                .prop_map(move |(member, only)| Action::RemoveMember { club: id, member, only })
                .boxed(),
        ),
        (
            5,
            (members(), maybe(0.5, &EMAILS))
                .prop_map(move |(member, email)| Action::Invite { club: id, member, email })
                .boxed(),
        ),
        (8, key_fields(true).prop_map(move |new| Action::CreateKey { club: id, new }).boxed()),
        (
            4,
            maybe(0.7, &["active", "expired", "revoked", "all"])
                .prop_map(move |status| Action::ListKeys { club: id, status })
                .boxed(),
        ),
        (3, keys().prop_map(move |key| Action::GetKey { club: id, key }).boxed()),
        (
            6,
            (keys(), key_fields(false), matches())
                .prop_map(move |(key, change, only)| Action::ChangeKey { club: id, key, change, only })
                .boxed(),
        ),
        (
            8,
            (keys(), rotation()).prop_map(move |(key, rotation)| Action::RotateKey { club: id, key, rotation }).boxed(),
        ),
        (
            4,
            (keys(), maybe(0.5, &["Leaked"]), matches())
                .prop_map(move |(key, reason, only)| Action::RevokeKey { club: id, key, reason, only })
                .boxed(),
        ),
        (3, keys().prop_map(move |key| Action::EndPreviousSecret { club: id, key }).boxed()),
        (
            2,
            proptest::collection::vec(found(world), 0..4)
                .prop_map(move |text| Action::Identify { club: id, text })
                .boxed(),
        ),
        (
            2,
            select(&["organization", "member", "api_key"][..])
                .prop_map(move |noun| Action::ListEvents { club: id, noun })
                .boxed(),
        ),
    ])
}

fn weighted_bool(probability: f64) -> BoxedStrategy<bool> {
    proptest::bool::weighted(probability).boxed()
}

/// Something in no club, or in whichever a secret opens.
fn anywhere(world: &World) -> BoxedStrategy<Action> {
    // One too many: somebody whom nobody knows.
    let users = 0..=world.users.len();
    let mut invitations = vec![(1, (0..=world.invitations.len()).boxed())];
    invitations.extend(among(4, (0..world.invitations.len()).filter(|number| world.is_open(*number)).collect()));
    one_of(vec![
        (8, Just(Action::WhoAmI).boxed()),
        (5, Just(Action::ListClubs).boxed()),
        (3, weighted_bool(0.2).prop_map(|everywhere| Action::SignOut { everywhere }).boxed()),
        (
            10,
            (one_of(invitations), weighted_bool(0.85))
                .prop_map(|(invitation, is_usual)| Action::Accept { invitation, is_usual })
                .boxed(),
        ),
        (6, found(world).prop_map(|found| Action::Report { found }).boxed()),
        (2, (users, any::<bool>()).prop_map(|(user, is_usual)| Action::SignIn { user, is_usual }).boxed()),
    ])
}

/// What nobody asks the server for.
fn apart(world: &World) -> BoxedStrategy<Action> {
    let plans = [Plan::Free, Plan::Coach, Plan::Club, Plan::Enterprise];
    one_of(vec![
        (10, select(&PASSES[..]).prop_map(|by| Action::Pass { by }).boxed()),
        (4, (0..3_usize, select(plans.to_vec())).prop_map(|(club, plan)| Action::SetPlan { club, plan }).boxed()),
        (4, (0..world.users.len()).prop_map(|user| Action::Begin { user }).boxed()),
        (2, (0..3_usize).prop_map(|club| Action::EveryoneLooks { club }).boxed()),
    ])
}
