//! What was used since the last flush: kept in memory, so that a request that reads never writes.
//!
//! It gathers in generations, numbered from 1 on. A flush seals the one that gathers and writes it together with
//! its number, so that every snapshot says which generations it holds: whoever counts adds those after it, and no
//! call is counted twice or left out. A generation stays until the flush after the one that wrote it, for readers
//! whose snapshot is older.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use foldhash::HashMap;
use tokio::sync::Notify;

use super::{
    authority::Origin,
    model::{
        id::{OrganizationId, UserId},
        secret::SecretHash,
        timestamp::Timestamp,
        usage::{Calls, Day, LastUse, SecretMark, Source},
    },
};

/// What was used since the last flush.
///
/// Its size is bounded by the number of different credentials of this server's that are used between two flushes, of
/// which the next is asked for sooner where they are many.
#[derive(Debug, Default)]
pub struct RecentUse {
    generations: Mutex<Generations>,
    many: Notify,
}

#[derive(Debug, Default)]
struct Generations {
    gathering: Generation,
    /// The number of the newest one that is on disk.
    written: u64,
    /// Being written, or written by the last flush; oldest first.
    sealed: Vec<Arc<Generation>>,
}

/// What was used between two flushes, or a part of it.
#[derive(Debug, Default)]
pub struct Generation {
    /// Its number; that of the one that gathers is given to it when it is sealed.
    pub number: u64,
    /// When each session was last used.
    pub sessions: HashMap<SecretHash, Timestamp>,
    /// How each secret of a key was used.
    pub keys: HashMap<SecretHash, KeyUse>,
    /// Who was refused what for want of a right, by minute.
    pub refusals: HashMap<RefusedCall, Refusals>,
}

/// Who was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Whoever sent this secret of a key.
    Key(SecretHash),
    /// A member of the organization.
    Member {
        /// Of which.
        organization_id: OrganizationId,
        /// Who.
        user_id: UserId,
    },
}

/// By which refusals are told together: who was refused what, why, and in which minute since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefusedCall {
    /// Who.
    pub who: Refused,
    /// The operation's name.
    pub operation: &'static str,
    /// The code of the problem.
    pub code: &'static str,
    minute: i64,
}

/// Requests of one caller, for one operation, that were refused alike in one minute.
#[derive(Debug, Clone)]
pub struct Refusals {
    /// How many.
    pub count: u64,
    /// When the last of them came.
    pub last_at: Timestamp,
    /// From where, and under which id.
    pub origin: Origin,
}

/// How many refusals are kept in memory at most, while they cannot be written; further ones are not told.
const MOST_REFUSALS: usize = 10_000;

fn minute(at: Timestamp) -> i64 {
    at.as_millis() / 60_000
}

/// How a secret of a key was used.
#[derive(Debug, Clone, Default)]
pub struct KeyUse {
    /// When it was last accepted, and by whom it was sent.
    pub last: Option<LastUse>,
    /// Its calls, also those that were refused.
    pub calls: Vec<(Day, Calls)>,
}

/// With how many different secrets a flush is asked for, and with each so many more.
const MANY: usize = 10_000;

/// How many secrets a generation holds at most: its flush must not keep other writes waiting for long.
const AT_ONCE: usize = 1000;

impl RecentUse {
    /// Goes on after the generation that is the newest on disk.
    pub fn continue_after(&self, written: u64) {
        self.lock().written = written;
    }

    /// Notes that the session with this hash was used at `now`. Never moves backwards.
    pub fn note_session(&self, hash: SecretHash, now: Timestamp) {
        let mut generations = self.lock();
        let last = generations.gathering.sessions.entry(hash).or_insert(now);
        *last = now.max(*last);
    }

    /// Notes a call of a program that calls itself so.
    pub fn note(&self, call: &Call, user_agent: Option<String>) {
        let Call { hash, at, operation, refused, origin: Origin { address, .. }, .. } = *call;
        let (day, source) = (Day::of(at), Source { address, at });
        let mut generations = self.lock();
        let keys = &mut generations.gathering.keys;
        if keys.len() % MANY == MANY - 1 && !keys.contains_key(&hash) {
            self.many.notify_one();
        }
        let of_key = keys.entry(hash).or_default();
        if call.accepted && of_key.last.as_ref().is_none_or(|last| last.at <= at) {
            let operation = Some(Cow::Borrowed(operation));
            of_key.last = Some(LastUse { at, address: Some(address), user_agent, operation });
        }
        // All of these calls are of one secret.
        let alike = |calls: &Calls| calls.operation == operation && calls.refused.as_deref() == refused;
        match of_key.calls.iter_mut().find(|(of, calls)| *of == day && alike(calls)) {
            Some((_, calls)) => {
                calls.count += 1;
                Source::add(&mut calls.sources, source);
            }
            None => of_key.calls.push((
                day,
                Calls {
                    secret: SecretMark::from(&hash),
                    operation: Cow::Borrowed(operation),
                    refused: refused.map(Cow::Borrowed),
                    count: 1,
                    sources: vec![source],
                },
            )),
        }
    }

    /// Notes that a request was refused for want of a right. Those of one minute are told together.
    pub fn note_refusal(
        &self,
        who: Refused,
        operation: &'static str,
        code: &'static str,
        at: Timestamp,
        origin: Origin,
    ) {
        let call = RefusedCall { who, operation, code, minute: minute(at) };
        let mut generations = self.lock();
        let refusals = &mut generations.gathering.refusals;
        if let Some(known) = refusals.get_mut(&call) {
            (known.count, known.last_at, known.origin) = (known.count + 1, at, origin);
        } else if refusals.len() < MOST_REFUSALS {
            refusals.insert(call, Refusals { count: 1, last_at: at, origin });
        }
    }

    /// When the session or secret with this hash was last used, as far as memory tells.
    pub fn last(&self, hash: &SecretHash) -> Option<Timestamp> {
        let generations = self.lock();
        let of = |generation: &Generation| {
            let of_key = generation.keys.get(hash).and_then(|used| used.last.as_ref()).map(|last| last.at);
            of_key.max(generation.sessions.get(hash).copied())
        };
        generations.all().map(of).max().flatten()
    }

    /// The last use of the secret with this hash, as far as memory tells.
    pub fn last_use(&self, hash: &SecretHash) -> Option<LastUse> {
        let generations = self.lock();
        let uses = generations.all().filter_map(|generation| generation.keys.get(hash)?.last.as_ref());
        uses.max_by_key(|last| last.at).cloned()
    }

    /// The calls with the secret with this hash that are not in a snapshot with this generation.
    pub fn calls_after(&self, number: u64, hash: &SecretHash) -> Vec<(Day, Calls)> {
        let generations = self.lock();
        let sealed = generations.sealed.iter().filter(|generation| generation.number > number).map(AsRef::as_ref);
        let calls = sealed.chain([&generations.gathering]).filter_map(|generation| generation.keys.get(hash));
        calls.flat_map(|used| used.calls.iter().cloned()).collect()
    }

    /// Seals what has gathered, unless something sealed is yet to be written; what there is to write, oldest first.
    ///
    /// What was refused in the minute of `now` goes on gathering, unless it is the last time.
    pub fn seal(&self, now: Timestamp, last: bool) -> Vec<Arc<Generation>> {
        let mut generations = self.lock();
        let written = generations.written;
        if generations.sealed.iter().all(|generation| generation.number <= written) {
            let Generation { sessions, keys, refusals, .. } = std::mem::take(&mut generations.gathering);
            let present = minute(now);
            let (refusals, present): (HashMap<_, _>, HashMap<_, _>) =
                refusals.into_iter().partition(|(call, _)| last || call.minute != present);
            generations.gathering.refusals = present;
            let (mut sessions, mut keys) = (sessions.into_iter(), keys.into_iter());
            let mut refusals = refusals.into_iter();
            generations.sealed.clear();
            for number in written + 1.. {
                let sessions: HashMap<_, _> = sessions.by_ref().take(AT_ONCE).collect();
                let keys: HashMap<_, _> = keys.by_ref().take(AT_ONCE).collect();
                let refusals: HashMap<_, _> = refusals.by_ref().take(AT_ONCE).collect();
                if sessions.is_empty() && keys.is_empty() && refusals.is_empty() {
                    break;
                }
                generations.sealed.push(Arc::new(Generation { number, sessions, keys, refusals }));
            }
        }
        generations.sealed.iter().filter(|generation| generation.number > written).cloned().collect()
    }

    /// Resolves when so much has gathered that it should be written down.
    pub async fn many(&self) {
        self.many.notified().await;
    }

    /// The generation with this number is on disk, and all before it.
    pub fn wrote(&self, number: u64) {
        self.lock().written = number;
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn all(&self) -> impl Iterator<Item = &Generation> {
        self.sealed.iter().map(AsRef::as_ref).chain([&self.gathering])
    }
}

/// A call with an API key on its way: counted when it is dropped, so that one whose client has gone is counted too.
pub struct Call {
    pub(super) recent: Arc<RecentUse>,
    pub(super) hash: SecretHash,
    pub(super) at: Timestamp,
    pub(super) origin: Origin,
    pub(super) user_agent: Option<String>,
    pub(super) operation: &'static str,
    /// Whether the secret was accepted.
    pub(super) accepted: bool,
    pub(super) refused: Option<&'static str>,
}

impl Call {
    /// The call was answered with what it asked for.
    pub fn answered(mut self) {
        self.refused = None;
    }

    /// The call was refused with the problem that has this code; `for_want_of_right`, and not for what it asked.
    pub fn refused(mut self, code: &'static str, for_want_of_right: bool) {
        self.refused = Some(code);
        if for_want_of_right {
            self.recent.note_refusal(Refused::Key(self.hash), self.operation, code, self.at, self.origin);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let user_agent = self.user_agent.take();
        self.recent.note(self, user_agent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::model::id::{Id as _, RequestId};

    fn origin() -> Origin {
        Origin { address: [203, 0, 113, 7].into(), request_id: RequestId::from_bits(1) }
    }

    fn call(recent: &Arc<RecentUse>, millis: i64) {
        drop(Call {
            recent: Arc::clone(recent),
            hash: SecretHash::of_digest([1; 32]),
            at: Timestamp::from_millis(millis),
            origin: origin(),
            user_agent: None,
            operation: "list_members",
            accepted: true,
            refused: None,
        });
    }

    /// Whichever snapshot somebody reads, and however flushes fail: each call is counted once.
    #[test]
    fn a_call_is_counted_once_whatever_is_on_disk() {
        let recent = Arc::new(RecentUse::default());
        recent.continue_after(6);
        let counted = |snapshot: u64| -> u64 {
            let calls = recent.calls_after(snapshot, &SecretHash::of_digest([1; 32]));
            calls.iter().map(|(_, calls)| calls.count).sum()
        };
        call(&recent, 1);
        call(&recent, 2);
        assert_eq!(counted(6), 2);
        let sealed = recent.seal(Timestamp::from_millis(0), false);
        assert_eq!(sealed.iter().map(|generation| generation.number).collect::<Vec<_>>(), [7]);
        call(&recent, 3);
        assert_eq!((counted(6), counted(7)), (3, 1), "before and after the commit");
        // A flush that failed: the same generation is written again, and what has gathered since waits.
        assert_eq!(recent.seal(Timestamp::from_millis(0), false)[0].number, 7);
        recent.wrote(7);
        assert_eq!((counted(6), counted(7)), (3, 1), "an older snapshot is still read");
        let sealed = recent.seal(Timestamp::from_millis(0), false);
        assert_eq!((sealed.len(), sealed[0].number), (1, 8));
        assert_eq!((counted(7), counted(8)), (1, 0));
        recent.wrote(8);
        assert!(recent.seal(Timestamp::from_millis(0), false).is_empty());
    }

    #[test]
    fn a_flush_comes_in_parts() {
        let recent = RecentUse::default();
        for number in 0..2500_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&number.to_be_bytes());
            recent.note_session(SecretHash::of_digest(digest), Timestamp::from_millis(5));
        }
        let sealed = recent.seal(Timestamp::from_millis(0), false);
        assert_eq!(
            sealed.iter().map(|part| (part.number, part.sessions.len())).collect::<Vec<_>>(),
            [(1, 1000), (2, 1000), (3, 500)]
        );
    }

    #[test]
    fn refusals_of_one_minute_are_told_together_once_it_is_over() {
        let recent = RecentUse::default();
        let who = Refused::Key(SecretHash::of_digest([1; 32]));
        let refuse = |seconds: i64, operation, code| {
            recent.note_refusal(who, operation, code, Timestamp::from_millis(seconds * 1000), origin());
        };
        for (seconds, operation, code) in [
            (1, "list_members", "key_revoked"),
            (30, "list_members", "key_revoked"),
            (31, "get_member", "key_revoked"),
            (59, "list_members", "key_revoked"),
            (61, "list_members", "key_revoked"),
        ] {
            refuse(seconds, operation, code);
        }
        let told = |sealed: Vec<Arc<Generation>>| {
            let number = sealed.last().map(|generation| generation.number);
            let mut told: Vec<_> = sealed
                .iter()
                .flat_map(|generation| {
                    generation.refusals.iter().map(|(call, refusals)| (call.operation, refusals.count))
                })
                .collect();
            told.sort_unstable();
            number.into_iter().for_each(|number| recent.wrote(number));
            told
        };
        assert_eq!(told(recent.seal(Timestamp::from_millis(62_000), false)), [("get_member", 1), ("list_members", 3)]);
        assert_eq!(told(recent.seal(Timestamp::from_millis(63_000), false)), []);
        assert_eq!(told(recent.seal(Timestamp::from_millis(63_000), true)), [("list_members", 1)]);
    }
}
