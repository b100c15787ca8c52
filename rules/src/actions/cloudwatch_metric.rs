//! `cloudwatchMetric`: puts one value of a metric; nothing of the SELECT result (developer guide,
//! "CloudWatch metrics rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, query_form};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

struct CloudwatchMetric {
    role_arn: String,
    namespace: Text,
    name: Text,
    value: Text,
    unit: Text,
    timestamp: Option<Text>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(CloudwatchMetric {
        role_arn: params.role_arn()?,
        namespace: params.text("metricNamespace")?,
        name: params.text("metricName")?,
        value: params.checked("metricValue", check_value)?,
        unit: params.text("metricUnit")?,
        timestamp: params.optional_checked("metricTimestamp", |text| iso(text).map(|_| ()))?,
    }))
}

fn check_value(text: &str) -> Result<(), String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(()),
        Ok(_) | Err(_) => Err(format!("`{text}` is not a number")),
    }
}

/// Epoch seconds in the form of the query protocol.
fn iso(seconds: &str) -> Result<String, String> {
    let refused = || format!("`{seconds}` is not a time in seconds since 1970");
    let number: i64 = seconds.parse().map_err(|_| refused())?;
    let time = OffsetDateTime::from_unix_timestamp(number).map_err(|_| refused())?;
    time.format(&Rfc3339).map_err(|_| refused())
}

impl Sends for CloudwatchMetric {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let namespace = input.text(&self.namespace)?;
        let name = input.text(&self.name)?;
        let given = input.optional(self.timestamp.as_ref())?;
        let seconds = given.unwrap_or_else(|| (input.now_ms / 1000).to_string());
        let form = [
            ("Action", "PutMetricData"),
            ("Version", "2010-08-01"),
            ("Namespace", &namespace),
            ("MetricData.member.1.MetricName", &name),
            ("MetricData.member.1.Value", &input.text(&self.value)?),
            ("MetricData.member.1.Unit", &input.text(&self.unit)?),
            (
                "MetricData.member.1.Timestamp",
                &iso(&seconds).map_err(Unrenderable::new)?,
            ),
        ];
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            // CloudWatch metrics have no ARN: the permission is on everything.
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action: "cloudwatch:PutMetricData",
                resource: "*".to_owned(),
            }],
            details: format!("Action: cloudwatchMetric, Namespace: {namespace}, Metric: {name}"),
            effect: Effect::Request(query_form(Service::CloudWatch, &form)),
            failure: "Failed to put CloudWatch metric",
            resource: name,
        })
    }
}
