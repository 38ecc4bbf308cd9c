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

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;
    use crate::service::model::{
        api_key::{ApiKey, KeySecret, KeyState, Person, Reach},
        id::{ApiKeyId, Id as _, InvitationId, MemberId, OrganizationId, UserId},
        idempotency::{Fingerprint, Remembered},
        invitation::Invitation,
        organization::Organization,
        password::PasswordHash,
        plan::Plan,
        scope::Scopes,
        secret::SecretHash,
        session::Session,
        timestamp::Timestamp,
        user::User,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// A line of [`STORED`], once the bytes were seen to be read again.
    fn line<T: Serialize + DeserializeOwned>(name: &str, value: &T) -> String {
        let bytes = encode(value).expect("encodes");
        let read: T = decode(&bytes).expect("what is stored is read");
        assert_eq!(encode(&read).expect("encodes"), bytes);
        format!("{name} {}\n", HEXLOWER.encode(&bytes))
    }

    /// The first version of each record, in hexadecimal.
    const STORED: &str = include_str!("records.v1.txt");

    /// Bytes like these lie in people's databases. Whoever has to change one of them has changed the form of a
    /// record without giving it a new version.
    #[test]
    fn records_keep_their_form() {
        let organization = Organization {
            id: OrganizationId::from_bits(1),
            name: "Summit".parse().expect("a name"),
            description: Some("Since 1987".parse().expect("a description")),
            plan: Plan::Club,
            revision: 3,
            created_at: at(1_000),
            updated_at: at(2_000),
        };
        let user = User {
            id: UserId::from_bits(2),
            email: "ana@summit.example".parse().expect("an email"),
            display_name: "Ana".parse().expect("a name"),
            password_hash: PasswordHash("$argon2id$".to_owned()),
            created_at: at(1_000),
            password_changed_at: at(2_000),
        };
        let invitation = Invitation {
            id: InvitationId::from_bits(3),
            organization_id: OrganizationId::from_bits(1),
            member_id: MemberId::from_bits(4),
            email: "ben@summit.example".parse().expect("an email"),
            hash: SecretHash::of_digest([7; 32]),
            created_at: at(1_000),
            expires_at: at(2_000),
        };
        let ana = || Person { id: Some(UserId::from_bits(2)), display_name: "Ana".to_owned() };
        let api_key = ApiKey {
            id: ApiKeyId::from_bits(5),
            organization_id: OrganizationId::from_bits(1),
            name: "Sync".parse().expect("a name"),
            description: None,
            scopes: Scopes::all(),
            reach: Reach::Everything,
            allowed_ips: vec!["203.0.113.0/24".parse().expect("a range")],
            state: KeyState::Revoked { at: at(4_000), by: ana(), reason: Some("Lost".parse().expect("a reason")) },
            secrets: vec![KeySecret {
                hash: SecretHash::of_digest([9; 32]),
                hint: "astral_live_abc…xyz".to_owned(),
                created_at: at(1_000),
                ends_at: Some(at(3_000)),
            }],
            created_at: at(1_000),
            created_by: ana(),
            expires_at: None,
            revision: 2,
        };
        let session = Session { user_id: UserId::from_bits(2), created_at: at(1_000), expires_at: at(2_000) };
        let remembered = Remembered {
            fingerprint: Fingerprint::of("/api/v1/x", b"{}"),
            at: at(1_000),
            resource_id: "mem_1".to_owned(),
            answer: Some(b"{}".to_vec()),
        };
        let lines = [
            line("organization", &organization),
            line("user", &user),
            line("session", &session),
            line("invitation", &invitation),
            line("api_key", &api_key),
            line("last_use", &at(5_000)),
            line("remembered", &remembered),
        ];
        assert_eq!(lines.concat(), STORED, "a record is stored in another form than before");
    }
}
