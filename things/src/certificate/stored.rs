//! Certificates as they are stored, and in memory.

use super::CertificateStatus;
use super::ca_certificate::CaDocument;
use super::parsed::ParsedCertificate;
use crate::compact::uuid_text;
use crate::page::ByAge;
use crate::state::State;
use crate::store::Document;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A registered certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CertificateDocument {
    #[serde(rename = "pem", with = "pem_text")]
    pub(super) der: Box<[u8]>,
    pub(super) status: CertificateStatus,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    pub(super) customer_version: u32,
    #[serde(with = "uuid_text")]
    pub(super) generation_id: Uuid,
    pub(super) ca_certificate_id: Option<Box<str>>,
    pub(super) sni_only: bool,
    pub(super) not_before_ms: u64,
    pub(super) not_after_ms: u64,
}

impl CertificateDocument {
    pub(super) fn new(parsed: &ParsedCertificate, status: CertificateStatus, now_ms: u64) -> Self {
        Self {
            der: parsed.der().into(),
            status,
            created_ms: now_ms,
            modified_ms: now_ms,
            customer_version: 1,
            generation_id: Uuid::new_v4(),
            ca_certificate_id: None,
            sni_only: false,
            not_before_ms: parsed.not_before_ms,
            not_after_ms: parsed.not_after_ms,
        }
    }
}

impl Document for CertificateDocument {
    const TABLE: &'static str = "certificate";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        let certificates = &mut state.certificates;
        let old = certificates.by_id.remove_entry(key);
        if let Some((_, old)) = &old {
            certificates.by_age.remove(old.created_ms, key);
        }
        if let Some(document) = document {
            let id = old.map_or_else(|| Arc::from(key), |(id, _)| id);
            certificates
                .by_age
                .insert(document.created_ms, Arc::clone(&id));
            certificates.by_id.insert(id, document);
        }
    }
}

/// Certificates as PEM in the store.
mod pem_text {
    use super::super::der::certificate_pem;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::borrow::Cow;

    pub(super) fn serialize<S: Serializer>(der: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&certificate_pem(der))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Box<[u8]>, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(D::Error::custom)?;
        Ok(der.as_ref().into())
    }
}

/// All certificates.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    pub(crate) by_id: BTreeMap<Arc<str>, CertificateDocument>,
    pub(super) by_age: ByAge,
    /// Registered CA certificates.
    pub(crate) authorities: BTreeMap<String, CaDocument>,
    pub(super) authorities_by_age: ByAge,
    pub(super) registration_code: Option<String>,
}
