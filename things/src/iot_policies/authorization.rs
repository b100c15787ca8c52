//! TestAuthorization: what policies would say, and which of them say it.

use super::document::Policy;
use super::effective::found;
use super::policies::PolicySummary;
use crate::state::State;
use crate::target::Target;
use crate::{Things, ThingsError};
use policy::{Decision, Effect, Request, VariableMap, Variables, canonical_name, evaluate};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What TestAuthorization is asked.
#[derive(Clone, Debug, Default)]
pub struct AuthQuestion {
    /// The certificate's ARN or the identity's id.
    pub principal: Option<String>,
    /// The client id.
    pub client_id: Option<String>,
    /// As if these policies were attached.
    pub policies_to_add: Vec<String>,
    /// As if these were not.
    pub policies_to_skip: Vec<String>,
    /// The action, `iot:Publish`, and the ARNs of what it is done to.
    pub requests: Vec<(String, Vec<String>)>,
}

/// The answer to one action on its resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthDecision {
    /// What becomes of it; of several resources, the worst.
    pub effect: Effect,
    /// Policies that allow it.
    pub allowed: Vec<PolicySummary>,
    /// Policies that deny it.
    pub denied: Vec<PolicySummary>,
    /// Policies that do not speak of it.
    pub silent: Vec<PolicySummary>,
    /// The statement that decided: its policy's name, its place from 1, and its Sid.
    pub statement: Option<(String, usize, Option<String>)>,
    /// Variables in the policies that nothing is known of.
    pub missing_context: Vec<String>,
}

impl Things {
    /// TestAuthorization.
    ///
    /// # Errors
    /// ResourceNotFound (principal, policy), AccessDenied (another account's principal).
    pub fn test_authorization(
        &self,
        question: &AuthQuestion,
    ) -> Result<Vec<AuthDecision>, ThingsError> {
        let target = match &question.principal {
            Some(principal) => Some(Target::read(principal, self.place())?),
            None => None,
        };
        let client_id = question.client_id.as_deref();
        let variables = self.known_variables(target, client_id);
        let state = self.state();
        if target.is_some_and(|target| !target.exists(&state)) {
            return Err(ThingsError::ResourceNotFound(
                "The certificate given in the principal does not exist.".to_owned(),
            ));
        }
        let policies = self.chosen(&state, question, target)?;
        let decide = |(action, resources): &(String, Vec<String>)| {
            self.decided(&policies, action, resources, &variables)
        };
        Ok(question.requests.iter().map(decide).collect())
    }

    fn known_variables(&self, target: Option<Target<'_>>, client_id: Option<&str>) -> VariableMap {
        let mut variables = VariableMap::new();
        let Some(client_id) = client_id else {
            return variables;
        };
        variables.set("iot:ClientId", client_id);
        let Some(Target::Certificate(key)) = target else {
            return variables;
        };
        let thing = self.connection_thing(&key["cert/".len()..], client_id);
        let attached = if thing.is_some() { "true" } else { "false" };
        variables.set("iot:Connection.Thing.IsAttached", attached);
        let Some(thing) = thing else { return variables };
        variables.set("iot:Connection.Thing.ThingName", thing.name);
        if let Some(name) = thing.type_name {
            variables.set("iot:Connection.Thing.ThingTypeName", name);
        }
        for (name, value) in thing.attributes {
            variables.set(&format!("iot:Connection.Thing.Attributes[{name}]"), value);
        }
        variables
    }

    fn decided(
        &self,
        policies: &[(&String, &Policy)],
        action: &str,
        resources: &[String],
        variables: &VariableMap,
    ) -> AuthDecision {
        let documents: Vec<_> = policies
            .iter()
            .filter_map(|(name, policy)| Some((*name, Arc::clone(policy.compiled.as_ref()?))))
            .collect();
        let (names, documents): (Vec<_>, Vec<_>) = documents.into_iter().unzip();
        let request = |resource| Request {
            action,
            resource,
            variables,
        };
        let decisions = resources
            .iter()
            .map(|resource| evaluate(&documents, &request(resource)));
        let worst = decisions.max_by_key(|decision| severity(decision.effect));
        let worst = worst.unwrap_or(Decision {
            effect: Effect::ImplicitDeny,
            statement: None,
        });
        let said = |wanted: Effect| {
            let alone = |(name, document): (&&String, &Arc<policy::Document>)| {
                let document = std::slice::from_ref(document);
                let effects = resources
                    .iter()
                    .map(|r| evaluate(document, &request(r)).effect);
                let effect = effects.max_by_key(|effect| severity(*effect));
                (effect == Some(wanted)).then(|| self.summary(name))
            };
            names.iter().zip(&documents).filter_map(alone).collect()
        };
        AuthDecision {
            effect: worst.effect,
            allowed: said(Effect::Allow),
            denied: said(Effect::ExplicitDeny),
            silent: said(Effect::ImplicitDeny),
            statement: worst.statement.map(|statement| {
                let sid = statement.sid.map(str::to_owned);
                (names[statement.policy].clone(), statement.index + 1, sid)
            }),
            missing_context: missing(policies, variables),
        }
    }

    /// The policies that are asked.
    fn chosen<'s>(
        &self,
        state: &'s State,
        question: &AuthQuestion,
        target: Option<Target<'_>>,
    ) -> Result<Vec<(&'s String, &'s Policy)>, ThingsError> {
        let client_id = question.client_id.as_deref();
        let thing = match target {
            Some(Target::Certificate(key)) => {
                crate::registry::acts_as(state, &key["cert/".len()..], client_id)
            }
            Some(
                Target::ThingGroup(_) | Target::Identity(_) | Target::Other(_) | Target::Unreadable,
            )
            | None => None,
        };
        let mut names = self.names(state, target.map(Target::key), thing.map(|(name, _)| name));
        names.retain(|name| !question.policies_to_skip.contains(name));
        for added in &question.policies_to_add {
            match state.policies.by_name.get_key_value(added) {
                Some((name, _)) => names.insert(name),
                None => return Err(ThingsError::ResourceNotFound("Policy not found".to_owned())),
            };
        }
        Ok(found(state, names).collect())
    }

    fn summary(&self, name: &str) -> PolicySummary {
        PolicySummary {
            name: name.to_owned(),
            arn: self.policy_arn(name),
        }
    }
}

fn severity(effect: Effect) -> u8 {
    match effect {
        Effect::Allow => 0,
        Effect::ImplicitDeny => 1,
        Effect::ExplicitDeny => 2,
    }
}

/// Names in `${...}` that have no value.
fn missing(policies: &[(&String, &Policy)], variables: &VariableMap) -> Vec<String> {
    let mut missing = BTreeSet::new();
    for (_, policy) in policies {
        let mut rest = policy.document.default_text();
        while let Some((_, behind)) = rest.split_once("${") {
            let Some((name, behind)) = behind.split_once('}') else {
                break;
            };
            let is_variable = name.starts_with("iot:") || name.starts_with("aws:");
            if is_variable && variables.value(&canonical_name(name)).is_none() {
                missing.insert(name.to_owned());
            }
            rest = behind;
        }
    }
    missing.into_iter().collect()
}
