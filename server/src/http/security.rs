//! Credential -> Caller: the first argument of every operation that needs one.

use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use super::problem::Problem;
use crate::service::{Caller, Error, LastUse, Origin, Presented, Secret, SecretKind, Service, Unauthenticated};

/// The header in which an API key can come instead of `Authorization`.
pub const X_API_KEY: &str = "x-api-key";

/// A caller of either kind.
pub struct AnyCaller(pub Caller);

/// A caller that the document says must be a session. Whether it is one is for the proof to say, so
/// that an outsider's key learns no more than an outsider.
pub struct SessionCaller(pub Caller);

const SESSION: &str = "session";
const API_KEY: &str = "api_key";
const API_KEY_HEADER: &str = "api_key_header";

fn register_session(registry: &mut Registry) {
    let description = "The token that signing in answers: `Authorization: Bearer astral_session_…`.";
    registry.create_security_scheme(
        SESSION,
        MetaSecurityScheme { description: Some(description), ..scheme("http", Some("bearer")) },
    );
}

fn register_api_key(registry: &mut Registry) {
    let description = "An API key: `Authorization: Bearer astral_live_…`.";
    registry.create_security_scheme(
        API_KEY,
        MetaSecurityScheme { description: Some(description), ..scheme("http", Some("bearer")) },
    );
    let description = "An API key, for tools that cannot set `Authorization`. Never both at once.";
    let header = MetaSecurityScheme {
        description: Some(description),
        name: Some("X-API-Key"),
        key_in: Some("header"),
        ..scheme("apiKey", None)
    };
    registry.create_security_scheme(API_KEY_HEADER, header);
}

const fn scheme(ty: &'static str, scheme: Option<&'static str>) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty,
        description: None,
        name: None,
        key_in: None,
        scheme,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}

impl<'a> ApiExtractor<'a> for AnyCaller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_session(registry);
        register_api_key(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SESSION, API_KEY, API_KEY_HEADER]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(caller(request).map(Self)?)
    }
}

impl<'a> ApiExtractor<'a> for SessionCaller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_session(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SESSION]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(caller(request).map(Self)?)
    }
}

impl<'a> poem::FromRequest<'a> for Origin {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(request.data::<Self>().copied().ok_or_else(Problem::internal)?)
    }
}

/// Who is calling, by the one credential of the request.
///
/// # Errors
/// A problem that says that there is none, or none of ours; in what is answered, what is wrong with the credential.
pub fn authenticate(
    request: &Request,
    service: &Service,
    origin: Origin,
    operation: &'static str,
) -> Result<Presented, Problem> {
    Ok(service.authenticate(&credential(request)?, origin, operation, user_agent(request)))
}

/// What the program calls itself. One that put a credential there is not repeated.
pub(super) fn user_agent(request: &Request) -> Option<String> {
    let text = request.headers().get(header::USER_AGENT)?.to_str().ok()?.trim();
    let kept = text.chars().take(LastUse::USER_AGENT).collect::<String>();
    (!kept.is_empty() && !text.contains("astral_")).then_some(kept)
}

/// The caller that the outermost layer has found.
fn caller(request: &Request) -> Result<Caller, Problem> {
    request.data::<Caller>().cloned().ok_or_else(Problem::internal)
}

/// The one credential of the request. Its text moves at once into a [`Secret`].
pub(super) fn credential(request: &Request) -> Result<Secret, Problem> {
    let mut bearers = request.headers().get_all(header::AUTHORIZATION).iter();
    let mut keys = request.headers().get_all(X_API_KEY).iter();
    let refused = |reason: Unauthenticated| Problem::from(Error::from(reason));
    let (value, kinds): (_, &[SecretKind]) = match (bearers.next(), bearers.next(), keys.next(), keys.next()) {
        (None, _, None, _) if request.uri().query().is_some_and(|query| query.contains("astral_")) => {
            return Err(Problem::credential_missing(
                "A credential in the query string never counts: it would stand in logs. Send the header 'Authorization: Bearer …'.",
            ));
        }
        (None, _, None, _) => return Err(refused(Unauthenticated::Missing)),
        (Some(value), None, None, _) => (value, &[SecretKind::Session, SecretKind::ApiKey]),
        (None, _, Some(value), None) => (value, &[SecretKind::ApiKey]),
        _ => return Err(Problem::two_credentials()),
    };
    let text = value.to_str().map_err(|_| Problem::no_credential_of_ours())?;
    let text = match kinds {
        [SecretKind::ApiKey] => text.trim(),
        _ => match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => {
                return Err(Problem::credential_missing(
                    "The header Authorization is there, but does not begin with 'Bearer ' and a session token or API key.",
                ));
            }
        },
    };
    Secret::parse(text.to_owned())
        .filter(|secret| kinds.contains(&secret.kind()))
        .ok_or_else(Problem::no_credential_of_ours)
}
