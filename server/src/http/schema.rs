//! How the model's values stand in the document, in bodies and in parameters.

use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type},
};
use serde_json::Value;

use super::{
    body::{FromJson, wrong_kind},
    conditional::{IfMatch, IfNoneMatch},
};
use crate::service::{
    AdvisedAction, ApiKeyId, Day, Description, Email, EventId, ExternalId, Feature, FieldError, Id, IdempotencyKey,
    Invalid, InvitationId, IpRange, KeyStatus, Label, MemberId, MemberStatus, Name, OrganizationId, Password, Plan,
    PlannedAction, Reason, Role, Scope, Scopes, Search, Secret, SecretStanding, Timestamp, UserId,
};

/// A type that is a string in JSON, with this schema; `named` ones stand among the document's components.
macro_rules! string_type {
    ($type:ty, $name:expr, named: $named:literal, $schema:expr) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                if $named {
                    MetaSchemaRef::Reference($name.to_owned())
                } else {
                    MetaSchemaRef::Inline(Box::new($schema))
                }
            }

            fn register(registry: &mut Registry) {
                if $named {
                    registry.create_schema::<Self, _>($name.to_owned(), |_| $schema);
                }
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

/// The schema of a type that is one of some words, with what each of them means.
macro_rules! words_schema {
    ($type:ty) => {
        meaning(<$type>::MEANING, words(<$type>::ALL))
    };
}

/// A [`string_type`] that is a parameter: read as it is parsed.
macro_rules! parameter_type {
    ($type:ty, $name:expr, $schema:expr) => {
        string_type!($type, $name, named: false, $schema);

        impl ParseFromParameter for $type {
            fn parse_from_parameter(text: &str) -> ParseResult<Self> {
                text.parse().map_err(|invalid: Invalid| ParseError::custom(invalid))
            }
        }
    };
}

/// Reads a type as the framework does, by its [`FromJson`].
macro_rules! from_json {
    ($type:ty) => {
        impl ParseFromJSON for $type {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                let first =
                    |errors: Vec<FieldError>| errors.into_iter().next().map(|error| error.message).unwrap_or_default();
                Self::from_json(value.unwrap_or_default()).map_err(|errors| ParseError::custom(first(errors)))
            }
        }
    };
}

/// A [`string_type`] that is written as it is displayed and read as it is parsed.
macro_rules! text_type {
    ($type:ty, $name:expr, named: $named:literal, $schema:expr) => {
        string_type!($type, $name, named: $named, $schema);
        from_json!($type);

        impl FromJson for $type {
            fn from_json(value: Value) -> Result<Self, Vec<FieldError>> {
                let Value::String(text) = value else { return wrong_kind("a string", &value) };
                text.parse().map_err(|invalid: Invalid| vec![FieldError::new("", invalid.to_string())])
            }
        }

        impl ParseFromParameter for $type {
            fn parse_from_parameter(text: &str) -> ParseResult<Self> {
                text.parse().map_err(|invalid: Invalid| ParseError::custom(invalid))
            }
        }

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                Some(Value::String(self.to_string()))
            }
        }
    };
}

fn string() -> MetaSchema {
    MetaSchema::new("string")
}

fn example(text: &str) -> Option<Value> {
    Some(Value::String(text.to_owned()))
}

fn id<I: Id>() -> MetaSchema {
    let example_id = I::from_bits(0x0193_5b2f_7c00_7def_a1b2_c3d4_e5f6_0718);
    MetaSchema {
        pattern: Some(format!("^{}[0-7][0-9a-hjkmnp-tv-z]{{25}}$", I::PREFIX)),
        example: example(&example_id.to_string()),
        ..string()
    }
}

fn text((least, most): (usize, usize), sample: &str) -> MetaSchema {
    MetaSchema { min_length: Some(least), max_length: Some(most), example: example(sample), ..string() }
}

fn words<T: std::fmt::Display>(values: &[T]) -> MetaSchema {
    MetaSchema { enum_items: values.iter().map(|value| Value::String(value.to_string())).collect(), ..string() }
}

fn meaning((about, words): (&'static str, &[(&str, &str)]), schema: MetaSchema) -> MetaSchema {
    let words: String = words.iter().map(|(word, meaning)| format!(" `{word}`: {}", meaning.trim())).collect();
    // The framework wants texts that live as long as the program; each type is registered a few times.
    MetaSchema { description: Some(format!("{}{words}", about.trim()).leak()), ..schema }
}

text_type!(OrganizationId, "OrganizationId", named: false, id::<Self>());
text_type!(UserId, "UserId", named: false, id::<Self>());
text_type!(MemberId, "MemberId", named: false, id::<Self>());
text_type!(ApiKeyId, "ApiKeyId", named: false, id::<Self>());
text_type!(EventId, "EventId", named: false, id::<Self>());
text_type!(InvitationId, "InvitationId", named: false, id::<Self>());
text_type!(Name, "Name", named: false, MetaSchema { example: None, ..text(Self::LENGTH, "") });
text_type!(Description, "Description", named: false, MetaSchema { example: None, ..text(Self::LENGTH, "") });
text_type!(Reason, "Reason", named: false, text(Self::LENGTH, "Laptop lost"));
text_type!(Label, "Label", named: false, text(Self::LENGTH, "U18"));
text_type!(ExternalId, "ExternalId", named: false, text(Self::LENGTH, "1042"));
parameter_type!(Search, "Search", text((1, Self::MAX_LENGTH), "rui"));
text_type!(Email, "Email", named: false, MetaSchema {
    format: Some("email"), max_length: Some(Self::MAX_LENGTH), example: example("ana@club.example"), ..string()
});
text_type!(Timestamp, "Timestamp", named: false, MetaSchema {
    format: Some("date-time"), example: example("2027-01-01T00:00:00Z"), ..string()
});
text_type!(Day, "Day", named: false, MetaSchema {
    format: Some("date"), example: example("2027-01-01"), ..string()
});
text_type!(Role, "Role", named: true, words_schema!(Self));
text_type!(MemberStatus, "MemberStatus", named: true, words_schema!(Self));
text_type!(Plan, "Plan", named: true, words_schema!(Self));
text_type!(Feature, "Feature", named: true, words_schema!(Self));
text_type!(Scope, "Scope", named: true, words_schema!(Self));
text_type!(KeyStatus, "KeyStatus", named: true, words_schema!(Self));
text_type!(SecretStanding, "SecretStanding", named: true, words_schema!(Self));
text_type!(AdvisedAction, "AdvisedAction", named: true, words_schema!(Self));
text_type!(PlannedAction, "PlannedAction", named: true, words_schema!(Self));

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

parameter_type!(
    IfMatch,
    "IfMatch",
    MetaSchema {
        pattern: Some(r#"^(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*)$"#.to_owned()),
        max_length: Some(Self::MAX_LENGTH),
        example: example("\"3\""),
        ..string()
    }
);
parameter_type!(IfNoneMatch, "IfNoneMatch", MetaSchema { example: example("\"3\""), ..string() });
parameter_type!(
    IdempotencyKey,
    "IdempotencyKey",
    MetaSchema {
        pattern: Some("^[!-~]+$".to_owned()),
        ..text((1, Self::MAX_LENGTH), "5f0c3b9e-8a0d-4d5b-9a53-2f1f0c1a7e44")
    }
);
text_type!(IpRange, "IpRange", named: false, MetaSchema {
    min_length: Some(2), max_length: Some(49), example: example("203.0.113.0/24"), ..string()
});

/// A password as typed to prove who one is.
pub struct TypedPassword(pub Password);

/// A password that is to be set.
pub struct NewPassword(pub Password);

/// A password that is to be set, or typed, whichever turns out.
pub struct EitherPassword(pub String);

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
            |text| not_empty(text, $most).and_then(|$text| $parse)
        );
    };
}

/// A text that has something in it, and no more than so many characters.
fn not_empty(text: String, most: usize) -> Result<String, Invalid> {
    match text.chars().count() {
        0 => Err(Invalid("must not be empty".into())),
        length if length > most => Err(Invalid(format!("must have at most {most} characters, has {length}").into())),
        _ => Ok(text),
    }
}

secret_type!(TypedPassword, "TypedPassword", 1 to Password::LENGTH.1, |text| Ok(Self(Password::typed(text))));
secret_type!(NewPassword, "NewPassword", 12 to Password::LENGTH.1, |text| Password::parse(text).map(Self));
secret_type!(EitherPassword, "EitherPassword", 1 to Password::LENGTH.1, |text| Ok(Self(text)));
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

/// A whole number in a body, within a range.
macro_rules! whole_number {
    ($(#[$meta:meta])* $name:ident($number:ty), $least:literal to $most:literal, $example:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub $number);

        impl FromJson for $name {
            fn from_json(value: Value) -> Result<Self, Vec<FieldError>> {
                let Value::Number(number) = value else { return wrong_kind("a number", &value) };
                let number = number.as_u64().filter(|number| ($least..=$most).contains(number));
                let number = number.and_then(|number| <$number>::try_from(number).ok());
                let wrong = || FieldError::new("", concat!("must be a whole number from ", $least, " to ", $most));
                number.map(Self).ok_or_else(|| vec![wrong()])
            }
        }

        from_json!($name);

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(self.0.into())
            }
        }

        string_type!($name, stringify!($name), named: false, MetaSchema {
            minimum: Some($least as f64), maximum: Some($most as f64), example: Some($example.into()),
            ..MetaSchema::new_with_format("integer", "int32")
        });
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

whole_number!(
    /// For how many days a key lasts: ten years at most.
    KeyDaysNumber(u16), 1 to 3650, 90
);

impl FromJson for bool {
    fn from_json(value: Value) -> Result<Self, Vec<FieldError>> {
        value.as_bool().map_or_else(|| wrong_kind("true or false", &value), Ok)
    }
}

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

/// A role that can be given to a member: every one but the head coach's, which is handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssignableRole(pub Role);

impl std::fmt::Display for AssignableRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for AssignableRole {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.parse() {
            Ok(Role::HeadCoach) => {
                Err(Invalid("must be one of: coach, athlete; the head coach's role is handed over instead".into()))
            }
            Ok(role) => Ok(Self(role)),
            Err(_) => Err(Invalid("must be one of: coach, athlete".into())),
        }
    }
}

text_type!(AssignableRole, "AssignableRole", named: true, MetaSchema {
    description: Some("A role that can be given to a member; that of the head coach is handed over instead."),
    ..words(&[Role::Coach, Role::Athlete])
});

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

/// Fields that a change can empty.
macro_rules! clearable {
    ($($(#[doc = $about:literal])+ $name:ident { $($value:ident = $word:literal),+ $(,)? })+) => {$(
        crate::service::words!($(#[doc = $about])+ $name { $(#[doc = concat!("Empties `", $word, "`.")] $value = $word,)+ });
        text_type!($name, stringify!($name), named: true, words_schema!(Self));
    )+};
}

clearable! {
    /// A field of an organization that can be emptied.
    ClearableOrganizationField {
        Description = "description", LongestKeyDays = "longest_key_days", UsualKeyDays = "usual_key_days"
    }
    /// A field of a member that can be emptied.
    ClearableMemberField { Email = "email", ExternalId = "external_id", CoachId = "coach_id", Labels = "labels" }
    /// A field of an API key that can be emptied.
    ClearableApiKeyField { Description = "description", ExpiresAt = "expires_at", AllowedIps = "allowed_ips" }
}

/// What becomes of a field that can be set or emptied: `None` if it stays.
///
/// # Errors
/// If the request does both.
pub fn set_or_clear<T>(name: &str, set: Option<T>, clear: bool, errors: &mut Vec<FieldError>) -> Option<Option<T>> {
    if set.is_some() && clear {
        errors.push(FieldError::new(name, "is both set and cleared; do one of them"));
    }
    match (set, clear) {
        (Some(value), _) => Some(Some(value)),
        (None, true) => Some(None),
        (None, false) => None,
    }
}

text_type!(super::audit_events::ActorKind, "ActorKind", named: true, words_schema!(Self));
text_type!(super::auth::CallerKind, "CallerKind", named: true, words_schema!(Self));

/// A reason that may be blank, as a form sends it: revoking must not fail for want of words.
pub struct BlankOrReason(pub Option<Reason>);

impl std::str::FromStr for BlankOrReason {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.trim().is_empty() { Ok(Self(None)) } else { text.parse().map(Some).map(Self) }
    }
}

parameter_type!(BlankOrReason, "BlankOrReason", MetaSchema { min_length: None, ..text(Reason::LENGTH, "Laptop lost") });

/// What a list in a request may hold.
///
/// # Errors
/// In `errors`, if there are more than `most`, or one twice where each may come once.
pub fn bounded<T: PartialEq>(
    name: &str,
    list: Vec<T>,
    most: usize,
    distinct: bool,
    errors: &mut Vec<FieldError>,
) -> Vec<T> {
    if list.len() > most {
        errors.push(FieldError::new(name, format!("must have at most {most} entries, has {}", list.len())));
    } else if distinct && list.iter().enumerate().any(|(position, entry)| list[..position].contains(entry)) {
        errors.push(FieldError::new(name, "must not have an entry twice"));
    }
    list
}

/// The fields to be emptied, each named once.
pub fn cleared<T: PartialEq>(clear: Option<Vec<T>>, most: usize, errors: &mut Vec<FieldError>) -> Vec<T> {
    bounded("clear", clear.unwrap_or_default(), most, true, errors)
}
