//! What stands for `%name` and `$name` in the vectors.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, RsaKeySize,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const DOCUMENT: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
    "Action": "iot:*", "Resource": "*"}]}"#;

/// A signing request with an RSA key; making one takes a while.
static CSR: LazyLock<String> = LazyLock::new(|| {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let params = named("device");
    params.serialize_request(&key).unwrap().pem().unwrap()
});

/// The values of one vector's run.
pub(super) struct Values {
    /// Makes names that no other vector uses.
    suffix: usize,
    made: BTreeMap<String, String>,
    saved: BTreeMap<String, String>,
    authorities: BTreeMap<String, Ca>,
}

impl Values {
    pub(super) fn new(suffix: usize) -> Self {
        Values {
            suffix,
            made: BTreeMap::new(),
            saved: BTreeMap::new(),
            authorities: BTreeMap::new(),
        }
    }

    /// Keeps a value of an answer.
    pub(super) fn save(&mut self, name: &str, value: &Value) {
        let text = value.as_str().unwrap_or_else(|| panic!("{name}: {value}"));
        self.saved.insert(name.to_owned(), text.to_owned());
    }

    /// A value with everything filled in.
    pub(super) fn fill(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.fill_text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(members) => {
                let filled = members
                    .iter()
                    .map(|(name, value)| (self.fill_text(name), self.fill(value)));
                Value::Object(filled.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// Replaces `%a` anywhere in a text, and a text that is a placeholder as a whole.
    pub(super) fn fill_text(&mut self, text: &str) -> String {
        if let Some(name) = text.strip_prefix('$')
            && let Some(saved) = self.saved.get(name)
        {
            return saved.clone();
        }
        if text == "%doc" {
            return DOCUMENT.to_owned();
        }
        if text == "%csr" {
            return CSR.clone();
        }
        if text.starts_with("%selfsigned") {
            let made = self.made.entry(text.to_owned());
            return made.or_insert_with(|| self_signed(text)).clone();
        }
        if text.starts_with("%ca") {
            return self.authority(text).pem.clone();
        }
        if let Some((_, is_named, has_signed)) = ISSUED.iter().find(|(name, ..)| *name == text) {
            return self.issued(text, *is_named, *has_signed);
        }
        let mut filled = text.to_owned();
        // Longest first: one name may begin as another does.
        for (name, saved) in self.saved.iter().rev() {
            filled = filled.replace(&format!("${name}"), saved);
        }
        for name in ["a", "b", "t", "g", "h", "p", "u", "r"] {
            let fresh = format!("{name}_{}x", self.suffix);
            filled = filled.replace(&format!("%{name}"), &fresh);
        }
        filled
    }
}

/// Certificates below `%ca`: whether it is named as the issuer, and whether its key signed.
const ISSUED: [(&str, bool, bool); 4] = [
    ("%verif", true, true),
    ("%leaf", true, true),
    ("%stranger", false, true),
    ("%forged", true, false),
];

/// A CA of a vector.
struct Ca {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

impl Values {
    fn authority(&mut self, name: &str) -> &Ca {
        let common_name = format!("{} {}", name.trim_start_matches('%'), self.suffix);
        let made = self.authorities.entry(name.to_owned());
        made.or_insert_with(|| {
            let mut params = named(&common_name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let pem = params.self_signed(&key).unwrap().pem();
            Ca { params, key, pem }
        })
    }

    /// A certificate below `%ca`, or one that only looks so.
    fn issued(&mut self, name: &str, is_named: bool, has_signed: bool) -> String {
        let code = self.saved.get("code").filter(|_| name != "%leaf");
        let params = named(code.map_or(name.trim_start_matches('%'), String::as_str));
        let key = KeyPair::generate().unwrap();
        let ca = self.authority("%ca");
        let stranger = named("another");
        let issuer = Issuer::from_params(
            if is_named { &ca.params } else { &stranger },
            if has_signed { &ca.key } else { &key },
        );
        params.signed_by(&key, &issuer).unwrap().pem()
    }
}

fn self_signed(name: &str) -> String {
    let params = named(name.trim_start_matches('%'));
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

fn named(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}
