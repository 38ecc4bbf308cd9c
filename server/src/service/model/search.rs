//! Finding by words: what was typed against what is written, without case and accents.

use super::Invalid;

/// What was typed to find a member: each word of it begins a word of the member's name or email.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Search(Vec<String>);

impl Search {
    /// How many characters can be typed.
    pub const MAX_LENGTH: usize = 100;

    /// The words, folded, the longest first; none begins another, since whoever has the longer has the shorter, too.
    pub fn words(&self) -> &[String] {
        &self.0
    }

    /// The longest word.
    pub fn longest(&self) -> &str {
        &self.0[0]
    }
}

impl std::fmt::Display for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl std::str::FromStr for Search {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > Self::MAX_LENGTH {
            return Err(Invalid::new("must have at most 100 characters"));
        }
        let piece = |piece: &str| if piece.contains('@') { vec![fold(piece)] } else { fold_words(piece) };
        let pieces = text.split(|c: char| c.is_whitespace() || c.is_control());
        let mut words: Vec<String> = pieces.filter(|piece| !piece.is_empty()).flat_map(piece).collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mut sought: Vec<String> = Vec::new();
        for word in words {
            if !sought.iter().any(|longer| longer.starts_with(&word)) {
                sought.push(word);
            }
        }
        if sought.is_empty() {
            return Err(Invalid::new("must contain a letter or a digit"));
        }
        Ok(Self(sought))
    }
}

/// `text` without case and accents (Unicode case folding of its NFKD form without marks).
pub fn fold(text: &str) -> String {
    use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
    // All that the rest would do to it, in a fiftieth of the time.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let bare: String = text.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    caseless::default_case_fold_str(&bare)
}

/// The words of `text`, folded.
pub fn fold_words(text: &str) -> Vec<String> {
    fold(text).split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_without_case_and_accents() {
        assert_eq!(fold_words("José ÅNGSTRÖM-Straße"), ["jose", "angstrom", "strasse"]);
        assert_eq!(fold_words("李小龍"), ["李小龍"]);
    }

    #[test]
    fn what_cannot_be_seen_parts_words() {
        let search = |text: &str| text.parse::<Search>().map(|search| search.words().to_vec());
        assert_eq!(search("ana@club.example\0ruiz"), Ok(vec!["ana@club.example".to_owned(), "ruiz".to_owned()]));
        assert!(search("\0 \u{a0}").is_err());
    }

    #[test]
    fn what_follows_from_a_longer_word_is_not_looked_for() {
        let search: Search = "an Ana ruiz Áná r moreau".parse().expect("a search");
        assert_eq!(search.words(), ["moreau", "ruiz", "ana"]);
    }

    #[test]
    fn ascii_is_folded_alike_alone_and_beside_other_letters() {
        for c in (0..128_u8).map(char::from) {
            assert_eq!(format!("{}李", fold(&c.to_string())), fold(&format!("{c}李")), "{c:?}");
        }
    }
}
