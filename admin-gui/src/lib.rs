//! The console of Astral: a club's API keys and roster, for its head coach.
//!
//! [`state`] is what is known, plain data; [`Worker`] asks the server; [`App`] draws the one and asks the other.

mod app;
mod clipboard;
mod rules;
pub mod state;
mod system;
mod theme;
mod views;
mod widgets;
mod worker;

pub use self::{
    app::{App, Start},
    system::follow,
    worker::{Keeping, Worker},
};
