//! Answers: written with serde straight into the body, no tree of values in between.

use std::marker::PhantomData;

use poem::{
    IntoResponse, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde::Serialize;

const MEDIA_TYPE: &str = "application/json";

/// An answer whose body has the schema of `T`.
pub struct Reply<T, const STATUS: u16 = 200> {
    body: Vec<u8>,
    secret: bool,
    schema: PhantomData<fn() -> T>,
}

impl<T, const STATUS: u16> Reply<T, STATUS> {
    /// The answer with this body, which is JSON already.
    pub const fn written(body: Vec<u8>) -> Self {
        Self { body, secret: false, schema: PhantomData }
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
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::OK);
        let caching = if self.secret { "no-store" } else { "private, no-cache" };
        Response::builder()
            .status(status)
            .content_type(MEDIA_TYPE)
            .header(header::CACHE_CONTROL, caching)
            .body(self.body)
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

/// Done, and there is nothing to say.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        Response::builder().status(StatusCode::NO_CONTENT).header(header::CACHE_CONTROL, "private, no-cache").finish()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Done.",
                status: Some(204),
                status_range: None,
                content: vec![],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
