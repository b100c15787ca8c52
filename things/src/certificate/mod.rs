//! Certificates: the authorities that sign, keys and signing requests, the register of device
//! certificates, and the server's own.

mod authority;
mod ca_certificate;
mod registered;
mod server;

mod der;
mod device;
mod files;
mod just_in_time;
mod keys;
mod parsed;
mod signature;
mod signing_request;
mod stored;
mod subject;
mod unregistered;

pub(crate) use authority::Authorities;
pub use ca_certificate::{CaCertificate, CaUpdate, NewCaCertificate};
pub(crate) use ca_certificate::{CaDocument, CodeDocument};
pub use just_in_time::JustInTime;
pub use registered::{Certificate, CertificateStatus, KeysAndCertificate};
pub(crate) use stored::{CertificateDocument, Certificates};
pub(crate) use subject::subject_parameters;
pub(crate) use unregistered::Unregistered;
