//! A secret leaves once: there is no second copy to forget about.

use astral_server::service::Secret;

fn twice(secret: Secret) -> (String, String) {
    (secret.clone().reveal(), secret.reveal())
}

fn after(secret: Secret) -> String {
    let _sent = secret.reveal();
    secret.hint()
}

fn main() {}
