//! One binary: a file a noun, and then what concerns all of them.

mod openapi;
mod page;
