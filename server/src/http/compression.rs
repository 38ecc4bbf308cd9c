//! Compression where it pays: long answers, for clients that say they can read it.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use poem::{
    Request, Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};

/// Answers shorter than this, in bytes, fit into a few packets as they are.
const WORTH_IT: usize = 4 << 10;

/// Whether the client can read gzip (RFC 9110, section 12.5.3).
pub fn accepts_gzip(request: &Request) -> bool {
    let lines = request.headers().get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let weight = |coding: &str, wanted: &str| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix(['q', 'Q']).and_then(|weight| weight.strip_prefix('='));
        let weight = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(wanted).then_some(weight.unwrap_or(0.0))
    };
    let codings: Vec<_> = lines.flat_map(|line| line.split(',')).collect();
    let weight_of = |wanted| codings.iter().find_map(|coding| weight(coding, wanted));
    weight_of("gzip").or_else(|| weight_of("*")).is_some_and(|weight| weight > 0.0)
}

/// Compresses an answer if that pays. Never one that holds a secret, whose length must not tell what stands
/// beside it; nor one with an `ETag`, which names these bytes and no others.
pub async fn compress(response: Response) -> Response {
    let plain = |headers: &HeaderMap| {
        headers.get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store")
            && !headers.contains_key(header::ETAG)
            && !headers.contains_key(header::CONTENT_ENCODING)
    };
    if response.status() != StatusCode::OK || !plain(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // What was in memory already is read without fail.
    let bytes = body.into_bytes().await.unwrap_or_default();
    if bytes.len() < WORTH_IT {
        return Response::from_parts(parts, bytes.into());
    }
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, gzip(&bytes, Compression::fast()).into())
}

/// These bytes in the gzip format (RFC 1952).
pub fn gzip(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn encoding(cache_control: &str, etag: Option<&str>, length: usize) -> Option<String> {
        let mut response = Response::builder().header(header::CACHE_CONTROL, cache_control);
        if let Some(etag) = etag {
            response = response.header(header::ETAG, etag);
        }
        let response = compress(response.body(vec![b'x'; length])).await;
        response.header(header::CONTENT_ENCODING).map(str::to_owned)
    }

    #[tokio::test]
    async fn what_holds_a_secret_or_names_its_bytes_is_left_as_it_is() {
        assert_eq!(encoding("private, no-cache", None, 8192).await.as_deref(), Some("gzip"));
        assert_eq!(encoding("no-store", None, 8192).await, None);
        assert_eq!(encoding("private, no-cache", Some("\"1\""), 8192).await, None);
        assert_eq!(encoding("private, no-cache", None, WORTH_IT - 1).await, None);
    }
}
