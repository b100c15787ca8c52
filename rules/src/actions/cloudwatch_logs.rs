//! `cloudwatchLogs`: puts the result into a log group as one event, in batch mode one event per
//! element (developer guide, "CloudWatch Logs rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Missing, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, json_target};
use serde::Deserialize;
use serde_json::{Value, json};

/// Events of one PutLogEvents (CloudWatch Logs API reference).
const BATCH_MAX: usize = 10_000;

struct CloudwatchLogs {
    role_arn: String,
    log_group_name: Text,
    batch: bool,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(CloudwatchLogs {
        role_arn: params.role_arn()?,
        log_group_name: params.text("logGroupName")?,
        batch: params.flag("batchMode")?,
    }))
}

/// An element of the result in batch mode.
#[derive(Deserialize)]
struct Event {
    timestamp: u64,
    message: String,
}

impl CloudwatchLogs {
    fn events(&self, input: &Input<'_, '_>) -> Result<Vec<Value>, Unrenderable> {
        if !self.batch {
            let message = input.payload_text()?;
            return Ok(vec![json!({"timestamp": input.now_ms, "message": message})]);
        }
        let mut events: Vec<Event> = serde_json::from_slice(input.payload).map_err(|error| {
            Unrenderable::new(format!(
                "in batch mode the result must be an array of objects with `timestamp` in \
                 milliseconds and a text `message`: {error}"
            ))
        })?;
        if events.len() > BATCH_MAX {
            let message = format!("the result has more than {BATCH_MAX} elements");
            return Err(Unrenderable::new(message));
        }
        // PutLogEvents takes events in the order of time only.
        events.sort_by_key(|event| event.timestamp);
        let shown =
            |Event { timestamp, message }| json!({"timestamp": timestamp, "message": message});
        Ok(events.into_iter().map(shown).collect())
    }
}

impl Sends for CloudwatchLogs {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let group = input.text(&self.log_group_name)?;
        let events = self.events(input).map_err(|refused| Unrenderable {
            resource: group.clone(),
            ..refused
        })?;
        // How AWS names the stream is not documented: one stream for each rule.
        let stream = input.rule;
        let put = json!({
            "logGroupName": group,
            "logStreamName": stream,
            "logEvents": events,
        });
        let create = json!({"logGroupName": group, "logStreamName": stream});
        let permission = |action, resource: &str| Permission {
            role_arn: self.role_arn.clone(),
            action,
            resource: input.place.arn("logs", resource),
        };
        let (logs, of_group) = (Service::CloudWatchLogs, format!("log-group:{group}:*"));
        let of_stream = format!("log-group:{group}:log-stream:{stream}");
        Ok(Rendered {
            missing: Some(Missing {
                code: "ResourceNotFoundException",
                permission: permission("logs:CreateLogStream", &of_group),
                request: json_target(logs, "Logs_20140328.CreateLogStream", &create),
            }),
            details: format!("Action: cloudwatchLogs, LogGroup: {group}"),
            ..Rendered::new(
                permission("logs:PutLogEvents", &of_stream),
                Effect::Request(json_target(logs, "Logs_20140328.PutLogEvents", &put)),
                "Failed to put CloudWatch Logs events",
                group,
            )
        })
    }
}
