//! [`sedge_fuzz::expression`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sedge_fuzz::expression(data));
