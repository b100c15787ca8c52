//! Certificates as they are stored, and in memory.

use super::CertificateStatus;
use super::ca_certificate::CaDocument;
use super::parsed::ParsedCertificate;
use crate::page::ByAge;
use crate::registry::set;
use crate::state::State;
use crate::store::Document;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A registered certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CertificateDocument {
    pub(super) pem: String,
    pub(super) status: CertificateStatus,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    pub(super) customer_version: u32,
    pub(super) generation_id: String,
    pub(super) ca_certificate_id: Option<String>,
    pub(super) sni_only: bool,
    pub(super) not_before_ms: u64,
    pub(super) not_after_ms: u64,
}

impl CertificateDocument {
    pub(super) fn new(parsed: &ParsedCertificate, status: CertificateStatus, now_ms: u64) -> Self {
        Self {
            pem: parsed.pem(),
            status,
            created_ms: now_ms,
            modified_ms: now_ms,
            customer_version: 1,
            generation_id: Uuid::new_v4().to_string(),
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
        if let Some(old) = certificates.by_id.get(key) {
            certificates.by_age.remove(old.created_ms, key);
        }
        if let Some(document) = &document {
            certificates.by_age.insert(document.created_ms, key);
        }
        set(&mut certificates.by_id, key, document);
    }
}

/// All certificates.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    pub(crate) by_id: BTreeMap<String, CertificateDocument>,
    pub(super) by_age: ByAge,
    /// Registered CA certificates.
    pub(crate) authorities: BTreeMap<String, CaDocument>,
    pub(super) authorities_by_age: ByAge,
    pub(super) registration_code: Option<String>,
}
