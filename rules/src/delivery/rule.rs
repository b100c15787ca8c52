//! A topic rule, compiled from what CreateTopicRule or ReplaceTopicRule was given.

use super::isolate::isolated;
use crate::actions::{Action, ActionRefused};
use crate::sql::{Context, EvalError, Outcome, SqlError, SqlVersion, Statement, Variables};
use bytes::Bytes;
use serde_json::{Map, Value};
use std::sync::Arc;
use thiserror::Error;

/// The API's limit for the actions of a rule.
const ACTIONS_MAX: usize = 10;
/// The limit for a rule's payload as JSON, 128 KB (AWS IoT Core quotas, "Rules engine").
const PAYLOAD_BYTES_MAX: usize = 128 * 1024;

/// Why a rule is not accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RuleRefused {
    /// The SQL does not compile (`SqlParseException`).
    #[error("{0}")]
    SqlParse(#[from] SqlError),
    /// Anything else (`InvalidRequestException`).
    #[error("{0}")]
    InvalidRequest(String),
}

impl From<ActionRefused> for RuleRefused {
    fn from(refused: ActionRefused) -> Self {
        Self::InvalidRequest(refused.to_string())
    }
}

/// A topic rule.
#[derive(Debug)]
pub struct Rule {
    name: Arc<str>,
    statement: Statement,
    actions: Vec<Action>,
    error_action: Option<Action>,
}

/// What a rule made of a message.
#[derive(Clone)]
pub(super) struct Selected {
    /// The SELECT result, which the actions get.
    pub(super) payload: Bytes,
    /// The variables of SET, which templates see.
    pub(super) variables: Variables,
}

impl Rule {
    /// Compiles a TopicRulePayload of the API.
    ///
    /// # Errors
    /// SQL that does not compile, and members that are missing, wrong or unknown, anywhere in it.
    pub fn compile(name: &str, payload: &Value) -> Result<Self, RuleRefused> {
        let Value::Object(payload) = payload else {
            return Err(invalid("the rule payload must be a JSON object"));
        };
        check_members(payload)?;
        let version = match text(payload, "awsIotSqlVersion")? {
            None => SqlVersion::default(),
            Some(name) => SqlVersion::from_name(name).ok_or_else(|| {
                invalid(&format!("`awsIotSqlVersion`: there is no version `{name}`"))
            })?,
        };
        let sql = text(payload, "sql")?.ok_or_else(|| invalid("`sql`: is missing"))?;
        let statement = Statement::parse(sql, version)?;
        let actions = actions(payload, &statement)?;
        let error_action = match payload
            .get("errorAction")
            .filter(|action| !action.is_null())
        {
            Some(action) => Some(Action::parse(action, "errorAction", &statement)?),
            None => None,
        };
        Ok(Self {
            name: name.into(),
            statement,
            actions,
            error_action,
        })
    }

    /// The rule's name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The filter of FROM; a rule without one is reached by Basic Ingest alone.
    #[must_use]
    pub fn topic_filter(&self) -> Option<&str> {
        self.statement.topic_filter()
    }

    /// The addresses at which HTTP destinations of the rule are to be confirmed, as far as they
    /// are known without a message.
    #[must_use]
    pub fn destination_urls(&self) -> Vec<&str> {
        let actions = self.actions.iter().chain(&self.error_action);
        actions.filter_map(Action::destination_url).collect()
    }

    pub(super) fn actions(&self) -> &[Action] {
        &self.actions
    }

    pub(super) fn error_action(&self) -> Option<&Action> {
        self.error_action.as_ref()
    }

    /// Whether evaluating it may take long: it is not done between the messages of other rules.
    pub(super) fn asks_outside(&self) -> bool {
        self.statement.asks_outside()
    }

    /// Whether templates of its actions have to wait for the outside.
    pub(super) fn actions_ask_outside(&self) -> bool {
        let mut actions = self.actions.iter().chain(&self.error_action);
        actions.any(Action::asks_outside)
    }

    /// Evaluates the SQL for a message; `None` when WHERE does not let it through. `context` says
    /// then what it cost. A panic is an error like any other: the worker that evaluates serves all
    /// rules.
    pub(super) fn evaluate(
        &self,
        context: &mut Context<'_>,
    ) -> Result<Option<Selected>, EvalError> {
        let evaluated = isolated(|| self.statement.evaluate(context));
        Ok(
            match evaluated.unwrap_or_else(|panic| Err(EvalError::Internal(panic)))? {
                Outcome::NotMatched => None,
                Outcome::Matched(payload) => Some(Selected {
                    payload: payload.into(),
                    variables: std::mem::take(&mut context.variables),
                }),
            },
        )
    }
}

fn check_members(payload: &Map<String, Value>) -> Result<(), RuleRefused> {
    const KNOWN: [&str; 6] = [
        "sql",
        "actions",
        "errorAction",
        "description",
        "ruleDisabled",
        "awsIotSqlVersion",
    ];
    if let Some(unknown) = payload.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(invalid(&format!("`{unknown}`: is not a member of a rule")));
    }
    text(payload, "description")?;
    match payload.get("ruleDisabled") {
        None | Some(Value::Null | Value::Bool(_)) => {}
        Some(_) => return Err(invalid("`ruleDisabled`: must be true or false")),
    }
    let bytes = serde_json::to_vec(payload).map_or(usize::MAX, |json| json.len());
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(invalid(&format!(
            "the rule payload has more than {PAYLOAD_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}

fn actions(
    payload: &Map<String, Value>,
    statement: &Statement,
) -> Result<Vec<Action>, RuleRefused> {
    let list = match payload.get("actions") {
        Some(Value::Array(list)) => list,
        None | Some(Value::Null) => return Err(invalid("`actions`: is missing")),
        Some(_) => return Err(invalid("`actions`: must be a list")),
    };
    if list.len() > ACTIONS_MAX {
        return Err(invalid(&format!(
            "`actions`: must have at most {ACTIONS_MAX} members"
        )));
    }
    let path = |index: usize| format!("actions.{}.member", index + 1);
    let parse = |(index, action)| Ok(Action::parse(action, &path(index), statement)?);
    list.iter().enumerate().map(parse).collect()
}

fn text<'a>(payload: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, RuleRefused> {
    match payload.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(&format!("`{name}`: must be a string"))),
    }
}

fn invalid(why: &str) -> RuleRefused {
    RuleRefused::InvalidRequest(why.to_owned())
}
