//! The Rust client of the Astral API, generated from `openapi.json` when it is built.
//!
//! ```no_run
//! # async fn example() -> Result<(), astral_client::Error<astral_client::types::Problem>> {
//! let client = astral_client::with_credential("http://127.0.0.1:7878", "astral_live_…");
//! let me = client.get_caller().send().await?;
//! let key = me.into_inner().api_key.expect("a key is calling");
//! let page = client.list_members().org_id(key.organization_id).limit(200).send().await?;
//! # Ok(()) }
//! ```
#![allow(clippy::all, rustdoc::all, missing_docs, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/client.rs"));

/// A client that sends `credential`, a session token or an API key, with each request.
pub fn with_credential(url: &str, credential: &str) -> Client {
    let mut headers = reqwest::header::HeaderMap::new();
    let mut value =
        reqwest::header::HeaderValue::try_from(format!("Bearer {credential}")).expect("a credential is plain ASCII");
    value.set_sensitive(true);
    headers.insert(reqwest::header::AUTHORIZATION, value);
    let client =
        reqwest::Client::builder().default_headers(headers).build().expect("a client without TLS files to read");
    Client::new_with_client(url, client)
}
