//! `iotEvents`: sends the result to an input, in batch mode one message per element (developer
//! guide, "IoT Events rule action").

use super::action::{ActionRefused, Sends};
use super::messages::payloads;
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{AwsRequest, Service};
use serde_json::{Value, json};

/// Messages of one batch.
const BATCH_MAX: usize = 10;
const MESSAGE_ID_CHARS_MAX: usize = 128;

struct IotEvents {
    role_arn: String,
    input_name: Text,
    message_id: Option<Text>,
    batch: bool,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let role_arn = params.role_arn()?;
    let input_name = params.text("inputName")?;
    let message_id = params.optional_checked("messageId", check_message_id)?;
    let batch = params.flag("batchMode")?;
    if batch && message_id.is_some() {
        let path = format!("{}.messageId", params.path());
        let why = "must not be there in batch mode, in which each element gets an id";
        return Err(ActionRefused::new(&path, why));
    }
    Ok(Box::new(IotEvents {
        role_arn,
        input_name,
        message_id,
        batch,
    }))
}

fn check_message_id(id: &str) -> Result<(), String> {
    if id.chars().count() <= MESSAGE_ID_CHARS_MAX {
        return Ok(());
    }
    Err(format!(
        "must have at most {MESSAGE_ID_CHARS_MAX} characters"
    ))
}

impl Sends for IotEvents {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let name = input.text(&self.input_name)?;
        let in_input = |refused| Unrenderable {
            resource: name.clone(),
            ..refused
        };
        let given = input.optional(self.message_id.as_ref()).map_err(in_input)?;
        let payloads = payloads(input, self.batch, BATCH_MAX).map_err(in_input)?;
        let message = |payload| {
            let id = given.clone().unwrap_or_else(|| input.new_uuid());
            json!({"messageId": id, "inputName": name, "payload": payload})
        };
        let messages: Vec<Value> = payloads.into_iter().map(message).collect();
        let body = json!({"messages": messages});
        let mut request =
            AwsRequest::post(Service::IotEvents, "application/json", body.to_string());
        request.path = "/inputs/messages".to_owned();
        let permission = Permission {
            role_arn: self.role_arn.clone(),
            action: "iotevents:BatchPutMessage",
            resource: input.place.arn("iotevents", &format!("input/{name}")),
        };
        Ok(Rendered {
            details: format!("Action: iotEvents, Input: {name}"),
            ..Rendered::new(
                permission,
                Effect::Request(request),
                "Failed to put IoT Events messages",
                name,
            )
        })
    }
}
