//! [`sedge_fuzz::stored_json`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sedge_fuzz::stored_json(data));
