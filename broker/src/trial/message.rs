//! A message as a line of JSON describes it, and what its `context` answers to lookups.

use ::rules::sql::{External, Lookup, Message, Properties};
use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mqtt::reserved::BasicIngest;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// One message with SQL or a template, as `--stdin` reads it. Members that it does not name are
/// allowed, so that a file of messages can carry what its author expects.
#[derive(Default, Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) sql: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) sql_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) template: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) topic: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    pub(crate) payload: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) payload_text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) payload_base64: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) client_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) context: Publisher<'a>,
    /// The variables of a template, in order.
    pub(crate) set: Option<Map<String, Value>>,
    /// Where a template stands.
    #[serde(borrow)]
    pub(crate) field: Option<Cow<'a, str>>,
}

/// The payload `null` is one.
fn even_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Who published a message and how, and what functions that ask outside are answered.
#[derive(Default, Deserialize)]
pub(crate) struct Publisher<'a> {
    #[serde(borrow)]
    account_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    principal: Option<Cow<'a, str>>,
    source_ip: Option<IpAddr>,
    #[serde(borrow)]
    trace_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    protocol: Option<Cow<'a, str>>,
    #[serde(borrow)]
    basic_ingest_rule: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    mqtt5: Mqtt5<'a>,
    #[serde(borrow, default)]
    shadows: BTreeMap<Cow<'a, str>, &'a RawValue>,
    /// An item, or a text that says that there is none.
    #[serde(borrow)]
    dynamodb: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Mqtt5<'a> {
    #[serde(borrow)]
    content_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload_format_indicator: Option<Cow<'a, str>>,
    #[serde(borrow)]
    response_topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    correlation_data_base64: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    user_properties: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// A line's message with its bytes.
pub(super) struct Published<'a> {
    topic: &'a str,
    payload: Cow<'a, [u8]>,
    client_id: Option<&'a str>,
    trace_id: Option<Cow<'a, str>>,
    correlation_data: Option<Vec<u8>>,
    pub(super) context: &'a Publisher<'a>,
}

impl<'a> Published<'a> {
    pub(super) fn of(line: &'a Line<'a>) -> anyhow::Result<Self> {
        let context = &line.context;
        let payload = match (line.payload, &line.payload_text, &line.payload_base64) {
            (Some(json), None, None) => Cow::Borrowed(json.get().as_bytes()),
            (None, Some(text), None) => Cow::Borrowed(text.as_bytes()),
            (None, None, Some(text)) => {
                Cow::Owned(STANDARD.decode(&**text).context("payload_base64")?)
            }
            (None, None, None) => {
                bail!("missing field `payload`, `payload_text` or `payload_base64`")
            }
            _ => bail!("`payload`, `payload_text` and `payload_base64` exclude each other"),
        };
        let by_mqtt = match context.protocol.as_deref() {
            Some(protocol) => protocol.to_ascii_lowercase().starts_with("mqtt"),
            None => line.client_id.is_some(),
        };
        let trace_id = context.trace_id.as_deref().map(Cow::Borrowed);
        let new_trace_id = || Cow::Owned(uuid::Uuid::new_v4().to_string());
        let data = context.mqtt5.correlation_data_base64.as_deref();
        let data = data.map(|data| STANDARD.decode(data)).transpose();
        Ok(Self {
            topic: &line.topic,
            payload,
            client_id: line.client_id.as_deref().filter(|_| by_mqtt),
            trace_id: trace_id.or_else(|| by_mqtt.then(new_trace_id)),
            correlation_data: data.context("correlation_data_base64")?,
            context,
        })
    }

    pub(super) fn message(&self) -> Message<'_> {
        let Publisher { mqtt5, .. } = self.context;
        let ingest = BasicIngest::parse(self.topic).map(|ingest| ingest.rule);
        let mut message = Message::new(self.topic, &self.payload);
        message.basic_ingest_rule = self.context.basic_ingest_rule.as_deref().or(ingest);
        message.client_id = self.client_id;
        message.principal = self.context.principal.as_deref();
        message.account_id = self.context.account_id.as_deref().unwrap_or("000000000000");
        message.source_ip = self.context.source_ip;
        message.trace_id = self.trace_id.as_deref();
        message.properties = Properties {
            content_type: mqtt5.content_type.as_deref(),
            payload_is_utf8: mqtt5.payload_format_indicator.as_deref() == Some("UTF8_DATA"),
            response_topic: mqtt5.response_topic.as_deref(),
            correlation_data: self.correlation_data.as_deref(),
            user: mqtt5
                .user_properties
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect(),
        };
        message
    }
}

/// Answers lookups from a line's `context`.
pub(super) struct Outside<'a>(pub(super) &'a Publisher<'a>);

impl External for Outside<'_> {
    fn look_up(&mut self, lookup: &Lookup<'_>) -> Result<Vec<u8>, String> {
        match lookup {
            Lookup::ThingShadow {
                thing_name,
                shadow_name,
                ..
            } => {
                let key = match shadow_name {
                    Some(shadow) => format!("{thing_name}/{shadow}"),
                    None => (*thing_name).to_owned(),
                };
                let document = self.0.shadows.get(key.as_str());
                let document = document.map(|document| document.get().into());
                document.ok_or_else(|| format!("`context.shadows` has no `{key}`"))
            }
            Lookup::DynamoDb { .. } => match self.0.dynamodb {
                Some(item) if item.get().starts_with('{') => Ok(item.get().into()),
                Some(_) | None => Err("`context.dynamodb` is no item".to_owned()),
            },
            Lookup::Lambda { .. } | Lookup::RegistryData { .. } | Lookup::Secret { .. } => {
                Err(NOBODY.to_owned())
            }
            Lookup::Prediction { .. } | Lookup::S3Object { .. } => Err(NOBODY.to_owned()),
        }
    }
}

const NOBODY: &str = "nobody answers without a server";
