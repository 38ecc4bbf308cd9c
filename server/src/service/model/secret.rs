//! Secrets: API keys, session tokens, invitation codes. In plaintext they exist once, on their way out.
//!
//! ```text
//! astral_live_ 0123456789ABCDEFGHIJKLMNOP 0IezIr
//! prefix       26 random characters       CRC-32 of all before, in base 62
//! ```

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Invalid, words};

/// The alphabet of secrets and of their checksum.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM: usize = 26;
const CHECKSUM: usize = 6;

words!(
    /// What a secret is for; each kind has a prefix by which a scanner finds it.
    SecretKind {
        /// The secret of an API key.
        ApiKey = "api_key",
        /// The token of a session.
        Session = "session",
        /// The code in an invitation's link.
        Invitation = "invitation",
    }
);

impl SecretKind {
    /// The characters that a secret of this kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "astral_live_",
            Self::Session => "astral_session_",
            Self::Invitation => "astral_invitation_",
        }
    }

    /// How many characters a secret of this kind has, all of them ASCII.
    pub const fn length(self) -> usize {
        self.prefix().len() + RANDOM + CHECKSUM
    }
}

/// A secret in plaintext. It cannot be printed, cloned, serialized or logged, and is wiped from
/// memory when dropped.
pub struct Secret {
    kind: SecretKind,
    text: Zeroizing<String>,
}

/// The SHA-256 of a secret: all that is stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash that is this SHA-256 digest.
    pub(crate) const fn of_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The bytes under which the owner of the secret is stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Secret {
    /// A new secret with 154 bits out of `random`.
    pub fn generate(kind: SecretKind, random: impl Fn() -> [u8; 32]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(kind.length()));
        text.push_str(kind.prefix());
        while text.len() < kind.prefix().len() + RANDOM {
            // 248 is the largest multiple of 62 in a byte: what lies above would favor some characters.
            for byte in random().into_iter().filter(|byte| *byte < 248).take(kind.prefix().len() + RANDOM - text.len())
            {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
        let checksum = checksum(&text);
        text.extend(checksum.map(char::from));
        Self { kind, text }
    }

    /// The secret that `text` is, if its form and checksum are right. Nothing is looked up.
    pub fn parse(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        let kind = SecretKind::ALL.iter().copied().find(|kind| text.starts_with(kind.prefix()))?;
        let length = kind.prefix().len() + RANDOM;
        if text.len() != length + CHECKSUM || !text.is_ascii() {
            return None;
        }
        let random = text.as_bytes().get(kind.prefix().len()..length)?;
        let valid =
            random.iter().all(u8::is_ascii_alphanumeric) && text.as_bytes()[length..] == checksum(&text[..length]);
        valid.then_some(Self { kind, text })
    }

    /// What it is for.
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// What may be shown of it later: the prefix, the first 3 and the last 3 random characters.
    pub fn hint(&self) -> String {
        let prefix = self.kind.prefix().len();
        format!("{}…{}", &self.text[..prefix + 3], &self.text[prefix + RANDOM - 3..prefix + RANDOM])
    }

    /// The plaintext, for the one answer that carries it. Consumes the secret.
    pub fn reveal(self) -> String {
        self.text.as_str().to_owned()
    }
}

/// CRC-32/ISO-HDLC of `text` as 6 digits of base 62, most significant first.
fn checksum(text: &str) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Bytes that are never the same.
    pub(in super::super) fn random() -> [u8; 32] {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Sha256::digest(NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes()).into()
    }

    #[test]
    fn the_published_test_vector() {
        let secret = Secret::parse("astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr".to_owned());
        let computed = String::from_utf8(checksum("astral_live_0123456789ABCDEFGHIJKLMNOP").to_vec()).expect("ascii");
        assert!(secret.is_some(), "the checksum is {computed}");
    }

    #[test]
    fn a_generated_secret_parses_and_a_changed_one_does_not() {
        for kind in SecretKind::ALL.iter().copied() {
            let text = Secret::generate(kind, random).reveal();
            assert_eq!((text.len(), kind.length()), (kind.prefix().len() + 32, text.len()));
            for position in 0..text.len() {
                let mut changed = text.clone().into_bytes();
                changed[position] = if changed[position] == b'x' { b'y' } else { b'x' };
                assert!(Secret::parse(String::from_utf8(changed).expect("ascii")).is_none());
            }
            assert!(Secret::parse(text.clone() + "0").is_none());
            assert!(Secret::parse(text).is_some());
        }
    }

    #[test]
    fn text_that_is_no_secret_is_refused_without_a_panic() {
        for text in ["", "astral_live_", "astral_live_é", "astral_live_ééééééééééééééééé", "Bearer x"]
        {
            assert!(Secret::parse(text.to_owned()).is_none());
        }
    }
}
