//! Clubs by the thousand, as benchmarks need them: the same names and secrets each time, in the order of the tables.

use std::{ops::Range, str::FromStr};

use sha2::{Digest as _, Sha256};

use super::organizations::NewHeadCoach;
use crate::service::{
    authority::Operator,
    error::{Result, Unavailable},
    model::{
        api_key::{ApiKey, KeySecret, KeyState, Person, Reach},
        id::OrganizationId,
        member::Member,
        name::{Label, Name},
        password::PasswordHash,
        plan::Plan,
        role::{MemberStatus, Role},
        scope::Scopes,
        secret::{Secret, SecretKind},
        user::User,
    },
    store::{self, Read as _, WriteTx},
};

/// A club that was made, and who heads it.
#[derive(Clone)]
pub struct SeededClub {
    /// Its id.
    pub organization_id: OrganizationId,
    head_coach: User,
}

const FIRST_NAMES: [&str; 40] = [
    "Ana", "Ben", "Chidi", "Dana", "Elif", "Farid", "Grace", "Hana", "Ivan", "Jola", "Kofi", "Lena", "Mira", "Nils",
    "Olga", "Paul", "Qiu", "Rosa", "Said", "Tara", "Uma", "Vera", "Wei", "Xenia", "Yusuf", "Zoe", "Amara", "Bruno",
    "Carla", "Diego", "Emma", "Felix", "Gita", "Hugo", "Ines", "Juan", "Klara", "Luca", "Mei", "Noah",
];
const LAST_NAMES: [&str; 40] = [
    "Ruiz",
    "Okoro",
    "Yılmaz",
    "Nowak",
    "Müller",
    "Haddad",
    "Kim",
    "Silva",
    "Ivanov",
    "Mensah",
    "Larsen",
    "Moreau",
    "Rossi",
    "Tanaka",
    "Singh",
    "Costa",
    "Weber",
    "Novák",
    "Lopez",
    "Chen",
    "Diallo",
    "Evans",
    "Fischer",
    "Garcia",
    "Hansen",
    "Ito",
    "Jansen",
    "Khan",
    "Lindqvist",
    "Martin",
    "Nguyen",
    "Olsen",
    "Petrov",
    "Quinn",
    "Romano",
    "Santos",
    "Torres",
    "Ueda",
    "Vogel",
    "Wang",
];
const LABELS: [&str; 20] = [
    "U12",
    "U14",
    "U16",
    "U18",
    "U20",
    "Senior",
    "Masters",
    "Sprint",
    "Middle distance",
    "Marathon",
    "Trail",
    "Relay",
    "Jumps",
    "Throws",
    "Para",
    "Youth camp",
    "Monday",
    "Wednesday",
    "Friday",
    "Weekend",
];

/// Of so many members that follow each other, the first is a coach, and the others are theirs.
const ATHLETES_OF_A_COACH: usize = 25;

/// The same number for the same place, each time; without order.
fn mixed(kind: &str, club: usize, number: usize) -> usize {
    let digest = Sha256::digest(format!("{kind} {club} {number}"));
    digest.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize)
}

fn value<T: FromStr>(text: &str) -> Result<T> {
    Ok(text.parse().map_err(|_| Unavailable::Corrupt("seed"))?)
}

fn pick<'a>(words: &[&'a str], at: usize) -> &'a str {
    words[at % words.len()]
}

impl Operator<'_, WriteTx> {
    /// Makes the club of that number with its head coach, who signs in as `coach-NUMBER@seed.example`.
    ///
    /// # Errors
    /// If it is there already.
    pub fn seed_club(&self, number: usize, password_hash: PasswordHash) -> Result<SeededClub> {
        let head_coach = NewHeadCoach {
            email: value(&format!("coach-{number:07}@seed.example"))?,
            display_name: value(&format!("Coach {number}"))?,
            password_hash,
        };
        let name: Name = value(&format!("Club {number}"))?;
        let (organization, head_coach) = self.create_organization(name, Plan::Coach, head_coach, false)?;
        Ok(SeededClub { organization_id: organization.id, head_coach })
    }

    /// Adds the members with these numbers to the club with that one: a coach, then 24 athletes of theirs, and so on.
    pub fn seed_members(&self, club: &SeededClub, number: usize, members: Range<usize>) -> Result<()> {
        let mut coach_id = None;
        for member in members {
            let at = mixed("member", number, member);
            let (first, last) = (pick(&FIRST_NAMES, at), pick(&LAST_NAMES, at / 64));
            let (label, other) = (pick(&LABELS, at / 4096), pick(&LABELS, at / 131_072));
            let mut labels = vec![value::<Label>(label)?, value(other)?];
            labels.sort_unstable();
            labels.dedup();
            let status = match at % 20 {
                0 => MemberStatus::Inactive,
                1 => MemberStatus::Suspended,
                _ => MemberStatus::Active,
            };
            // What everyone has, and what hardly anyone has.
            let domain = if at.is_multiple_of(199) { "rare" } else { "seed" };
            let id = self.tx.new_id();
            let is_coach = member % ATHLETES_OF_A_COACH == 0;
            if is_coach {
                coach_id = Some(id);
            }
            let member = Member {
                id,
                organization_id: club.organization_id,
                user_id: None,
                role: if is_coach { Role::Coach } else { Role::Athlete },
                status,
                display_name: value(&format!("{first} {last}"))?,
                email: Some(value(&format!("m{member}.{number}@{domain}.example"))?),
                labels,
                external_id: Some(value(&format!("{number}-{member}"))?),
                coach_id: coach_id.filter(|_| !is_coach),
                created_at: self.tx.now(),
                updated_at: self.tx.now(),
            };
            store::members::put(self.tx, None, &member)?;
        }
        Ok(())
    }

    /// Gives the club with that number keys with every scope and no end; their secrets.
    pub fn seed_keys(&self, club: &SeededClub, number: usize, keys: usize) -> Result<Vec<String>> {
        let mut secrets = Vec::new();
        for key in 0..keys {
            let random = || Sha256::digest(format!("key {number} {key} {}", mixed("key", number, key))).into();
            let secret = Secret::generate(SecretKind::ApiKey, random);
            let api_key = ApiKey {
                id: self.tx.new_id(),
                organization_id: club.organization_id,
                name: value(&format!("Key {key}"))?,
                description: None,
                scopes: Scopes::all(),
                scopes_since: self.tx.now(),
                reach: Reach::Everything,
                allowed_ips: Vec::new(),
                state: KeyState::Usable,
                secrets: vec![KeySecret::new(secret.hash(), secret.hint(), self.tx.now())],
                created_at: self.tx.now(),
                created_by: Person {
                    id: Some(club.head_coach.id),
                    display_name: club.head_coach.display_name.to_string(),
                },
                expires_at: None,
                revision: 1,
            };
            store::api_keys::put(self.tx, None, &api_key)?;
            secrets.push(secret.reveal());
        }
        Ok(secrets)
    }
}
