//! Value <-> bytes.
//!
//! A record is postcard of an enum with a variant for each version of its form. To add a field: keep
//! the old form as a type of its own, give the record an enum of its own in which `V1` holds that and `V2`
//! the new one, and convert on reading; rows are rewritten when
//! they are next changed, and no migration runs.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::service::error::Unavailable;

#[derive(Serialize, Deserialize)]
enum Versioned<T> {
    V1(T),
}

/// The bytes of a record in its newest version.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Unavailable> {
    postcard::to_stdvec(&Versioned::V1(value)).map_err(|_| Unavailable::Corrupt(std::any::type_name::<T>()))
}

/// The record that these bytes hold, whichever version wrote them.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unavailable> {
    match postcard::from_bytes(bytes) {
        Ok(Versioned::V1(value)) => Ok(value),
        Err(_) => Err(Unavailable::Corrupt(std::any::type_name::<T>())),
    }
}
