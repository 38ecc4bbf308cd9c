//! What the benchmarks share.

pub mod document;
pub mod process;
