//! The one table from refusals to answers: RFC 9457 problems, for the framework's refusals too.

use std::{borrow::Cow, fmt};

use poem::{
    Response,
    error::{MethodNotAllowedError, NotFoundError, ResponseError, SizedLimitError},
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    Object,
    error::{ParseParamError, ParsePathError},
};
use serde::Serialize;

use crate::service::{Conflict, Error, FieldError, Forbidden, NotReady, RequestId, Unauthenticated, Unavailable};

/// What every refusal looks like (RFC 9457).
#[derive(Debug, Serialize, Object)]
#[oai(rename = "Problem")]
pub struct ProblemBody {
    /// A page that explains the problem, relative to the server's address.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    r#type: String,
    /// The problem in a few words; the same for every occurrence.
    title: String,
    /// The HTTP status.
    #[oai(validator(minimum(value = "400"), maximum(value = "599")))]
    status: u16,
    /// What was wrong this time, and what to do about it.
    detail: String,
    /// The problem as a program sees it; stable.
    code: String,
    /// For `invalid_request`: the fields that are wrong, as far as they could be told at once.
    errors: Vec<FieldProblem>,
    /// For a conflict with something else: the id of that.
    resource_id: Option<String>,
    /// The id of the request, also in the header `X-Request-Id`; name it when you ask for help.
    request_id: String,
}

/// What is wrong with one field.
#[derive(Debug, Serialize, Object)]
pub struct FieldProblem {
    /// The name of the field or query parameter, with its place if it is in a list: `labels[2]`.
    field: String,
    /// What is wrong with it, and what would be right.
    message: String,
}

/// A kind of problem: what stands in the table, on its page, and in `code`.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Stable, snake_case.
    pub code: &'static str,
    /// The status it is answered with.
    pub status: u16,
    /// In a few words.
    pub title: &'static str,
    /// What it means and what to do, for the page and where nothing more special is known.
    pub detail: &'static str,
    /// Its bit in a set of kinds.
    pub bit: u64,
}

impl Kind {
    /// Its place in [`KINDS`].
    pub const fn place(&self) -> usize {
        self.bit.trailing_zeros() as usize
    }
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal $title:literal $detail:literal;)+) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "named after the constants whose places these are")]
        enum Place { $($name),+ }
        $(pub const $name: &Kind =
            &Kind { code: $code, status: $status, title: $title, detail: $detail, bit: 1 << Place::$name as u64 };)+
        /// Every kind of problem there is.
        pub const KINDS: &[&Kind] = &[$($name),+];
    };
}

kinds! {
    MALFORMED = 400 "malformed_request" "The request cannot be read" "The body must be JSON in UTF-8, without a name that occurs twice in one object.";
    TWO_CREDENTIALS = 400 "two_credentials" "More than one credential" "Send one credential: either the header Authorization or, for an API key, X-API-Key.";
    CREDENTIAL_MISSING = 401 "credential_missing" "No credential" "Send the header 'Authorization: Bearer …' with a session token or an API key.";
    CREDENTIAL_INVALID = 401 "credential_invalid" "Unknown credential" "It is well formed, but not a session token or API key of this server.";
    SESSION_OVER = 401 "session_over" "The session is over" "The session was ended or has expired. Sign in again.";
    KEY_EXPIRED = 401 "key_expired" "The API key has expired" "The head coach can create a new one.";
    KEY_REVOKED = 401 "key_revoked" "The API key was revoked" "The head coach can create a new one.";
    SECRET_REPLACED = 401 "secret_replaced" "This secret was replaced" "The API key was rotated and its old secret has ended. Use the new one.";
    WRONG_PASSWORD = 401 "wrong_email_or_password" "Wrong email or password" "Email and password do not belong together. Whoever runs this server can reset a password.";
    WRONG_SETUP_CODE = 401 "wrong_setup_code" "Wrong setup code" "The code is new at each start of the server: it is printed where the server was started, or stands in the file 'setup-code' in its data folder.";
    INVITATION_INVALID = 401 "invitation_invalid" "The invitation does not count" "It was used, replaced, has expired, or was not copied whole. Ask the head coach for a new one.";
    HEAD_COACH_REQUIRED = 403 "head_coach_required" "Only the head coach may" "Ask the head coach of the organization. An API key manages athletes only.";
    COACH_REQUIRED = 403 "coach_required" "Only coaches may" "Ask a coach of the organization.";
    SESSION_REQUIRED = 403 "session_required" "Only a signed-in person may" "An API key cannot do this, whatever its scopes. Sign in and use the session token.";
    SCOPE_REQUIRED = 403 "scope_required" "The API key lacks a scope" "The head coach can add the scope to the key.";
    PLAN_REQUIRED = 403 "plan_required" "The plan does not include it" "API keys need the Coach plan or above. Whoever runs this server can change the plan; keys are kept and work again then.";
    ADDRESS_NOT_ALLOWED = 403 "address_not_allowed" "Not from this address" "The API key is bound to other addresses. The head coach can change them.";
    KEY_HELD = 403 "key_held" "The API key is held" "It stands in a backup that was restored, and nobody knows what was taken away since that was made. It works again once whoever runs this server releases it with 'astral-server key release'.";
    PASSWORD_INCORRECT = 403 "password_incorrect" "Wrong password" "To confirm this, send your present password.";
    NOT_FOUND = 404 "not_found" "Not found" "It does not exist, or this credential may not see it.";
    METHOD_NOT_ALLOWED = 405 "method_not_allowed" "Not with this method" "The header Allow lists the methods that work here.";
    REQUEST_TIMEOUT = 408 "request_timeout" "The request took too long" "The body did not arrive in time. Send it again.";
    ALREADY_SET_UP = 409 "already_set_up" "The server is set up" "There is an organization already. Sign in instead.";
    KEY_NOT_ACTIVE = 409 "key_not_active" "The API key is not active" "It is expired or revoked, which is final, or held since a backup was restored. Create a new one.";
    ROTATION_IN_PROGRESS = 409 "rotation_in_progress" "The API key is being rotated" "Its old secret works still. Wait until that ends, or end it; with 'replace' the newer secret ends instead, and another is made.";
    KEY_LIMIT_REACHED = 409 "key_limit_reached" "Too many active API keys" "Revoke keys that are not used any more.";
    EMAIL_TAKEN = 409 "email_taken" "The email belongs to another member" "'resource_id' names the member that has it.";
    EXTERNAL_ID_TAKEN = 409 "external_id_taken" "The external id belongs to another member" "'resource_id' names the member that has it.";
    HEAD_COACH_MUST_STAY = 409 "head_coach_must_stay" "An organization keeps its head coach" "Hand the role over first; then this member can be changed or removed.";
    NOT_ACCEPTED = 409 "invitation_not_accepted" "The member has not accepted an invitation" "Only a member who can sign in can become coach or head coach. Invite them first.";
    ALREADY_ACCEPTED = 409 "invitation_already_accepted" "The member has accepted an invitation" "They can sign in already.";
    ALREADY_MEMBER = 409 "already_member" "Already a member" "This account is a member of the organization already, as somebody else.";
    NOT_ACTIVE_COACH = 409 "not_an_active_coach" "Not an active coach" "The role can be handed to an active coach of the organization who can sign in.";
    USER_EXISTS = 409 "user_exists" "The email has an account" "Use another email, or make the account's member head coach.";
    ALREADY_CREATED = 409 "already_created" "It was created by an earlier request" "The answer to the first request with this Idempotency-Key held a secret, which is not kept. 'resource_id' names what was created; where its secret was lost, create another with another Idempotency-Key.";
    IN_PROGRESS = 409 "request_in_progress" "The same request is still running" "A request with this Idempotency-Key has not been answered yet. Send it again in a moment.";
    REVISION_MISMATCH = 412 "revision_mismatch" "It was changed meanwhile" "The ETag in If-Match is not that of the present revision; a weak one (W/) never is. Read it again: if it is not as you want it, send its ETag with what you still want to change.";
    TOO_LARGE = 413 "body_too_large" "The body is too large" "A body has 1 MiB at most, and more only where an operation says so.";
    UNSUPPORTED_MEDIA_TYPE = 415 "unsupported_media_type" "Not JSON" "Send the header 'Content-Type: application/json', and the body without compression.";
    INVALID_REQUEST = 422 "invalid_request" "Something in the request is wrong" "'errors' says what, field by field.";
    IDEMPOTENCY_KEY_REUSED = 422 "idempotency_key_reused" "The Idempotency-Key was used for another request" "It was sent before with another body, or to another path; the bytes must be the same. Make up a new Idempotency-Key for another request.";
    RATE_LIMITED = 429 "rate_limited" "Too many requests" "Wait for the time in the header Retry-After. The header RateLimit says how many requests are left.";
    TOO_MANY_ATTEMPTS = 429 "too_many_attempts" "Too many attempts" "Wait for the time in the header Retry-After, then try again.";
    INTERNAL = 500 "internal" "A fault of the server" "Nothing was changed. Whoever runs this server finds more in its log, under the request id.";
    UNAVAILABLE = 503 "unavailable" "The server cannot do this now" "Nothing was changed. Try again in a moment.";
    INSUFFICIENT_STORAGE = 507 "insufficient_storage" "The server's disk is nearly full" "Nothing was changed. Reading works, and so does revoking. Whoever runs this server has to make room.";
}

/// A refusal on its way out.
#[derive(Debug)]
pub struct Problem {
    kind: &'static Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    resource_id: Option<String>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    fn new(kind: &'static Kind) -> Self {
        let mut problem =
            Self { kind, detail: kind.detail.into(), errors: Vec::new(), resource_id: None, headers: Vec::new() };
        if kind.status == 401 {
            // Where no token was sent, there is none to call invalid.
            let without_token = [CREDENTIAL_MISSING, WRONG_PASSWORD, WRONG_SETUP_CODE, INVITATION_INVALID];
            let tokenless = without_token.iter().any(|known| known.code == kind.code);
            problem = problem.challenge(if tokenless { "" } else { ", error=\"invalid_token\"" });
        }
        problem
    }

    fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// Adds `WWW-Authenticate` (RFC 6750, section 3) with these attributes after the realm.
    fn challenge(self, attributes: &str) -> Self {
        self.header(header::WWW_AUTHENTICATE, &format!("Bearer realm=\"astral\"{attributes}"))
    }

    /// The body cannot be parsed, for this reason.
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(MALFORMED).detail(detail)
    }

    /// No credential where one is needed, for this reason.
    pub fn credential_missing(detail: &'static str) -> Self {
        Self::new(CREDENTIAL_MISSING).detail(detail)
    }

    /// What was sent as a credential cannot be one.
    pub fn no_credential_of_ours() -> Self {
        Self::new(CREDENTIAL_INVALID)
            .detail("This is no session token or API key. It was not copied whole, or something else was sent.")
    }

    /// Two credentials at once.
    pub fn two_credentials() -> Self {
        Self::new(TWO_CREDENTIALS).challenge(", error=\"invalid_request\"")
    }

    /// These fields or query parameters are wrong.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(INVALID_REQUEST);
        if let Some(first) = errors.first() {
            let more = match errors.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            problem.detail = format!("{}: {}{more}", first.field, first.message).into();
        }
        problem.errors = errors;
        problem
    }

    /// The body is larger than it may be.
    pub fn too_large(most: usize) -> Self {
        Self::new(TOO_LARGE).detail(format!("Send at most {} MiB.", most >> 20))
    }

    /// As many large bodies are being read as there is room for.
    pub fn no_room_for_body() -> Self {
        Self::new(UNAVAILABLE)
            .detail("Too many large bodies are being read. Nothing was changed. Try again in a moment.")
            .header(header::RETRY_AFTER, "1")
    }

    /// The body is not said to be JSON.
    pub fn unsupported_media_type() -> Self {
        Self::new(UNSUPPORTED_MEDIA_TYPE)
    }

    /// The body did not arrive in time.
    pub fn request_timeout() -> Self {
        Self::new(REQUEST_TIMEOUT)
    }

    /// The method is none of `allow`.
    pub fn method_not_allowed(allow: &str) -> Self {
        Self::new(METHOD_NOT_ALLOWED).header(header::ALLOW, allow)
    }

    /// Too many requests, until these seconds have passed.
    pub fn rate_limited(retry_after_seconds: u64) -> Self {
        Self::new(RATE_LIMITED)
            .detail(format!("Try again in {retry_after_seconds} s. The header RateLimit says which limit was reached."))
            .header(header::RETRY_AFTER, &retry_after_seconds.to_string())
    }

    /// The server cannot do its work, for this reason.
    pub fn not_ready(reason: NotReady) -> Self {
        Self::new(UNAVAILABLE)
            .detail(format!("The server cannot do its work: {reason}."))
            .header(header::RETRY_AFTER, "5")
    }

    /// A fault of ours.
    pub fn internal() -> Self {
        Self::new(INTERNAL)
    }

    /// What became of an error of the framework, or of one of ours on its way through it.
    pub fn from_framework(error: poem::Error, allow: &str) -> Self {
        if let Some(parameter) = error.downcast_ref::<ParseParamError>() {
            let reason = plain_reason(&parameter.reason);
            return Self::invalid(vec![FieldError::new(parameter.name, reason)]);
        }
        if error.is::<NotFoundError>() {
            return Self::new(NOT_FOUND)
                .detail("No operation has this path; /openapi.json lists those that there are.");
        }
        if let Some(ParsePathError { name, reason }) = error.downcast_ref() {
            return Self::new(NOT_FOUND).detail(format!("The path holds no {name}, which {}.", plain_reason(reason)));
        }
        if error.is::<poem::error::ParsePathError>() {
            return Self::new(NOT_FOUND);
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::method_not_allowed(allow);
        }
        if error.is::<SizedLimitError>() {
            return Self::new(TOO_LARGE);
        }
        let status = error.status();
        match error.downcast::<Self>() {
            Ok(problem) => problem,
            Err(_) if status == StatusCode::NOT_FOUND => Self::new(NOT_FOUND),
            Err(_) if status == StatusCode::METHOD_NOT_ALLOWED => Self::method_not_allowed(allow),
            Err(error) if status.is_client_error() => {
                tracing::debug!(%error, "refused by the framework");
                Self::new(MALFORMED)
            }
            Err(error) => {
                tracing::error!(%error, "the framework failed");
                Self::internal()
            }
        }
    }

    /// The status.
    pub const fn status(&self) -> u16 {
        self.kind.status
    }

    /// What kind it is of.
    pub const fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// The answer.
    pub fn respond(self, request_id: RequestId) -> Response {
        let body = ProblemBody {
            r#type: format!("/docs/problems/{}", self.kind.code),
            title: self.kind.title.to_owned(),
            status: self.kind.status,
            detail: self.detail.into_owned(),
            code: self.kind.code.to_owned(),
            errors: self
                .errors
                .into_iter()
                .map(|FieldError { field, message }| FieldProblem { field, message })
                .collect(),
            resource_id: self.resource_id,
            request_id: request_id.to_string(),
        };
        let status = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder()
            .status(status)
            .content_type(MEDIA_TYPE)
            .header(header::CACHE_CONTROL, "no-store")
            .body(serde_json::to_vec(&body).unwrap_or_default());
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// The reason why a parameter was refused, without the framework's words around it:
/// `failed to parse "Name": REASON (occurred while parsing "optional_Name")`.
fn plain_reason(text: &str) -> &str {
    if text.ends_with(" expects an input value.") {
        return "is needed";
    }
    let reason = text
        .strip_prefix("failed to parse \"")
        .and_then(|rest| rest.split_once("\": "))
        .map_or(text, |(_, reason)| reason);
    reason.split_once(" (occurred while parsing ").map_or(reason, |(reason, _)| reason)
}

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(NOT_FOUND),
            Error::Invalid(errors) => Self::invalid(errors),
            Error::Unauthenticated(reason) => reason.into(),
            Error::Forbidden(reason) => reason.into(),
            Error::Conflict(reason) => reason.into(),
            Error::TooManyAttempts { retry_after_seconds } => Self::new(TOO_MANY_ATTEMPTS)
                .detail(format!("Try again in {retry_after_seconds} s."))
                .header(header::RETRY_AFTER, &retry_after_seconds.to_string()),
            // The writer has logged it, once for all that it refused.
            Error::Unavailable(Unavailable::DiskFull) => Self::new(INSUFFICIENT_STORAGE),
            Error::Unavailable(reason) => {
                tracing::error!(error = &reason as &dyn std::error::Error, "an action failed");
                Self::new(UNAVAILABLE).header(header::RETRY_AFTER, "1")
            }
        }
    }
}

impl From<Unauthenticated> for Problem {
    fn from(reason: Unauthenticated) -> Self {
        match reason {
            Unauthenticated::Missing => Self::new(CREDENTIAL_MISSING),
            Unauthenticated::Unknown => Self::new(CREDENTIAL_INVALID),
            Unauthenticated::SessionOver => Self::new(SESSION_OVER),
            Unauthenticated::KeyExpired { at } => {
                Self::new(KEY_EXPIRED).detail(format!("The key expired at {at}. {}", KEY_EXPIRED.detail))
            }
            Unauthenticated::KeyRevoked { at } => {
                Self::new(KEY_REVOKED).detail(format!("The key was revoked at {at}. {}", KEY_REVOKED.detail))
            }
            Unauthenticated::SecretReplaced => Self::new(SECRET_REPLACED),
            Unauthenticated::WrongPassword => Self::new(WRONG_PASSWORD),
            Unauthenticated::WrongSetupCode => Self::new(WRONG_SETUP_CODE),
            Unauthenticated::WrongInvitation => Self::new(INVITATION_INVALID),
        }
    }
}

impl From<Forbidden> for Problem {
    fn from(reason: Forbidden) -> Self {
        match reason {
            Forbidden::HeadCoachRequired => Self::new(HEAD_COACH_REQUIRED),
            Forbidden::CoachRequired => Self::new(COACH_REQUIRED),
            Forbidden::SessionRequired => Self::new(SESSION_REQUIRED),
            Forbidden::ScopeRequired(scope) => Self::new(SCOPE_REQUIRED)
                .detail(format!("The key lacks the scope {scope}. {}", SCOPE_REQUIRED.detail))
                .challenge(&format!(", error=\"insufficient_scope\", scope=\"{scope}\"")),
            Forbidden::PlanRequired => Self::new(PLAN_REQUIRED),
            Forbidden::KeyHeld => Self::new(KEY_HELD),
            Forbidden::AddressNotAllowed(address) => Self::new(ADDRESS_NOT_ALLOWED)
                .detail(format!("The request came from {address}. {}", ADDRESS_NOT_ALLOWED.detail)),
            Forbidden::PasswordIncorrect => Self::new(PASSWORD_INCORRECT),
        }
    }
}

impl From<Conflict> for Problem {
    fn from(reason: Conflict) -> Self {
        let about = |kind, id: &dyn fmt::Display| Self { resource_id: Some(id.to_string()), ..Self::new(kind) };
        match reason {
            Conflict::AlreadySetUp => Self::new(ALREADY_SET_UP),
            Conflict::KeyNotActive => Self::new(KEY_NOT_ACTIVE),
            Conflict::RotationInProgress { until } => Self::new(ROTATION_IN_PROGRESS)
                .detail(format!("Its old secret works until {until}. {}", ROTATION_IN_PROGRESS.detail)),
            Conflict::KeyLimit(limit) => Self::new(KEY_LIMIT_REACHED).detail(format!(
                "The organization has {limit} active keys, which is the limit. {}",
                KEY_LIMIT_REACHED.detail
            )),
            Conflict::EmailTaken { by } => about(EMAIL_TAKEN, &by),
            Conflict::ExternalIdTaken { by } => about(EXTERNAL_ID_TAKEN, &by),
            Conflict::HeadCoachMustStay => Self::new(HEAD_COACH_MUST_STAY),
            Conflict::NotAccepted => Self::new(NOT_ACCEPTED),
            Conflict::AlreadyAccepted => Self::new(ALREADY_ACCEPTED),
            Conflict::AlreadyMember => Self::new(ALREADY_MEMBER),
            Conflict::NotActiveCoach => Self::new(NOT_ACTIVE_COACH),
            Conflict::UserExists => Self::new(USER_EXISTS),
            Conflict::RevisionMismatch => Self::new(REVISION_MISMATCH),
            Conflict::InProgress => Self::new(IN_PROGRESS).header(header::RETRY_AFTER, "1"),
            Conflict::IdempotencyKeyReused => Self::new(IDEMPOTENCY_KEY_REUSED),
            Conflict::AlreadyCreated { id } => about(ALREADY_CREATED, &id),
        }
    }
}
