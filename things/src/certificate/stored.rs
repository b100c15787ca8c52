//! Certificates as they are stored, and in memory.

use super::CertificateStatus;
use super::ca_certificate::CaDocument;
use super::parsed::ParsedCertificate;
use crate::page::ByAge;
use crate::plane::Change;
use crate::provisioning::CLAIM_GRACE_MS;
use crate::registry::set;
use crate::state::State;
use crate::store::{Batch, Document};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A registered certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CertificateDocument {
    pub(crate) pem: String,
    pub(crate) status: CertificateStatus,
    pub(super) created_ms: u64,
    pub(super) modified_ms: u64,
    pub(super) customer_version: u32,
    pub(super) generation_id: String,
    pub(super) ca_certificate_id: Option<String>,
    pub(super) sni_only: bool,
    pub(super) not_before_ms: u64,
    pub(super) not_after_ms: u64,
    /// The provisioning template that it is a claim for: it is in no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claim_for: Option<String>,
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
            claim_for: None,
        }
    }

    pub(crate) fn set_status(&mut self, status: CertificateStatus, now_ms: u64) {
        self.status = status;
        self.modified_ms = now_ms;
        self.customer_version += 1;
        self.generation_id = Uuid::new_v4().to_string();
    }

    /// Stores it, and tells whether it may connect.
    pub(crate) fn put(self, batch: &mut Batch, id: &str) {
        batch.tell(Change::Certificate {
            id: id.into(),
            active: self.status == CertificateStatus::Active,
        });
        batch.put(id, self);
    }
}

impl Document for CertificateDocument {
    const TABLE: &'static str = "certificate";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        let certificates = &mut state.certificates;
        if let Some(old) = certificates.by_id.get(key) {
            certificates.by_age.remove(old.created_ms, key);
            certificates
                .claims
                .remove(&(old.not_after_ms, key.to_owned()));
        }
        if let Some(document) = &document {
            if document.claim_for.is_some() {
                let claim = (document.not_after_ms, key.to_owned());
                certificates.claims.insert(claim);
            } else {
                certificates.by_age.insert(document.created_ms, key);
            }
        }
        set(&mut certificates.by_id, key, document);
    }
}

/// All certificates.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    pub(crate) by_id: BTreeMap<String, CertificateDocument>,
    pub(super) by_age: ByAge,
    /// Provisioning claims by the end of their validity.
    pub(super) claims: BTreeSet<(u64, String)>,
    /// Registered CA certificates.
    pub(crate) authorities: BTreeMap<String, CaDocument>,
    pub(super) authorities_by_age: ByAge,
    pub(super) registration_code: Option<String>,
}

impl Certificates {
    /// Ids of provisioning claims whose connections have had their time too.
    pub(crate) fn expired_claims(&self, now_ms: u64) -> impl Iterator<Item = &String> {
        let claims = self.claims.iter();
        claims
            .take_while(move |(not_after_ms, _)| not_after_ms + CLAIM_GRACE_MS <= now_ms)
            .map(|(_, id)| id)
    }

    /// A CA certificate whose registration config names a provisioning template.
    pub(crate) fn authority_with_template(&self, name: &str) -> Option<&String> {
        let mut authorities = self.authorities.iter();
        let found = authorities.find(|(_, authority)| authority.template_name() == Some(name));
        found.map(|(id, _)| id)
    }
}
