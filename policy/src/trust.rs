//! Trust policies of IAM roles: who may assume the role.

use crate::condition::Conditions;
use crate::error::{Place, PolicyError, Problem};
use crate::evaluate::{Decision, Effect, StatementRef};
use crate::json::Node;
use crate::statement::{Actions, Members, statements};
use crate::variables::Variables;

/// An IAM role's trust policy: statements with a `Principal` and without a `Resource`.
#[derive(Clone, Debug)]
pub struct TrustDocument {
    statements: Box<[TrustStatement]>,
}

#[derive(Clone, Debug)]
struct TrustStatement {
    sid: Option<Box<str>>,
    denies: bool,
    principals: Box<[Principal]>,
    actions: Actions,
    conditions: Conditions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Principal {
    Everyone,
    Service(Box<str>),
    /// An account id, or the ARN of an account's root, a user or a role.
    Aws(Box<str>),
    Federated(Box<str>),
}

/// Who wants to assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A service, as in `iot.amazonaws.com`.
    Service(&'a str),
    /// A user or role, by its ARN.
    Aws(&'a str),
    /// An identity provider, as in `cognito-identity.amazonaws.com`.
    Federated(&'a str),
}

/// A request to assume a role.
#[derive(Clone, Copy)]
pub struct TrustRequest<'a> {
    /// `sts:AssumeRole` or one of its relatives; its case does not matter.
    pub action: &'a str,
    /// Who asks.
    pub caller: Caller<'a>,
    /// What conditions can ask about, as in `aws:SourceAccount`.
    pub variables: &'a dyn Variables,
}

impl TrustDocument {
    /// Reads a trust policy in JSON.
    ///
    /// # Errors
    /// [`PolicyError`] says what is wrong and where.
    pub fn parse(json: &str) -> Result<Self, PolicyError> {
        let root = Node::parse(json)?;
        statements(&root, TrustStatement::parse).map(|statements| Self { statements })
    }

    /// Decides as [`crate::evaluate`] does: denied unless allowed, and a deny beats every allow.
    pub fn evaluate(&self, request: &TrustRequest<'_>) -> Decision<'_> {
        let find = |denies: bool| {
            let mut numbered = self.statements.iter().enumerate();
            numbered
                .find(|(_, statement)| statement.denies == denies && statement.applies(request))
                .map(|(index, statement)| StatementRef {
                    policy: 0,
                    index,
                    sid: statement.sid.as_deref(),
                })
        };
        if let denying @ Some(_) = find(true) {
            return Decision {
                effect: Effect::ExplicitDeny,
                statement: denying,
            };
        }
        let statement = find(false);
        let effect = if statement.is_some() {
            Effect::Allow
        } else {
            Effect::ImplicitDeny
        };
        Decision { effect, statement }
    }
}

impl TrustStatement {
    fn parse(members: &Members<'_>) -> Result<Self, PolicyError> {
        members.refuse(&["Resource", "NotResource", "NotPrincipal"])?;
        let missing = || members.at.wrong(Problem::MemberMissing("Principal"));
        let principal = members.member("Principal").ok_or_else(missing)?;
        Ok(Self {
            sid: members.sid()?,
            denies: members.denies()?,
            principals: principals(principal, &Place::Member(&members.at, "Principal"))?,
            actions: Actions::parse(members)?,
            conditions: members.conditions()?,
        })
    }

    fn applies(&self, request: &TrustRequest<'_>) -> bool {
        self.principals
            .iter()
            .any(|principal| principal.includes(request.caller))
            && self.actions.include(request.action)
            && self.conditions.hold(request.variables)
    }
}

fn principals(node: &Node, at: &Place<'_>) -> Result<Box<[Principal]>, PolicyError> {
    let members = match node {
        Node::Text(text) if text == "*" => return Ok([Principal::Everyone].into()),
        Node::Text(text) => return Err(at.wrong(Problem::Principal(text.clone()))),
        Node::Null | Node::Scalar(_) | Node::List(_) | Node::Object(_) => node.object(at)?,
    };
    let mut principals = Vec::new();
    for (kind, names) in members {
        let new = match kind.as_str() {
            "Service" => Principal::Service,
            "AWS" => Principal::aws,
            "Federated" => Principal::Federated,
            _ => return Err(at.wrong(Problem::PrincipalType(kind.clone()))),
        };
        principals.extend(
            names
                .texts(&Place::Member(at, kind))?
                .into_iter()
                .map(|name| new(name.into())),
        );
    }
    if principals.is_empty() {
        Err(at.wrong(Problem::Empty))
    } else {
        Ok(principals.into())
    }
}

impl Principal {
    /// `{"AWS": "*"}` is the same as `"*"` (IAM user guide, Principal element).
    fn aws(name: Box<str>) -> Self {
        if &*name == "*" {
            Self::Everyone
        } else {
            Self::Aws(name)
        }
    }

    fn includes(&self, caller: Caller<'_>) -> bool {
        match (self, caller) {
            (Self::Everyone, _) => true,
            (Self::Service(name), Caller::Service(caller))
            | (Self::Federated(name), Caller::Federated(caller)) => **name == *caller,
            (Self::Aws(name), Caller::Aws(caller)) => {
                **name == *caller
                    || whole_account(name).is_some_and(|id| account(caller) == Some(id))
            }
            (Self::Service(_) | Self::Aws(_) | Self::Federated(_), _) => false,
        }
    }
}

/// The account that a principal stands for as a whole: its id alone, or the ARN of its root.
fn whole_account(principal: &str) -> Option<&str> {
    if principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(principal);
    }
    principal
        .strip_suffix(":root")
        .and_then(|arn| arn.rsplit(':').next())
}

fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4)
}
