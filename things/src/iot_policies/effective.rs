//! Which policies speak for a principal and for the thing that it acts as.

use super::document::Policy;
use crate::provisioning::claim_policy;
use crate::registry::acts_as;
use crate::state::State;
use crate::target::Target;
use crate::{Things, ThingsError};
use policy::Document;
use std::collections::BTreeSet;
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

impl Things {
    /// GetEffectivePolicies: the policies of a principal, of a thing's groups, or both.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest (neither given).
    pub fn effective_policies(
        &self,
        principal: Option<&str>,
        thing: Option<&str>,
    ) -> Result<Vec<EffectivePolicy>, ThingsError> {
        if principal.is_none() && thing.is_none() {
            return Err(ThingsError::InvalidRequest(
                "nothing to look up: give a principal, a thing name, or both".to_owned(),
            ));
        }
        let target = match principal {
            Some(principal) => Some(Target::read(principal, self.place())?),
            None => None,
        };
        let state = self.state();
        if target.is_some_and(|target| !target.exists(&state)) {
            return Err(ThingsError::ResourceNotFound(
                "The certificate given in the principal does not exist.".to_owned(),
            ));
        }
        if let Some(name) = thing
            && state.registry.thing(name).is_none()
        {
            return Err(ThingsError::ResourceNotFound(format!(
                "Thing {name} not found."
            )));
        }
        let names = names(&state, target.map(Target::key), thing);
        Ok(found(&state, names)
            .map(|(name, policy)| EffectivePolicy {
                name: name.clone(),
                arn: self.policy_arn(name),
                document: policy.document.default_text().to_owned(),
            })
            .collect())
    }

    /// The policies that speak for a certificate: its own, and those of the groups (and their
    /// parents) of the thing that it acts as with this client id. A provisioning claim has one of its
    /// own.
    pub fn policies_of_certificate(
        &self,
        certificate_id: &str,
        client_id: Option<&str>,
    ) -> Vec<Arc<Document>> {
        let state = self.state();
        let certificate = state.certificates.by_id.get(certificate_id);
        if let Some(template) = certificate.and_then(|found| found.claim_for.as_deref()) {
            let policy = claim_policy(self.place(), template);
            return policy.map(Arc::new).into_iter().collect();
        }
        let thing = acts_as(&state, certificate_id, client_id).map(|(name, _)| name);
        let names = names(&state, Some(&format!("cert/{certificate_id}")), thing);
        found(&state, names)
            .filter_map(|(_, policy)| policy.compiled.clone())
            .collect()
    }

    /// The policies attached to a Cognito identity.
    pub fn policies_of_identity(&self, identity_id: &str) -> Vec<Arc<Document>> {
        let state = self.state();
        let names = names(&state, Some(identity_id), None);
        found(&state, names)
            .filter_map(|(_, policy)| policy.compiled.clone())
            .collect()
    }
}

/// Names of the policies attached to a target and to the groups of a thing, in order.
pub(super) fn names<'s>(
    state: &'s State,
    target: Option<&str>,
    thing: Option<&str>,
) -> BTreeSet<&'s String> {
    let policies = &state.policies;
    let own = target.and_then(|target| policies.attached_to(target));
    let mut names: BTreeSet<&String> = own.into_iter().flatten().collect();
    let thing = thing.and_then(|thing| state.registry.thing(thing));
    for group in thing.iter().flat_map(|thing| &thing.groups) {
        names.extend(policies.of_group(group));
        for above in state.registry.ancestors(group) {
            names.extend(policies.of_group(above));
        }
    }
    names
}

pub(super) fn found<'s>(
    state: &'s State,
    names: BTreeSet<&'s String>,
) -> impl Iterator<Item = (&'s String, &'s Policy)> {
    let by_name = &state.policies.by_name;
    names
        .into_iter()
        .filter_map(|name| Some((name, by_name.get(name)?)))
}
