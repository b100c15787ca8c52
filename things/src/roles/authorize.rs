//! What a role says to the rules engine.

use super::document::Role;
use crate::Things;
use crate::state::State;
use policy::{
    Caller, Document, Effect, Request, StatementRef, TrustRequest, VariableMap, evaluate,
};
use std::sync::Arc;

/// What a role says to a request of a rule or of a role session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleDecision {
    /// It may.
    Allowed,
    /// It may not; why, in words that name role, action and statement.
    Denied(String),
    /// No role of that ARN was created here.
    UnknownRole,
}

impl Things {
    /// Whether a role lets the rules engine (`iot.amazonaws.com`, which its trust policy must
    /// name) do `action` on `resource`.
    pub fn authorize_role(&self, role_arn: &str, action: &str, resource: &str) -> RoleDecision {
        self.authorize_role_for(role_arn, action, resource, None)
    }

    /// The same on behalf of a rule, whose ARN trust policies can ask about (`aws:SourceArn`).
    pub fn authorize_role_for(
        &self,
        role_arn: &str,
        action: &str,
        resource: &str,
        source_arn: Option<&str>,
    ) -> RoleDecision {
        let state = self.state();
        let Some((_, role)) = self.role_of_arn(&state, role_arn) else {
            return RoleDecision::UnknownRole;
        };
        if !self.trusts(role, Caller::Service(RULES_ENGINE), source_arn) {
            return RoleDecision::Denied(format!(
                "the trust policy of role {role_arn} does not let {RULES_ENGINE} assume it: allow sts:AssumeRole to the principal {{\"Service\": \"{RULES_ENGINE}\"}}"
            ));
        }
        let (names, documents): (Vec<_>, Vec<_>) = state.roles.permissions(role).unzip();
        let variables = self.variables(source_arn);
        let request = Request {
            action,
            resource,
            variables: &variables,
        };
        permitted(role_arn, &request, &names, &documents)
    }

    /// A role by its ARN.
    pub(super) fn role_of_arn<'s>(
        &self,
        state: &'s State,
        arn: &str,
    ) -> Option<(&'s str, &'s Role)> {
        let name = arn.rsplit('/').next()?;
        let (name, role) = state.roles.by_name.get_key_value(name)?;
        (self.role_arn(name, &role.document) == arn).then_some((name.as_str(), role))
    }

    /// Whether a role's trust policy lets a caller assume it.
    pub(super) fn trusts(&self, role: &Role, caller: Caller<'_>, source: Option<&str>) -> bool {
        let variables = self.variables(source);
        let request = TrustRequest {
            action: "sts:AssumeRole",
            caller,
            variables: &variables,
        };
        let trust = role.trust.as_ref();
        trust.is_some_and(|trust| trust.evaluate(&request).is_allowed())
    }

    fn variables(&self, source_arn: Option<&str>) -> VariableMap {
        let mut variables = VariableMap::new();
        variables.set("aws:SourceAccount", self.account_id());
        variables.set("aws:PrincipalAccount", self.account_id());
        variables.set("aws:RequestedRegion", self.region());
        if let Some(arn) = source_arn {
            variables.set("aws:SourceArn", arn);
        }
        variables
    }
}

fn permitted(
    role_arn: &str,
    request: &Request<'_>,
    names: &[&str],
    documents: &[Arc<Document>],
) -> RoleDecision {
    let Request {
        action, resource, ..
    } = request;
    let decision = evaluate(documents, request);
    match (decision.effect, decision.statement) {
        (Effect::Allow, _) => RoleDecision::Allowed,
        (Effect::ExplicitDeny, Some(statement)) => RoleDecision::Denied(format!(
            "role {role_arn} may not {action} on {resource}: {} denies it",
            described(&statement, names)
        )),
        (Effect::ExplicitDeny | Effect::ImplicitDeny, _) => RoleDecision::Denied(format!(
            "role {role_arn} may not {action} on {resource}: no statement of its {} policies allows it",
            documents.len()
        )),
    }
}

fn described(statement: &StatementRef<'_>, names: &[&str]) -> String {
    let policy = names.get(statement.policy).copied().unwrap_or_default();
    match statement.sid {
        Some(sid) => format!("statement {sid} of policy {policy}"),
        None => format!("statement {} of policy {policy}", statement.index + 1),
    }
}

const RULES_ENGINE: &str = "iot.amazonaws.com";
