//! The statements of a document: what they speak of, and when.

use crate::arn::{Arn, ArnPattern};
use crate::condition::Conditions;
use crate::error::{Place, PolicyError, Problem};
use crate::evaluate::Request;
use crate::json::Node;
use crate::pattern::{Case, Pattern, Syntax};
use crate::variables::Variables;

/// One statement of an IoT or IAM policy.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub sid: Option<Box<str>>,
    /// `Effect` is `Deny`.
    pub denies: bool,
    pub actions: Actions,
    resources: Resources,
    pub conditions: Conditions,
}

/// `Action`, or `NotAction`.
#[derive(Clone, Debug)]
pub(crate) struct Actions {
    negated: bool,
    patterns: Box<[Pattern]>,
}

/// `Resource`, or `NotResource`.
#[derive(Clone, Debug)]
struct Resources {
    negated: bool,
    patterns: Box<[ArnPattern]>,
}

impl Statement {
    pub(crate) fn parse(members: &Members<'_>) -> Result<Self, PolicyError> {
        members.refuse(&["Principal", "NotPrincipal"])?;
        Ok(Self {
            sid: members.sid()?,
            denies: members.denies()?,
            actions: Actions::parse(members)?,
            resources: Resources::parse(members)?,
            conditions: members.conditions()?,
        })
    }

    pub(crate) fn applies(&self, request: &Request<'_>, resource: &Option<Arn<'_>>) -> bool {
        self.actions.include(request.action)
            && self.resources.include(resource.as_ref(), request.variables)
            && self.conditions.hold(request.variables)
    }
}

impl Actions {
    pub(crate) fn parse(members: &Members<'_>) -> Result<Self, PolicyError> {
        let (negated, name, node) = members.one_of("Action", "NotAction")?;
        let at = Place::Member(&members.at, name);
        let syntax = Syntax {
            variables: false,
            wildcards: true,
        };
        let parse = |text: &str| {
            let named = text
                .split_once(':')
                .is_some_and(|(service, action)| !service.is_empty() && !action.is_empty());
            let pattern = if named || text == "*" {
                Pattern::parse(text, syntax)
            } else {
                Err(Problem::Action(text.to_owned()))
            };
            pattern.map_err(|problem| at.wrong(problem))
        };
        let patterns = node
            .texts(&at)?
            .into_iter()
            .map(parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { negated, patterns })
    }

    pub(crate) fn include(&self, action: &str) -> bool {
        let named = |pattern: &Pattern| pattern.matches(action, Case::IgnoreAscii, &());
        self.patterns.iter().any(named) != self.negated
    }
}

impl Resources {
    fn parse(members: &Members<'_>) -> Result<Self, PolicyError> {
        let (negated, name, node) = members.one_of("Resource", "NotResource")?;
        let at = Place::Member(&members.at, name);
        let parse = |text: &str| {
            ArnPattern::of_resource(text, members.variables).map_err(|problem| at.wrong(problem))
        };
        let patterns = node
            .texts(&at)?
            .into_iter()
            .map(parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { negated, patterns })
    }

    fn include(&self, resource: Option<&Arn<'_>>, variables: &dyn Variables) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.matches(resource, variables))
            != self.negated
    }
}

/// The members of one statement, on their way to becoming one.
pub(crate) struct Members<'a> {
    members: &'a [(String, Node)],
    pub at: Place<'a>,
    /// The document's version has variables.
    pub variables: bool,
}

const STATEMENT_MEMBERS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl<'a> Members<'a> {
    pub(crate) fn member(&self, name: &str) -> Option<&'a Node> {
        find(self.members, name)
    }

    /// Refuses members that this kind of statement does not have.
    pub(crate) fn refuse(&self, names: &[&str]) -> Result<(), PolicyError> {
        match names.iter().find(|name| self.member(name).is_some()) {
            Some(&name) => Err(self.at.wrong(Problem::MemberNotAllowed(name.to_owned()))),
            None => Ok(()),
        }
    }

    pub(crate) fn sid(&self) -> Result<Option<Box<str>>, PolicyError> {
        let at = Place::Member(&self.at, "Sid");
        self.member("Sid")
            .map(|node| node.text(&at).map(Box::from))
            .transpose()
    }

    pub(crate) fn denies(&self) -> Result<bool, PolicyError> {
        let at = Place::Member(&self.at, "Effect");
        let node = self.member("Effect");
        match node
            .ok_or_else(|| self.at.wrong(Problem::MemberMissing("Effect")))?
            .text(&at)?
        {
            "Allow" => Ok(false),
            "Deny" => Ok(true),
            other => Err(at.wrong(Problem::Effect(other.to_owned()))),
        }
    }

    pub(crate) fn conditions(&self) -> Result<Conditions, PolicyError> {
        let at = Place::Member(&self.at, "Condition");
        let node = self.member("Condition");
        node.map_or_else(
            || Ok(Conditions::default()),
            |node| Conditions::parse(node, &at, self.variables),
        )
    }

    /// Exactly one of a member and its negation: whether it is the negation, its name, its value.
    fn one_of(
        &self,
        name: &'static str,
        negation: &'static str,
    ) -> Result<(bool, &'static str, &'a Node), PolicyError> {
        match (self.member(name), self.member(negation)) {
            (Some(node), None) => Ok((false, name, node)),
            (None, Some(node)) => Ok((true, negation, node)),
            (Some(_), Some(_)) => Err(self.at.wrong(Problem::Both(name, negation))),
            (None, None) => Err(self.at.wrong(Problem::MemberMissing(name))),
        }
    }
}

/// Reads a document's frame and each of its statements.
pub(crate) fn statements<T>(
    root: &Node,
    parse: impl Fn(&Members<'_>) -> Result<T, PolicyError>,
) -> Result<Box<[T]>, PolicyError> {
    let document = root.object(&Place::Root)?;
    refuse_unknown(document, &["Version", "Id", "Statement"], &Place::Root)?;
    if let Some(id) = find(document, "Id") {
        id.text(&Place::Member(&Place::Root, "Id"))?;
    }
    let variables = has_variables(document)?;
    let missing = || Place::Root.wrong(Problem::MemberMissing("Statement"));
    let node = find(document, "Statement").ok_or_else(missing)?;
    let all = Place::Member(&Place::Root, "Statement");
    let statement = |(index, item): (usize, &Node)| {
        let at = if matches!(node, Node::List(_)) {
            Place::Item(&all, index)
        } else {
            all
        };
        let members = item.object(&at)?;
        refuse_unknown(members, &STATEMENT_MEMBERS, &at)?;
        parse(&Members {
            members,
            at,
            variables,
        })
    };
    node.items().iter().enumerate().map(statement).collect()
}

/// Version 2012-10-17 has variables; 2008-10-17, which is also what no version means, does not.
fn has_variables(document: &[(String, Node)]) -> Result<bool, PolicyError> {
    let at = Place::Member(&Place::Root, "Version");
    match find(document, "Version")
        .map(|node| node.text(&at))
        .transpose()?
    {
        Some("2012-10-17") => Ok(true),
        Some("2008-10-17") | None => Ok(false),
        Some(other) => Err(at.wrong(Problem::Version(other.to_owned()))),
    }
}

fn find<'a>(members: &'a [(String, Node)], name: &str) -> Option<&'a Node> {
    members
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, node)| node)
}

fn refuse_unknown(
    members: &[(String, Node)],
    known: &[&str],
    at: &Place<'_>,
) -> Result<(), PolicyError> {
    match members
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        Some((name, _)) => Err(at.wrong(Problem::UnknownMember(name.clone()))),
        None => Ok(()),
    }
}
