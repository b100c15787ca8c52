//! Any bytes behind a CONNECT on the plaintext MQTT port: the server answers or closes, and lives.
//! The first byte says the profile and the version.
#![no_main]

mod server;

use libfuzzer_sys::fuzz_target;
use server::Port;

/// CONNECT of `f` with a clean session, by version.
const CONNECT: [&[u8]; 2] = [
    b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01f",
    b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01f",
];

fuzz_target!(|data: &[u8]| {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let port = if first & 1 == 0 {
        Port::Aws
    } else {
        Port::Mqtt
    };
    let mut bytes = CONNECT[usize::from(first >> 1 & 1)].to_vec();
    if first & 4 != 0 {
        bytes.clear();
    }
    bytes.extend_from_slice(rest);
    server::send(port, &bytes);
});
