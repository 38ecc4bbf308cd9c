//! Secrets in the midst of other bytes: files, logs, what somebody has pasted.
//!
//! A secret is told by its prefix and its checksum alone, whatever stands around it: one that follows a letter, or runs
//! into the next word, is as leaked as one in quotes.

use memchr::{memchr, memmem};

use super::secret::{Secret, SecretKind};

/// What each prefix begins with.
const BEGINNING: &[u8] = b"astral_";
/// The same in UTF-16, of either byte order.
const BEGINNING_UTF16: &[u8] = b"a\0s\0t\0r\0a\0l\0_";

/// A secret, and where it was found.
pub struct FoundSecret {
    /// The byte at which it begins, counted from 0.
    pub start: usize,
    /// How many bytes lie from one of its characters to the next: 2 in UTF-16, else 1.
    pub width: usize,
    /// What was found.
    pub secret: Secret,
}

impl FoundSecret {
    /// How many bytes a secret takes at most. Whoever searches piece by piece lets each begin one byte less than this
    /// before the end of the last.
    pub const LONGEST: usize = 2 * SecretKind::Invitation.length() - 1;

    /// The byte after its last character.
    pub fn end(&self) -> usize {
        self.start + (self.secret.kind().length() - 1) * self.width + 1
    }
}

/// The secrets in `bytes`, in UTF-8 (or whatever has ASCII in it) and in UTF-16, in the order in which they stand there
/// and end: one can begin with the letters that another ends with. Nothing is looked up.
pub fn find_secrets(bytes: &[u8]) -> impl Iterator<Item = FoundSecret> {
    let found = |beginning, width| {
        memmem::find_iter(bytes, beginning).filter_map(move |start| {
            secret_at(&bytes[start..], width).map(|secret| FoundSecret { start, width, secret })
        })
    };
    let mut all: Vec<_> = found(BEGINNING, 1).collect();
    // Text seldom has a zero in it, and looking for one is quicker than looking for a word.
    if memchr(0, bytes).is_some() {
        all.extend(found(BEGINNING_UTF16, 2));
        all.sort_unstable_by_key(|found| found.start);
    }
    all.into_iter()
}

/// The secret with which `bytes` begin.
fn secret_at(bytes: &[u8], width: usize) -> Option<Secret> {
    let begins_with = |text: &str| characters(bytes, width).take(text.len()).eq(text.bytes());
    let kind = SecretKind::ALL.iter().copied().find(|kind| begins_with(kind.prefix()))?;
    let mut text = String::with_capacity(kind.length());
    text.extend(characters(bytes, width).take_while(u8::is_ascii).take(kind.length()).map(char::from));
    Secret::parse(text)
}

/// The characters with which `bytes` begin, as long as there is nothing but zeros between them.
fn characters(bytes: &[u8], width: usize) -> impl Iterator<Item = u8> {
    bytes.chunks(width).scan(true, |goes_on, chunk| {
        let (character, between) = chunk.split_first()?;
        // What follows the last character no longer belongs to the secret.
        std::mem::replace(goes_on, between.iter().all(|byte| *byte == 0)).then_some(*character)
    })
}

#[cfg(test)]
mod tests {
    use super::super::secret::tests::random;
    use super::*;

    const VECTOR: &str = "astral_live_0123456789ABCDEFGHIJKLMNOP0IezIr";

    fn starts(bytes: &[u8]) -> Vec<(usize, SecretKind)> {
        find_secrets(bytes).map(|found| (found.start, found.secret.kind())).collect()
    }

    #[test]
    fn every_kind_is_found_whatever_stands_around_it() {
        for kind in SecretKind::ALL.iter().copied() {
            assert!(kind.prefix().as_bytes().starts_with(BEGINNING));
            let secret = Secret::generate(kind, random);
            let (hash, text) = (secret.hash(), secret.reveal());
            for (before, after) in
                [("", ""), ("KEY=", "\n"), ("\\n", "x"), ("astral_", "astral_live_"), ("\u{e9}", "\0")]
            {
                let around = format!("{before}{text}{after}");
                let found: Vec<_> = find_secrets(around.as_bytes()).collect();
                assert_eq!(found.len(), 1, "{around:?}");
                assert_eq!((found[0].start, found[0].end()), (before.len(), before.len() + text.len()));
                assert!(found[0].secret.hash() == hash);
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_changed_is_not_found() {
        for length in 0..VECTOR.len() {
            assert_eq!(starts(&VECTOR.as_bytes()[..length]), []);
            let mut changed = VECTOR.as_bytes().to_vec();
            changed[length] ^= 1;
            assert_eq!(starts(&changed), []);
        }
        assert_eq!(starts("astral_live_0123456789ABCDEFGHIJKLMNO\u{e9}0IezIr".as_bytes()), []);
        assert_eq!(starts(&VECTOR.to_lowercase().into_bytes()), []);
    }

    #[test]
    fn several_are_found_in_their_order_in_both_encodings() {
        let wide: Vec<u8> = VECTOR.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = VECTOR.len();
        let bytes = [&wide, VECTOR.as_bytes(), VECTOR.as_bytes(), &wide].concat();
        let found: Vec<_> = find_secrets(&bytes).map(|found| (found.start, found.width, found.end())).collect();
        let expected = [
            (0, 2, 2 * length - 1),
            (2 * length, 1, 3 * length),
            (3 * length, 1, 4 * length),
            (4 * length, 2, 6 * length - 1),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn utf_16_of_either_byte_order_is_found_at_any_byte() {
        for (encode, before) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 0), (u16::to_be_bytes, 1)] {
            let wide: Vec<u8> = VECTOR.encode_utf16().flat_map(encode).collect();
            for shift in 0..3 {
                let bytes = [&b"xyz"[..shift], &wide].concat();
                assert_eq!(starts(&bytes), [(shift + before, SecretKind::ApiKey)]);
            }
            let mut broken = wide.clone();
            broken[41 - before] = b'x';
            assert_eq!(starts(&broken), [], "something stands between two characters");
        }
    }

    #[test]
    fn no_secret_is_longer_than_the_longest() {
        let longest = SecretKind::ALL.iter().map(|kind| 2 * kind.length() - 1).max();
        assert_eq!(longest, Some(FoundSecret::LONGEST));
    }
}
