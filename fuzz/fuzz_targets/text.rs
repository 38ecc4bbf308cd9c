#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| astral_server::fuzzing::text(data));
