//! The console, driven by name and role against the real server; no display is needed.

mod audit;
mod club;
mod keys;
mod layout;
mod leaks;
mod members;
mod sign_in;
mod trouble;
mod usage;

use astral_tests::{Club, TestServer};

/// A server with a club on it.
async fn club() -> (TestServer, Club) {
    let server = TestServer::start().await;
    let club = server.club("Summit Running Club").await;
    (server, club)
}
