//! [`sedge_fuzz::inputs`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sedge_fuzz::inputs(data));
