//! A parameter that may hold `${...}`, with a check of what it becomes.

use super::params::Check;
use crate::sql::{Context, Statement};
use crate::template::Template;

/// A parameter of an action.
#[derive(Debug)]
pub(super) struct Text {
    name: &'static str,
    template: Template,
    check: Option<Check>,
}

impl Text {
    /// Reads the parameter `name` of an action in a rule with this statement.
    pub(super) fn compile(
        name: &'static str,
        source: &str,
        statement: &Statement,
    ) -> Result<Self, String> {
        let template = Template::parse_for(source, statement).map_err(|why| why.to_string())?;
        Ok(Self {
            name,
            template,
            check: None,
        })
    }

    /// The whole value, when there is no template in it.
    pub(super) fn literal(&self) -> Option<&str> {
        self.template.literal()
    }

    /// Names of the message's members that stand in it alone, as in `${room}`.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &str> {
        self.template.attributes()
    }

    /// Whether rendering it may have to wait for the outside.
    pub(super) fn asks_outside(&self) -> bool {
        self.template.asks_outside()
    }

    /// Adds a check: of a literal now, of anything else when it is rendered.
    pub(super) fn checked(mut self, check: Check) -> Result<Self, String> {
        match self.literal() {
            Some(literal) => check(literal)?,
            None => self.check = Some(check),
        }
        Ok(self)
    }

    /// The value for a message; the error names the parameter.
    pub(super) fn render(&self, context: &mut Context<'_>) -> Result<String, String> {
        let name = self.name;
        let text = self
            .template
            .render(context)
            .map_err(|why| format!("`{name}`: {why}"))?;
        if let Some(check) = self.check {
            check(&text).map_err(|why| format!("`{name}`: {why}"))?;
        }
        Ok(text)
    }
}
