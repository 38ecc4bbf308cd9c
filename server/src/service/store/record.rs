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

/// The bytes of a record that has had one form only.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Unavailable> {
    encode_form(&Versioned::V1(value))
}

/// The record of one form that these bytes hold.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unavailable> {
    let Versioned::V1(value) = decode_form(bytes)?;
    Ok(value)
}

/// The bytes of a record in one of its forms: an enum with a variant for each.
pub fn encode_form<F: Serialize>(form: &F) -> Result<Vec<u8>, Unavailable> {
    postcard::to_stdvec(form).map_err(|_| Unavailable::Corrupt(std::any::type_name::<F>()))
}

/// The form in which these bytes hold a record.
pub fn decode_form<F: DeserializeOwned>(bytes: &[u8]) -> Result<F, Unavailable> {
    postcard::from_bytes(bytes).map_err(|_| Unavailable::Corrupt(std::any::type_name::<F>()))
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
        organization::{KeyDays, Organization},
        password::PasswordHash,
        plan::Plan,
        scope::Scopes,
        secret::SecretHash,
        session::Session,
        timestamp::Timestamp,
        usage::{Calls, LastUse, SecretMark, Source},
        user::User,
    };
    use crate::service::store::{api_keys, api_keys::Pass, organizations};

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

    /// Each form of each record, in hexadecimal.
    const STORED: &str = include_str!("records.txt");

    /// Bytes like these lie in people's databases. Whoever has to change one of them has changed the form of a
    /// record without giving it a new version.
    #[test]
    fn records_keep_their_form() {
        let organization = Organization {
            id: OrganizationId::from_bits(1),
            name: "Summit".parse().expect("a name"),
            description: Some("Since 1987".parse().expect("a description")),
            plan: Plan::Club,
            longest_key_days: None,
            usual_key_days: None,
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
            scopes_since: at(1_000),
            reach: Reach::Everything,
            allowed_ips: vec!["203.0.113.0/24".parse().expect("a range")],
            state: KeyState::Revoked { at: at(4_000), by: ana(), reason: Some("Lost".parse().expect("a reason")) },
            secrets: vec![KeySecret {
                hash: SecretHash::of_digest([9; 32]),
                hint: "astral_live_abc…xyz".to_owned(),
                created_at: at(1_000),
                ends_at: Some(at(3_000)),
                retire_when_idle_hours: None,
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
        let stored = |name: &str| {
            let hexadecimal = STORED.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            HEXLOWER.decode(hexadecimal.expect("an earlier form").as_bytes()).expect("hexadecimal")
        };
        let earlier = |name: &str, wanted: &dyn Fn(&[u8]) -> bool| {
            let bytes = stored(name);
            assert!(wanted(&bytes), "{name} is read as something else");
            format!("{name} {}\n", HEXLOWER.encode(&bytes))
        };
        let reads_key = |bytes: &[u8], api_key: &ApiKey| {
            let read = api_keys::form::decode(bytes).expect("what is stored is read");
            format!("{read:?}") == format!("{api_key:?}")
        };
        let reads_organization = |bytes: &[u8], organization: &Organization| {
            let read = organizations::form::decode(bytes).expect("what is stored is read");
            format!("{read:?}") == format!("{organization:?}")
        };
        let limited = Organization {
            longest_key_days: Some(KeyDays::new(365).expect("days")),
            usual_key_days: Some(KeyDays::new(90).expect("days")),
            ..organization.clone()
        };
        let newest_organization = organizations::form::encode(&limited).expect("encodes");
        assert!(reads_organization(&newest_organization, &limited));
        let mut rotated = api_key.clone();
        rotated.secrets[0].retire_when_idle_hours = Some(24);
        let mut narrowed = rotated.clone();
        narrowed.scopes_since = at(3_000);
        let newest_key = api_keys::form::encode(&narrowed).expect("encodes");
        assert!(reads_key(&newest_key, &narrowed));
        let pass = Pass {
            scopes: Scopes::all(),
            reach: Reach::Everything,
            allowed_ips: vec!["203.0.113.0/24".parse().expect("a range")],
            expires_at: Some(at(6_000)),
        };
        let long_ago = LastUse { at: at(5_000), address: None, user_agent: None, operation: None };
        let last_use = LastUse {
            at: at(5_000),
            address: Some([203, 0, 113, 7].into()),
            user_agent: Some("roster-sync/1.0".to_owned()),
            operation: Some("list_members".into()),
        };
        let newest_use = api_keys::last_use::encode(&last_use).expect("encodes");
        assert_eq!(api_keys::last_use::decode(&newest_use).expect("read"), last_use);
        let calls = vec![Calls {
            secret: SecretMark::from(&SecretHash::of_digest([9; 32])),
            operation: "list_members".into(),
            refused: Some("scope_required".into()),
            count: 300,
            sources: vec![Source { address: [203, 0, 113, 7].into(), at: at(5_000) }],
        }];
        let lines = [
            earlier("organization", &|bytes| reads_organization(bytes, &organization)),
            format!("organization_2 {}\n", HEXLOWER.encode(&newest_organization)),
            line("user", &user),
            line("session", &session),
            line("invitation", &invitation),
            earlier("api_key", &|bytes| reads_key(bytes, &api_key)),
            earlier("api_key_2", &|bytes| reads_key(bytes, &rotated)),
            format!("api_key_3 {}\n", HEXLOWER.encode(&newest_key)),
            line("pass", &pass),
            earlier("last_use", &|bytes| api_keys::last_use::decode(bytes).expect("read") == long_ago),
            format!("last_use_2 {}\n", HEXLOWER.encode(&newest_use)),
            line("calls", &calls),
            line("remembered", &remembered),
        ];
        assert_eq!(lines.concat(), STORED, "a record is stored in another form than before");
    }
}
