//! What is read and written to see whether the database can be: one small value of its own.

use super::{Read, WriteTx, tables::META};
use crate::service::error::Unavailable;

/// Reads one small value.
pub fn read(tx: &impl Read) -> Result<(), Unavailable> {
    if tx.has(META, b"format")? { Ok(()) } else { Err(Unavailable::Corrupt("meta")) }
}

/// Writes one small value. It is nobody's change: there is no event of it.
pub fn write(tx: &WriteTx) -> Result<(), Unavailable> {
    tx.put(META, b"probe", &tx.now().as_millis().to_be_bytes())
}
