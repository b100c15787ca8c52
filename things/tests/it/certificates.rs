//! Device certificates: their fields, their keys, and signing requests.

use crate::world::{self, NOW_MS, UserCa, code};
use rcgen::{
    CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ECDSA_P521_SHA512, PKCS_ED25519, PKCS_RSA_SHA256, PKCS_RSA_SHA512, PublicKeyData,
    SignatureAlgorithm,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use things::{CertificateStatus, NewCaCertificate, ThingsError};
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;

/// The checks that vectors name.
pub(crate) fn check_named(check: &str, answer: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let der = CertificateDer::from_pem_slice(text(&answer["certificatePem"]).as_bytes()).unwrap();
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    match check {
        "certificate_id_is_sha256_of_der" => {
            let digest = Sha256::digest(&der);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text(&answer["certificateId"]), hex);
        }
        "private_key_matches_certificate" => {
            let pem = text(&answer["keyPair"]["PrivateKey"]);
            let key = KeyPair::from_pem(&pem).unwrap();
            assert_eq!(
                key.subject_public_key_info(),
                certificate.public_key().raw,
                "{pem}"
            );
        }
        "rsa_2048" => {
            let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed() else {
                panic!("no RSA key");
            };
            assert_eq!(key.key_size(), 2048);
        }
        "not_after_2049_12_31" => {
            let end = certificate.validity().not_after.to_datetime();
            assert_eq!(end, time::macros::datetime!(2049-12-31 23:59:59 UTC));
        }
        other => panic!("no check {other}"),
    }
}

#[test]
fn certificate_has_the_fields_that_aws_gives() {
    let things = world::in_memory();
    let made = things.create_keys_and_certificate(true, NOW_MS).unwrap();
    let der = CertificateDer::from_pem_slice(made.certificate.pem.as_bytes()).unwrap();
    let (rest, certificate) = X509Certificate::from_der(&der).unwrap();
    assert!(rest.is_empty());
    assert_eq!(certificate.version(), X509Version::V3);
    assert_eq!(certificate.raw_serial().len(), 20);
    assert_eq!(
        certificate.signature_algorithm.algorithm.to_id_string(),
        "1.2.840.113549.1.1.11"
    );
    assert_eq!(
        certificate.issuer().to_string(),
        "OU=Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US"
    );
    assert_eq!(certificate.issuer().iter_attributes().count(), 1);
    assert_eq!(certificate.subject().to_string(), "CN=AWS IoT Certificate");
    let begin = certificate.validity().not_before.timestamp() * 1000;
    assert!(u64::try_from(begin).unwrap() <= NOW_MS);
    assert_eq!(
        made.certificate.not_before_ms,
        u64::try_from(begin).unwrap()
    );
    assert_eq!(made.certificate.not_after_ms, 2_524_607_999_000);
    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && !constraints.value.ca);
    let usage = certificate.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    assert!(usage.value.digital_signature() && !usage.value.key_cert_sign());
    let extensions: Vec<String> = certificate
        .extensions()
        .iter()
        .map(|extension| extension.oid.to_id_string())
        .collect();
    assert_eq!(
        extensions,
        ["2.5.29.35", "2.5.29.14", "2.5.29.19", "2.5.29.15"]
    );
}

#[test]
fn private_key_is_pkcs1_and_public_key_belongs_to_it() {
    let things = world::in_memory();
    let made = things.create_keys_and_certificate(false, NOW_MS).unwrap();
    let lines = made.private_key.lines().collect::<Vec<_>>();
    assert_eq!(lines[0], "-----BEGIN RSA PRIVATE KEY-----");
    assert!(lines.iter().all(|line| line.len() <= 64));
    let key = PrivateKeyDer::from_pem_slice(made.private_key.as_bytes()).unwrap();
    assert!(matches!(key, PrivateKeyDer::Pkcs1(_)));
    let pair = KeyPair::from_pem(&made.private_key).unwrap();
    assert_eq!(pair.public_key_pem(), made.public_key);
    let answer = json!({"certificatePem": made.certificate.pem, "certificateId": &*made.certificate.id,
        "keyPair": {"PrivateKey": made.private_key}});
    check_named("private_key_matches_certificate", &answer);
}

#[test]
fn keys_and_serials_are_new_each_time() {
    let things = world::in_memory();
    let mut ids = std::collections::BTreeSet::new();
    let mut keys = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let made = things.create_keys_and_certificate(false, NOW_MS).unwrap();
        ids.insert(made.certificate.id.to_string());
        keys.insert(made.public_key);
    }
    assert_eq!((ids.len(), keys.len()), (4, 4));
}

fn request(algorithm: &'static SignatureAlgorithm) -> (KeyPair, String) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::default();
    let name = &mut params.distinguished_name;
    name.push(DnType::CountryName, "KE");
    name.push(DnType::CommonName, "sensor 7 / Straße");
    let pem = params.serialize_request(&key).unwrap().pem().unwrap();
    (key, pem)
}

#[test]
fn signing_requests_keep_subject_and_key() {
    let things = world::in_memory();
    let kinds = [
        &PKCS_RSA_SHA256,
        &PKCS_RSA_SHA512,
        &PKCS_ECDSA_P256_SHA256,
        &PKCS_ECDSA_P384_SHA384,
        &PKCS_ECDSA_P521_SHA512,
    ];
    for kind in kinds {
        let (key, pem) = request(kind);
        let old_label = pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
        let first = things.create_certificate_from_csr(&pem, true, NOW_MS);
        let first = first.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        let second = things.create_certificate_from_csr(&old_label, false, NOW_MS);
        assert_ne!(first.id, second.unwrap().id);
        assert_eq!(first.status, CertificateStatus::Active);
        let der = CertificateDer::from_pem_slice(first.pem.as_bytes()).unwrap();
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(
            certificate.public_key().raw,
            key.subject_public_key_info(),
            "{kind:?}"
        );
        let subject = certificate.subject().to_string();
        assert!(subject.contains("C=KE"), "{subject}");
        assert!(subject.contains("CN=sensor 7 / Straße"), "{subject}");
    }
}

#[test]
fn bad_signing_requests_are_refused() {
    let things = world::in_memory();
    let (_, good) = request(&PKCS_ECDSA_P256_SHA256);
    let mut lines: Vec<String> = good.lines().map(str::to_owned).collect();
    // `sensor 8`: the name that the signature covers.
    let changed = lines[1].replace("ciA3", "ciA4");
    assert_ne!(changed, lines[1]);
    lines[1] = changed;
    let forged = lines.join("\n");
    let (_, other_curve) = request(&PKCS_ED25519);
    for bad in [
        "",
        "nonsense",
        &world::self_signed("a certificate"),
        &good[..good.len() / 2],
        &forged,
        &other_curve,
        include_str!("../data/rsa1024.csr"),
    ] {
        let error = things.create_certificate_from_csr(bad, true, NOW_MS);
        assert_eq!(
            error.unwrap_err(),
            ThingsError::InvalidRequest("CSR violates constraints".to_owned()),
            "{bad}"
        );
    }
}

#[test]
fn openssl_made_signing_requests_are_read() {
    let things = world::in_memory();
    for good in [
        include_str!("../data/rsa2048.csr"),
        include_str!("../data/p384_sha256.csr"),
        include_str!("../data/pss.csr"),
    ] {
        let made = things.create_certificate_from_csr(good, true, NOW_MS);
        let made = made.unwrap_or_else(|error| panic!("{good}: {error}"));
        let der = CertificateDer::from_pem_slice(made.pem.as_bytes()).unwrap();
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let subject = certificate.subject().to_string();
        assert_eq!(subject, "O=Two, OU=first, OU=second, CN=device");
    }
}

#[test]
fn statuses_change_and_count() {
    let things = world::in_memory();
    let pem = world::self_signed("one");
    let made = things.register_certificate_without_ca(&pem, None, NOW_MS);
    let made = made.unwrap();
    assert_eq!(made.status, CertificateStatus::Inactive);
    let settable = ["ACTIVE", "REVOKED", "INACTIVE"];
    for (count, name) in settable.into_iter().enumerate() {
        let status = CertificateStatus::of_name(name).unwrap();
        things
            .update_certificate(&made.id, status, NOW_MS + 5)
            .unwrap();
        let now = things.certificate(&made.id).unwrap();
        assert_eq!(now.status.name(), name);
        assert_eq!(now.customer_version as usize, count + 2);
        assert_ne!(now.generation_id, made.generation_id);
        assert_eq!((now.created_ms, now.modified_ms), (NOW_MS, NOW_MS + 5));
    }
    for name in [
        "PENDING_TRANSFER",
        "REGISTER_INACTIVE",
        "PENDING_ACTIVATION",
    ] {
        let status = CertificateStatus::of_name(name).unwrap();
        let error = things.update_certificate(&made.id, status, NOW_MS);
        assert_eq!(code(&error.unwrap_err()), "InvalidRequestException");
    }
    let error = things.register_certificate_without_ca("no PEM", None, NOW_MS);
    assert_eq!(code(&error.unwrap_err()), "CertificateValidationException");
}

#[test]
fn certificates_of_a_registered_ca_are_registered() {
    let things = world::in_memory();
    let (ca, stranger) = (UserCa::new("factory"), UserCa::new("stranger"));
    let impostor = UserCa::new("factory");
    let leaf = ca.sign("device-1");
    let register = |pem: &str, ca: Option<&str>| {
        let outcome = things.register_certificate(pem, ca, None, NOW_MS);
        outcome.map_err(|error| code(&error))
    };
    assert_eq!(
        register(&leaf, None).unwrap_err(),
        "CertificateStateException"
    );

    let registration_code = things.registration_code().unwrap();
    let mut new = NewCaCertificate {
        pem: ca.pem.clone(),
        ..NewCaCertificate::default()
    };
    let refuses = |new: &NewCaCertificate| {
        let outcome = things.register_ca_certificate(new, NOW_MS);
        code(&outcome.unwrap_err())
    };
    assert_eq!(refuses(&new), "InvalidRequestException");
    new.verification_pem = Some(ca.sign("another code"));
    assert_eq!(refuses(&new), "RegistrationCodeValidationException");
    for other in [&stranger, &impostor] {
        new.verification_pem = Some(other.sign(&registration_code));
        assert_eq!(refuses(&new), "CertificateValidationException");
    }
    new.verification_pem = Some(ca.sign(&registration_code));
    let registered = things.register_ca_certificate(&new, NOW_MS).unwrap();
    assert_eq!(refuses(&new), "ResourceAlreadyExistsException");

    assert_eq!(
        register(&leaf, None).unwrap_err(),
        "CertificateStateException"
    );
    let activate = things::CaUpdate {
        status: Some(CertificateStatus::Active),
        ..things::CaUpdate::default()
    };
    things
        .update_ca_certificate(&registered.id, &activate, NOW_MS)
        .unwrap();
    assert_eq!(
        register(&stranger.sign("device-1"), Some(&ca.pem)).unwrap_err(),
        "CertificateValidationException"
    );
    assert_eq!(
        register(&impostor.sign("device-1"), Some(&ca.pem)).unwrap_err(),
        "CertificateValidationException"
    );
    let made = register(&leaf, None).unwrap();
    assert_eq!(made.ca_certificate_id.as_ref(), Some(&registered.id));
    assert_eq!(made.mode, "DEFAULT");
    let of_ca = things.list_certificates_by_ca(&registered.id, true, None, 10);
    assert_eq!(of_ca.items.len(), 1);
    assert_eq!(
        register(&leaf, Some(&ca.pem)).unwrap_err(),
        "ResourceAlreadyExistsException"
    );
    let error = things.delete_ca_certificate(&registered.id).unwrap_err();
    assert_eq!(code(&error), "CertificateStateException");
}
