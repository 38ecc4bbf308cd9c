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
    PlannedAction, Reason, Role, Scope, Scopes, Search, SecretStanding, Timestamp, UserId,
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

mod input;
mod number;
mod parameter;

pub use self::{
    input::{Code, EitherPassword, LeakedSecret, NewPassword, SearchedText, TypedPassword},
    number::{IdleHours, Limit, OverlapSeconds},
    parameter::{ActionText, ActorText, BlankOrReason, CursorText, KeyStatusFilter, ScopeList, Switch, TargetText},
};

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

impl FromJson for bool {
    fn from_json(value: Value) -> Result<Self, Vec<FieldError>> {
        value.as_bool().map_or_else(|| wrong_kind("true or false", &value), Ok)
    }
}

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
