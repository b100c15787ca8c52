//! The decision on one request: deny unless allowed, and a deny beats every allow.

use crate::arn::Arn;
use crate::document::Document;
use crate::variables::Variables;
use std::borrow::Borrow;

/// What somebody wants to do to something.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The action, as in `iot:Publish`; its case does not matter.
    pub action: &'a str,
    /// The resource's ARN, or `*` for an action that has none.
    pub resource: &'a str,
    /// Everything that variables and conditions can ask about.
    pub variables: &'a dyn Variables,
}

/// The three outcomes of an evaluation, named as `TestAuthorization` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A statement allows it and none denies it.
    Allow,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement speaks of it.
    ImplicitDeny,
}

/// An outcome and the statement that brought it about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'d> {
    /// The outcome.
    pub effect: Effect,
    /// The first denying statement, else the first allowing one; `None` for an implicit deny.
    pub statement: Option<StatementRef<'d>>,
}

/// Where a statement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementRef<'d> {
    /// The document's place in the evaluated list, from 0.
    pub policy: usize,
    /// The statement's place in its document, from 0.
    pub index: usize,
    /// The statement's own name, if it has one.
    pub sid: Option<&'d str>,
}

impl Decision<'_> {
    /// Whether the request may go ahead.
    pub fn is_allowed(&self) -> bool {
        self.effect == Effect::Allow
    }
}

/// Decides a request by one set of policies: those of a certificate and its thing groups, of a
/// Cognito identity, or of an IAM role. With no policy the answer is an implicit deny.
pub fn evaluate<'d, D: Borrow<Document>>(
    documents: &'d [D],
    request: &Request<'_>,
) -> Decision<'d> {
    let resource = Arn::split(request.resource);
    let mut allowed = None;
    for (policy, document) in documents.iter().enumerate() {
        for (index, statement) in document.borrow().statements.iter().enumerate() {
            // A second allow changes nothing, so once allowed only a deny is worth matching.
            if !(statement.denies || allowed.is_none()) || !statement.applies(request, &resource) {
                continue;
            }
            let found = Some(StatementRef {
                policy,
                index,
                sid: statement.sid.as_deref(),
            });
            if statement.denies {
                return Decision {
                    effect: Effect::ExplicitDeny,
                    statement: found,
                };
            }
            allowed = found;
        }
    }
    let effect = if allowed.is_some() {
        Effect::Allow
    } else {
        Effect::ImplicitDeny
    };
    Decision {
        effect,
        statement: allowed,
    }
}

/// The decisions of two sets that must both allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JointDecision<'d> {
    /// What the AWS IoT policies say.
    pub iot: Decision<'d>,
    /// What the IAM policies of the role say.
    pub iam: Decision<'d>,
}

impl JointDecision<'_> {
    /// The outcome of both: a deny of either side beats everything, then both must allow.
    pub fn effect(&self) -> Effect {
        match (self.iot.effect, self.iam.effect) {
            (Effect::ExplicitDeny, _) | (_, Effect::ExplicitDeny) => Effect::ExplicitDeny,
            (Effect::Allow, Effect::Allow) => Effect::Allow,
            (Effect::ImplicitDeny, _) | (_, Effect::ImplicitDeny) => Effect::ImplicitDeny,
        }
    }

    /// Whether the request may go ahead.
    pub fn is_allowed(&self) -> bool {
        self.effect() == Effect::Allow
    }
}

/// Decides a request of an authenticated Cognito identity, which needs both its AWS IoT policies
/// and the IAM policies of its role (AWS IoT developer guide, Amazon Cognito identities).
pub fn evaluate_joint<'d, D: Borrow<Document>>(
    iot: &'d [D],
    iam: &'d [D],
    request: &Request<'_>,
) -> JointDecision<'d> {
    JointDecision {
        iot: evaluate(iot, request),
        iam: evaluate(iam, request),
    }
}
