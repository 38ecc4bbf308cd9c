//! Answers: written with serde straight into the body, no tree of values in between.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::{
    IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde::Serialize;

use super::conditional::{EntityTag, IfNoneMatch};

/// The media type of every answer that is no refusal, and of every request.
pub const MEDIA_TYPE: &str = "application/json";
/// Says that an answer is that to an earlier request with the same `Idempotency-Key`.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An answer whose body has the schema of `T`.
pub struct Reply<T, const STATUS: u16 = 200> {
    body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
    secret: bool,
    known: bool,
    schema: PhantomData<fn() -> T>,
}

impl<T, const STATUS: u16> Reply<T, STATUS> {
    /// The answer with this body, which is JSON already.
    pub fn written(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), headers: Vec::new(), secret: false, known: false, schema: PhantomData }
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// With the `ETag` of a record in this state.
    pub fn tag(self, tag: impl Into<EntityTag>) -> Self {
        self.header(header::ETAG, &tag.into().to_string())
    }

    /// With the `ETag` of a record in this state; without a body, if the client has that.
    pub fn unless_known(self, tag: impl Into<EntityTag>, client: Option<&IfNoneMatch>) -> Self {
        let tag = tag.into();
        let known = client.is_some_and(|client| client.has(&tag.to_string()));
        Self { known, ..self.tag(tag) }
    }

    /// With the path of what was made.
    pub fn location(self, path: &str) -> Self {
        self.header(header::LOCATION, path)
    }

    /// With a `Link` (RFC 8288) to the next page of the list at `uri`, if there is one. It names no host: only
    /// the client knows under which it reached the server.
    pub fn next_page(self, uri: &Uri, cursor: Option<&str>) -> Self {
        let Some(cursor) = cursor else { return self };
        let is_cursor = |pair: &str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == "cursor");
        // `str::is_empty` by its full name: the framework has a trait with one to which no text is empty.
        let asked = uri.query().unwrap_or_default().split('&').filter(|pair| !str::is_empty(pair) && !is_cursor(pair));
        let mut link = String::with_capacity(uri.path().len() + uri.query().map_or(0, str::len) + cursor.len() + 32);
        link.extend(["<", uri.path(), "?"]);
        for pair in asked {
            if pair.is_ascii() {
                link.push_str(pair);
            } else {
                // What a client did not encode a header cannot hold.
                let pairs = form_urlencoded::parse(pair.as_bytes());
                link.push_str(&form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
            }
            link.push('&');
        }
        link.extend(["cursor=", cursor, ">; rel=\"next\""]);
        self.header(header::LINK, &link)
    }

    /// Repeats the answer to an earlier request.
    pub fn replayed(self) -> Self {
        self.header(REPLAYED, "true")
    }
}

impl<T: Serialize, const STATUS: u16> Reply<T, STATUS> {
    /// The answer with this body.
    pub fn new(body: &T) -> Self {
        Self::written(serde_json::to_vec(body).unwrap_or_default())
    }

    /// The answer with this body, which holds a secret: nobody on the way may keep it.
    pub fn with_secret(body: &T) -> Self {
        Self { secret: true, ..Self::new(body) }
    }
}

impl<T, const STATUS: u16> IntoResponse for Reply<T, STATUS> {
    fn into_response(self) -> Response {
        let caching = if self.secret { "no-store" } else { "private, no-cache" };
        let response = Response::builder().header(header::CACHE_CONTROL, caching);
        let mut response = if self.known {
            response.status(StatusCode::NOT_MODIFIED).finish()
        } else {
            let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
            response.status(status).content_type(MEDIA_TYPE).body(self.body)
        };
        response.headers_mut().extend(self.headers);
        response
    }
}

impl<T: Type, const STATUS: u16> ApiResponse for Reply<T, STATUS> {
    fn meta() -> MetaResponses {
        let description = if STATUS == 201 { "Made." } else { "Done." };
        let content = vec![MetaMediaType { content_type: MEDIA_TYPE, schema: T::schema_ref() }];
        MetaResponses {
            responses: vec![MetaResponse {
                description,
                status: Some(STATUS),
                status_range: None,
                content,
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// An answer that says nothing but its status.
macro_rules! wordless {
    ($(#[$meta:meta])* $name:ident = $status:literal $description:literal) => {
        $(#[$meta])*
        pub struct $name;

        impl IntoResponse for $name {
            fn into_response(self) -> Response {
                let status = StatusCode::from_u16($status).unwrap_or(StatusCode::NO_CONTENT);
                Response::builder().status(status).header(header::CACHE_CONTROL, "private, no-cache").finish()
            }
        }

        impl ApiResponse for $name {
            fn meta() -> MetaResponses {
                MetaResponses {
                    responses: vec![MetaResponse {
                        description: $description,
                        status: Some($status),
                        status_range: None,
                        content: vec![],
                        headers: vec![],
                    }],
                }
            }

            fn register(_: &mut Registry) {}
        }
    };
}

wordless!(
    /// Done, and there is nothing to say.
    NoContent = 204 "Done."
);
wordless!(
    /// Taken, and nothing is said of what came of it.
    Accepted = 202 "Taken."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_has_the_query_of_this_one() {
        for (asked, linked) in [
            ("", "?cursor=next"),
            ("?limit=5", "?limit=5&cursor=next"),
            ("?cursor=this&&limit=5&q=a%20b+c", "?limit=5&q=a%20b+c&cursor=next"),
            ("?curs%6Fr=this&q=josé", "?q=jos%C3%A9&cursor=next"),
        ] {
            let uri: Uri = format!("/members{asked}").parse().expect("a path");
            let reply = Reply::<()>::written(Vec::new()).next_page(&uri, Some("next"));
            let link = reply.headers.first().and_then(|(_, value)| value.to_str().ok());
            assert_eq!(link, Some(format!("</members{linked}>; rel=\"next\"").as_str()));
        }
    }
}
