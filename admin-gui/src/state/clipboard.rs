//! What is copied. A secret is taken off the clipboard again.

use jiff::SignedDuration;

use super::{Dialog, State, exchange::Effect, secret::Secret};

/// How long a secret stays on the clipboard.
pub const CLIPBOARD_KEEPS: SignedDuration = SignedDuration::from_secs(60);

impl Dialog {
    /// The secret that it shows.
    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(once) => Some(&once.secret),
            Self::Invitation(once) => once.link.as_ref().map(|(link, _)| link),
            _ => None,
        }
    }
}

impl State {
    /// Copies what everybody may see.
    pub(super) fn copy(&mut self, text: String) {
        self.say(format!("Copied {text}"));
        self.effects.push(Effect::Copy(text));
    }

    /// Copies the secret in the open dialog.
    pub(super) fn copy_secret(&mut self) {
        let now = self.clock.now;
        let Some(dialog) = self.dialog() else { return };
        let Some(secret) = dialog.secret().map(Secret::share) else { return };
        match dialog {
            Dialog::Secret(once) => (once.copied_at, once.example_copied_at) = (Some(now), None),
            Dialog::Invitation(once) => once.copied_at = once.copied_at.or(Some(now)),
            _ => {}
        }
        self.effects.push(Effect::CopySecret(secret));
        self.clear_clipboard_later();
    }

    /// Copies the example in the dialog of a secret, which holds the secret.
    pub(super) fn copy_example(&mut self) {
        let now = self.clock.now;
        let Some(Dialog::Secret(once)) = self.dialog() else { return };
        (once.copied_at, once.example_copied_at) = (None, Some(now));
        let text = once.example_text();
        self.effects.push(Effect::CopySecret(text));
        self.clear_clipboard_later();
    }

    /// Takes note that the clipboard holds the secret in the open dialog, or may.
    pub(super) fn clear_clipboard_later(&mut self) {
        let until = self.clock.now + CLIPBOARD_KEEPS;
        if let Some(secret) = self.dialog().and_then(|dialog| dialog.secret()).map(Secret::share) {
            self.on_clipboard = Some((secret, until));
        }
    }

    /// Takes a secret off the clipboard that was there long enough.
    pub(super) fn clear_clipboard(&mut self) {
        if let Some((secret, _)) = self.on_clipboard.take_if(|(_, until)| *until <= self.clock.now) {
            self.effects.push(Effect::ClearClipboard(secret));
        }
    }

    /// The secret that is on the clipboard, to be taken off it now.
    pub fn take_from_clipboard(&mut self) -> Option<Secret> {
        self.on_clipboard.take().map(|(secret, _)| secret)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;

    use crate::state::{Action, desk::Desk, exchange::Effect};

    #[test]
    fn a_secret_leaves_the_clipboard_after_a_minute() {
        let mut desk = Desk::of(&["org_a"], vec![]);
        desk.create_key();
        let cleared = |effects: &[Effect]| {
            effects
                .iter()
                .any(|effect| matches!(effect, Effect::ClearClipboard(secret) if secret.reveal() == "astral_live_x"))
        };
        for (copy, copied) in [
            (Action::CopySecret, Some("astral_live_x")),
            (Action::CopyExample, Some("Authorization: Bearer astral_live_x")),
            (Action::CopyMarked, None),
        ] {
            let effects = desk.state.act(copy.clone());
            match (&effects[..], copied) {
                ([Effect::CopySecret(text)], Some(copied)) => assert!(text.reveal().contains(copied)),
                ([], None) => {}
                _ => panic!("{copy:?} copies what it should"),
            }
            let now = desk.state.clock.now;
            assert!(!cleared(&desk.state.tick(now + 59.seconds())), "{copy:?}");
            assert!(cleared(&desk.state.tick(now + 60.seconds())), "{copy:?}");
        }
        desk.state.act(Action::CopySecret);
        desk.act(Action::Stored);
        assert!(cleared(&desk.state.tick(desk.state.clock.now + 60.seconds())), "also after the dialog is gone");
    }
}
