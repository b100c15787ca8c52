//! Amazon resource names, compared field by field.

use crate::error::Problem;
use crate::pattern::{Case, Pattern, Syntax};
use crate::variables::Variables;

/// `arn`, partition, service, region, account, and the resource with any further colons.
const FIELDS: usize = 6;

/// The fields of a concrete ARN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arn<'a>([&'a str; FIELDS]);

impl<'a> Arn<'a> {
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let mut fields = [""; FIELDS];
        let mut parts = text.splitn(FIELDS, ':');
        for field in &mut fields {
            *field = parts.next()?;
        }
        Some(Self(fields))
    }
}

/// A pattern of ARNs: a wildcard stays within its field, so `arn:aws:iot:*:1:x` cannot borrow
/// the account out of a longer name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArnPattern {
    /// `*`: every resource, also one that is no ARN.
    Everything,
    /// Fits nothing: a variable outside the last field, or too few fields in a condition.
    Nothing,
    Fields(Box<[Pattern; FIELDS]>),
}

impl ArnPattern {
    /// A member of `Resource`. Missing fields are wildcards (IAM user guide, Resource element:
    /// `arn:aws:sqs` is `arn:aws:sqs:*:*:*`); variables may stand in the last field alone.
    pub(crate) fn of_resource(text: &str, variables: bool) -> Result<Self, Problem> {
        if is_everything(text) {
            return Ok(Self::Everything);
        }
        if !text.starts_with("arn:") {
            return Err(Problem::Resource(text.to_owned()));
        }
        let mut fields = parse_fields(text, variables)?;
        if fields.iter().take(FIELDS - 1).any(Pattern::has_variables) {
            return Ok(Self::Nothing);
        }
        fields.resize_with(FIELDS, Pattern::any);
        Ok(Self::from_fields(fields))
    }

    /// An operand of the `Arn...` conditions, whose six fields are all compared.
    pub(crate) fn of_condition(text: &str, variables: bool) -> Result<Self, Problem> {
        if is_everything(text) {
            Ok(Self::Everything)
        } else {
            parse_fields(text, variables).map(Self::from_fields)
        }
    }

    fn from_fields(fields: Vec<Pattern>) -> Self {
        <[Pattern; FIELDS]>::try_from(fields).map_or(Self::Nothing, |all| Self::Fields(all.into()))
    }

    pub(crate) fn matches(&self, arn: Option<&Arn<'_>>, variables: &dyn Variables) -> bool {
        let (fields, arn) = match (self, arn) {
            (Self::Everything, _) => return true,
            (Self::Nothing, _) | (Self::Fields(_), None) => return false,
            (Self::Fields(fields), Some(arn)) => (fields, arn),
        };
        // The last field first: it is the one that differs.
        let mut pairs = fields.iter().zip(arn.0).rev();
        pairs.all(|(pattern, field)| pattern.matches(field, Case::Sensitive, variables))
    }
}

fn is_everything(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'*')
}

/// Splits at the first five colons that are not inside a `${...}`.
fn parse_fields(text: &str, variables: bool) -> Result<Vec<Pattern>, Problem> {
    let syntax = Syntax {
        variables,
        wildcards: true,
    };
    let mut fields = Vec::with_capacity(FIELDS);
    let mut rest = text;
    while fields.len() < FIELDS - 1
        && let Some(colon) = field_end(rest, variables)
    {
        fields.push(Pattern::parse(&rest[..colon], syntax)?);
        rest = &rest[colon + 1..];
    }
    fields.push(Pattern::parse(rest, syntax)?);
    Ok(fields)
}

fn field_end(text: &str, variables: bool) -> Option<usize> {
    let mut from = 0;
    loop {
        let colon = from + text[from..].find(':')?;
        match text[from..colon].find("${") {
            Some(reference) if variables => {
                let inside = from + reference;
                from = inside + text[inside..].find('}')?;
            }
            Some(_) | None => return Some(colon),
        }
    }
}
