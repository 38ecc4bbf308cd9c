//! Files that the server carries: compressed once, named by what is in them.

use std::{
    io::Read as _,
    sync::{LazyLock, OnceLock},
};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use flate2::{Compression, read::GzDecoder};
use poem::{
    Request, Response, handler,
    http::{StatusCode, header},
};
use sha2::{Digest as _, Sha256};

use super::{
    compression::{accepts_gzip, gzip},
    conditional::IfNoneMatch,
    reply::MEDIA_TYPE,
};

/// A file.
struct Asset {
    media_type: &'static str,
    gzip: Bytes,
    /// What most clients never ask for, unpacked once.
    plain: OnceLock<Bytes>,
    /// A hash over its bytes: an `ETag` names these and no others (RFC 9110, section 8.8.3).
    hash: String,
}

impl Asset {
    /// A file that is compressed already.
    fn compressed(media_type: &'static str, gzip: Bytes) -> Self {
        let hash = HEXLOWER.encode(&Sha256::digest(&gzip)[..8]);
        Self { media_type, gzip, plain: OnceLock::new(), hash }
    }

    fn new(media_type: &'static str, text: &str) -> Self {
        Self::compressed(media_type, gzip(text.as_bytes(), Compression::best()).into())
    }

    fn plain(&self) -> Bytes {
        let unpack = || {
            let mut bytes = Vec::new();
            // What we have compressed ourselves can be read.
            let _ = GzDecoder::new(&self.gzip[..]).read_to_end(&mut bytes);
            bytes.into()
        };
        self.plain.get_or_init(unpack).clone()
    }

    /// The file as the client can read it; nothing, if the client has it.
    fn respond(&self, request: &Request) -> Response {
        let as_gzip = accepts_gzip(request);
        let etag = format!("\"{}{}\"", self.hash, if as_gzip { "-gzip" } else { "" });
        let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()?.parse().ok());
        let known = known.is_some_and(|known: IfNoneMatch| known.has(&etag));
        let response = Response::builder().header(header::CACHE_CONTROL, "no-cache").header(header::ETAG, etag);
        match (known, as_gzip) {
            (true, _) => response.status(StatusCode::NOT_MODIFIED).finish(),
            (false, true) => {
                response.content_type(self.media_type).header(header::CONTENT_ENCODING, "gzip").body(self.gzip.clone())
            }
            (false, false) => response.content_type(self.media_type).body(self.plain()),
        }
    }
}

macro_rules! assets {
    ($($(#[$meta:meta])* $name:ident = $asset:expr;)+) => {$(
        $(#[$meta])*
        #[handler]
        pub fn $name(request: &Request) -> Response {
            static ASSET: LazyLock<Asset> = LazyLock::new(|| $asset);
            ASSET.respond(request)
        }
    )+};
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

assets! {
    /// The OpenAPI document.
    openapi = Asset::new(MEDIA_TYPE, super::openapi());
    /// The program of the API reference.
    reference = Asset::compressed(JAVASCRIPT, Bytes::from_static(include_bytes!(concat!(env!("OUT_DIR"), "/reference.js.gz"))));
    /// What starts it.
    reference_start = Asset::new(JAVASCRIPT, include_str!("reference_start.js"));
    /// What it looks like.
    reference_style = Asset::new("text/css; charset=utf-8", include_str!("reference.css"));
}
