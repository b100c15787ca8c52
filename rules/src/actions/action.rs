//! An action of any kind: read by the key of its object, rendered through one trait.

use super::params::Params;
use super::rendered::{Input, Rendered, Unrenderable};
use super::{
    cloudwatch_metric, dynamodb, dynamodb_v2, firehose, kinesis, lambda, republish, s3, sns, sqs,
};
use crate::sql::Statement;
use serde_json::Value;
use std::fmt;
use thiserror::Error;

/// What a kind of action implements.
pub(super) trait Sends: Send + Sync {
    /// Makes of one message what is sent.
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable>;
}

type Parse = fn(&mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused>;

/// A kind of action that can be sent.
pub(super) struct Kind {
    /// The key in the API's JSON.
    pub(super) key: &'static str,
    /// `failedAction` in an error action's payload. Documented are `S3Action`, `LambdaAction` and
    /// `HttpAction`; `RepublishAction` and `DynamoAction` are seen in logs; the rest follows them.
    failed_action: &'static str,
    parse: Parse,
}

pub(super) const KINDS: [Kind; 10] = [
    Kind {
        key: "s3",
        failed_action: "S3Action",
        parse: s3::parse,
    },
    Kind {
        key: "lambda",
        failed_action: "LambdaAction",
        parse: lambda::parse,
    },
    Kind {
        key: "sns",
        failed_action: "SnsAction",
        parse: sns::parse,
    },
    Kind {
        key: "republish",
        failed_action: "RepublishAction",
        parse: republish::parse,
    },
    Kind {
        key: "sqs",
        failed_action: "SqsAction",
        parse: sqs::parse,
    },
    Kind {
        key: "dynamoDB",
        failed_action: "DynamoAction",
        parse: dynamodb::parse,
    },
    Kind {
        key: "dynamoDBv2",
        failed_action: "DynamoDBv2Action",
        parse: dynamodb_v2::parse,
    },
    Kind {
        key: "kinesis",
        failed_action: "KinesisAction",
        parse: kinesis::parse,
    },
    Kind {
        key: "firehose",
        failed_action: "FirehoseAction",
        parse: firehose::parse,
    },
    Kind {
        key: "cloudwatchMetric",
        failed_action: "CloudwatchMetricAction",
        parse: cloudwatch_metric::parse,
    },
];

/// The kinds that the API knows and that cannot be sent yet: refused, so that no rule is stored
/// that would do nothing.
const UNSUPPORTED: [&str; 14] = [
    "http",
    "kafka",
    "cloudwatchLogs",
    "cloudwatchAlarm",
    "stepFunctions",
    "timestream",
    "influxDB",
    "location",
    "openSearch",
    "elasticsearch",
    "iotAnalytics",
    "iotEvents",
    "iotSiteWise",
    "salesforce",
];

/// Why an action is not accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{path}`: {why}")]
pub struct ActionRefused {
    /// Where in the payload (`actions.1.member.s3.key`, members of lists count from 1).
    pub path: String,
    /// What is wrong there.
    pub why: String,
}

impl ActionRefused {
    pub(super) fn new(path: &str, why: &str) -> Self {
        Self {
            path: path.to_owned(),
            why: why.to_owned(),
        }
    }
}

/// One action of a rule, compiled.
pub struct Action {
    kind: &'static Kind,
    sends: Box<dyn Sends>,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Action").field(&self.kind.key).finish()
    }
}

impl Action {
    /// Reads an action object of the API, which has exactly one key. `path` is where it stands,
    /// for messages; `statement` is the rule's, whose SET variables templates may name.
    ///
    /// # Errors
    /// An unknown or unsupported kind, a missing, wrong or unknown parameter, a template that
    /// does not compile.
    pub fn parse(value: &Value, path: &str, statement: &Statement) -> Result<Self, ActionRefused> {
        let object = value
            .as_object()
            .ok_or_else(|| ActionRefused::new(path, "must be an object"))?;
        let mut given = object.iter().filter(|(_, value)| !value.is_null());
        let (Some((key, value)), None) = (given.next(), given.next()) else {
            return Err(ActionRefused::new(path, "must have exactly one action"));
        };
        let path = format!("{path}.{key}");
        let Some(kind) = KINDS.iter().find(|kind| kind.key == key) else {
            let why = match UNSUPPORTED.contains(&key.as_str()) {
                true => format!("action `{key}` is not supported by thingcore yet"),
                false => format!("`{key}` is not an action"),
            };
            return Err(ActionRefused::new(&path, &why));
        };
        let mut params = Params::of(value, &path, statement)?;
        let sends = (kind.parse)(&mut params)?;
        params.finish()?;
        Ok(Self { kind, sends })
    }

    /// The key of its kind in the API (`s3`).
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind.key
    }

    /// `failedAction` in an error action's payload (`S3Action`).
    #[must_use]
    pub fn failed_action(&self) -> &'static str {
        self.kind.failed_action
    }

    /// Makes of one message what is sent.
    ///
    /// # Errors
    /// A template without a value, or a payload that the service cannot take.
    pub fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        self.sends.render(input)
    }
}
