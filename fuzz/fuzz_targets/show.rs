#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| drp_virtual_media_fuzz::show(input));
