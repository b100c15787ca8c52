//! `firehose`: puts the result into a delivery stream, in batch mode one record per element
//! (developer guide, "Amazon Data Firehose rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, json_target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Elements of one batch.
const BATCH_MAX: usize = 500;

struct Firehose {
    role_arn: String,
    stream_name: Text,
    separator: &'static str,
    batch: bool,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(Firehose {
        role_arn: params.role_arn()?,
        stream_name: params.text("deliveryStreamName")?,
        separator: params
            .choice("separator", &["\n", "\t", "\r\n", ","])?
            .unwrap_or_default(),
        batch: params.flag("batchMode")?,
    }))
}

impl Firehose {
    fn record(&self, data: &[u8]) -> Value {
        let with_separator = [data, self.separator.as_bytes()].concat();
        json!({"Data": BASE64.encode(with_separator)})
    }

    /// The elements of the result in batch mode; batch mode means nothing for other results.
    fn elements<'a>(&self, payload: &'a [u8]) -> Option<Vec<&'a RawValue>> {
        if self.batch {
            serde_json::from_slice(payload).ok()
        } else {
            None
        }
    }
}

impl Sends for Firehose {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let stream = input.text(&self.stream_name)?;
        let (operation, action, body) = match self.elements(input.payload) {
            Some(elements) if elements.len() > BATCH_MAX => {
                let message = format!("the result has more than {BATCH_MAX} elements");
                return Err(Unrenderable {
                    message,
                    resource: stream,
                });
            }
            Some(elements) => {
                let records: Vec<Value> = elements
                    .iter()
                    .map(|element| self.record(element.get().as_bytes()))
                    .collect();
                let body = json!({"DeliveryStreamName": stream, "Records": records});
                (
                    "Firehose_20150804.PutRecordBatch",
                    "firehose:PutRecordBatch",
                    body,
                )
            }
            None => {
                let body =
                    json!({"DeliveryStreamName": stream, "Record": self.record(input.payload)});
                ("Firehose_20150804.PutRecord", "firehose:PutRecord", body)
            }
        };
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action,
                resource: input
                    .place
                    .arn("firehose", &format!("deliverystream/{stream}")),
            }],
            details: format!("Action: firehose, DeliveryStream: {stream}"),
            resource: stream,
            effect: Effect::Request(json_target(Service::Firehose, operation, &body)),
            failure: "Failed to put Firehose record",
        })
    }
}
