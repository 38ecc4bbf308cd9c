//! What the document knows of each operation, for what the framework does not do: `Allow`, and refusing
//! query parameters that no operation has.

use std::{collections::HashSet, sync::LazyLock};

use poem::{
    Request,
    http::{HeaderValue, Method},
};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, MetaParamIn},
};

use super::{
    Api,
    body::{MAX_ERRORS, shorten},
    problem::Problem,
    refused,
};
use crate::service::FieldError;

/// One operation of the API.
pub struct Operation {
    method: Method,
    /// The parts of its path; `None` stands for a parameter.
    path: Vec<Option<String>>,
    /// Its name in the document.
    pub id: String,
    query: Vec<String>,
    /// Whether it needs a credential.
    pub secured: bool,
    /// The codes of the problems that it can answer.
    pub codes: HashSet<String>,
    /// Its place among all of them.
    pub place: usize,
}

impl Operation {
    /// Its method.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// Whether it has the query parameter with this name.
    pub fn takes(&self, parameter: &str) -> bool {
        self.query.iter().any(|known| known == parameter)
    }
}

/// Those with the fewest parameters in their paths first, and those of one path together.
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let mut operations: Vec<_> = Api::meta().into_iter().flat_map(operations_of).collect();
    let parameters = |operation: &Operation| operation.path.iter().filter(|part| part.is_none()).count();
    operations.sort_by(|one, other| (parameters(one), &one.path).cmp(&(parameters(other), &other.path)));
    for (place, operation) in operations.iter_mut().enumerate() {
        operation.place = place;
    }
    operations
});

/// Every operation there is.
pub fn all() -> &'static [Operation] {
    &OPERATIONS
}

fn operations_of(api: MetaApi) -> Vec<Operation> {
    let mut found = Vec::new();
    for path in api.paths {
        let parts: Vec<_> =
            path.path.split('/').map(|part| (!part.starts_with('{')).then(|| part.to_owned())).collect();
        for operation in path.operations {
            let refusals = operation.responses.responses.iter().flat_map(|answer| refused::codes(answer.description));
            let codes = refusals.map(str::to_owned).collect();
            let query = operation.params.iter().filter(|parameter| parameter.in_type == MetaParamIn::Query);
            found.push(Operation {
                method: operation.method.clone(),
                path: parts.clone(),
                id: operation.operation_id.unwrap_or_default().to_owned(),
                query: query.map(|parameter| parameter.name.clone()).collect(),
                secured: !operation.security.is_empty(),
                codes,
                place: 0,
            });
        }
    }
    found
}

/// The operations at a path. What a path names outright is not meant as a parameter of another.
fn at(path: &str) -> &'static [Operation] {
    let length = path.split('/').count();
    // Paths differ most at their end.
    let fits = |operation: &Operation| {
        operation.path.len() == length
            && path
                .rsplit('/')
                .zip(operation.path.iter().rev())
                .all(|(part, known)| known.as_ref().is_none_or(|known| known == part))
    };
    let found = OPERATIONS.iter().position(fits).map_or(&[][..], |first| &OPERATIONS[first..]);
    let others = found.iter().position(|operation| operation.path != found[0].path);
    &found[..others.unwrap_or(found.len())]
}

/// The operation that a request means.
pub fn find(method: &Method, path: &str) -> Option<&'static Operation> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    at(path).iter().find(|operation| operation.method == *method)
}

/// The names of the operations that can answer the problem with this code.
pub fn answering(code: &str) -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().filter(move |operation| operation.codes.contains(code)).map(|operation| operation.id.as_str())
}

/// The methods of RFC 9110, and PATCH (RFC 5789).
pub const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];

/// Whether a method is one of [`METHODS`].
pub fn is_standard(method: &Method) -> bool {
    METHODS.contains(&method.as_str())
}

/// The methods that work on a path, as `Allow` lists them.
pub fn allow(path: &str) -> String {
    let mut methods: Vec<_> = at(path).iter().map(|operation| operation.method.as_str()).collect();
    if methods.is_empty() {
        methods.push("GET");
    }
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

/// Refuses query parameters that the operation does not have, or that occur twice.
///
/// # Errors
/// A problem that names each of them.
pub fn check_query(request: &Request, operation: &Operation) -> Result<(), Problem> {
    let Some(query) = request.uri().query().filter(|query| !query.is_empty()) else { return Ok(()) };
    let names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name).collect::<Vec<_>>();
    let mut errors: Vec<FieldError> = Vec::new();
    for (position, name) in names.iter().enumerate() {
        if errors.len() == MAX_ERRORS {
            break;
        }
        let fault = if !operation.takes(name) {
            match &operation.query[..] {
                [] => "is not a query parameter of this request; there are none".to_owned(),
                known => format!("is not a query parameter of this request; there are: {}", known.join(", ")),
            }
        } else if names[..position].contains(name) {
            "occurs more than once".to_owned()
        } else {
            continue;
        };
        errors.push(FieldError::new(shorten(name.clone().into_owned()), fault));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

/// Joins the lines of a conditional header into one (RFC 9110, section 5.3), and refuses what the framework
/// would take for no header at all: a client that asks for safety must not be left without it.
///
/// # Errors
/// A problem that names the header.
pub fn check_headers(request: &mut Request) -> Result<(), Problem> {
    for name in ["If-Match", "If-None-Match", "Idempotency-Key"] {
        let lines: Vec<_> = request.headers().get_all(name).iter().map(HeaderValue::to_str).collect();
        let fault = match (name, &lines[..]) {
            (_, [] | [Ok(_)]) => continue,
            // What the client has cannot be told, and is sent anew.
            ("If-None-Match", lines) if lines.iter().any(Result::is_err) => continue,
            (_, lines) if lines.iter().any(Result::is_err) => "must consist of visible ASCII characters",
            ("Idempotency-Key", _) => "occurs more than once",
            _ => {
                let joined = lines.into_iter().flatten().collect::<Vec<_>>().join(", ");
                if let Ok(joined) = HeaderValue::try_from(joined) {
                    request.headers_mut().insert(name, joined);
                }
                continue;
            }
        };
        return Err(Problem::invalid(vec![FieldError::new(name, fault)]));
    }
    Ok(())
}
