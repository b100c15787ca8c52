//! Any bytes on the API port, of a server that takes any signature and of one that verifies them:
//! each answers or closes, and lives.
#![no_main]

mod server;

use libfuzzer_sys::fuzz_target;
use server::{Port, send};

fuzz_target!(|data: &[u8]| {
    send(Port::Api, data);
    send(Port::VerifiedApi, data);
});
