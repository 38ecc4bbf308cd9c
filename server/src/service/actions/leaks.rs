//! Secrets that stand where they should not: whose they are, and their end.

use std::collections::{HashMap, hash_map::Entry};

use serde_json::json;

use super::api_keys::{end_previous, find, revoke};
use crate::service::{
    authority::{Caller, KeyManager, Visitor},
    error::{Error, Result},
    model::{
        api_key::{ApiKey, KeyStatus, Person, PreviousSecret, SecretStanding},
        found_secret::FoundSecret,
        id::{ApiKeyId, UserId},
        invitation::Invitation,
        name::{Name, Reason},
        secret::{Secret, SecretHash, SecretKind},
        timestamp::Timestamp,
    },
    store::{self, Read, WriteTx},
};

/// What the secrets of a text are to a club.
#[derive(Debug, Default)]
pub struct Identification {
    /// Those that are or were the club's keys', each once, in the order in which they stand there.
    pub keys: Vec<IdentifiedSecret>,
    /// How many others there are, each counted once.
    pub others: usize,
}

/// A secret of one of the club's keys.
#[derive(Debug)]
pub struct IdentifiedSecret {
    /// The key.
    pub id: ApiKeyId,
    /// What it is called.
    pub name: Name,
    /// What the key is now.
    pub status: KeyStatus,
    /// By which the secret can be recognized.
    pub hint: String,
    /// What the secret is to the key now.
    pub standing: SecretStanding,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// The byte of the text at which it first stands.
    pub start: usize,
    /// How often it stands there.
    pub occurrences: usize,
}

impl IdentifiedSecret {
    /// Whether a call with it is let in, from where the key may be used.
    pub fn works(&self) -> bool {
        self.status == KeyStatus::Active && self.standing != SecretStanding::Ended
    }
}

/// What is to be known of a key to tell of its secrets: without those, of which it can have had thousands.
struct KnownKey {
    name: Name,
    status: KeyStatus,
    current: Option<SecretHash>,
    overlap: Option<PreviousSecret>,
}

impl<T: Read> KeyManager<'_, T> {
    /// Which of the secrets that were found in a text are or were the club's.
    pub fn identify(&self, found: impl IntoIterator<Item = FoundSecret>) -> Result<Identification> {
        // What is told of each: where it stands in `keys`, if it is one of the club's.
        let mut told: HashMap<SecretHash, Option<usize>> = HashMap::new();
        let mut keys: HashMap<ApiKeyId, KnownKey> = HashMap::new();
        let mut identification = Identification::default();
        for FoundSecret { start, secret, .. } in found {
            let hash = secret.hash();
            match told.get(&hash) {
                Some(Some(place)) => identification.keys[*place].occurrences += 1,
                Some(None) => {}
                None => {
                    let ours = self.identified(&mut keys, &secret, &hash, start)?;
                    told.insert(hash, ours.is_some().then_some(identification.keys.len()));
                    match ours {
                        Some(ours) => identification.keys.push(ours),
                        None => identification.others += 1,
                    }
                }
            }
        }
        Ok(identification)
    }

    fn identified(
        &self,
        keys: &mut HashMap<ApiKeyId, KnownKey>,
        secret: &Secret,
        hash: &SecretHash,
        start: usize,
    ) -> Result<Option<IdentifiedSecret>> {
        let tx = self.0.tx;
        if secret.kind() != SecretKind::ApiKey {
            return Ok(None);
        }
        let id = match store::api_keys::place_of_secret(tx, hash)? {
            Some((organization_id, id)) if organization_id == self.0.organization.id => id,
            _ => return Ok(None),
        };
        let key = match keys.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let api_key = find(tx, self.0.organization.id, id)?;
                place.insert(KnownKey {
                    status: api_key.status(tx.judged_at()),
                    current: api_key.current_secret().map(|current| current.hash),
                    overlap: store::api_keys::overlap(tx, &api_key, tx.judged_at())?,
                    name: api_key.name,
                })
            }
        };
        Ok(Some(IdentifiedSecret {
            id,
            name: key.name.clone(),
            status: key.status,
            hint: secret.hint(),
            standing: SecretStanding::of(hash, key.current.as_ref(), key.overlap.as_ref()),
            last_used_at: store::api_keys::last_used_at(tx, hash)?,
            start,
            occurrences: 1,
        }))
    }
}

/// What a secret opens.
pub enum Opens {
    /// A key, of which it is the current secret.
    ApiKey(ApiKey),
    /// A key, beside the secret that has replaced it.
    ApiKeyInOverlap(ApiKey, PreviousSecret),
    /// A session of this person.
    Session(UserId),
    /// A place in a club.
    Invitation(Invitation),
}

impl<T: Read> Visitor<'_, T> {
    /// What the secret opens; `None` if it is unknown, or opens nothing any more. By a clock that is doubted nothing is
    /// over: it would be back once the clock is set right.
    pub fn opened_by(&self, kind: SecretKind, hash: &SecretHash) -> Result<Option<Opens>> {
        let opens = match kind {
            SecretKind::ApiKey => return self.key_opened_by(hash),
            SecretKind::Session => Caller::live_session(self.tx, hash, self.tx.now()).map(Opens::Session),
            SecretKind::Invitation => self.invitation_at(hash, self.tx.now()).map(Opens::Invitation),
        };
        match opens {
            Ok(opens) => Ok(Some(opens)),
            Err(Error::Unauthenticated(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn key_opened_by(&self, hash: &SecretHash) -> Result<Option<Opens>> {
        let Some(api_key) = store::api_keys::by_secret(self.tx, hash)? else { return Ok(None) };
        // One that is held would come back with its release.
        if !matches!(api_key.status(self.tx.now()), KeyStatus::Active | KeyStatus::Held) {
            return Ok(None);
        }
        let current = api_key.current_secret().map(|current| current.hash);
        let overlap = store::api_keys::overlap(self.tx, &api_key, self.tx.now())?;
        Ok(match (SecretStanding::of(hash, current.as_ref(), overlap.as_ref()), overlap) {
            (SecretStanding::Current, _) => Some(Opens::ApiKey(api_key)),
            (SecretStanding::Previous, Some(previous)) => Some(Opens::ApiKeyInOverlap(api_key, previous)),
            _ => None,
        })
    }
}

impl Visitor<'_, WriteTx> {
    /// Ends what the secret opens, on every plan, since somebody has it who should not: a current secret's key is
    /// revoked, of a previous one that secret alone ends; a session ends; an invitation is withdrawn. Whether there was
    /// anything to end.
    pub fn end_leaked(&self, kind: SecretKind, hash: &SecretHash) -> Result<bool> {
        const REASON: &str = "Its secret was reported as leaked";
        let reason: Option<Reason> = REASON.parse().ok();
        match self.opened_by(kind, hash)? {
            None => return Ok(false),
            Some(Opens::ApiKey(api_key)) => {
                let by = Person { id: None, display_name: "Leak report".to_owned() };
                revoke(self.tx, &api_key, by, reason, self.audit)?;
            }
            Some(Opens::ApiKeyInOverlap(api_key, previous)) => {
                end_previous(self.tx, &api_key, &previous, reason, self.audit)?;
            }
            Some(Opens::Session(user_id)) => {
                store::sessions::end(self.tx, user_id, hash)?;
                self.audit.record(self.tx, None, "session.end", user_id, json!({ "reason": reason }))?;
            }
            Some(Opens::Invitation(Invitation { id, organization_id, member_id, .. })) => {
                store::invitations::delete_of(self.tx, organization_id, member_id)?;
                let changes = json!({ "invitation": id, "reason": reason });
                self.audit.record(self.tx, Some(organization_id), "member.withdraw_invitation", member_id, changes)?;
            }
        }
        Ok(true)
    }
}
