//! Policies that provisioning attaches to certificates.

use super::AttachmentDocument;
use super::attachments::check_count;
use super::document::{PolicyDocument, check_document};
use crate::plane::Change;
use crate::state::State;
use crate::store::Batch;
use crate::target::Target;
use crate::{Things, ThingsError};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write;

/// A policy that a template asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WantedPolicy {
    /// One that is there.
    Named(String),
    /// One of this text, whose name follows from it.
    Document(String),
}

impl WantedPolicy {
    /// The policy's name: of a text, the hexadecimal digits of a hash ("Policy resources" in the
    /// developer guide, provisioning templates; which hash AWS takes is not documented).
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Document(text) => {
                let mut name = String::with_capacity(64);
                for byte in Sha256::digest(text.as_bytes()) {
                    // Writing to a string does not fail.
                    let _ = write!(name, "{byte:02x}");
                }
                name
            }
        }
    }
}

impl Things {
    /// Makes the policies that are not there and attaches all of them to a certificate, if there is
    /// one.
    ///
    /// # Errors
    /// ResourceNotFound, MalformedPolicy, LimitExceeded.
    pub(crate) fn provision_policies(
        &self,
        state: &State,
        batch: &mut Batch,
        wanted: &[WantedPolicy],
        certificate: Option<&str>,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        let attached = certificate.and_then(|key| state.policies.attached_to(key));
        let mut names: BTreeSet<String> = attached.cloned().unwrap_or_default();
        for policy in wanted {
            let name = policy.name();
            match policy {
                WantedPolicy::Named(name) => drop(state.policies.find(name)?),
                WantedPolicy::Document(text) if state.policies.find(&name).is_err() => {
                    check_document(text)?;
                    batch.put(&name, PolicyDocument::new(text, now_ms));
                }
                WantedPolicy::Document(_) => {}
            }
            names.insert(name);
        }
        let Some(certificate) = certificate else {
            return Ok(());
        };
        check_count(self, Target::Certificate(certificate), names.len())?;
        if attached != Some(&names) && !names.is_empty() {
            batch.put(certificate, AttachmentDocument(names));
            batch.tell(Change::Decisions);
        }
        Ok(())
    }
}
