//! Secrets by their grammar, bit by bit: what the server's own way is held against.

use crate::service::SecretKind;

const PREFIXES: [(&[u8], SecretKind); 3] = [
    (b"astral_live_", SecretKind::ApiKey),
    (b"astral_session_", SecretKind::Session),
    (b"astral_invitation_", SecretKind::Invitation),
];
const RANDOM: usize = 26;
const CHECKSUM: usize = 6;

/// CRC-32/ISO-HDLC, a bit at a time, in base 62.
fn checksum_of(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = match (rest % 62) as u8 {
            number @ 0..10 => b'0' + number,
            number @ 10..36 => b'A' + number - 10,
            number => b'a' + number - 36,
        };
        rest /= 62;
    }
    digits
}

/// What kind of secret `bytes` are, as docs/integrations.md describes them.
pub fn kind_of(bytes: &[u8]) -> Option<SecretKind> {
    let (prefix, kind) = PREFIXES.into_iter().find(|(prefix, _)| bytes.starts_with(prefix))?;
    let (signed, checksum) = bytes.split_at_checked(prefix.len() + RANDOM)?;
    let right = signed[prefix.len()..].iter().all(u8::is_ascii_alphanumeric) && checksum == checksum_of(signed);
    right.then_some(kind)
}

/// `data` with the right checksum in whatever could be a secret but for that, since none is ever guessed.
pub fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    for start in 0..data.len() {
        let Some((prefix, _)) = PREFIXES.into_iter().find(|(prefix, _)| data[start..].starts_with(prefix)) else {
            continue;
        };
        let (random, end) = (start + prefix.len(), start + prefix.len() + RANDOM);
        if data.get(random..end + CHECKSUM).is_some_and(|rest| rest[..RANDOM].iter().all(u8::is_ascii_alphanumeric)) {
            let checksum = checksum_of(&data[start..end]);
            data[end..end + CHECKSUM].copy_from_slice(&checksum);
        }
    }
    data
}
