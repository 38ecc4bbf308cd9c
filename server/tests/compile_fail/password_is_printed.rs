//! A password is as secret as a key.

use astral_server::service::Password;

fn debug(password: &Password) -> String {
    format!("{password:?}")
}

fn main() {}
