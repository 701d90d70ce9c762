#![no_main]

libfuzzer_sys::fuzz_target!(init: understudy_fuzz::decode::write_seeds(), |data: &[u8]| understudy_fuzz::decode::run(data));
