//! What an action is given, and what it makes of it.

use super::influx_instance::{InfluxInstance, InfluxWrite};
use super::text::Text;
use crate::sql::Context;
use crate::target::{AwsRequest, KafkaRecord};
use bytes::Bytes;
use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

/// The account and region that a rule runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The region.
    pub region: String,
    /// The account, twelve digits.
    pub account_id: String,
}

impl Place {
    /// The partition in ARNs (`aws`, `aws-cn`, `aws-us-gov`).
    #[must_use]
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// The ARN of a resource of this account and region.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition(),
            self.region,
            self.account_id
        )
    }

    /// What a role must be allowed to read to get a secret of this name or ARN. AWS adds six
    /// characters to the name.
    #[must_use]
    pub fn secret_arn(&self, id: &str) -> String {
        match id.starts_with("arn:") {
            true => id.to_owned(),
            false => self.arn("secretsmanager", &format!("secret:{id}-??????")),
        }
    }
}

fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// One message as an action gets it.
pub struct Input<'a, 'c> {
    /// The SELECT result, or the failures for an error action.
    pub payload: &'a Bytes,
    /// What templates see: the original message and the variables of SET, not the SELECT result.
    pub context: &'a mut Context<'c>,
    /// The rule's name.
    pub rule: &'a str,
    /// Where the rule runs.
    pub place: &'a Place,
    /// Identifies the message.
    pub trace_id: Uuid,
    /// Milliseconds since the epoch.
    pub now_ms: u64,
    /// Whether the action is the one for errors.
    pub is_error_action: bool,
}

/// The role of a rule must allow this before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The role.
    pub role_arn: String,
    /// The IAM action (`s3:PutObject`).
    pub action: &'static str,
    /// The ARN that it is wanted for, or `*`.
    pub resource: String,
}

/// What an action does with one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// What its role must allow; nothing for Lambda, where the function's own policy decides.
    pub permissions: Vec<Permission>,
    /// `failedResource` in an error action's payload: bucket, function ARN, topic.
    pub resource: String,
    /// What is sent.
    pub effect: Effect,
    /// The begin of the error text, as AWS has it (`Failed to put S3 object`).
    pub failure: &'static str,
    /// The end of the error text (`Action: s3, Bucket: b, Key: k`).
    pub details: String,
    /// What to do when what it is sent to is not there yet.
    pub missing: Option<Missing>,
    /// The topic rule destination that must be enabled.
    pub destination: Option<Destination>,
    /// How it is sent together with others.
    pub batching: Option<Batching>,
}

/// A topic rule destination as an action names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The confirmation URL of an HTTP destination.
    Http(String),
    /// The ARN of another one.
    Arn(String),
}

/// When a batch of messages is closed: at the first limit that it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// How long it is open.
    pub open: std::time::Duration,
    /// How many messages it holds.
    pub messages: usize,
    /// How many bytes it holds.
    pub bytes: usize,
    /// Whether messages of several topics go into it.
    pub across_topics: bool,
    /// What the messages of a batch become together.
    pub form: BatchForm,
    /// How many of `messages` this one counts for.
    pub weight: usize,
}

/// What the bodies of a batch become together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchForm {
    /// A JSON array.
    Array,
    /// Lines of text.
    Lines,
}

/// Makes what a request needs, once the answer says that it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The error code that says so.
    pub code: &'static str,
    /// What the role must allow for it.
    pub permission: Permission,
    /// What makes it.
    pub request: AwsRequest,
}

impl Rendered {
    /// An effect that a role must allow; the details of the error text are to be added.
    pub(super) fn new(
        permission: Permission,
        effect: Effect,
        failure: &'static str,
        resource: String,
    ) -> Self {
        Self {
            permissions: vec![permission],
            resource,
            effect,
            failure,
            details: String::new(),
            missing: None,
            destination: None,
            batching: None,
        }
    }
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A call of an AWS service.
    Request(AwsRequest),
    /// A message for the broker.
    Republish(Republish),
    /// A record for a Kafka topic.
    Record(Box<KafkaRecord>),
    /// Points for the InfluxDB that the destination names.
    Lines(InfluxWrite),
}

impl Effect {
    /// The effect with what its destination says, and what the role must allow for that.
    ///
    /// # Errors
    /// The destination does not suit the action, in words.
    pub(crate) fn at(
        self,
        configuration: &Value,
        place: &Place,
    ) -> Result<(Self, Option<Permission>), String> {
        match self {
            Self::Lines(write) => {
                let instance = InfluxInstance::of(configuration)?;
                let permission = Permission {
                    role_arn: write.role_arn.clone(),
                    action: "secretsmanager:GetSecretValue",
                    resource: place.secret_arn(&instance.secret.id),
                };
                Ok((Self::Request(instance.write(&write)?), Some(permission)))
            }
            Self::Request(_) | Self::Republish(_) | Self::Record(_) => Ok((self, None)),
        }
    }
}

/// A message that a rule publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Republish {
    /// The topic.
    pub topic: String,
    /// 0 or 1.
    pub qos: u8,
    /// The payload.
    pub payload: Bytes,
    /// MQTT 5 properties.
    pub properties: RepublishProperties,
}

/// The MQTT 5 properties that a republish action sets (`headers` in the API).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepublishProperties {
    /// Payload format indicator: whether the payload is UTF-8 text.
    pub utf8_payload: Option<bool>,
    /// Content type.
    pub content_type: Option<String>,
    /// Response topic.
    pub response_topic: Option<String>,
    /// Correlation data.
    pub correlation_data: Option<Bytes>,
    /// Message expiry interval in seconds.
    pub message_expiry_s: Option<u32>,
    /// User properties in order.
    pub user_properties: Vec<(String, String)>,
}

/// Why an action cannot be sent for this message. `resource` is empty when it was not known yet.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct Unrenderable {
    /// What is wrong, naming the parameter.
    pub message: String,
    /// `failedResource`, when it was known.
    pub resource: String,
}

impl Unrenderable {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            resource: String::new(),
        }
    }
}

impl<'a> Input<'a, '_> {
    /// Renders a template.
    pub(super) fn text(&mut self, text: &Text) -> Result<String, Unrenderable> {
        text.render(self.context).map_err(Unrenderable::new)
    }

    /// Renders a template that may be absent.
    pub(super) fn optional(&mut self, text: Option<&Text>) -> Result<Option<String>, Unrenderable> {
        text.map(|text| self.text(text)).transpose()
    }

    /// A new UUID.
    pub(super) fn new_uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.context.rng.fill_bytes(&mut bytes);
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        uuid.to_string()
    }

    /// The payload as text, for services whose messages are text.
    pub(super) fn payload_text(&self) -> Result<&'a str, Unrenderable> {
        std::str::from_utf8(self.payload).map_err(|_| {
            Unrenderable::new("the payload is not UTF-8 text: use encode(*, 'base64')")
        })
    }
}
