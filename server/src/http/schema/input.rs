//! What only ever comes in: passwords, codes, secrets, texts that are searched.

use super::*;
use crate::service::Secret;

/// A password as typed to prove who one is.
pub struct TypedPassword(pub Password);

/// A password that is to be set.
pub struct NewPassword(pub Password);

/// A password that is to be set, or typed, whichever turns out.
pub struct EitherPassword(pub Password);

/// A setup or invitation code as typed.
pub struct Code(pub String);

/// A string that only ever comes in: what it holds is nobody's to repeat.
macro_rules! input_type {
    ($type:ty, $name:literal, $schema:expr, |$text:ident| $parse:expr) => {
        string_type!($type, $name, named: false, MetaSchema { write_only: true, ..$schema });
        from_json!($type);

        impl FromJson for $type {
            fn from_json(value: Value) -> Result<Self, Vec<FieldError>> {
                let Value::String($text) = value else { return wrong_kind("a string", &value) };
                $parse.map_err(|invalid: Invalid| vec![FieldError::new("", invalid.to_string())])
            }
        }

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                None
            }
        }
    };
}

/// A password or code, of so many characters.
macro_rules! secret_type {
    ($type:ty, $name:literal, $least:literal to $most:expr, |$text:ident| $parse:expr) => {
        input_type!(
            $type,
            $name,
            MetaSchema { format: Some("password"), min_length: Some($least), max_length: Some($most), ..string() },
            |text| within(text, $most).and_then(|$text| $parse)
        );
    };
}

/// A text that has something in it, and no more than so many characters.
fn within(text: String, most: usize) -> Result<String, Invalid> {
    match text.chars().count() {
        0 => Err(Invalid("must not be empty".into())),
        length if length > most => Err(Invalid(format!("must have at most {most} characters, has {length}").into())),
        _ => Ok(text),
    }
}

secret_type!(TypedPassword, "TypedPassword", 1 to Password::LENGTH.1, |text| Ok(Self(Password::typed(text))));
secret_type!(NewPassword, "NewPassword", 12 to Password::LENGTH.1, |text| Password::parse(text).map(Self));
secret_type!(EitherPassword, "EitherPassword", 1 to Password::LENGTH.1, |text| Ok(Self(Password::typed(text))));
secret_type!(Code, "Code", 1 to 128, |text| Ok(Self(text)));

/// A text in which secrets are looked for.
pub struct SearchedText(pub String);

impl SearchedText {
    /// How many bytes it may have.
    const MAX_BYTES: usize = 10 << 20;
}

input_type!(SearchedText, "SearchedText", string(), |text| {
    if text.len() <= Self::MAX_BYTES {
        Ok(Self(text))
    } else {
        let message = format!(
            "must have at most {} bytes in UTF-8, has {}; send it in parts that overlap by 64, or only its lines with 'astral_'",
            Self::MAX_BYTES,
            text.len()
        );
        Err(Invalid(message.into()))
    }
});

/// A secret that stands where it should not.
pub struct LeakedSecret(pub Secret);

input_type!(
    LeakedSecret,
    "LeakedSecret",
    MetaSchema {
        pattern: Some("^astral_(live|session|invitation)_[0-9A-Za-z]{32}$".to_owned()),
        format: Some("password"),
        ..string()
    },
    |text| {
        let wrong = "must be a secret of Astral's and nothing else: it begins with 'astral_', and ends with a checksum, which shows whether it is all there";
        Secret::parse(text.trim().to_owned()).map(Self).ok_or(Invalid(wrong.into()))
    }
);
