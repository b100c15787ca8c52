//! `republish`: publishes the result to another topic (developer guide, "Republish rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{
    Effect, Input, Permission, Rendered, Republish, RepublishProperties, Unrenderable,
};
use super::text::Text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

/// The API's limit for each header.
const HEADER_CHARS_MAX: usize = 1024;
/// The API's limit for user properties.
const USER_PROPERTIES_MAX: usize = 100;

struct RepublishAction {
    role_arn: String,
    topic: Text,
    qos: u8,
    headers: Headers,
}

#[derive(Default)]
struct Headers {
    payload_format_indicator: Option<Text>,
    content_type: Option<Text>,
    response_topic: Option<Text>,
    correlation_data: Option<Text>,
    message_expiry: Option<Text>,
    user_properties: Vec<(Text, Text)>,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let role_arn = params.role_arn()?;
    let topic = params.checked("topic", check_topic)?;
    let qos = params.integer("qos", 0..=1)?.unwrap_or(0);
    let headers = match params.object("headers")? {
        Some(headers) => parse_headers(headers)?,
        None => Headers::default(),
    };
    Ok(Box::new(RepublishAction {
        role_arn,
        topic,
        qos: u8::from(qos == 1),
        headers,
    }))
}

fn parse_headers(mut params: Params<'_>) -> Result<Headers, ActionRefused> {
    let mut user_properties = Vec::new();
    for mut pair in params.objects("userProperties", USER_PROPERTIES_MAX)? {
        let key = pair.checked("key", check_length)?;
        // AWS takes an empty value, but no missing one.
        let Some(value) = pair.optional_checked("value", check_length)? else {
            return Err(ActionRefused::new(
                &format!("{}.value", pair.path()),
                "is missing",
            ));
        };
        pair.finish()?;
        user_properties.push((key, value));
    }
    let headers = Headers {
        payload_format_indicator: params.optional_checked("payloadFormatIndicator", |text| {
            format_indicator(text).map(|_| ())
        })?,
        content_type: params.optional_checked("contentType", check_length)?,
        response_topic: params.optional_checked("responseTopic", check_response_topic)?,
        correlation_data: params
            .optional_checked("correlationData", |text| correlation_data(text).map(|_| ()))?,
        message_expiry: params
            .optional_checked("messageExpiry", |text| expiry(text).map(|_| ()))?,
        user_properties,
    };
    params.finish()?;
    Ok(headers)
}

fn check_length(text: &str) -> Result<(), String> {
    if text.chars().count() > HEADER_CHARS_MAX {
        return Err(format!("must have at most {HEADER_CHARS_MAX} characters"));
    }
    Ok(())
}

/// What a topic to publish to may not be in any profile; the broker checks its own limits.
fn check_topic(topic: &str) -> Result<(), String> {
    if topic.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if topic.contains(['+', '#', '\0']) {
        return Err(format!(
            "`{topic}` has a wildcard, which no topic to publish to has"
        ));
    }
    Ok(())
}

fn check_response_topic(topic: &str) -> Result<(), String> {
    check_topic(topic)?;
    check_length(topic)
}

fn format_indicator(text: &str) -> Result<bool, String> {
    match text {
        "UNSPECIFIED_BYTES" => Ok(false),
        "UTF8_DATA" => Ok(true),
        _ => Err(format!(
            "`{text}` is neither UNSPECIFIED_BYTES nor UTF8_DATA"
        )),
    }
}

fn correlation_data(text: &str) -> Result<Bytes, String> {
    check_length(text)?;
    BASE64
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| format!("`{text}` is not base64"))
}

fn expiry(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number of seconds"))
}

impl RepublishAction {
    fn properties(&self, input: &mut Input<'_, '_>) -> Result<RepublishProperties, Unrenderable> {
        let headers = &self.headers;
        let format = input.optional(headers.payload_format_indicator.as_ref())?;
        let correlation = input.optional(headers.correlation_data.as_ref())?;
        let message_expiry = input.optional(headers.message_expiry.as_ref())?;
        let mut user_properties = Vec::with_capacity(headers.user_properties.len());
        for (key, value) in &headers.user_properties {
            user_properties.push((input.text(key)?, input.text(value)?));
        }
        let wrong = |why: String| Unrenderable::new(why);
        Ok(RepublishProperties {
            utf8_payload: format
                .map(|t| format_indicator(&t))
                .transpose()
                .map_err(wrong)?,
            content_type: input.optional(headers.content_type.as_ref())?,
            response_topic: input.optional(headers.response_topic.as_ref())?,
            correlation_data: correlation
                .map(|t| correlation_data(&t))
                .transpose()
                .map_err(wrong)?,
            message_expiry_s: message_expiry
                .map(|t| expiry(&t))
                .transpose()
                .map_err(wrong)?,
            user_properties,
        })
    }
}

impl Sends for RepublishAction {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let rendered = input.text(&self.topic)?;
        // A reserved topic is written with a second dollar, which keeps it from being a template.
        let topic = match rendered.strip_prefix("$$") {
            Some(rest) => format!("${rest}"),
            None => rendered,
        };
        let to_topic = |refused| Unrenderable {
            resource: topic.clone(),
            ..refused
        };
        let properties = self.properties(input).map_err(to_topic)?;
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action: "iot:Publish",
                resource: input.place.arn("iot", &format!("topic/{topic}")),
            }],
            resource: topic.clone(),
            details: format!("Action: republish, Topic: {topic}"),
            effect: Effect::Republish(Republish {
                topic,
                qos: self.qos,
                payload: input.payload.clone(),
                properties,
            }),
            failure: "Failed to republish to topic",
        })
    }
}
