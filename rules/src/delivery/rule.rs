//! A topic rule, compiled from what CreateTopicRule or ReplaceTopicRule was given.

use super::event::{Event, Protocol};
use crate::actions::{Action, ActionRefused};
use crate::sql::{
    Context, EvalError, Message, Outcome, Properties, SqlError, SqlVersion, Statement, Variables,
};
use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::SmallRng;
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
    account_id: Box<str>,
    statement: Statement,
    actions: Vec<Action>,
    error_action: Option<Action>,
}

/// What a rule made of a message.
pub(super) struct Selected {
    /// The SELECT result, which the actions get.
    pub(super) payload: Bytes,
    /// The variables of SET, which templates see.
    pub(super) variables: Variables,
}

impl Rule {
    /// Compiles a TopicRulePayload of the API for a rule of this account.
    ///
    /// # Errors
    /// SQL that does not compile, and members that are missing, wrong or unknown, anywhere in it.
    pub fn compile(name: &str, account_id: &str, payload: &Value) -> Result<Self, RuleRefused> {
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
            account_id: account_id.into(),
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

    pub(super) fn actions(&self) -> &[Action] {
        &self.actions
    }

    pub(super) fn error_action(&self) -> Option<&Action> {
        self.error_action.as_ref()
    }

    /// Evaluates the SQL for a message; `None` when WHERE does not let it through.
    pub(super) fn evaluate(&self, event: &Event) -> Result<Option<Selected>, EvalError> {
        self.with_context(event, Variables::default(), |context| {
            Ok(match self.statement.evaluate(context)? {
                Outcome::NotMatched => None,
                Outcome::Matched(payload) => {
                    let variables = std::mem::take(&mut context.variables);
                    Some(Selected {
                        payload: payload.into(),
                        variables,
                    })
                }
            })
        })
    }

    /// Gives `work` the rule's view of a message.
    pub(super) fn with_context<T>(
        &self,
        event: &Event,
        variables: Variables,
        work: impl FnOnce(&mut Context<'_>) -> T,
    ) -> T {
        let source_ip = event.source_ip.map(|ip| ip.to_string());
        // A trace id is what MQTT messages have (developer guide, `traceid()`).
        let trace_id = (event.protocol == Protocol::Mqtt).then(|| event.trace_id.to_string());
        let mut message = Message::new(&event.topic, &event.payload);
        message.basic_ingest_rule = event.basic_ingest_rule.as_deref();
        message.client_id = event.client_id.as_deref();
        message.principal =
            Some(event.principal.as_ref()).filter(|principal| !principal.is_empty());
        message.account_id = &self.account_id;
        message.source_ip = source_ip.as_deref();
        message.trace_id = trace_id.as_deref();
        message.properties = properties(event);
        let now_ms = i64::try_from(event.received_ms).unwrap_or(i64::MAX);
        let mut chance = SmallRng::from_os_rng();
        let mut context = Context::new(&message, now_ms, &mut chance);
        context.variables = variables;
        work(&mut context)
    }
}

fn properties(event: &Event) -> Properties<'_> {
    let Some(mqtt5) = event.mqtt5.as_deref() else {
        return Properties::default();
    };
    Properties {
        content_type: mqtt5.content_type.as_deref(),
        payload_is_utf8: mqtt5.utf8_payload == Some(true),
        response_topic: mqtt5.response_topic.as_deref(),
        correlation_data: mqtt5.correlation_data.as_deref(),
        user: mqtt5
            .user_properties
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect(),
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
