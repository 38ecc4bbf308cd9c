//! Request bodies: strict JSON, every wrong field named at once.
//!
//! The framework's own payload turns numbers into texts, accepts a name twice and stops at the first
//! fault. This one refuses what it does not know: 400 for what is no JSON, 422 with a line for each
//! field otherwise.

use std::{cell::Cell, fmt, marker::PhantomData, sync::Arc, time::Duration};

use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{HttpSettings, problem::Problem, reply::MEDIA_TYPE};
use crate::service::{FieldError, Fingerprint};

/// How many bytes a body may have.
pub const MAX_BODY: usize = 1 << 20;
/// How many bytes one may have that carries a long text: the text, escaped.
pub const MAX_LARGE_BODY: usize = 32 << 20;
/// How many bodies of more than [`MAX_BODY`] are in memory at once.
const LARGE_BODIES: usize = 4;
/// How many values the JSON of a large body may hold: it is a text and little else. Each takes many times the memory of
/// its bytes.
const LARGE_BODY_VALUES: usize = 100;
/// How deep arrays and objects may lie in one another. No body of ours needs more than three.
pub const MAX_DEPTH: usize = 32;
/// How many faults are named at most: an answer must not be larger than what it answers.
pub const MAX_ERRORS: usize = 100;

/// A request body of type `T`.
pub struct Body<T>(pub T);

/// A request body of type `T`, and what tells the request from another.
pub struct RepeatableBody<T>(pub T, pub Fingerprint);

/// A request body of type `T` that may have [`MAX_LARGE_BODY`] bytes, not read yet.
pub struct LargeBody<T> {
    body: poem::Body,
    length: Option<usize>,
    patience: Duration,
    room: RoomForBodies,
    schema: PhantomData<fn() -> T>,
}

/// Room for large bodies: whoever may send one cannot fill the memory with them.
#[derive(Clone)]
pub struct RoomForBodies(Arc<Semaphore>);

impl Default for RoomForBodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_BODIES)))
    }
}

impl<T: FromBody + Send + 'static> LargeBody<T> {
    /// Reads it, and the room that it takes as long as it is worked on; `None` for one that is as small as others. One
    /// that is larger is read only if `may_send` says so, and once there is room. Whoever finds none for half the time that
    /// a body may take is told to come again.
    pub async fn read(
        self,
        may_send: impl FnOnce() -> Result<(), Problem>,
    ) -> Result<(T, Option<OwnedSemaphorePermit>), Problem> {
        let Self { body, length, patience, room: RoomForBodies(room), .. } = self;
        if length.is_some_and(|length| length <= MAX_BODY) {
            return Ok((from_bytes(&collect(body, MAX_BODY, patience).await?, usize::MAX)?, None));
        }
        may_send()?;
        let room = tokio::time::timeout(patience / 2, room.acquire_owned()).await;
        let room = room.ok().and_then(Result::ok).ok_or_else(Problem::no_room_for_body)?;
        let bytes = collect(body, MAX_LARGE_BODY, patience).await?;
        // Reading megabytes of JSON would hold up the requests of others on this thread. The room goes with the work,
        // which goes on even if nobody waits for it any more.
        let parsed = tokio::task::spawn_blocking(move || Ok((from_bytes(&bytes, LARGE_BODY_VALUES)?, Some(room))));
        parsed.await.unwrap_or_else(|_| Err(Problem::internal()))
    }
}

/// A type that a request body can have.
pub trait FromBody: Type {
    /// The names of its fields.
    const FIELDS: &[&str];

    /// Takes its fields out of `fields`, and leaves an error there for each that is wrong.
    fn from_fields(fields: &mut Fields) -> Option<Self>
    where
        Self: Sized;
}

/// The fields of an object that is being read, and what was wrong so far.
pub struct Fields {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

/// A value that can stand in a body.
pub trait FromJson: Sized {
    /// The value, or what is wrong with it.
    fn from_json(value: Value) -> Result<Self, Vec<FieldError>>;
}

/// A field of a body, by its type: `T` must be there, `Option<T>` may be left out.
pub trait Field: Sized {
    /// Takes the field out of `fields`. `null_clears` is for bodies in which `null` could be mistaken
    /// for "make it empty".
    fn take(fields: &mut Fields, name: &'static str, null_clears: bool) -> Option<Self>;
}

impl<T: FromJson> Field for T {
    fn take(fields: &mut Fields, name: &'static str, _: bool) -> Option<Self> {
        match fields.values.shift_remove(name) {
            None => fields.fault(name, "is required"),
            Some(value) => fields.parse(name, value),
        }
    }
}

impl<T: FromJson> Field for Option<T> {
    fn take(fields: &mut Fields, name: &'static str, null_clears: bool) -> Option<Self> {
        match fields.values.shift_remove(name) {
            None => Some(None),
            Some(Value::Null) if null_clears => {
                fields.fault(name, "must not be null: leave it out to keep it; what can be emptied is named in 'clear'")
            }
            Some(Value::Null) => Some(None),
            Some(value) => fields.parse(name, value).map(Some),
        }
    }
}

impl Fields {
    fn fault<T>(&mut self, name: impl Into<String>, message: &str) -> Option<T> {
        self.errors.push(FieldError::new(name, message));
        None
    }

    fn parse<T: FromJson>(&mut self, name: &str, value: Value) -> Option<T> {
        match T::from_json(value) {
            Ok(value) => Some(value),
            Err(errors) => {
                let within = |error: FieldError| FieldError::new(format!("{name}{}", error.field), error.message);
                self.errors.extend(errors.into_iter().map(within));
                None
            }
        }
    }
}

/// Declares the struct of a request body: its schema in the document and how it is read.
///
/// `post` bodies take `null` for a field that was left out; `patch` bodies refuse it and point to
/// `clear`.
macro_rules! body {
    ($(#[$meta:meta])* post $name:ident { $($fields:tt)* }) => {
        $crate::http::body::body!(@ [$(#[$meta])*] false $name { $($fields)* });
    };
    ($(#[$meta:meta])* patch $name:ident { $($fields:tt)* }) => {
        $crate::http::body::body!(@ [$(#[$meta])*] true $name { $($fields)* });
    };
    (@ [$(#[$meta:meta])*] $null_clears:literal $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        #[derive(poem_openapi::Object)]
        $(#[$meta])*
        pub struct $name { $($(#[$field_meta])* $field: $type,)* }

        impl $crate::http::body::FromBody for $name {
            const FIELDS: &[&str] = &[$(stringify!($field)),*];

            fn from_fields(fields: &mut $crate::http::body::Fields) -> Option<Self> {
                $(let $field = $crate::http::body::Field::take(fields, stringify!($field), $null_clears);)*
                Some(Self { $($field: $field?,)* })
            }
        }
    };
}
pub(crate) use body;

/// What kind of thing a value is, with its article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The value is of another kind than `wanted`.
pub fn wrong_kind<T>(wanted: &str, value: &Value) -> Result<T, Vec<FieldError>> {
    Err(vec![FieldError::new("", format!("must be {wanted}, is {}", kind(value)))])
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: Value) -> Result<Self, Vec<FieldError>> {
        let Value::Array(values) = value else { return wrong_kind("an array", &value) };
        let (mut parsed, mut errors) = (Self::new(), Vec::new());
        for (position, value) in values.into_iter().enumerate() {
            if errors.len() >= MAX_ERRORS {
                break;
            }
            match T::from_json(value) {
                Ok(value) => parsed.push(value),
                Err(faults) => {
                    errors.extend(
                        faults
                            .into_iter()
                            .map(|fault| FieldError::new(format!("[{position}]{}", fault.field), fault.message)),
                    );
                }
            }
        }
        if errors.is_empty() { Ok(parsed) } else { Err(errors) }
    }
}

macro_rules! body_extractor {
    ($extractor:ident, |$request:ident, $body:ident| $made:expr) => {
        impl<'a, T: FromBody> ApiExtractor<'a> for $extractor<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                let content = vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }];
                Some(MetaRequest { description: None, content, required: true })
            }

            async fn from_request(
                $request: &'a Request,
                $body: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($made)
            }
        }
    };
}

body_extractor!(Body, |request, body| Self(from_bytes(&read(request, body).await?, usize::MAX)?));
body_extractor!(RepeatableBody, |request, body| {
    let bytes = read(request, body).await?;
    Self(from_bytes(&bytes, usize::MAX)?, Fingerprint::of(request.original_uri().path(), &bytes))
});
body_extractor!(LargeBody, |request, body| {
    check_head(request, MAX_LARGE_BODY)?;
    Self {
        body: body.take()?,
        length: length(request),
        patience: patience(request)?,
        room: request.data().cloned().ok_or_else(Problem::internal)?,
        schema: PhantomData,
    }
});

/// The body that these bytes are, if it holds no more than `most` values.
///
/// # Errors
/// A problem that names everything that is wrong with it.
pub(super) fn from_bytes<T: FromBody>(bytes: &[u8], most: usize) -> Result<T, Problem> {
    let value: Value = parse(bytes, most)?;
    let Value::Object(values) = value else {
        return Err(Problem::malformed(format!("The body must be a JSON object, is {}.", kind(&value))));
    };
    let mut fields = Fields { values, errors: Vec::new() };
    let parsed = T::from_fields(&mut fields);
    fields.errors.truncate(MAX_ERRORS);
    let room = MAX_ERRORS - fields.errors.len();
    let unknown = fields.values.into_iter().take(room).map(|(name, _)| {
        FieldError::new(shorten(name), format!("is not a field of this request; there are: {}", T::FIELDS.join(", ")))
    });
    fields.errors.extend(unknown);
    match parsed {
        Some(parsed) if fields.errors.is_empty() => Ok(parsed),
        _ => Err(Problem::invalid(fields.errors)),
    }
}

/// A name that a client made up, fit to be shown.
pub fn shorten(name: String) -> String {
    if name.chars().count() <= 60 { name } else { name.chars().take(60).chain(['…']).collect() }
}

/// How many bytes are announced.
fn length(request: &Request) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How long a body may take to arrive.
fn patience(request: &Request) -> Result<Duration, Problem> {
    Ok(request.data::<Arc<HttpSettings>>().ok_or_else(Problem::internal)?.body_timeout)
}

fn check_media_type(request: &Request) -> Result<(), Problem> {
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let charset = parameters
        .split(';')
        .find_map(|parameter| parameter.trim().to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    let utf8 = charset.is_none_or(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8" | "us-ascii"));
    let plain = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if essence.trim().eq_ignore_ascii_case("application/json") && utf8 && plain {
        Ok(())
    } else {
        Err(Problem::unsupported_media_type())
    }
}

/// Refuses a body by what is announced of it, before any of it is read.
fn check_head(request: &Request, most: usize) -> Result<(), Problem> {
    if length(request).is_some_and(|length| length > most) {
        return Err(Problem::too_large(most));
    }
    check_media_type(request)
}

/// The body, of [`MAX_BODY`] bytes at most.
async fn read(request: &Request, body: &mut RequestBody) -> poem::Result<bytes::Bytes> {
    check_head(request, MAX_BODY)?;
    Ok(collect(body.take()?, MAX_BODY, patience(request)?).await?)
}

async fn collect(body: poem::Body, most: usize, patience: Duration) -> Result<bytes::Bytes, Problem> {
    match tokio::time::timeout(patience, body.into_bytes_limit(most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(poem::error::ReadBodyError::PayloadTooLarge)) => Err(Problem::too_large(most)),
        Ok(Err(_)) => Err(Problem::malformed("The body broke off.")),
        Err(_) => Err(Problem::request_timeout()),
    }
}

/// The value that these bytes are, if it holds no more than `most` values.
pub(super) fn parse(bytes: &[u8], most: usize) -> Result<Value, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::malformed("The body is not UTF-8."))?;
    if text.trim().is_empty() {
        return Err(Problem::malformed("The body is empty; it must be a JSON object, such as {}."));
    }
    if text.starts_with('\u{feff}') {
        return Err(Problem::malformed("The body begins with a byte order mark; leave it out."));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let left = Cell::new(most);
    let value = Strict { left: &left, depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    // The message names a place and what was expected there, never a value.
    value.map_err(|error| Problem::malformed(format!("The body is not JSON as RFC 8259 has it: {error}.")))
}

/// Reads a JSON value in which no name occurs twice in one object.
#[derive(Clone, Copy)]
struct Strict<'a> {
    /// How many values may still come.
    left: &'a Cell<usize>,
    /// In how many arrays and objects it lies.
    depth: usize,
}

impl Strict<'_> {
    /// The same for what lies in this value.
    fn within<E: de::Error>(self) -> Result<Self, E> {
        match self.depth + 1 {
            depth @ ..=MAX_DEPTH => Ok(Self { depth, ..self }),
            _ => Err(de::Error::custom(format_args!("nested too deeply: at most {MAX_DEPTH}"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(de::Error::custom("there are more values than this request can have")),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let (mut values, within) = (Vec::new(), self.within()?);
        while let Some(value) = sequence.next_element_seed(within)? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut values, within) = (Map::new(), self.within()?);
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(within)?;
            if values.insert(name, value).is_some() {
                return Err(de::Error::custom("a name occurs twice in one object"));
            }
        }
        Ok(values.into())
    }
}
