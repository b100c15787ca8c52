//! What policies are attached to: certificates, thing groups, Cognito identities. The calls of the
//! older principal-policy API are the same functions.

use super::PolicySummary;
use crate::plane::Change;
use crate::state::State;
use crate::store::{Batch, Document};
use crate::target::Target;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The policies of one target as they are stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AttachmentDocument(pub(super) BTreeSet<String>);

impl Document for AttachmentDocument {
    const TABLE: &'static str = "policy-attachment";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        let names = document.map(|attachment| attachment.0);
        state.policies.place_attachment(key, names);
    }
}

impl Things {
    /// AttachPolicy. Repeating it is no error.
    ///
    /// # Errors
    /// ResourceNotFound (policy, certificate, thing group), InvalidRequest (target),
    /// AccessDenied (another account), LimitExceeded.
    pub fn attach_policy(&self, policy: &str, target: &str) -> Result<(), ThingsError> {
        let read = self.read_target(target)?;
        self.attach(policy, read)
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
        let read = self.read_policy_principal(principal)?;
        self.attach(policy, read)
    }

    fn attach(&self, policy: &str, target: Target<'_>) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            state.policies.find(policy)?;
            self.check_exists(state, target)?;
            let mut names = state.policies.attached_to(target.key()).cloned();
            let names = names.get_or_insert_default();
            if !names.insert(policy.to_owned()) {
                return Ok(());
            }
            check_count(self, target, names.len())?;
            batch.put(target.key(), AttachmentDocument(std::mem::take(names)));
            batch.tell(Change::Decisions);
            Ok(())
        })
    }

    /// DetachPolicy. An unknown policy, or one that is not attached, is no error.
    ///
    /// # Errors
    /// InvalidRequest (target).
    pub fn detach_policy(&self, policy: &str, target: &str) -> Result<(), ThingsError> {
        let read = self.read_target(target)?;
        self.change(|state, batch| {
            detach(state, batch, policy, read.key());
            Ok(())
        })
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
        let read = self.read_policy_principal(principal)?;
        self.change(|state, batch| {
            state.policies.find(policy)?;
            detach(state, batch, policy, read.key());
            Ok(())
        })
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
        let read = self.read_target(target)?;
        let state = self.state();
        self.check_exists(&state, read)?;
        let mut names = BTreeSet::new();
        names.extend(state.policies.attached_to(read.key()).into_iter().flatten());
        if let Target::ThingGroup(key) = read
            && recursive
        {
            let group = key.trim_start_matches("thinggroup/");
            for above in state.registry.ancestors(group) {
                names.extend(state.policies.of_group(above));
            }
        }
        let rows = names
            .into_iter()
            .map(|name| (name.clone(), self.policy_summary(name)));
        Ok(Page::of(rows, after, limit))
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
        let state = self.state();
        state.policies.find(policy)?;
        let targets = state.policies.targets_of(policy);
        let rows = targets.map(|key| (key.clone(), self.place().target(key)));
        Ok(Page::of(rows, after, limit))
    }

    fn read_target<'a>(&self, target: &'a str) -> Result<Target<'a>, ThingsError> {
        match Target::read(target, self.place())? {
            Target::Unreadable => Err(ThingsError::InvalidRequest("Invalid Target".to_owned())),
            Target::Other(arn) => Err(ThingsError::InvalidRequest(format!(
                "Invalid Target: {arn}"
            ))),
            read @ (Target::Certificate(_) | Target::ThingGroup(_) | Target::Identity(_)) => {
                Ok(read)
            }
        }
    }

    fn read_policy_principal<'a>(&self, principal: &'a str) -> Result<Target<'a>, ThingsError> {
        match Target::read(principal, self.place())? {
            Target::ThingGroup(_) | Target::Other(_) | Target::Unreadable => Err(
                ThingsError::InvalidRequest("The given ARN does not represent a cert".to_owned()),
            ),
            read @ (Target::Certificate(_) | Target::Identity(_)) => Ok(read),
        }
    }

    fn check_exists(&self, state: &State, target: Target<'_>) -> Result<(), ThingsError> {
        if target.exists(state) {
            return Ok(());
        }
        Err(ThingsError::ResourceNotFound(match target {
            Target::ThingGroup(key) => {
                let name = key.trim_start_matches("thinggroup/");
                format!("ThingGroup {}:{name} not found.", self.account_id())
            }
            Target::Certificate(_)
            | Target::Identity(_)
            | Target::Other(_)
            | Target::Unreadable => {
                "The certificate given in the principal does not exist.".to_owned()
            }
        }))
    }
}

/// Refuses more policies than a target can have.
pub(super) fn check_count(
    things: &Things,
    target: Target<'_>,
    count: usize,
) -> Result<(), ThingsError> {
    let max = match target {
        Target::ThingGroup(_) => GROUP_POLICIES_MAX,
        Target::Certificate(_) | Target::Identity(_) | Target::Other(_) | Target::Unreadable => {
            PRINCIPAL_POLICIES_MAX
        }
    };
    if count <= max {
        return Ok(());
    }
    Err(ThingsError::LimitExceeded(format!(
        "at most {max} policies can be attached to {}: detach one first, or put their statements into one policy",
        things.place().target(target.key())
    )))
}

fn detach(state: &State, batch: &mut Batch, policy: &str, target: &str) {
    let Some(mut names) = state.policies.attached_to(target).cloned() else {
        return;
    };
    if !names.remove(policy) {
        return;
    }
    if names.is_empty() {
        batch.remove::<AttachmentDocument>(target);
    } else {
        batch.put(target, AttachmentDocument(names));
    }
    batch.tell(Change::Decisions);
}

// AWS General Reference, AWS IoT quotas.
const PRINCIPAL_POLICIES_MAX: usize = 10;
const GROUP_POLICIES_MAX: usize = 2;
