//! All tables, and the version of their format.
//!
//! Every table is an ordered map from bytes to bytes. Ids are 16 bytes, so that a pair of ids sorts by
//! the first; hashes are 32.

use redb::TableDefinition;

/// An ordered map from bytes to bytes.
pub type Table = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// The format that this program writes. Raised when an older program would misread what a newer one
/// has written; a new table or a new version of a record needs no raise.
pub const FORMAT: u32 = 1;

/// `format`: u32; `last_id`: u128; `usage_generation`: u64; `usage_begun`: day (u32); `heads_recorded`,
/// `expiries_told`: milliseconds since 1970 (i64). Big-endian.
pub const META: Table = Table::new("meta");
/// organization -> `Organization`
pub const ORGANIZATIONS: Table = Table::new("organizations");
/// user -> `User`
pub const USERS: Table = Table::new("users");
/// lowercase email -> user
pub const USER_EMAILS: Table = Table::new("user_emails");
/// organization, member -> `Member` as its JSON behind a short head
pub const MEMBERS: Table = Table::new("members");
/// organization, kind of index, value, member -> nothing
pub const MEMBER_INDEX: Table = Table::new("member_index");
/// user, organization -> member
pub const MEMBERSHIPS: Table = Table::new("memberships");
/// hash of the code -> `Invitation`
pub const INVITATIONS: Table = Table::new("invitations");
/// organization, member -> hash of the code of its one invitation
pub const MEMBER_INVITATIONS: Table = Table::new("member_invitations");
/// hash of the token -> `Session`
pub const SESSIONS: Table = Table::new("sessions");
/// user, hash of the token -> nothing
pub const USER_SESSIONS: Table = Table::new("user_sessions");
/// organization, key -> `ApiKey`
pub const API_KEYS: Table = Table::new("api_keys");
/// organization, kind of index, (expiry,) key -> nothing
pub const API_KEY_INDEX: Table = Table::new("api_key_index");
/// hash of the secret -> organization, key; also of secrets that are dead
pub const API_KEY_SECRETS: Table = Table::new("api_key_secrets");
/// hash of the secret -> `LastUse`
pub const API_KEY_USE: Table = Table::new("api_key_use");
/// day (u32), organization, key -> its `Calls` of that day
pub const USAGE: Table = Table::new("usage");
/// hash of caller and `Idempotency-Key` -> `Remembered`
pub const IDEMPOTENCY: Table = Table::new("idempotency");
/// when the request went through, its place in `idempotency` -> nothing
pub const IDEMPOTENCY_TIMES: Table = Table::new("idempotency_times");
/// chain, number (u64) -> hash of the event, JSON of the event
pub const AUDIT_EVENTS: Table = Table::new("audit_events");
/// chain -> number (u64) and hash of its newest event
pub const AUDIT_HEADS: Table = Table::new("audit_heads");

/// Every table there is.
pub const ALL: &[Table] = &[
    META,
    ORGANIZATIONS,
    USERS,
    USER_EMAILS,
    MEMBERS,
    MEMBER_INDEX,
    MEMBERSHIPS,
    INVITATIONS,
    MEMBER_INVITATIONS,
    SESSIONS,
    USER_SESSIONS,
    API_KEYS,
    API_KEY_INDEX,
    API_KEY_SECRETS,
    API_KEY_USE,
    USAGE,
    IDEMPOTENCY,
    IDEMPOTENCY_TIMES,
    AUDIT_EVENTS,
    AUDIT_HEADS,
];

/// The key made of these parts.
pub fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
