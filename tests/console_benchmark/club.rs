//! A large club, made up: the same each time.

use astral_admin::state::{
    Connection, Console, Screen, State, View,
    club::{Club, Plan},
    keys::{Filter, Key, Keys, Revoked, Scope},
    listing::{Items, Listing, Page},
    members::{Member, Members, Role, Standing},
    session::{Membership, Person},
};
use jiff::{Timestamp, ToSpan as _};

/// How much is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub keys: usize,
    pub members: usize,
}

/// What the console must be quick with.
pub const LARGE: Size = Size { keys: 10_000, members: 100_000 };
/// What it is compared with.
pub const SMALL: Size = Size { keys: 10, members: 10 };

const FIRST: [&str; 40] = [
    "Ana",
    "Ben",
    "Chloé",
    "Dmitri",
    "Émile",
    "Fatima",
    "Grace",
    "Hugo",
    "Ingrid",
    "José",
    "Kenji",
    "Lucía",
    "Mamadou",
    "Nora",
    "Óscar",
    "Priya",
    "Quentin",
    "Ruth",
    "Søren",
    "Tomás",
    "Uma",
    "Viktor",
    "Wanjiru",
    "Xavier",
    "Yasmin",
    "Zoë",
    "Amara",
    "Björn",
    "Carmen",
    "Daniel",
    "Elena",
    "Femi",
    "Giulia",
    "Hannah",
    "Ibrahim",
    "Jana",
    "Kofi",
    "Linnea",
    "María José",
    "Noah",
];
const LAST: [&str; 45] = [
    "Ruiz",
    "Okoro",
    "Lindqvist",
    "Nakamura",
    "O'Brien",
    "García",
    "Müller",
    "Kipchoge",
    "Ivanova",
    "Silva",
    "Dubois",
    "Ångström",
    "Haddad",
    "Sharma",
    "Nguyễn",
    "Kowalski",
    "Rossi",
    "Jensen",
    "van den Berg",
    "Smith",
    "Fernández",
    "Çelik",
    "Mensah",
    "Novák",
    "Papadopoulos",
    "Johansson",
    "Diallo",
    "Tanaka",
    "Horvat",
    "Weiß",
    "Moreau",
    "Cohen",
    "Abebe",
    "Larsen",
    "Martínez",
    "Popescu",
    "Taylor",
    "Yılmaz",
    "Hughes",
    "Sánchez-Ortega",
    "Kaya",
    "Bergström",
    "Wójcik",
    "Adeyemi",
    "Fischer",
];
const LABELS: [&str; 24] = [
    "u12",
    "u14",
    "u16",
    "u18",
    "u20",
    "senior",
    "masters",
    "sprint",
    "hurdles",
    "middle distance",
    "marathon",
    "trail",
    "triathlon",
    "throws",
    "jumps",
    "relay",
    "beginners",
    "saturday group",
    "track 2",
    "north",
    "south",
    "injured",
    "spring 2026",
    "team captain",
];
const PROGRAMS: [&str; 12] = [
    "Roster sync",
    "Results dashboard",
    "Race calendar",
    "Garmin import",
    "Analytics",
    "Attendance",
    "Website",
    "Billing",
    "Newsletter",
    "Training plans",
    "Video archive",
    "Année sportive",
];

/// One athlete in so many is a coach instead.
const MEMBERS_A_COACH: usize = 200;

/// A number that looks random, the same for the same `n`.
fn mixed(n: usize) -> usize {
    ((n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize
}

fn member_id(n: usize) -> String {
    format!("mem_{n:026}")
}

fn member(n: usize, count: usize, now: Timestamp) -> Member {
    let chance = mixed(n);
    let first = FIRST[chance % FIRST.len()];
    let last = LAST[chance / FIRST.len() % LAST.len()];
    let role = match n {
        0 => Role::HeadCoach,
        _ if n % MEMBERS_A_COACH == 1 => Role::Coach,
        _ => Role::Athlete,
    };
    let coaches = count.div_ceil(MEMBERS_A_COACH);
    let coach = member_id(chance % coaches * MEMBERS_A_COACH + 1);
    let mut labels: Vec<String> =
        (0..chance % 4).map(|label| LABELS[mixed(n * 7 + label) % LABELS.len()].to_owned()).collect();
    labels.sort();
    labels.dedup();
    let letters: String = format!("{first}.{last}").chars().filter(|c| c.is_ascii_alphabetic() || *c == '.').collect();
    Member {
        id: member_id(n),
        role,
        status: match chance % 25 {
            0 => Standing::Suspended,
            1..=3 => Standing::Inactive,
            _ => Standing::Active,
        },
        name: format!("{first} {last}"),
        email: (!chance.is_multiple_of(10)).then(|| format!("{}{n}@club.example", letters.to_lowercase())),
        labels,
        external_id: (chance.is_multiple_of(3)).then(|| format!("ath-{n}")),
        coach_id: (role == Role::Athlete && !chance.is_multiple_of(12)).then_some(coach),
        accepted: chance.is_multiple_of(2),
        created_at: now - ((count - n) as i64).minutes(),
        updated_at: now,
    }
}

fn key(n: usize, count: usize, now: Timestamp) -> Key {
    let chance = mixed(n);
    let hours = |span: usize| (chance / 7 % (span * 24) + 1) as i64;
    let created_at = now - ((count - n) as i64).hours();
    Key {
        id: format!("key_{n:026}"),
        name: format!("{} {n}", PROGRAMS[chance % PROGRAMS.len()]),
        description: (chance.is_multiple_of(3))
            .then(|| format!("Runs on the club's server each night, for the group {}", n % 97)),
        hint: format!("astral_live_{:03}…{:03}", chance % 1000, chance / 1000 % 1000),
        scopes: Scope::ALL[..chance % 3 + 1].to_vec(),
        allowed_ips: if chance.is_multiple_of(5) { vec!["203.0.113.0/24".to_owned()] } else { Vec::new() },
        created_at,
        created_by: FIRST[chance % FIRST.len()].to_owned(),
        expires_at: match chance % 4 {
            0 => None,
            1 => Some(now - hours(200).hours()),
            _ => Some(now + hours(400).hours()),
        },
        last_used_at: (!chance.is_multiple_of(6)).then(|| now - hours(150).hours()),
        previous_secret: None,
        revoked: (chance.is_multiple_of(9)).then(|| Revoked {
            at: now - hours(90).hours(),
            by: "Ana Ruiz".into(),
            reason: None,
        }),
        held: false,
        revoking: false,
    }
}

fn loaded<I: Items>(items: Vec<I::Item>, now: Timestamp) -> Listing<I> {
    let mut list = Listing::default();
    list.begin(1, now, false);
    list.hear(1, now, Ok(Page { items, next: None }));
    list
}

/// Signs the club's head coach in, with all of it loaded.
pub fn open(state: &mut State, size: Size, view: View) {
    let now = state.clock.now;
    let mut keys = Keys::default();
    keys.list = loaded((0..size.keys).rev().map(|n| key(n, size.keys, now)).collect(), now);
    keys.with_ended = true;
    keys.filter = Filter::All;
    keys.arrange(&state.clock);
    let mut members = Members::default();
    members.list = loaded((0..size.members).map(|n| member(n, size.members, now)).collect(), now);
    members.arrange();
    let membership = Membership {
        organization_id: "org_1".into(),
        organization_name: "Summit Running Club".into(),
        member_id: member_id(0),
        role: Role::HeadCoach,
    };
    let club = Club {
        id: "org_1".into(),
        name: "Summit Running Club".into(),
        description: None,
        plan: Plan::Enterprise,
        security_settings: true,
        active_keys: None,
        longest_key_days: None,
        usual_key_days: None,
        created_at: now,
        etag: None,
    };
    state.screen = Screen::Console(Box::new(Console {
        person: Person { id: "usr_1".into(), name: "Ana Ruiz".into(), email: "ana@club.example".into() },
        clubs: vec![membership.clone()],
        membership,
        club: Some(club),
        club_failure: None,
        keys,
        members,
        audit: astral_admin::state::audit::Audit::default(),
        view,
        dialog: None,
        club_form: None,
        draft: None,
        connection: Connection::Online,
    }));
}
