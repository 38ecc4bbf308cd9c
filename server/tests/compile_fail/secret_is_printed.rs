//! A secret in a log line would be there for good.

use astral_server::service::Secret;

fn display(secret: &Secret) -> String {
    format!("{secret}")
}

fn debug(secret: &Secret) -> String {
    format!("{secret:?}")
}

fn main() {}
