//! Takes a secret off the system's clipboard.

use zeroize::Zeroizing;

use crate::state::secret::Secret;

/// What is shorter than this says too little of a secret to be taken off, and may be anything.
const PART: usize = 16;

/// Empties the clipboard if it still holds `secret`: alone, in a text, or a good part of it. Where it cannot be read, it
/// is left as it is.
pub fn clear(secret: &Secret) {
    let Ok(mut clipboard) = arboard::Clipboard::new() else { return };
    if clipboard.get_text().is_ok_and(|text| holds(&Zeroizing::new(text), secret)) {
        // Nothing more can be done about one that does not let itself be emptied.
        let _ = clipboard.clear();
    }
}

fn holds(text: &str, secret: &Secret) -> bool {
    let text = text.trim();
    text.contains(secret.reveal()) || (text.len() >= PART && secret.reveal().contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_alone_in_a_text_and_by_a_part_of_it() {
        let secret = Secret::new("astral_live_ghm21fhloqStlEJkYly0frROL220HUH1".into());
        for (text, held) in [
            ("astral_live_ghm21fhloqStlEJkYly0frROL220HUH1", true),
            ("curl -H \"Authorization: Bearer astral_live_ghm21fhloqStlEJkYly0frROL220HUH1\"", true),
            ("ghm21fhloqStlEJkYly0frROL220HUH1\n", true),
            ("astral_live", false),
            ("", false),
            ("something else that was copied since", false),
        ] {
            assert_eq!(holds(text, &secret), held, "{text}");
        }
    }
}
