//! One binary: a file a noun, and then what concerns all of them.

mod api_keys;
mod auth;
mod invitations;
mod members;
mod organizations;

mod audit;
mod authority;
mod backup;
mod bad_input;
mod clients;
mod command_line;
mod conditional;
mod connections;
mod console;
mod durability;
mod examples;
mod faults;
mod formats;
mod health;
mod idempotency;
mod kills;
mod leaks;
mod limits;
mod load;
mod metrics;
mod openapi;
mod page;
mod pages;
mod requests;
mod rotation;
mod scan;
mod schemathesis;
mod time;
mod usage;
mod window;
