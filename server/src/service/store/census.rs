//! How many there are of what: read from the lengths of tables, and for the rest from a walk that goes on by a few rows
//! at a time, each time on another snapshot.

use std::ops::{Bound, ControlFlow};

use super::{
    Read, after_prefix, api_keys, members,
    tables::{API_KEY_INDEX, MEMBER_BLOCKS, ORGANIZATIONS, SESSIONS, Table, USERS},
};
use crate::service::{error::Unavailable, metrics::Rows};

/// What only a walk can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Members of all clubs together.
    pub members: u64,
    /// Keys that have expired and are not revoked.
    pub expired_keys: u64,
    /// How many of those are held.
    pub expired_held_keys: u64,
}

/// How many of each there are.
pub fn rows(tx: &impl Read) -> Result<Rows, Unavailable> {
    let (usable_keys, revoked_keys) = api_keys::count(tx)?;
    Ok(Rows {
        organizations: tx.length(ORGANIZATIONS)?,
        users: tx.length(USERS)?,
        sessions: tx.length(SESSIONS)?,
        usable_keys,
        held_keys: api_keys::count_held(tx)?,
        revoked_keys,
    })
}

/// A walk that is on its way.
pub struct Walk {
    so_far: Census,
    /// Where it goes on among the members; `None` when it is through with them.
    members: Option<Vec<u8>>,
    /// The same among the entries of keys.
    keys: Option<Vec<u8>>,
}

/// Where a walk goes on after a row.
enum Next {
    /// With the next row.
    Row,
    /// With the first row at or after this key, if there is one.
    From(Option<Vec<u8>>),
}

impl Walk {
    /// Before the first row.
    pub const fn begin() -> Self {
        let so_far = Census { members: 0, expired_keys: 0, expired_held_keys: 0 };
        Self { so_far, members: Some(Vec::new()), keys: Some(Vec::new()) }
    }

    /// Goes on by as many rows as `most`. What was counted, once the walk is through.
    pub fn go_on(&mut self, tx: &impl Read, most: usize) -> Result<Option<Census>, Unavailable> {
        let (mut left, so_far) = (most, &mut self.so_far);
        visit(tx, MEMBER_BLOCKS, &mut self.members, &mut left, |row, block| {
            Ok(match members::count_in(row, block)? {
                Some(count) => {
                    so_far.members += count as u64;
                    Next::Row
                }
                None => Next::From(after_club(row)),
            })
        })?;
        let now = tx.now();
        let are_some_held = api_keys::count_held(tx)? > 0;
        visit(tx, API_KEY_INDEX, &mut self.keys, &mut left, |row, _| {
            Ok(match api_keys::expiry_in(row) {
                Some(end) if end <= now => {
                    so_far.expired_keys += 1;
                    so_far.expired_held_keys += u64::from(are_some_held && api_keys::is_held_in(tx, row)?);
                    Next::Row
                }
                Some(_) => Next::From(after_club(row)),
                None => Next::From(api_keys::first_expiry_after(row).or_else(|| after_club(row))),
            })
        })?;
        Ok((self.members.is_none() && self.keys.is_none()).then_some(self.so_far))
    }
}

/// Before the first row of the next club.
fn after_club(row: &[u8]) -> Option<Vec<u8>> {
    after_prefix(&row[..row.len().min(16)])
}

/// Has `judge` look at rows from `from` on until none are left, of the table or to look at; says where to go on.
fn visit(
    tx: &impl Read,
    table: Table,
    from: &mut Option<Vec<u8>>,
    left: &mut usize,
    mut judge: impl FnMut(&[u8], &[u8]) -> Result<Next, Unavailable>,
) -> Result<(), Unavailable> {
    while *left > 0
        && let Some(begin) = from.take()
    {
        tx.scan(table, (Bound::Included(&begin), Bound::Unbounded), false, |row, value| {
            *left -= 1;
            match judge(row, value)? {
                Next::Row if *left > 0 => return Ok(ControlFlow::Continue(())),
                Next::Row => *from = Some([row, &[0]].concat()),
                Next::From(next) => *from = next,
            }
            Ok(ControlFlow::Break(()))
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{
        Clock, Service, Settings, ShellAccess,
        model::{
            api_key::{ApiKey, KeyState},
            password::PasswordHash,
        },
    };

    /// By one row at a time as by many, on clubs with several blocks of members and with none, with keys and without.
    #[tokio::test]
    async fn a_walk_counts_each_member_and_expired_key_once_however_few_rows_it_takes_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::fixed("2026-03-01T08:00:00Z".parse().expect("a time"));
        let (service, _) = Service::open(folder.path(), Settings::default(), clock.clone()).expect("opens");
        let made = service.write(|tx| {
            let operator = tx.operator(ShellAccess::asserted_by_command_line());
            for (number, (members, keys)) in [(40, 3), (0, 0), (0, 2), (1, 0), (25, 1)].into_iter().enumerate() {
                let club = operator.seed_club(number, PasswordHash(String::new()))?;
                operator.seed_members(&club, number, 0..members)?;
                operator.seed_keys(&club, number, keys)?;
            }
            Ok(())
        });
        made.await.expect("made");
        let expire = service.write(|tx| {
            let organizations = super::super::organizations::all(tx)?;
            for (organization, expired) in [(&organizations[0], 2), (&organizations[4], 1)] {
                let (keys, _) = api_keys::page(tx, organization.id, None, 9, 9, None)?;
                for key in keys.iter().take(expired) {
                    let mut changed = key.clone();
                    changed.expires_at = Some(tx.now().plus(chrono::TimeDelta::days(1)));
                    api_keys::put(tx, Some(key), &changed)?;
                }
                // One that will have expired and, of the first club, one that will not.
                for key in keys.iter().skip(1) {
                    let key = api_keys::get(tx, organization.id, key.id)?.expect("a key");
                    let held = ApiKey { state: KeyState::Held, ..key.clone() };
                    api_keys::put(tx, Some(&key), &held)?;
                }
            }
            Ok(())
        });
        expire.await.expect("written");
        // Each club has a head coach among its members.
        let census = |(expired_keys, expired_held_keys)| Census { members: 66 + 5, expired_keys, expired_held_keys };
        for (expired, days) in [((0, 0), 0), ((3, 1), 1)] {
            clock.advance(chrono::TimeDelta::days(days));
            for most in [1, 2, 7, 10_000] {
                let (mut walk, mut found) = (Walk::begin(), None);
                while found.is_none() {
                    found = service.read(|tx| Ok(walk.go_on(tx, most)?)).expect("read");
                }
                assert_eq!(found, Some(census(expired)), "by {most}");
            }
        }
        let rows = service.read(|tx| Ok(rows(tx)?)).expect("read");
        assert_eq!((rows.organizations, rows.users), (5, 5));
        assert_eq!((rows.usable_keys, rows.held_keys, rows.revoked_keys), (6, 2, 0));
    }
}
