//! When the database was last written, by which the next start knows a clock that was set back.

use super::{Read, WriteTx, tables::META};
use crate::service::{error::Unavailable, model::timestamp::Timestamp};

/// When the database was last written: milliseconds since 1970 (i64).
pub const TIME: &[u8] = b"time";

/// What is stored, as an instant.
pub fn decode(bytes: &[u8]) -> Option<Timestamp> {
    bytes.try_into().ok().map(i64::from_be_bytes).map(Timestamp::from_millis)
}

/// When the database was last written; `None` if that was an earlier program.
pub fn get(tx: &impl Read) -> Result<Option<Timestamp>, Unavailable> {
    Ok(tx.get(META, TIME, decode)?.flatten())
}

/// Notes that the database is written now. Each commit does.
pub fn put(tx: &WriteTx) -> Result<(), Unavailable> {
    tx.put(META, TIME, &tx.now().as_millis().to_be_bytes())
}
