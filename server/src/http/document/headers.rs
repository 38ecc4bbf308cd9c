//! The headers of answers, each described once, and which answers carry which.

use serde_json::{Map, Value, json};

use crate::http::{
    problem::KINDS,
    refused,
    version::{self, VERSION},
};

/// A header that answers carry.
struct Header {
    /// Its name among the document's components.
    component: &'static str,
    name: &'static str,
    description: &'static str,
    pattern: &'static str,
    example: &'static str,
}

const X_REQUEST_ID: &Header = &Header {
    component: "RequestId",
    name: "X-Request-Id",
    description: "The id of the request. Name it when you ask for help.",
    pattern: "^req_[0-7][0-9a-hjkmnp-tv-z]{25}$",
    example: "req_01k9zq4x5te8w9jf2c7m3n6p8q",
};
const ASTRAL_VERSION: &Header = &Header {
    component: "AstralVersion",
    name: "Astral-Version",
    description: "The version of the server, which is `info.version` of its document. Each version tells its own \
                  here: a client that looks at it first can tell whether it knows this server.",
    pattern: "^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?$",
    example: VERSION,
};
const KEY_EXPIRES_AT: &Header = &Header {
    component: "AstralKeyExpiresAt",
    name: "Astral-Key-Expires-At",
    description: "When the API key expires that was sent with the request, if that is within 30 days: time to warn \
                  whoever can replace it.",
    pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$",
    example: "2027-01-01T00:00:00Z",
};
const RATE_LIMIT: &Header = &Header {
    component: "RateLimit",
    name: "RateLimit",
    description: "For each limit that the request counts towards: how many requests are left (`r`), and after \
                  how many seconds all of them are there again, or, where none is left, one (`t`). Not there \
                  where no limit is set.",
    pattern: "^\"[a-z]+\";r=\\d+;t=\\d+(, \"[a-z]+\";r=\\d+;t=\\d+)*$",
    example: "\"key\";r=59998;t=1, \"organization\";r=119990;t=1",
};
const RATE_LIMIT_POLICY: &Header = &Header {
    component: "RateLimitPolicy",
    name: "RateLimit-Policy",
    description: "The limits themselves: how many requests (`q`) in how many seconds (`w`).",
    pattern: "^\"[a-z]+\";q=\\d+;w=\\d+(, \"[a-z]+\";q=\\d+;w=\\d+)*$",
    example: "\"key\";q=60000;w=60, \"organization\";q=120000;w=60",
};
const ETAG: &Header = &Header {
    component: "ETag",
    name: "ETag",
    description: "The revision of the record. Send it as `If-Match` with a change that is meant for no other. \
                  Changes of the record raise it; use and time do not. The head coach's organization has the \
                  number of active keys behind it, which `If-Match` does not look at.",
    pattern: "^\"\\d+(\\.\\d+)?\"$",
    example: "\"3\"",
};
const LINK: &Header = &Header {
    component: "Link",
    name: "Link",
    description: "The next page (RFC 8288), relative to the address of this one; not there on the last.",
    pattern: "^<.+>; rel=\"next\"$",
    example: "</api/v1/organizations?cursor=o1yHkQ3Zr8MBmTl3bsakXg>; rel=\"next\"",
};
const LOCATION: &Header = &Header {
    component: "Location",
    name: "Location",
    description: "The path of what was made. That of an invitation answers no GET.",
    pattern: "^/api/v1/.+$",
    example: "/api/v1/organizations/org_01k43m8s0hfd2a7vq5n6r8x9wz",
};
const REPLAYED: &Header = &Header {
    component: "IdempotentReplayed",
    name: "Idempotent-Replayed",
    description: "The request was sent before with the same `Idempotency-Key`: this is the answer of then. What it tells of may \
                  have been changed or removed since.",
    pattern: "^true$",
    example: "true",
};
const RETRY_AFTER: &Header = &Header {
    component: "RetryAfter",
    name: "Retry-After",
    description: "After how many seconds it is worth trying again.",
    pattern: "^\\d+$",
    example: "1",
};
const WWW_AUTHENTICATE: &Header = &Header {
    component: "WWWAuthenticate",
    name: "WWW-Authenticate",
    description: "What is wrong with the credential, as RFC 6750 has it.",
    pattern: "^Bearer realm=\"astral\"",
    example: "Bearer realm=\"astral\", error=\"invalid_token\"",
};

const ALL: &[&Header] = &[
    X_REQUEST_ID,
    ASTRAL_VERSION,
    KEY_EXPIRES_AT,
    RATE_LIMIT,
    RATE_LIMIT_POLICY,
    ETAG,
    LINK,
    LOCATION,
    REPLAYED,
    RETRY_AFTER,
    WWW_AUTHENTICATE,
];
/// Those that stand at each answer that names them.
const ALWAYS: &[&Header] = &[X_REQUEST_ID, ASTRAL_VERSION, ETAG, LOCATION];
/// The schemas of the answers that are a record with a revision.
const REVISED: &[&str] = &["Organization", "Member", "ApiKey", "CreatedApiKey"];

/// The codes beside those of 401 that come with a challenge.
const CHALLENGING: [&str; 2] = ["two_credentials", "scope_required"];

/// Whether an answer tells how to authenticate: where the credential is at fault.
fn challenges(response: &Value) -> bool {
    let description = response["description"].as_str().unwrap_or_default();
    refused::codes(description)
        .any(|code| KINDS.iter().any(|kind| kind.code == code && (kind.status == 401 || CHALLENGING.contains(&code))))
}

/// Describes the headers, names them at the answers that carry them, and adds the answers that have
/// nothing else to say.
pub fn name_headers(document: &mut Value) {
    let described = |header: &&Header| {
        let schema = json!({ "type": "string", "pattern": header.pattern });
        let mut described = json!({ "description": header.description, "schema": schema, "example": header.example });
        if ALWAYS.iter().any(|always| always.name == header.name) {
            described["required"] = true.into();
        }
        (header.component.to_owned(), described)
    };
    document["components"]["headers"] = Value::Object(ALL.iter().map(described).collect());
    super::each_operation(document, |path, _, operation| {
        let has = |operation: &Map<String, Value>, name: &str| {
            let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
            parameters.into_iter().any(|parameter| parameter["name"] == name)
        };
        let (conditional, paged) = (has(operation, "If-None-Match"), has(operation, "cursor"));
        let repeated = has(operation, "Idempotency-Key");
        let secured = operation.get("security").and_then(Value::as_array).is_some_and(|schemes| !schemes.is_empty());
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
        if conditional {
            responses
                .insert("304".to_owned(), json!({ "description": "What the client has is the present revision." }));
            responses.sort_keys();
        }
        for (status, response) in responses.iter_mut() {
            let mut headers = vec![X_REQUEST_ID, RATE_LIMIT, RATE_LIMIT_POLICY];
            if version::is_told_at(path) {
                headers.push(ASTRAL_VERSION);
            }
            if secured {
                headers.push(KEY_EXPIRES_AT);
            }
            let schema = response.pointer("/content/application~1json/schema/$ref").and_then(Value::as_str);
            let name = schema.and_then(|schema| schema.rsplit('/').next()).unwrap_or_default();
            match status.as_str() {
                "200" if paged => headers.push(LINK),
                "201" => headers.push(LOCATION),
                "304" => headers.push(ETAG),
                "400" | "401" | "403" if challenges(response) => headers.push(WWW_AUTHENTICATE),
                "429" | "503" => headers.push(RETRY_AFTER),
                "409" if repeated => headers.push(RETRY_AFTER),
                _ => {}
            }
            if REVISED.contains(&name) {
                headers.push(ETAG);
            }
            if repeated && name == "Member" {
                headers.push(REPLAYED);
            }
            let reference = |header: &Header| {
                let reference = format!("#/components/headers/{}", header.component);
                (header.name.to_owned(), json!({ "$ref": reference }))
            };
            response["headers"] = Value::Object(headers.into_iter().map(reference).collect());
        }
    });
}
