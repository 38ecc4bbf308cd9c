//! Compresses the program of the API reference, which the server carries and serves as it is.

use std::{env, fs, io::Write as _, path::Path};

use flate2::{Compression, write::GzEncoder};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let program = scalar_api_reference::get_asset("scalar.js").expect("the crate carries the program");
    let folder = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let file = fs::File::create(Path::new(&folder).join("reference.js.gz")).expect("OUT_DIR can be written");
    let mut encoder = GzEncoder::new(file, Compression::best());
    encoder.write_all(&program).expect("it can be written");
    encoder.finish().expect("it can be written");
}
