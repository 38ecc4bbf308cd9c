//! Whether the rows of a database agree with each other: every record can be read, and every index says what its records
//! say and nothing else.

use std::{
    collections::{BTreeMap, HashSet},
    ops::ControlFlow,
};

use super::{
    Read as _, ReadTx, api_keys, audit_events, invitations,
    members::{self, Copied, block::Block},
    organizations, record, sessions,
    tables::{
        API_KEY_INDEX, API_KEY_SECRETS, API_KEY_USE, API_KEYS, IDEMPOTENCY, IDEMPOTENCY_TIMES, INVITATIONS,
        MEMBER_BLOCKS, MEMBER_INVITATIONS, MEMBER_NAMES, MEMBERSHIPS, ORGANIZATIONS, SESSIONS, Table, USAGE,
        USER_EMAILS, USER_SESSIONS, USERS,
    },
    users,
};
use crate::service::{
    error::Unavailable,
    model::{
        api_key::KeyState,
        id::{ApiKeyId, Id as _, OrganizationId, UserId},
        idempotency::Remembered,
        role::Role,
        secret::SecretHash,
        session::Session,
        usage::Calls,
    },
};

/// How many contradictions are told at most.
const MOST: usize = 20;

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// How many rows were looked at.
    pub rows: u64,
    /// What is wrong, a sentence each; at most [`MOST`].
    pub wrong: Vec<String>,
}

impl Findings {
    fn say(&mut self, sentence: impl FnOnce() -> String) {
        if self.wrong.len() < MOST {
            self.wrong.push(sentence());
        }
    }

    fn hold(&mut self, holds: bool, sentence: impl FnOnce() -> String) {
        if !holds {
            self.say(sentence);
        }
    }
}

/// Visits all rows of a table, counts them, and notes what cannot be read.
fn each(
    tx: &ReadTx,
    table: Table,
    findings: &mut Findings,
    mut visit: impl FnMut(&[u8], &[u8], &mut Findings) -> Result<(), Unavailable>,
) -> Result<(), Unavailable> {
    tx.scan_prefix(table, b"", |key, value| {
        findings.rows += 1;
        match visit(key, value, findings) {
            Err(Unavailable::Corrupt(what)) => findings.say(|| format!("a record of {what} cannot be read")),
            outcome => outcome?,
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Holds every row against those that it belongs with.
pub fn check(tx: &ReadTx) -> Result<Findings, Unavailable> {
    let mut findings = Findings::default();
    let clubs = check_organizations(tx, &mut findings)?;
    check_people(tx, &mut findings)?;
    check_members(tx, &clubs, &mut findings)?;
    check_invitations(tx, &mut findings)?;
    check_keys(tx, &clubs, &mut findings)?;
    check_rest(tx, &mut findings)?;
    for chain in audit_events::chains(tx)? {
        if let Err(broken) = audit_events::verify(tx, chain, &[])? {
            let chain = chain.map_or_else(|| "the server".to_owned(), |id| id.to_string());
            findings.say(|| format!("the audit chain of {chain}: {broken}"));
        }
    }
    Ok(findings)
}

fn check_organizations(tx: &ReadTx, findings: &mut Findings) -> Result<HashSet<[u8; 16]>, Unavailable> {
    let mut clubs = HashSet::new();
    each(tx, ORGANIZATIONS, findings, |id, value, findings| {
        let organization = organizations::form::decode(value)?;
        findings.hold(organization.id.to_bytes() == *id, || format!("{} lies in another's place", organization.id));
        findings.hold(members::head_coach(tx, organization.id)?.is_some(), || {
            format!("{} has no head coach; 'org set-head-coach' makes one", organization.id)
        });
        clubs.insert(organization.id.to_bytes());
        Ok(())
    })?;
    Ok(clubs)
}

fn check_people(tx: &ReadTx, findings: &mut Findings) -> Result<(), Unavailable> {
    each(tx, USERS, findings, |id, value, findings| {
        let user: crate::service::model::user::User = record::decode(value)?;
        let by_email = users::by_email(tx, &user.email)?.map(|found| found.id);
        findings.hold(user.id.to_bytes() == *id && by_email == Some(user.id), || {
            format!("{} is not found by its email", user.id)
        });
        Ok(())
    })?;
    each(tx, USER_EMAILS, findings, |email, id, findings| {
        let user = UserId::from_bytes(id).map(|id| users::get(tx, id)).transpose()?.flatten();
        findings.hold(user.is_some_and(|user| user.email.key().as_bytes() == email), || {
            "an email leads to a user who has another".to_owned()
        });
        Ok(())
    })?;
    each(tx, SESSIONS, findings, |hash, value, findings| {
        let session: Session = record::decode(value)?;
        let listed = tx.has(USER_SESSIONS, &[&session.user_id.to_bytes(), hash].concat())?;
        findings.hold(listed && users::get(tx, session.user_id)?.is_some(), || {
            format!("a session of {} is not listed with its user", session.user_id)
        });
        Ok(())
    })?;
    each(tx, USER_SESSIONS, findings, |place, _, findings| {
        let hash = place.get(16..).and_then(|hash| hash.try_into().ok()).map(SecretHash::of_digest);
        let session = hash.map(|hash| sessions::get(tx, &hash)).transpose()?.flatten();
        findings.hold(session.is_some_and(|session| place.starts_with(&session.user_id.to_bytes())), || {
            "a user is listed with a session that is not theirs".to_owned()
        });
        Ok(())
    })
}

/// Each list of members holds whom it must, as they are, and nobody else: by what they add up to.
fn check_members(tx: &ReadTx, clubs: &HashSet<[u8; 16]>, findings: &mut Findings) -> Result<(), Unavailable> {
    // By list: how many members it should hold less how many it does.
    let (mut listed, mut names, mut persons) = (BTreeMap::<Vec<u8>, i64>::new(), 0_i64, 0_i64);
    let mut heads: BTreeMap<[u8; 16], u32> = BTreeMap::new();
    each(tx, MEMBER_BLOCKS, findings, |key, value, findings| {
        let block = Block::read(value)?;
        let (list, last) = key.split_last_chunk::<16>().ok_or(Unavailable::Corrupt("members"))?;
        let (club, _) = list.split_first_chunk::<16>().ok_or(Unavailable::Corrupt("members"))?;
        findings.hold(clubs.contains(club), || "there are members of a club that is not there".to_owned());
        let ids: Vec<_> = (0..block.len()).map(|at| *block.id(at)).collect();
        findings.hold(ids.is_sorted() && ids.last().is_none_or(|id| id <= last), || {
            "members of a block are not in order".to_owned()
        });
        let organization_id = OrganizationId::from_bytes(club).ok_or(Unavailable::Corrupt("members"))?;
        let rows: Vec<_> = (0..block.len()).map(|at| block.row(at)).collect::<Result<_, _>>()?;
        findings.hold(!rows.is_empty() && members::block::write(&rows)? == value, || {
            "a block of members has another form".to_owned()
        });
        for (row, id) in rows.into_iter().zip(ids) {
            if members::is_of_all(list) {
                let member: crate::service::model::member::Member =
                    serde_json::from_slice(row.json).map_err(|_| Unavailable::Corrupt("member"))?;
                findings.hold(member.id.to_bytes() == id && member.organization_id == organization_id, || {
                    format!("member {} lies in another's place", member.id)
                });
                findings.hold((row.head.role, row.head.status) == (member.role, member.status), || {
                    format!("member {} is listed with another role or status", member.id)
                });
                for of in members::lists(&member) {
                    let same = members::block::get(tx.rows(MEMBER_BLOCKS)?, &of.list, &id, |other, place| {
                        let other = other.row(place)?;
                        Ok(other.shared == of.shared
                            && other.head == row.head
                            && match of.json {
                                Copied::Always => other.json == row.json,
                                Copied::IfFar => other.json == row.json || other.json.is_empty(),
                                Copied::Never => other.json.is_empty(),
                            })
                    })?;
                    findings.hold(same == Some(true), || {
                        format!("member {} is not in each of its lists as it is", member.id)
                    });
                    *listed.entry(club.to_vec()).or_default() += i64::from(!members::is_of_all(&of.list));
                }
                for name in members::names(&member) {
                    names += 1;
                    let found = tx.get(MEMBER_NAMES, &name, |found| *found == id)?;
                    findings.hold(found == Some(true), || {
                        format!("member {} is not found by its email or external id", member.id)
                    });
                }
                if let Some(user_id) = member.user_id {
                    persons += 1;
                    let place = [user_id.to_bytes(), organization_id.to_bytes()].concat();
                    let found = tx.get(MEMBERSHIPS, &place, |found| *found == id)?;
                    findings.hold(found == Some(true) && users::get(tx, user_id)?.is_some(), || {
                        format!("member {} is not found by its user", member.id)
                    });
                }
                if member.role == Role::HeadCoach {
                    *heads.entry(*club).or_default() += 1;
                }
            } else {
                *listed.entry(club.to_vec()).or_default() -= 1;
            }
        }
        Ok(())
    })?;
    for (club, surplus) in listed {
        let club = OrganizationId::from_bytes(&club).ok_or(Unavailable::Corrupt("members"))?;
        findings.hold(surplus == 0, || format!("lists of {club} name members who do not belong there"));
    }
    for (club, count) in heads {
        let club = OrganizationId::from_bytes(&club).ok_or(Unavailable::Corrupt("members"))?;
        findings.hold(count == 1, || format!("{club} has {count} head coaches"));
    }
    each(tx, MEMBER_NAMES, findings, |_, _, _| {
        names -= 1;
        Ok(())
    })?;
    each(tx, MEMBERSHIPS, findings, |_, _, _| {
        persons -= 1;
        Ok(())
    })?;
    findings.hold(names == 0, || "emails or external ids lead to members who have others".to_owned());
    findings.hold(persons == 0, || "users are members where nobody is".to_owned());
    Ok(())
}

fn check_invitations(tx: &ReadTx, findings: &mut Findings) -> Result<(), Unavailable> {
    let mut count = 0_i64;
    each(tx, INVITATIONS, findings, |hash, value, findings| {
        count += 1;
        let invitation: crate::service::model::invitation::Invitation = record::decode(value)?;
        let place = [invitation.organization_id.to_bytes(), invitation.member_id.to_bytes()].concat();
        let listed = tx.get(MEMBER_INVITATIONS, &place, |listed| listed == hash)?;
        let member = members::head(tx, invitation.organization_id, invitation.member_id)?;
        findings.hold(listed == Some(true) && invitation.hash.as_bytes() == hash && member.is_some(), || {
            format!("the invitation {} does not belong to its member", invitation.id)
        });
        Ok(())
    })?;
    count -= i64::try_from(invitations::all(tx)?.len()).unwrap_or(i64::MAX);
    findings.hold(count == 0, || "members have invitations that are not there".to_owned());
    Ok(())
}

fn check_keys(tx: &ReadTx, clubs: &HashSet<[u8; 16]>, findings: &mut Findings) -> Result<(), Unavailable> {
    let (mut entries, mut secrets, mut held) = (0_i64, 0_i64, 0);
    each(tx, API_KEYS, findings, |place, value, findings| {
        let api_key = api_keys::form::decode(value)?;
        let id = api_key.id;
        let own = [api_key.organization_id.to_bytes(), id.to_bytes()].concat();
        findings.hold(own == place && clubs.contains(&api_key.organization_id.to_bytes()), || {
            format!("{id} lies in another's place")
        });
        held += u64::from(matches!(api_key.state, KeyState::Held));
        for entry in api_keys::index_keys(&api_key) {
            entries += 1;
            findings.hold(tx.has(API_KEY_INDEX, &entry)?, || format!("{id} is not in each of its indexes"));
        }
        let pass = api_keys::pass_of(&api_key);
        for secret in &api_key.secrets {
            secrets += 1;
            let found = api_keys::place(tx, &secret.hash)?;
            let wanted = pass.as_ref().filter(|(hash, _)| *hash == secret.hash).map(|(_, pass)| pass);
            let same = found.is_some_and(|place| {
                let pass = place.pass.as_ref();
                // A pass may be missing that was written before there were passes; a wrong one lets in who must not.
                place.organization_id == api_key.organization_id && place.id == id && (pass.is_none() || pass == wanted)
            });
            findings.hold(same, || format!("a secret of {id} opens something else"));
        }
        Ok(())
    })?;
    each(tx, API_KEY_INDEX, findings, |_, _, _| {
        entries -= 1;
        Ok(())
    })?;
    each(tx, API_KEY_SECRETS, findings, |_, _, _| {
        secrets -= 1;
        Ok(())
    })?;
    findings.hold(entries == 0, || "an index of keys names some that do not belong there".to_owned());
    findings.hold(secrets == 0, || "there are secrets of keys that are not there".to_owned());
    let counted = api_keys::count_held(tx)?;
    findings.hold(held == counted, || format!("{held} keys are held, and {counted} are counted as held"));
    each(tx, API_KEY_USE, findings, |hash, value, findings| {
        api_keys::last_use::decode(value)?;
        findings.hold(tx.has(API_KEY_SECRETS, hash)?, || "a use is of a secret that is not there".to_owned());
        Ok(())
    })?;
    each(tx, USAGE, findings, |place, value, findings| {
        record::decode::<Vec<Calls>>(value)?;
        let id = place.get(20..36).and_then(ApiKeyId::from_bytes);
        let known = place.get(4..36).map(|key| tx.has(API_KEYS, key)).transpose()?;
        findings.hold(known == Some(true), || format!("there are calls of a key that is not there: {id:?}"));
        Ok(())
    })
}

fn check_rest(tx: &ReadTx, findings: &mut Findings) -> Result<(), Unavailable> {
    let mut count = 0_i64;
    each(tx, IDEMPOTENCY, findings, |_, value, _| {
        count += 1;
        record::decode::<Remembered>(value).map(drop)
    })?;
    each(tx, IDEMPOTENCY_TIMES, findings, |place, _, findings| {
        count -= 1;
        let known = place.get(8..).map(|place| tx.has(IDEMPOTENCY, place)).transpose()?;
        findings.hold(known == Some(true), || "the time of an answer is kept that is not".to_owned());
        Ok(())
    })?;
    findings.hold(count == 0, || "answers are kept that will not be forgotten".to_owned());
    Ok(())
}
