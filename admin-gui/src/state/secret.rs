//! Plaintext that must not outlive its use.

use zeroize::Zeroizing;

/// A secret, a password or a token: cannot be printed, cloned or serialized, and is overwritten when dropped.
///
/// What the console holds is overwritten. What egui laid out and the network library read is freed, not overwritten.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The plaintext, to be shown or sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Another hold of the same plaintext, overwritten on its own.
    pub fn share(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What a person types that must not be seen. Room for the longest password from the start, so that growing leaves no
/// copy behind.
pub struct Typed(Zeroizing<String>);

impl Default for Typed {
    fn default() -> Self {
        Self(Zeroizing::new(String::with_capacity(1024)))
    }
}

impl Typed {
    /// What was typed.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// For the field that it is typed in.
    pub fn text_mut(&mut self) -> &mut String {
        &mut self.0
    }

    /// What was typed, to be sent.
    pub fn secret(&self) -> Secret {
        Secret(self.0.clone())
    }

    /// Overwrites it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
