//! A proof on a snapshot reads; nothing that writes is a method of it.

use astral_server::service::{ApiKeyId, Caller, Expected, OrganizationId, Service};

fn revoke(service: &Service, caller: &Caller, id: OrganizationId, key: ApiKeyId) {
    let _ = service.read(|tx| tx.head_coach(caller, id)?.revoke_key(key, &Expected::Any, None));
}

fn main() {}
