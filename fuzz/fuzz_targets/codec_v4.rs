//! Any bytes, read as packets of MQTT 3.1.1: nothing panics, and what is accepted reads the same after
//! it was written again.
#![no_main]

mod codec;

use libfuzzer_sys::fuzz_target;
use mqtt::codec::Version;

fuzz_target!(|data: &[u8]| codec::read_all(Version::V311, data));
