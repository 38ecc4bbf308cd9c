//! Numbers in bodies and parameters, within a range.

use super::*;
use crate::service::KeyDays;

/// How many rows of a list to answer.
#[derive(Debug, Clone, Copy)]
pub struct Limit(pub u32);

impl Limit {
    const RANGE: std::ops::RangeInclusive<u32> = 1..=200;
    /// Where none is asked for.
    pub fn default_limit() -> Self {
        Self(50)
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl FromJson for Limit {
    fn from_json(value: Value) -> Result<Self, Vec<FieldError>> {
        wrong_kind("a query parameter", &value)
    }
}

impl ParseFromParameter for Limit {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let number = text
            .parse()
            .ok()
            .filter(|number| Self::RANGE.contains(number) && text.bytes().all(|digit| digit.is_ascii_digit()));
        number.map(Self).ok_or_else(|| ParseError::custom("must be a whole number from 1 to 200"))
    }
}

impl ToJSON for Limit {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.into())
    }
}

string_type!(Limit, "Limit", named: false, MetaSchema { minimum: Some(1.0), maximum: Some(200.0), ..MetaSchema::new_with_format("integer", "int32") });

/// A whole number in a body, within a range: how it is made of a number in that range, and the number that it is.
macro_rules! number_type {
    ($type:ty, $name:expr, $least:expr, $most:expr, $example:literal, |$number:ident: $kind:ty| $made:expr, |$value:ident| $get:expr) => {
        impl FromJson for $type {
            fn from_json(value: Value) -> Result<Self, Vec<FieldError>> {
                let Value::Number(number) = value else { return wrong_kind("a number", &value) };
                let number = number.as_u64().and_then(|number| <$kind>::try_from(number).ok());
                let made = number.and_then(|$number| $made);
                let wrong = || format!("must be a whole number from {} to {}", $least, $most);
                made.ok_or_else(|| vec![FieldError::new("", wrong())])
            }
        }

        from_json!($type);

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                let $value = self;
                Some($get.into())
            }
        }

        string_type!($type, $name, named: false, MetaSchema {
            minimum: Some($least as f64), maximum: Some($most as f64), example: Some($example.into()),
            ..MetaSchema::new_with_format("integer", "int32")
        });
    };
}

/// A [`number_type`] that is nothing but its number.
macro_rules! whole_number {
    ($(#[$meta:meta])* $name:ident($kind:ty), $least:literal to $most:literal, $example:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub $kind);

        number_type!(
            $name, stringify!($name), $least, $most, $example,
            |number: $kind| ($least..=$most).contains(&number).then_some(Self(number)),
            |number| number.0
        );
    };
}

whole_number!(
    /// How long a secret that was replaced goes on working, in seconds: 30 days at most.
    OverlapSeconds(u32), 0 to 2_592_000, 86_400
);
whole_number!(
    /// After how many hours without use a secret that was replaced ends: 30 days at most.
    IdleHours(u16), 1 to 720, 24
);

number_type!(KeyDays, "KeyDays", Self::RANGE.0, Self::RANGE.1, 90, |days: u16| Self::new(days).ok(), |it| it.get());
