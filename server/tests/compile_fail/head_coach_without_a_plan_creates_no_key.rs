//! Creating keys takes the plan as well: only what `key_manager` gives can do it.

use astral_server::service::{HeadCoach, NewApiKey, WriteTx};

fn create(head_coach: HeadCoach<'_, WriteTx>, new: NewApiKey) {
    let _ = head_coach.create_key(new, 100);
}

fn main() {}
