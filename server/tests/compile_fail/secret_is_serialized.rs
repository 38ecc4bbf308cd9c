//! A secret cannot become part of a record or an answer by accident.

use astral_server::service::Secret;

fn stored<T: serde::Serialize>(_: &T) {}

fn main() {
    let secret = Secret::parse(String::new()).unwrap();
    stored(&secret);
}
