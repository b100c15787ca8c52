//! Certificates: the authorities that sign, keys and signing requests, the register of device
//! certificates, and the server's own.

mod ca_certificate;
mod registered;
mod server;

pub use ca_certificate::{CaCertificate, CaUpdate, NewCaCertificate};
pub use registered::{Certificate, CertificateStatus, KeysAndCertificate};
