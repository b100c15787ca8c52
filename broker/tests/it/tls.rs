//! What the TLS ports show of themselves, and whom the one for MQTT lets in.

use crate::support::{Device, Keys, Packet, TestServer, Version, tls};
use crate::tutorial::policy;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use thingcore::{Server, ServerCert};

/// A user's own CA and a server certificate by it, as PEM files.
struct OwnCert {
    folder: TempDir,
    ca: CertificateDer<'static>,
}

impl OwnCert {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let cert = names.signed_by(&key, &Issuer::new(params, ca_key)).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write("chain.pem", &(cert.pem() + &ca.pem())).unwrap();
        write("key.pem", &key.serialize_pem()).unwrap();
        Self {
            ca: ca.der().clone(),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

const ACCEPTED: Packet = Packet::ConnAck {
    session_present: false,
    code: 0,
};

fn root(server: &TestServer) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(server.ca_file()).unwrap()
}

/// The answer to a CONNECT on the MQTT port of TLS.
fn answer(server: &TestServer, ca: &CertificateDer<'static>, keys: Option<&Keys>) -> Packet {
    connect(server, ca, keys).1
}

fn connect(
    server: &TestServer,
    ca: &CertificateDer<'static>,
    keys: Option<&Keys>,
) -> (Device, Packet) {
    let port = server.ports().mqtts;
    Device::try_connect_with(port, tls(ca.clone(), keys), "test-1", Version::V5)
}

#[test]
fn a_server_shows_the_users_certificate_and_issues_by_its_own_ca() {
    let own = OwnCert::new();
    let server = TestServer::with(|config| {
        config.server_cert = Some(ServerCert {
            chain: own.path("chain.pem"),
            key: own.path("key.pem"),
        });
    });
    let keys = server.device("tutorial", &policy());
    assert_eq!(answer(&server, &own.ca, Some(&keys)), ACCEPTED);
    let port = server.ports().https;
    let tls_443 = tls(own.ca.clone(), Some(&keys));
    let (_device, accepted) = Device::try_connect_with(port, tls_443, "test-2", Version::V5);
    assert_eq!(accepted, ACCEPTED);
    // Whoever trusts the root CA here alone does not trust that certificate.
    assert_eq!(answer(&server, &root(&server), Some(&keys)), Packet::Closed);
    assert_ne!(root(&server), own.ca);
}

fn check_refused(chain: &Path, key: &Path, expected: &str) {
    let mut config = TestServer::config();
    let (chain, key) = (chain.to_owned(), key.to_owned());
    config.server_cert = Some(ServerCert { chain, key });
    let refused = Server::start(config).unwrap_err();
    assert!(refused.is_usage(), "{refused}");
    assert!(refused.to_string().contains(expected), "{refused}");
}

#[test]
fn a_certificate_that_cannot_be_shown_keeps_the_server_from_starting() {
    let (own, other) = (OwnCert::new(), OwnCert::new());
    let (chain, key) = (own.path("chain.pem"), own.path("key.pem"));
    let (missing, damaged) = (own.path("missing.pem"), own.path("damaged.pem"));
    let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(&damaged, text).unwrap();
    check_refused(&missing, &key, "--server-cert `");
    check_refused(&missing, &key, "No such file");
    check_refused(&chain, &missing, "--server-key `");
    check_refused(&key, &key, "it has no certificate");
    check_refused(&chain, &chain, "it has no private key");
    check_refused(&damaged, &key, "its first certificate is damaged");
    check_refused(&chain, &other.path("key.pem"), "it is not the key of");
}

#[test]
fn clients_without_a_certificate_are_anonymous_where_it_is_optional() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("anonymous.json");
    let arn = |what: &str| format!("arn:aws:iot:us-east-1:000000000000:{what}");
    let allowed = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": arn("client/test-1")},
        {"Effect": "Allow", "Action": "iot:Publish", "Resource": arn("topic/open")}]});
    std::fs::write(&path, allowed.to_string()).unwrap();
    let server = TestServer::with(|config| {
        config.client_certs_optional = true;
        config.anonymous_policy = Some(path);
    });
    let ca = root(&server);
    let (mut anonymous, accepted) = connect(&server, &ca, None);
    assert_eq!(accepted, ACCEPTED);
    assert_eq!(anonymous.publish("open", b""), Ok(0));
    const NOT_AUTHORIZED: u8 = 0x87;
    assert_eq!(anonymous.publish("test/topic", b""), Ok(NOT_AUTHORIZED));

    // A certificate that is shown decides, by its own policies.
    let keys = server.device("tutorial", &policy());
    let (mut device, accepted) = connect(&server, &ca, Some(&keys));
    assert_eq!(accepted, ACCEPTED);
    assert_eq!(device.publish("test/topic", b""), Ok(0));
    drop(device);
    let inactive = format!("PUT /certificates/{}?newStatus=INACTIVE", keys.id);
    server.api.iot(&inactive, &json!({}));
    assert_ne!(answer(&server, &ca, Some(&keys)), ACCEPTED);
    let stranger = TestServer::start().keys();
    assert_eq!(answer(&server, &ca, Some(&stranger)), Packet::Closed);
}

#[test]
fn a_certificate_is_required_unless_it_is_optional() {
    let server = TestServer::start();
    assert_eq!(answer(&server, &root(&server), None), Packet::Closed);
}

#[test]
fn anonymous_clients_may_do_everything_unless_a_policy_says_otherwise() {
    let server = TestServer::with(|config| config.client_certs_optional = true);
    let (mut anonymous, accepted) = connect(&server, &root(&server), None);
    assert_eq!(accepted, ACCEPTED);
    assert_eq!(anonymous.subscribe("a/#"), 1);
    assert_eq!(anonymous.publish("a/b", b"x"), Ok(0));
    assert_eq!(&anonymous.message().payload[..], b"x");
}
