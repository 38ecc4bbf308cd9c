//! What is fuzzed: for each parser of ours a function that takes any bytes, and asserts what must hold of them.
//!
//! `tests/it/fuzzing.rs` runs each over `tests/corpus`, and `tests/fuzz.sh` for as long as one likes. No part of the API:
//! nothing of the server calls it, so that it is not in the program either.
//! `docs/decisions/0033-fuzz-targets.md` says why it stands here.

mod checksums;
mod values;

pub(crate) use self::checksums::{kind_of, with_checksums};
pub use self::values::{audit_head, cidr, config, id, secret, text, time};
pub use crate::{
    cli::scan::fuzzing::{git, scan},
    http::fuzzing::{body, client_address, conditional, credential, cursor, query, requests},
    service::fuzzing::{record, revocations},
};

/// What is given any bytes, and panics where something does not hold.
pub type Target = fn(&[u8]);

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        /// Every target, by its name, which is that of its folder in the corpus.
        pub const TARGETS: &[(&str, Target)] = &[$((stringify!($name), $name)),+];
    };
}

targets! {
    audit_head, body, cidr, client_address, conditional, config, credential, cursor, git, id, query, record, requests,
    revocations, scan, secret, text, time,
}
