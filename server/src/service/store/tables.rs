//! All tables, and the version of their format.
//!
//! Every table is an ordered map from bytes to bytes. Ids are 16 bytes, so that a pair of ids sorts by
//! the first; hashes are 32.

use redb::TableDefinition;

/// An ordered map from bytes to bytes.
#[derive(Clone, Copy)]
pub struct Table {
    /// Its place in [`ALL`].
    pub place: usize,
    pub definition: TableDefinition<'static, &'static [u8], &'static [u8]>,
}

macro_rules! tables {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "named as the tables are")]
        enum Place {
            $($name,)*
        }

        $($(#[$meta])* pub const $name: Table =
            Table { place: Place::$name as usize, definition: TableDefinition::new($text) };)*

        /// Every table there is.
        pub const ALL: &[Table] = &[$($name,)*];
    };
}

/// The format that this program writes. Raised when an older program would misread what a newer one
/// has written; a new table or a new version of a record needs no raise.
pub const FORMAT: u32 = 2;

tables! {
    /// `format`: u32; `last_id`: u128; `lineage`: 16 bytes; `revocations`: number of a batch of the log (u64); `set_up`; in a
    /// backup `backup`: `backup.rs`; `usage_generation`: u64; `usage_begun`: day (u32); `heads_recorded`,
    /// `expiries_told`, `probe`, `time`: milliseconds since 1970 (i64). Big-endian.
    META = "meta",
    /// organization -> `Organization`
    ORGANIZATIONS = "organizations",
    /// user -> `User`
    USERS = "users",
    /// lowercase email -> user
    USER_EMAILS = "user_emails",
    /// organization, kind of list, value, last member that it may hold -> members that follow each other:
    /// `members/block.rs`
    MEMBER_BLOCKS = "member_blocks",
    /// organization, kind of name, email or external id -> member
    MEMBER_NAMES = "member_names",
    /// user, organization -> member
    MEMBERSHIPS = "memberships",
    /// hash of the code -> `Invitation`
    INVITATIONS = "invitations",
    /// organization, member -> hash of the code of its one invitation
    MEMBER_INVITATIONS = "member_invitations",
    /// hash of the token -> `Session`
    SESSIONS = "sessions",
    /// user, hash of the token -> nothing
    USER_SESSIONS = "user_sessions",
    /// organization, key -> `ApiKey`
    API_KEYS = "api_keys",
    /// organization, kind of index, (expiry,) key -> nothing
    API_KEY_INDEX = "api_key_index",
    /// hash of the secret -> organization, key; also of secrets that are dead. Of the current secret of a key that is not
    /// revoked then the `Pass`
    API_KEY_SECRETS = "api_key_secrets",
    /// hash of the secret -> `LastUse`
    API_KEY_USE = "api_key_use",
    /// day (u32), organization, key -> its `Calls` of that day
    USAGE = "usage",
    /// hash of caller and `Idempotency-Key` -> `Remembered`
    IDEMPOTENCY = "idempotency",
    /// when the request went through, its place in `idempotency` -> nothing
    IDEMPOTENCY_TIMES = "idempotency_times",
    /// chain, number (u64) -> hash of the event, JSON of the event
    AUDIT_EVENTS = "audit_events",
    /// chain -> number (u64) and hash of its newest event
    AUDIT_HEADS = "audit_heads",
}

/// The key made of these parts.
pub fn key(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
