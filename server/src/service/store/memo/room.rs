//! How much memory what is kept takes.

use std::sync::Arc;

use quick_cache::Weighter;

use super::{Made, MemberPage, PageKey};
use crate::service::{
    model::{
        api_key::{ApiKey, KeyState},
        id::{ApiKeyId, OrganizationId},
        member::MemberFilter,
        organization::Organization,
        secret::SecretHash,
    },
    store::api_keys::Place,
};

/// What takes memory of its own, beside that of its type.
pub trait Room {
    /// About how much, in bytes.
    fn room(&self) -> usize;
}

impl Room for SecretHash {
    fn room(&self) -> usize {
        0
    }
}

impl Room for ApiKeyId {
    fn room(&self) -> usize {
        0
    }
}

impl Room for OrganizationId {
    fn room(&self) -> usize {
        0
    }
}

impl Room for PageKey {
    fn room(&self) -> usize {
        let MemberFilter { role: _, status: _, label, coach_id: _, search } = &self.filter;
        let words = search.iter().flat_map(|search| search.words());
        let words: usize = words.map(|word| size_of::<String>() + SMALLEST + word.len()).sum();
        words + label.as_ref().map_or(0, |label| label.as_str().len()) + self.position.as_ref().map_or(0, Vec::len)
    }
}

impl Room for Arc<Place> {
    fn room(&self) -> usize {
        self.pass.as_ref().map_or(0, |pass| size_of_val(&pass.allowed_ips[..]) + size_of_val(pass.scopes.as_slice()))
    }
}

impl Room for Arc<ApiKey> {
    fn room(&self) -> usize {
        let revocation = match &self.state {
            KeyState::Usable | KeyState::Held => 0,
            KeyState::Revoked { at: _, by, reason } => {
                by.display_name.len() + reason.as_ref().map_or(0, |reason| reason.as_str().len())
            }
        };
        size_of::<ApiKey>()
            + self.name.as_str().len()
            + self.description.as_ref().map_or(0, |description| description.as_str().len())
            + size_of_val(self.scopes.as_slice())
            + size_of_val(&self.allowed_ips[..])
            + size_of_val(&self.secrets[..])
            + self.created_by.display_name.len()
            + revocation
    }
}

impl Room for Arc<Organization> {
    fn room(&self) -> usize {
        self.name.as_str().len() + self.description.as_ref().map_or(0, |description| description.as_str().len())
    }
}

impl Room for MemberPage {
    fn room(&self) -> usize {
        self.room + self.next.as_ref().map_or(0, String::len)
    }
}

/// What the smallest piece of memory takes, in bytes.
const SMALLEST: usize = 16;
/// About how much memory an entry takes beside its [`Room`], in bytes.
pub const ENTRY: usize = 400;

/// Weighs entries by the memory that they take.
#[derive(Clone)]
pub struct ByRoom;

impl<K: Room, T: Room> Weighter<K, Made<T>> for ByRoom {
    fn weight(&self, key: &K, made: &Made<T>) -> u64 {
        (ENTRY + key.room() + made.value.room()) as u64
    }
}
