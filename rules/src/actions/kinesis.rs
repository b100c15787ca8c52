//! `kinesis`: puts the result into a data stream (developer guide, "Kinesis Data Streams rule
//! action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, json_target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

struct Kinesis {
    role_arn: String,
    stream_name: Text,
    partition_key: Option<Text>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(Kinesis {
        role_arn: params.role_arn()?,
        stream_name: params.text("streamName")?,
        partition_key: params.optional_text("partitionKey")?,
    }))
}

impl Sends for Kinesis {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let stream = input.text(&self.stream_name)?;
        let in_stream = |refused| Unrenderable {
            resource: stream.clone(),
            ..refused
        };
        // The API lets it out and says not what is used then; the trace id spreads messages.
        let key = input
            .optional(self.partition_key.as_ref())
            .map_err(in_stream)?;
        let key = key.unwrap_or_else(|| input.trace_id.to_string());
        let body = json!({
            "StreamName": stream,
            "Data": BASE64.encode(input.payload),
            "PartitionKey": key,
        });
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action: "kinesis:PutRecord",
                resource: input.place.arn("kinesis", &format!("stream/{stream}")),
            }],
            details: format!("Action: kinesis, Stream: {stream}, PartitionKey: {key}"),
            resource: stream,
            effect: Effect::Request(json_target(
                Service::Kinesis,
                "Kinesis_20131202.PutRecord",
                &body,
            )),
            failure: "Failed to put Kinesis record",
        })
    }
}
