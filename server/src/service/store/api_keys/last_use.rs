//! The forms that the record of a secret's last use has had.

use serde::{Deserialize, Serialize};

use crate::service::{
    error::Unavailable,
    model::{timestamp::Timestamp, usage::LastUse},
    store::record,
};

#[derive(Serialize, Deserialize)]
enum Form {
    /// Before it was kept from where and for what.
    V1(Timestamp),
    V2(LastUse),
}

/// The bytes of a last use in the newest form.
pub fn encode(last: &LastUse) -> Result<Vec<u8>, Unavailable> {
    record::encode_form(&Form::V2(last.clone()))
}

/// The last use that these bytes hold, whichever form they have.
pub fn decode(bytes: &[u8]) -> Result<LastUse, Unavailable> {
    Ok(match record::decode_form(bytes)? {
        Form::V1(at) => LastUse { at, address: None, user_agent: None, operation: None },
        Form::V2(last) => last,
    })
}
