//! Takes a secret off the system's clipboard.

use crate::state::secret::Secret;

/// Empties the clipboard if it still holds `secret`, alone or in a text. Where it cannot be read, it is left as it is.
pub fn clear(secret: &Secret) {
    let Ok(mut clipboard) = arboard::Clipboard::new() else { return };
    if clipboard.get_text().is_ok_and(|text| zeroize::Zeroizing::new(text).contains(secret.reveal())) {
        // Nothing more can be done about one that does not let itself be emptied.
        let _ = clipboard.clear();
    }
}
