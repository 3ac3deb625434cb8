#![no_main]

#[allow(dead_code, reason = "each program runs one")]
#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::list_wordpress(bytes);
});
