//! A proof kept beyond its transaction could act on what has changed since.

use astral_server::service::{Caller, OrganizationId, Service};

fn keep(service: &Service, caller: &Caller, id: OrganizationId) {
    let _kept = service.read(|tx| tx.head_coach(caller, id));
}

fn main() {}
