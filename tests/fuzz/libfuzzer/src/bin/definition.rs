//! [`sedge_fuzz::definition`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sedge_fuzz::definition(data));
