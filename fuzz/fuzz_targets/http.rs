//! Any bytes on the API port of a server that verifies signatures: it answers or closes, and lives.
#![no_main]

mod server;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| server::send(server::Port::Api, data));
