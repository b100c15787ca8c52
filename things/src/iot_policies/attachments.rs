//! What policies are attached to: certificates, thing groups, Cognito identities. The calls of the
//! older principal-policy API are the same functions.

use super::PolicySummary;
use crate::{Page, Things, ThingsError};
use policy::Document;
use std::sync::Arc;

/// A row of GetEffectivePolicies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// Policy name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The text of its default version.
    pub document: String,
}

#[allow(unused_variables)]
impl Things {
    /// AttachPolicy. Repeating it is no error.
    ///
    /// # Errors
    /// ResourceNotFound (policy, certificate, thing group), InvalidRequest (target),
    /// AccessDenied (another account), LimitExceeded.
    pub fn attach_policy(&self, policy: &str, target: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// AttachPrincipalPolicy, the older form: certificates and Cognito identities alone.
    ///
    /// # Errors
    /// As [`Things::attach_policy`].
    pub fn attach_principal_policy(
        &self,
        policy: &str,
        principal: &str,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// DetachPolicy. An unknown policy, or one that is not attached, is no error.
    ///
    /// # Errors
    /// InvalidRequest (target).
    pub fn detach_policy(&self, policy: &str, target: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// DetachPrincipalPolicy, the older form.
    ///
    /// # Errors
    /// ResourceNotFound (policy), InvalidRequest (principal).
    pub fn detach_principal_policy(
        &self,
        policy: &str,
        principal: &str,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// ListAttachedPolicies and ListPrincipalPolicies, in order of name; `recursive` adds those of
    /// the groups above a thing group.
    ///
    /// # Errors
    /// ResourceNotFound (certificate, thing group), InvalidRequest (target).
    pub fn list_attached_policies(
        &self,
        target: &str,
        recursive: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<PolicySummary>, ThingsError> {
        todo!()
    }

    /// ListTargetsForPolicy and ListPolicyPrincipals, in order.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_targets_for_policy(
        &self,
        policy: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<String>, ThingsError> {
        todo!()
    }

    /// GetEffectivePolicies: the policies of a principal, of a thing's groups, or both.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest (neither given).
    pub fn effective_policies(
        &self,
        principal: Option<&str>,
        thing: Option<&str>,
    ) -> Result<Vec<EffectivePolicy>, ThingsError> {
        todo!()
    }

    /// The policies that speak for a certificate: its own, and those of the groups (and their
    /// parents) of the thing that it acts as with this client id.
    pub fn policies_of_certificate(
        &self,
        certificate_id: &str,
        client_id: Option<&str>,
    ) -> Vec<Arc<Document>> {
        todo!()
    }
}
