//! Query parameters that are no values of the model's: filters, cursors, switches.

use super::*;

/// Scopes in a query parameter, between commas.
#[derive(Debug, Clone)]
pub struct ScopeList(pub Scopes);

impl std::str::FromStr for ScopeList {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let scopes = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
        Scopes::new(scopes).map(Self)
    }
}

parameter_type!(ScopeList, "ScopeList", {
    let words = Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join("|");
    MetaSchema {
        pattern: Some(format!("^({words})(,({words})){{0,19}}$")),
        example: example("organization:read,members:read"),
        ..string()
    }
});

/// Which keys to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStatusFilter {
    /// Those with this status.
    One(KeyStatus),
    /// All of them.
    All,
}

impl std::fmt::Display for KeyStatusFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(status) => status.fmt(f),
            Self::All => f.write_str("all"),
        }
    }
}

impl std::str::FromStr for KeyStatusFilter {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.parse().map(Self::One).map_err(|Invalid(message)| Invalid((message.into_owned() + ", all").into()))
    }
}

text_type!(KeyStatusFilter, "KeyStatusFilter", named: true, {
    let mut schema = words_schema!(KeyStatus);
    schema.enum_items.push("all".into());
    schema.description = Some("Which keys to list: those with this status, or `all`.");
    schema
});

/// Whether something beside what is usual is done; not where nothing is said.
#[derive(Debug, Clone, Copy)]
pub struct Switch(pub bool);

impl Switch {
    /// Where nothing is said.
    pub fn off() -> Self {
        Self(false)
    }
}

impl ParseFromParameter for Switch {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map(Self).map_err(|_| ParseError::custom("must be true or false"))
    }
}

impl ToJSON for Switch {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.into())
    }
}

string_type!(Switch, "Switch", named: false, MetaSchema::new("boolean"));

/// Something that audit events name: the id of an organization, user, member or key.
fn names_something(text: &str) -> bool {
    text.parse::<OrganizationId>().is_ok()
        || text.parse::<UserId>().is_ok()
        || text.parse::<MemberId>().is_ok()
        || text.parse::<ApiKeyId>().is_ok()
}

/// A text that audit events are sifted by: it is compared with theirs.
macro_rules! sieve_type {
    ($(#[doc = $about:literal])+ $name:ident, |$text:ident| $right:expr, $wrong:literal, $pattern:literal, $example:literal) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub struct $name(pub String);

        impl std::str::FromStr for $name {
            type Err = Invalid;

            fn from_str($text: &str) -> Result<Self, Invalid> {
                if $right { Ok(Self($text.to_owned())) } else { Err(Invalid($wrong.into())) }
            }
        }

        parameter_type!($name, stringify!($name), MetaSchema {
            pattern: Some($pattern.to_owned()), max_length: Some(64), example: example($example), ..string()
        });
    };
}

sieve_type!(
    /// Who did something.
    ActorText,
    |text| ["operator", "server", "anonymous"].contains(&text)
        || text.parse::<UserId>().is_ok()
        || text.parse::<ApiKeyId>().is_ok(),
    "must be the id of a user or key, or one of: operator, server, anonymous",
    "^((usr|key)_[0-7][0-9a-hjkmnp-tv-z]{25}|operator|server|anonymous)$",
    "usr_01jddjyz00fqqt3cp3tkjzc1rr"
);
sieve_type!(
    /// What was done, or to what kind of thing.
    ActionText,
    |text| {
        let mut words = text.split('.');
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        text.len() <= 64 && words.clone().count() <= 2 && words.all(is_word)
    },
    "must be an action, such as api_key.create, or its noun, such as api_key",
    "^[a-z_]+(\\.[a-z_]+)?$",
    "api_key.create"
);
sieve_type!(
    /// To what it was done.
    TargetText,
    |text| names_something(text),
    "must be the id of an organization, user, member or key",
    "^(org|usr|mem|key)_[0-7][0-9a-hjkmnp-tv-z]{25}$",
    "key_01jddjyz00fqqt3cp3tkjzc1rr"
);

/// A cursor as it was sent.
#[derive(Debug, Clone)]
pub struct CursorText(pub String);

impl CursorText {
    const MAX_LENGTH: usize = 400;
}

impl std::str::FromStr for CursorText {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > Self::MAX_LENGTH {
            return Err(Invalid("must be the next_cursor of a page of this list".into()));
        }
        Ok(Self(text.to_owned()))
    }
}

parameter_type!(
    CursorText,
    "Cursor",
    MetaSchema {
        pattern: Some("^[A-Za-z0-9_-]+$".to_owned()),
        min_length: Some(1),
        max_length: Some(Self::MAX_LENGTH),
        ..string()
    }
);

/// A reason that may be blank, as a form sends it: revoking must not fail for want of words.
pub struct BlankOrReason(pub Option<Reason>);

impl std::str::FromStr for BlankOrReason {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.trim().is_empty() { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

parameter_type!(BlankOrReason, "BlankOrReason", MetaSchema { min_length: None, ..text(Reason::LENGTH, "Laptop lost") });
