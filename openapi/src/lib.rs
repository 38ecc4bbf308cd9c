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

/// A client that sends no credential: for signing in, setting up and accepting an invitation.
pub fn anonymous(url: &str) -> Client {
    Client::new_with_client(url, http().build().expect("a client without files to read"))
}

/// A client that sends `credential`, a session token or an API key, with each request.
pub fn with_credential(url: &str, credential: &str) -> Client {
    let client = http().default_headers(authorization(credential)).build().expect("a client without files to read");
    Client::new_with_client(url, client)
}

/// The header that carries `credential`; marked as one that no log may show.
pub fn authorization(credential: &str) -> reqwest::header::HeaderMap {
    let mut value =
        reqwest::header::HeaderValue::try_from(format!("Bearer {credential}")).expect("a credential is plain ASCII");
    value.set_sensitive(true);
    [(reqwest::header::AUTHORIZATION, value)].into_iter().collect()
}

/// An HTTP client with settings of its own, for [`Client::new_with_client`]: TLS by rustls with ring, checked against
/// the certificates that the system trusts.
pub fn http() -> reqwest::ClientBuilder {
    // An error means that the process has chosen a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
