//! Cursors: where the next page of a list begins, opaque to whoever carries one.

use std::fmt::Write;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

use super::{problem::Problem, schema::CursorText};
use crate::service::FieldError;

/// How many bytes of the filter's hash a cursor carries.
const FINGERPRINT: usize = 8;

/// The list and filters that a cursor belongs to: the hash of what names them.
pub struct List(Sha256);

/// Hashes what is written.
struct Hashed(Sha256);

impl Write for Hashed {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

impl List {
    /// The list named by these parts: operation, organization, each filter.
    pub fn of(parts: &[&dyn std::fmt::Debug]) -> Self {
        let mut hashed = Hashed(Sha256::new());
        // Hashing does not fail.
        let _ = write!(hashed, "{parts:?}");
        Self(hashed.0.chain_update([0]))
    }

    /// A hash over the list and a position in it, so that neither can be exchanged.
    fn fingerprint(&self, position: &[u8]) -> [u8; FINGERPRINT] {
        let digest = self.0.clone().chain_update(position).finalize();
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.copy_from_slice(&digest[..FINGERPRINT]);
        fingerprint
    }

    /// The cursor for this position in the list.
    pub fn cursor(&self, position: &[u8]) -> String {
        BASE64URL_NOPAD.encode(&[&self.fingerprint(position), position].concat())
    }

    /// The position that `cursor` stands for, as `parse` reads it.
    ///
    /// # Errors
    /// A problem that names `cursor`, if it is not one of this list with these filters.
    pub fn position<P>(
        &self,
        cursor: Option<&CursorText>,
        parse: impl FnOnce(&[u8]) -> Option<P>,
    ) -> Result<Option<P>, Problem> {
        let Some(cursor) = cursor else { return Ok(None) };
        let bytes = BASE64URL_NOPAD.decode(cursor.0.as_bytes()).ok();
        let parts = bytes.as_deref().and_then(|bytes| bytes.split_at_checked(FINGERPRINT));
        let position = parts.filter(|(fingerprint, position)| self.fingerprint(position) == *fingerprint);
        let message = "must be the next_cursor of a page of this list with the same filters";
        let wrong = || Problem::invalid(vec![FieldError::new("cursor", message)]);
        position.and_then(|(_, position)| parse(position)).map(Some).ok_or_else(wrong)
    }
}
