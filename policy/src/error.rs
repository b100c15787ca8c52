//! What is wrong with a policy document, and where.

use thiserror::Error;

/// Why a policy document is refused: the text of AWS's `MalformedPolicyException`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// The text is not JSON, or an object names a member twice.
    #[error("the policy is not valid JSON: {0}")]
    Json(String),
    /// A member breaks the policy grammar.
    #[error("{at}: {problem}")]
    Grammar {
        /// The member, as in `Statement[1].Condition.IpAddress`.
        at: String,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// One breach of the policy grammar.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A value of another JSON type.
    #[error("must be {0}")]
    Type(&'static str),
    /// A member that the grammar does not know.
    #[error("unknown member `{0}`")]
    UnknownMember(String),
    /// A known member that this kind of document does not have.
    #[error("member `{0}` is not allowed in this kind of policy")]
    MemberNotAllowed(String),
    /// A required member is absent.
    #[error("member `{0}` is missing")]
    MemberMissing(&'static str),
    /// Two members of which only one may be present.
    #[error("`{0}` and `{1}` exclude each other")]
    Both(&'static str, &'static str),
    /// A list that must name something is empty.
    #[error("must name at least one value")]
    Empty,
    /// A policy language version that does not exist.
    #[error("`{0}` is not a version: use `2012-10-17` (variables) or `2008-10-17`")]
    Version(String),
    /// Neither Allow nor Deny.
    #[error("`{0}` is not an effect: write `Allow` or `Deny`, in this case")]
    Effect(String),
    /// An action without a service.
    #[error("`{0}` is not an action: write `service:Name`, as in `iot:Publish`, or `*`")]
    Action(String),
    /// A resource that is neither an ARN nor everything.
    #[error("`{0}` is not a resource: write an ARN or `*`")]
    Resource(String),
    /// A principal type that the grammar does not know.
    #[error("`{0}` is not a principal type: use `Service`, `AWS` or `Federated`")]
    PrincipalType(String),
    /// A lone principal that is not everyone.
    #[error("`{0}` is not a principal: write `*` or an object such as {{\"Service\": ...}}")]
    Principal(String),
    /// A condition operator that does not exist.
    #[error("`{0}` is not a condition operator")]
    Operator(String),
    /// A condition operator that exists in another spelling.
    #[error("`{given}` is not a condition operator; did you mean `{meant}`")]
    OperatorCase {
        /// What the document says.
        given: String,
        /// The operator in AWS's spelling.
        meant: &'static str,
    },
    /// `Null` with a qualifier or `IfExists`.
    #[error("`{0}`: Null takes neither a qualifier nor IfExists")]
    NullModified(String),
    /// A condition value of the wrong form.
    #[error("`{value}` is not {expected}")]
    Operand {
        /// What the document says.
        value: String,
        /// What the operator compares.
        expected: &'static str,
    },
    /// A `${` without its `}`, or with no name.
    #[error("`{0}`: a variable is written `${{name}}`; for a literal dollar sign write `${{$}}`")]
    Variable(String),
    /// More characters than AWS stores.
    #[error("{chars} characters without white space, at most {max} are allowed")]
    TooLong {
        /// Characters that are not white space.
        chars: usize,
        /// The limit.
        max: usize,
    },
}

/// A place in the document, spelled out only when something is wrong there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Root,
    Member(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    pub(crate) fn wrong(&self, problem: Problem) -> PolicyError {
        let at = self.spelled();
        PolicyError::Grammar { at, problem }
    }

    fn spelled(&self) -> String {
        let mut parts = Vec::new();
        let mut place = self;
        loop {
            match place {
                Place::Root => break,
                Place::Member(parent, name) => {
                    let dot = if matches!(parent, Place::Root) {
                        ""
                    } else {
                        "."
                    };
                    parts.push(format!("{dot}{name}"));
                    place = parent;
                }
                Place::Item(parent, index) => {
                    parts.push(format!("[{index}]"));
                    place = parent;
                }
            }
        }
        if parts.is_empty() {
            "policy".to_owned()
        } else {
            parts.into_iter().rev().collect()
        }
    }
}
