//! An action of any kind: read by the key of its object, rendered through one trait.

use super::params::Params;
use super::rendered::{Input, Rendered, Unrenderable};
use super::{
    cloudwatch_alarm, cloudwatch_logs, cloudwatch_metric, dynamodb, dynamodb_v2, firehose, http,
    influxdb, iot_analytics, iot_events, iot_site_wise, kafka, kinesis, lambda, location,
    open_search, republish, s3, sns, sqs, step_functions, timestream,
};
use crate::sql::Statement;
use serde_json::Value;
use std::cell::Cell;
use std::fmt;
use thiserror::Error;

/// What a kind of action implements.
pub(super) trait Sends: Send + Sync {
    /// Makes of one message what is sent.
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable>;

    /// The address that a destination is to be confirmed at, if it is known beforehand.
    fn destination_url(&self) -> Option<&str> {
        None
    }
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

pub(super) const KINDS: &[Kind] = &[
    kind("http", "HttpAction", http::parse),
    kind("s3", "S3Action", s3::parse),
    kind("lambda", "LambdaAction", lambda::parse),
    kind("sns", "SnsAction", sns::parse),
    kind("republish", "RepublishAction", republish::parse),
    kind("sqs", "SqsAction", sqs::parse),
    kind("dynamoDB", "DynamoAction", dynamodb::parse),
    kind("dynamoDBv2", "DynamoDBv2Action", dynamodb_v2::parse),
    kind("kinesis", "KinesisAction", kinesis::parse),
    kind("firehose", "FirehoseAction", firehose::parse),
    kind(
        "cloudwatchMetric",
        "CloudwatchMetricAction",
        cloudwatch_metric::parse,
    ),
    kind(
        "cloudwatchAlarm",
        "CloudwatchAlarmAction",
        cloudwatch_alarm::parse,
    ),
    kind(
        "cloudwatchLogs",
        "CloudwatchLogsAction",
        cloudwatch_logs::parse,
    ),
    kind(
        "stepFunctions",
        "StepFunctionsAction",
        step_functions::parse,
    ),
    kind("timestream", "TimestreamAction", timestream::parse),
    kind("location", "LocationAction", location::parse),
    kind("openSearch", "OpenSearchAction", open_search::parse),
    kind(
        "elasticsearch",
        "ElasticsearchAction",
        open_search::parse_elasticsearch,
    ),
    kind("iotAnalytics", "IotAnalyticsAction", iot_analytics::parse),
    kind("iotEvents", "IotEventsAction", iot_events::parse),
    kind("iotSiteWise", "IotSiteWiseAction", iot_site_wise::parse),
    kind("kafka", "KafkaAction", kafka::parse),
    kind("influxDB", "InfluxDBAction", influxdb::parse),
];

const fn kind(key: &'static str, failed_action: &'static str, parse: Parse) -> Kind {
    Kind {
        key,
        failed_action,
        parse,
    }
}

/// Actions that the API knows and that are refused, so that no rule is stored that would do
/// nothing; and why.
const REFUSED: [(&str, &str); 1] = [(
    "salesforce",
    "Salesforce has shut down the IoT input streams that this action posts to: post to a \
         Salesforce REST API by the `http` action",
)];

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
    asks_outside: bool,
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
            let refused = REFUSED.iter().find(|(known, _)| known == key);
            let why = match refused {
                Some((_, why)) => (*why).to_owned(),
                None => format!("`{key}` is not an action"),
            };
            return Err(ActionRefused::new(&path, &why));
        };
        let asks_outside = Cell::new(false);
        let mut params = Params::of(value, &path, statement, &asks_outside)?;
        let sends = (kind.parse)(&mut params)?;
        params.finish()?;
        Ok(Self {
            kind,
            sends,
            asks_outside: asks_outside.get(),
        })
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

    /// Whether a template of it asks the outside: rendering may have to wait.
    pub(crate) fn asks_outside(&self) -> bool {
        self.asks_outside
    }

    /// The address that its destination is to be confirmed at, if it is known beforehand.
    #[must_use]
    pub fn destination_url(&self) -> Option<&str> {
        self.sends.destination_url()
    }

    /// Makes of one message what is sent.
    ///
    /// # Errors
    /// A template without a value, or a payload that the service cannot take.
    pub fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        self.sends.render(input)
    }
}
