//! Reads an action's parameters from the API's JSON, and lets nothing pass that it does not know:
//! a rule that is stored does what its author wrote.

use super::action::ActionRefused;
use super::text::Text;
use crate::sql::Statement;
use serde_json::{Map, Value};
use std::cell::Cell;

/// The members of one JSON object, each to be taken once.
pub(super) struct Params<'a> {
    object: &'a Map<String, Value>,
    path: String,
    statement: &'a Statement,
    /// Set when a template asks the outside.
    asks_outside: &'a Cell<bool>,
    taken: Vec<&'static str>,
}

/// Checks the value of a template: at once when it is a literal, otherwise when it is rendered.
pub(super) type Check = fn(&str) -> Result<(), String>;

impl<'a> Params<'a> {
    /// Reads an object found at `path` in a rule with this statement.
    pub(super) fn of(
        value: &'a Value,
        path: &str,
        statement: &'a Statement,
        asks_outside: &'a Cell<bool>,
    ) -> Result<Self, ActionRefused> {
        match value {
            Value::Object(object) => Ok(Self {
                object,
                path: path.to_owned(),
                statement,
                asks_outside,
                taken: Vec::new(),
            }),
            _ => Err(ActionRefused::new(path, "must be an object")),
        }
    }

    /// Where the object was found.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.taken.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Makes `alias` another spelling of `name`, as where guide and API disagree.
    pub(super) fn either(&mut self, name: &'static str, alias: &'static str) -> &'static str {
        self.taken.extend([name, alias]);
        if self.object.contains_key(alias) && !self.object.contains_key(name) {
            alias
        } else {
            name
        }
    }

    pub(super) fn refused(&self, name: &str, why: &str) -> ActionRefused {
        ActionRefused::new(&format!("{}.{name}", self.path), why)
    }

    /// A text that may be absent.
    pub(super) fn string(&mut self, name: &'static str) -> Result<Option<&'a str>, ActionRefused> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.refused(name, "must be a string")),
        }
    }

    /// A text that must be there.
    pub(super) fn required_string(&mut self, name: &'static str) -> Result<&'a str, ActionRefused> {
        self.string(name)?
            .ok_or_else(|| self.refused(name, "is missing"))
    }

    /// A template that may be absent.
    pub(super) fn optional_text(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Text>, ActionRefused> {
        let Some(source) = self.string(name)? else {
            return Ok(None);
        };
        self.compile(name, source).map(Some)
    }

    /// A template that must be there and not be empty.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Text, ActionRefused> {
        match self.optional_text(name)? {
            Some(text) if text.literal() == Some("") => {
                Err(self.refused(name, "must not be empty"))
            }
            Some(text) => Ok(text),
            None => Err(self.refused(name, "is missing")),
        }
    }

    /// As `optional_text`, with a check of the value.
    pub(super) fn optional_checked(
        &mut self,
        name: &'static str,
        check: Check,
    ) -> Result<Option<Text>, ActionRefused> {
        let Some(text) = self.optional_text(name)? else {
            return Ok(None);
        };
        let text = text
            .checked(check)
            .map_err(|why| self.refused(name, &why))?;
        Ok(Some(text))
    }

    /// As `text`, with a check of the value.
    pub(super) fn checked(
        &mut self,
        name: &'static str,
        check: Check,
    ) -> Result<Text, ActionRefused> {
        let text = self.text(name)?;
        text.checked(check).map_err(|why| self.refused(name, &why))
    }

    /// The role, which is never a template (developer guide, "Substitution templates").
    pub(super) fn role_arn(&mut self) -> Result<String, ActionRefused> {
        let arn = self.required_string("roleArn")?;
        if is_role_arn(arn) {
            return Ok(arn.to_owned());
        }
        Err(self.refused("roleArn", &format!("`{arn}` is not the ARN of an IAM role")))
    }

    /// One of some words, which may be absent.
    pub(super) fn choice(
        &mut self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, ActionRefused> {
        let Some(given) = self.string(name)? else {
            return Ok(None);
        };
        let known = words.iter().copied().find(|word| *word == given);
        let why = || format!("`{given}` is not one of {}", words.join(", "));
        known.map(Some).ok_or_else(|| self.refused(name, &why()))
    }

    /// True or false; false when absent.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, ActionRefused> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.refused(name, "must be true or false")),
        }
    }

    /// A whole number in a range, which may be absent.
    pub(super) fn integer(
        &mut self,
        name: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, ActionRefused> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match value.as_u64() {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            Some(_) | None => {
                let why = format!(
                    "must be a whole number of {} to {}",
                    range.start(),
                    range.end()
                );
                Err(self.refused(name, &why))
            }
        }
    }

    /// A nested object, which may be absent.
    pub(super) fn object(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Params<'a>>, ActionRefused> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let path = format!("{}.{name}", self.path);
        Params::of(value, &path, self.statement, self.asks_outside).map(Some)
    }

    /// A nested object that must be there.
    pub(super) fn required_object(
        &mut self,
        name: &'static str,
    ) -> Result<Params<'a>, ActionRefused> {
        self.object(name)?
            .ok_or_else(|| self.refused(name, "is missing"))
    }

    /// A list of objects; empty when absent.
    pub(super) fn objects(
        &mut self,
        name: &'static str,
        max: usize,
    ) -> Result<Vec<Params<'a>>, ActionRefused> {
        let list = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(self.refused(name, "must be a list")),
        };
        if list.len() > max {
            return Err(self.refused(name, &format!("must have at most {max} members")));
        }
        let path = |index: usize| format!("{}.{name}.{}.member", self.path, index + 1);
        let read =
            |(index, value)| Params::of(value, &path(index), self.statement, self.asks_outside);
        list.iter().enumerate().map(read).collect()
    }

    /// An object whose members have names of the user's own; empty when absent.
    pub(super) fn map(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<(&'a str, &'a str)>, ActionRefused> {
        let object = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Object(object)) => object,
            Some(_) => return Err(self.refused(name, "must be an object")),
        };
        let pair = |(key, value): (&'a String, &'a Value)| match value {
            Value::String(text) => Ok((key.as_str(), text.as_str())),
            _ => Err(self.refused(&format!("{name}.{key}"), "must be a string")),
        };
        object.iter().map(pair).collect()
    }

    /// Reads a text of the user's own as a template.
    pub(super) fn compile(&self, name: &'static str, source: &str) -> Result<Text, ActionRefused> {
        let text =
            Text::compile(name, source, self.statement).map_err(|why| self.refused(name, &why))?;
        if text.asks_outside() {
            self.asks_outside.set(true);
        }
        Ok(text)
    }

    /// Whether the action is one for errors.
    pub(super) fn is_error_action(&self) -> bool {
        self.path.starts_with("errorAction")
    }

    /// Refuses members that nobody took.
    pub(super) fn finish(self) -> Result<(), ActionRefused> {
        match self
            .object
            .keys()
            .find(|key| !self.taken.contains(&key.as_str()))
        {
            Some(unknown) => Err(self.refused(unknown, "is not a parameter of this action")),
            None => Ok(()),
        }
    }
}

/// `arn:PARTITION:iam::ACCOUNT:role/NAME`.
fn is_role_arn(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [scheme, partition, service, region, account, resource] = parts.as_slice() else {
        return false;
    };
    let name = resource.strip_prefix("role/").unwrap_or_default();
    *scheme == "arn"
        && !partition.is_empty()
        && *service == "iam"
        && region.is_empty()
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && !name.is_empty()
}
