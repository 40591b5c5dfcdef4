#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pi_auth_properties::backoff::check(data));
