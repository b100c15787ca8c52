//! What a vector expects of an answer.

use super::placeholders::Values;
use super::request::Answered;
use fancy_regex::Regex;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Says everything that is not as expected.
pub(super) fn failures(
    expect: &Map<String, Value>,
    answered: &Answered,
    values: &mut Values,
) -> Vec<String> {
    let mut failures = Vec::new();
    for (kind, wanted) in expect {
        let wanted = match kind.as_str() {
            "checks" => wanted.clone(),
            _ => values.fill(wanted),
        };
        let failed = match (kind.as_str(), &wanted) {
            ("ok", _) => text_if(answered.status != 200, "the call failed"),
            ("error", Value::String(codes)) => error(codes, answered),
            ("status", status) => text_if(*status != answered.status, "another status"),
            ("message_contains", Value::String(part)) => {
                let message = answered.body["message"].as_str().unwrap_or_default();
                text_if(
                    !message.contains(part),
                    &format!("no `{part}` in the message"),
                )
            }
            ("message", wanted) => text_if(
                answered.body["message"] != *wanted,
                &format!("the message is not `{wanted}`"),
            ),
            ("checks", Value::Array(names)) => names
                .iter()
                .filter_map(|name| certificate_check(name.as_str().unwrap(), &answered.body))
                .collect(),
            ("present", Value::Array(names)) => each(names, |name| {
                text_if(member(&answered.body, name).is_null(), "is missing")
            }),
            ("absent", Value::Array(names)) => each(names, |name| {
                text_if(!member(&answered.body, name).is_null(), "is there")
            }),
            (kind, Value::Object(members)) => members
                .iter()
                .filter_map(|(path, wanted)| compare(kind, path, wanted, &answered.body))
                .collect(),
            (kind, wanted) => vec![format!("the vector has an unknown {kind}: {wanted}")],
        };
        failures.extend(failed);
    }
    failures
}

fn text_if(failed: bool, what: &str) -> Vec<String> {
    if failed {
        vec![what.to_owned()]
    } else {
        vec![]
    }
}

fn each(names: &[Value], check: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let named = names.iter().map(|name| name.as_str().unwrap());
    named
        .flat_map(|name| {
            check(name)
                .into_iter()
                .map(move |why| format!("{name} {why}"))
        })
        .collect()
}

/// `*` is any outcome; `A|B` is one of both.
fn error(codes: &str, answered: &Answered) -> Vec<String> {
    let found = answered.error.as_deref();
    let fits = codes == "*" || found.is_some_and(|found| codes.split('|').any(|c| c == found));
    text_if(!fits, &format!("no error {codes}"))
}

/// A member at `a.0.b`.
fn member<'v>(body: &'v Value, path: &str) -> &'v Value {
    path.split('.')
        .fold(body, |value, name| match name.parse::<usize>() {
            Ok(index) if value.is_array() => &value[index],
            Ok(_) | Err(_) => &value[name],
        })
}

fn compare(kind: &str, path: &str, wanted: &Value, body: &Value) -> Option<String> {
    let found = member(body, path);
    let as_wanted = match kind {
        "subset" | "contains_path" => found == wanted,
        "not_equal" => found != wanted,
        "regex" | "regex_path" => {
            let regex = Regex::new(wanted.as_str().unwrap()).unwrap();
            found
                .as_str()
                .is_some_and(|text| regex.is_match(text).unwrap())
        }
        "length" => found.as_array().map(Vec::len) == wanted.as_u64().map(|n| n as usize),
        other => return Some(format!("the vector has an unknown {other}")),
    };
    (!as_wanted).then(|| format!("{kind} {path}: {found} and not {wanted}"))
}

fn certificate_check(name: &str, body: &Value) -> Option<String> {
    (holds(name, body) != Some(true)).then(|| format!("{name} does not hold"))
}

/// Whether a check of a certificate holds; `None` if there is nothing to check it on.
fn holds(name: &str, body: &Value) -> Option<bool> {
    let pem = body["certificatePem"].as_str()?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    Some(match name {
        "certificate_id_is_sha256_of_der" => {
            let digest = Sha256::digest(&der);
            let id: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            body["certificateId"] == *id
        }
        "rsa_2048" => match certificate.public_key().parsed().ok()? {
            PublicKey::RSA(key) => key.key_size() == 2048,
            _ => false,
        },
        "not_after_2049_12_31" => {
            let end = certificate.validity().not_after.to_datetime();
            (end.year(), end.month() as u8, end.day()) == (2049, 12, 31)
        }
        "private_key_matches_certificate" => {
            let pem = body["keyPair"]["PrivateKey"].as_str()?;
            let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).ok()?;
            let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).ok()?;
            key.public_key()?.as_ref() == certificate.public_key().raw
        }
        _ => return None,
    })
}
