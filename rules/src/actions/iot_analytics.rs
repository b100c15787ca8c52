//! `iotAnalytics`: sends the result to a channel, in batch mode one message per element
//! (developer guide, "IoT Analytics rule action").

use super::action::{ActionRefused, Sends};
use super::messages::payloads;
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{AwsRequest, Service};
use serde_json::{Value, json};

/// Messages of one batch.
const BATCH_MAX: usize = 100;

struct IotAnalytics {
    role_arn: String,
    channel_name: Text,
    batch: bool,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    // The older way to name the channel.
    if let Some(arn) = params.string("channelArn")? {
        let why = format!("`{arn}`: name the channel by `channelName`, channelArn is deprecated");
        return Err(ActionRefused::new(
            &format!("{}.channelArn", params.path()),
            &why,
        ));
    }
    Ok(Box::new(IotAnalytics {
        role_arn: params.role_arn()?,
        channel_name: params.text("channelName")?,
        batch: params.flag("batchMode")?,
    }))
}

impl Sends for IotAnalytics {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let channel = input.text(&self.channel_name)?;
        let payloads = payloads(input, self.batch, BATCH_MAX).map_err(|refused| Unrenderable {
            resource: channel.clone(),
            ..refused
        })?;
        let message = |payload| json!({"messageId": input.new_uuid(), "payload": payload});
        let messages: Vec<Value> = payloads.into_iter().map(message).collect();
        let body = json!({"channelName": channel, "messages": messages});
        let mut request =
            AwsRequest::post(Service::IotAnalytics, "application/json", body.to_string());
        request.path = "/messages/batch".to_owned();
        let permission = Permission {
            role_arn: self.role_arn.clone(),
            action: "iotanalytics:BatchPutMessage",
            resource: input
                .place
                .arn("iotanalytics", &format!("channel/{channel}")),
        };
        Ok(Rendered {
            details: format!("Action: iotAnalytics, Channel: {channel}"),
            ..Rendered::new(
                permission,
                Effect::Request(request),
                "Failed to put IoT Analytics messages",
                channel,
            )
        })
    }
}
