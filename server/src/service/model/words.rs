//! Enums that are words.

/// An enum whose values are words: one spelling for JSON, command line, logs and messages.
///
/// The order of the values is their form on disk: append, never insert or remove. `Invalid` must be in scope.
macro_rules! words {
    ($(#[doc = $about:expr])+ $name:ident { $($(#[doc = $meaning:expr])+ $value:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $meaning])+ #[serde(rename = $word)] $value,)+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// What the type is about, and what each word of it means.
            pub const MEANING: (&str, &[(&str, &str)]) =
                (concat!($($about),+), &[$(($word, concat!($($meaning),+))),+]);

            /// The word for this value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    let words = [$($word),+];
                    Invalid::new(format!("must be one of: {}", words.join(", ")))
                })
            }
        }
    };
}
pub(crate) use words;
