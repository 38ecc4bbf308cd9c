//! Identifiers: a prefix that names the noun, and a UUIDv7 (RFC 9562) as 26 lowercase Crockford
//! characters. They sort by the time they were made.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, timestamp::Timestamp};

/// Crockford's alphabet in lowercase: no `i`, `l`, `o`, `u`.
pub const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How many Crockford characters hold 128 bits.
const LENGTH: usize = 26;

fn encode(mut bits: u128) -> [u8; LENGTH] {
    let mut text = [b'0'; LENGTH];
    for character in text.iter_mut().rev() {
        *character = CROCKFORD[(bits & 31) as usize];
        bits >>= 5;
    }
    text
}

fn decode(text: &str) -> Option<u128> {
    // 26 characters hold 130 bits: the first may only be 0 to 7.
    if text.len() != LENGTH || !(b'0'..=b'7').contains(&text.as_bytes()[0]) {
        return None;
    }
    text.bytes().try_fold(0u128, |bits, character| {
        let digit = CROCKFORD.iter().position(|known| *known == character)?;
        Some(bits << 5 | digit as u128)
    })
}

/// What all ids have in common.
pub trait Id: Copy + Ord + fmt::Display {
    /// The noun's prefix with its underscore, as in `org_`.
    const PREFIX: &'static str;

    /// The id with these 128 bits.
    fn from_bits(bits: u128) -> Self;

    /// The 16 bytes under which the record is stored, most significant first.
    fn to_bytes(self) -> [u8; 16];

    /// When it was made, as it tells: never before an id that was made earlier, whatever the clock said.
    fn made_at(self) -> Timestamp {
        let millis = u128::from_be_bytes(self.to_bytes()) >> 80;
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    /// The id stored as these bytes; `None` if they are not 16.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_bits(u128::from_be_bytes(bytes.try_into().ok()?)))
    }
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;

            fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(std::str::from_utf8(&encode(self.0)).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                text.strip_prefix($prefix).and_then(decode).map(Self).ok_or(Invalid::new(concat!(
                    "must be an id: ", $prefix, " and 26 lowercase letters and digits"
                )))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.to_be_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                } else {
                    Ok(Self(u128::from_be_bytes(<[u8; 16]>::deserialize(deserializer)?)))
                }
            }
        }
    };
}

id!(
    /// Names an organization.
    OrganizationId, "org_"
);
id!(
    /// Names a user.
    UserId, "usr_"
);
id!(
    /// Names a member.
    MemberId, "mem_"
);
id!(
    /// Names an API key; stays the same when its secret is rotated.
    ApiKeyId, "key_"
);
id!(
    /// Names an invitation.
    InvitationId, "inv_"
);
id!(
    /// Names an audit event.
    EventId, "evt_"
);
id!(
    /// Names one HTTP request, in its answer, in the log and in the audit event.
    RequestId, "req_"
);

const VERSION_7: u128 = 0x7 << 76;
const VARIANT: u128 = 0b10 << 62;
/// The counter is the 74 bits of `rand_a` and `rand_b` together.
const COUNTER_BITS: u32 = 74;

/// The 128 bits of a UUIDv7 made at `now` with these random bits, and greater than `last`.
///
/// Within one millisecond, and when the clock runs backwards, the random part counts upwards from
/// `last` (RFC 9562, section 6.2, method 2), so ids never run backwards.
pub fn next_bits(last: u128, now: Timestamp, random: u128) -> u128 {
    let now = u128::from(now.as_millis().max(0).unsigned_abs());
    let last_millis = last >> 80;
    let (millis, counter) = if now > last_millis {
        // The top bit of a fresh counter is 0, which leaves room to count.
        (now, random & ((1 << (COUNTER_BITS - 1)) - 1))
    } else {
        let last_counter = ((last >> 64) & 0xfff) << 62 | last & ((1 << 62) - 1);
        let counter = last_counter + 1 + (random & 0xffff_ffff);
        (last_millis + (counter >> COUNTER_BITS), counter & ((1 << COUNTER_BITS) - 1))
    };
    millis << 80 | VERSION_7 | (counter >> 62) << 64 | VARIANT | counter & ((1 << 62) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = MemberId(u128::MAX / 3);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), "mem_".len() + 26);
        for wrong in [
            "",
            "mem_",
            "org_00000000000000000000000000",
            "mem_80000000000000000000000000",
            "mem_0000000000000000000000000i",
            "mem_000000000000000000000000000",
        ] {
            assert!(wrong.parse::<MemberId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_never_run_backwards_even_when_the_clock_does() {
        let mut last = 0;
        for (millis, random) in
            [(5_000, 0), (5_000, u128::MAX), (4_000, 7), (5_001, 0), (1, u128::MAX), (9_000, u128::MAX)]
        {
            let next = next_bits(last, Timestamp::from_millis(millis), random);
            assert!(next > last);
            assert_eq!(next >> 76 & 0xf, 7, "version");
            assert_eq!(next >> 62 & 0b11, 0b10, "variant");
            last = next;
        }
    }
}
