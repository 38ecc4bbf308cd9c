//! The API-key server that a coaching club runs for itself: one binary with its database inside.
//!
//! [`service`] is what the product does, [`http`] how it is reached, [`cli`] how it is run.
//! `ARCHITECTURE.md` says where to start reading.

pub mod cli;
mod config;
#[doc(hidden)]
pub mod fuzzing;
mod http;
pub mod service;

pub use http::{HttpSettings, Listeners, app, openapi, run};
