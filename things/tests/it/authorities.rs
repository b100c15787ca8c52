//! The root CA and the server's certificate.

use crate::world::{self, NOW_MS, code};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::BTreeSet;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

const DAY_MS: u64 = 24 * 3600 * 1000;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn alternative_names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let extension = certificate.subject_alternative_name().unwrap().unwrap();
    let all = extension.value.general_names.iter();
    all.map(|name| match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => format!("{bytes:?}"),
        other => panic!("{other}"),
    })
    .collect()
}

#[test]
fn root_is_an_authority_and_signs_the_server() {
    let things = world::in_memory();
    let asked = names(&[
        "Broker.example.com",
        "192.168.7.1",
        "a-ats.iot.eu-west-1.amazonaws.com",
    ]);
    let (chain, key) = things.server_certificate(&asked, NOW_MS).unwrap();
    let root = CertificateDer::from_pem_slice(things.root_ca_pem().as_bytes()).unwrap();
    assert_eq!(chain.len(), 2);
    assert_eq!(chain[1], root.as_ref());
    let (_, root) = X509Certificate::from_der(&root).unwrap();
    assert!(root.is_ca());
    assert!(root.key_usage().unwrap().unwrap().value.key_cert_sign());
    assert!(root.verify_signature(None).is_ok());
    let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
    assert!(leaf.verify_signature(Some(root.public_key())).is_ok());
    assert_eq!(leaf.issuer().as_raw(), root.subject().as_raw());
    assert!(!leaf.is_ca());
    let usage = leaf.extended_key_usage().unwrap().unwrap();
    assert!(usage.value.server_auth);
    let expected: BTreeSet<String> = [
        "broker.example.com",
        "[192, 168, 7, 1]",
        "a-ats.iot.eu-west-1.amazonaws.com",
        "localhost",
        "[127, 0, 0, 1]",
        "[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(alternative_names(&leaf), expected);
    let validity = leaf.validity();
    let ms = |seconds: i64| u64::try_from(seconds).unwrap() * 1000;
    assert_eq!(ms(validity.not_before.timestamp()), NOW_MS - DAY_MS);
    assert_eq!(ms(validity.not_after.timestamp()), NOW_MS + 397 * DAY_MS);
    assert!(rcgen::KeyPair::try_from(key).is_ok());
}

#[test]
fn server_certificate_is_kept_while_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let asked = names(&["one.example.com"]);
    let issue = |asked: &[String], now_ms: u64| {
        let things = world::in_directory(folder.path());
        let (chain, key) = things.server_certificate(asked, now_ms).unwrap();
        assert_eq!(
            things.server_certificate(asked, now_ms).unwrap().0,
            chain,
            "the second time in one process"
        );
        (chain, key)
    };
    let first = issue(&asked, NOW_MS);
    assert_eq!(issue(&asked, NOW_MS + 300 * DAY_MS), first);
    let late = issue(&asked, NOW_MS + 380 * DAY_MS);
    assert_ne!(late.0[0], first.0[0]);
    assert_eq!(late.0[1], first.0[1], "the root stays");
    let other = issue(&names(&["two.example.com"]), NOW_MS + 380 * DAY_MS);
    assert_ne!(other.0[0], late.0[0]);
    // A damaged file is replaced.
    std::fs::write(folder.path().join("ca/server.pem"), "nonsense").unwrap();
    let again = issue(&names(&["two.example.com"]), NOW_MS + 380 * DAY_MS);
    assert_ne!(again.0[0], other.0[0]);
}

#[test]
fn bad_names_are_refused() {
    let things = world::in_memory();
    let long = "a".repeat(300);
    for bad in ["", "a b", "bü.example", "a..b", &long] {
        let error = things.server_certificate(&names(&[bad]), NOW_MS);
        assert_eq!(
            code(&error.unwrap_err()),
            "InvalidRequestException",
            "{bad}"
        );
    }
}

#[cfg(unix)]
#[test]
fn keys_can_be_read_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let things = world::in_directory(folder.path());
    things.server_certificate(&[], NOW_MS).unwrap();
    // Waits for the authority of devices.
    things.create_keys_and_certificate(true, NOW_MS).unwrap();
    for name in ["root.key", "device.key", "server.key"] {
        let file = folder.path().join("ca").join(name);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_root_without_its_key_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(world::in_directory(folder.path()));
    std::fs::remove_file(folder.path().join("ca/root.key")).unwrap();
    let error = things::Things::open(&world::settings(Some(folder.path()))).unwrap_err();
    assert!(error.to_string().contains("root.key"), "{error}");
}
