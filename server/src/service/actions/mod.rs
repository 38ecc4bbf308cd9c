//! What each proof allows, a file a noun. The header of an `impl` is the permission.

pub mod api_keys;
pub mod audit;
pub mod invitations;
pub mod leaks;
pub mod members;
pub mod operator;
pub mod organizations;
pub mod seed;
pub mod sessions;
pub mod usage;
pub mod users;

use super::{
    error::{Conflict, Result},
    model::revision::Expected,
};

/// A page of values, and where the next begins.
#[derive(Debug)]
pub struct Page<T, P> {
    /// The values.
    pub data: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<P>,
}

/// Refuses a change that is meant for another revision.
fn require(expected: &Expected, revision: u64) -> Result<()> {
    if expected.admits(revision) { Ok(()) } else { Err(Conflict::RevisionMismatch.into()) }
}

/// How many entries of an index are examined for one page at most.
pub const EXAMINED_A_PAGE: usize = 1000;
