//! Passwords: what people choose, and what is kept of it.

use passwords::analyzer::is_common_password;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Invalid;

/// A password in plaintext, as typed. Like [`super::secret::Secret`] it cannot be printed or cloned.
pub struct Password(Zeroizing<String>);

impl Password {
    /// The fewest and the most characters of a new password.
    pub const LENGTH: (usize, usize) = (12, 128);

    /// A password that someone typed to sign in. The rules of new ones do not apply, so that a change
    /// of rules locks nobody out.
    pub fn typed(text: impl Into<Zeroizing<String>>) -> Self {
        Self(text.into())
    }

    /// A new password.
    ///
    /// # Errors
    /// If it is shorter or longer than [`Password::LENGTH`], or among the most common ones.
    pub fn parse(text: impl Into<Zeroizing<String>>) -> Result<Self, Invalid> {
        Self::typed(text).fit_to_be_set()
    }

    /// The same, if it may be someone's new password.
    ///
    /// # Errors
    /// As those of [`Password::parse`].
    pub fn fit_to_be_set(self) -> Result<Self, Invalid> {
        let text = &self.0;
        let (least, most) = Self::LENGTH;
        let length = text.chars().count();
        if length < least {
            return Err(Invalid::new(format!("must have at least {least} characters, has {length}")));
        }
        if length > most {
            return Err(Invalid::new(format!("must have at most {most} characters, has {length}")));
        }
        let lowercase = Zeroizing::new(text.to_lowercase());
        if is_common_password(text.as_str()) || is_common_password(lowercase.as_str()) {
            return Err(Invalid::new(
                "is among the most common passwords; choose another, such as four unrelated words",
            ));
        }
        if text.chars().all(|c| text.starts_with(c)) {
            return Err(Invalid::new(
                "must not be one character repeated; choose another, such as four unrelated words",
            ));
        }
        Ok(self)
    }

    /// The bytes to be hashed.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What is kept of a password: argon2id in the PHC string format, salt and parameters included.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash(pub(crate) String);
