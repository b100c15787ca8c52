//! What an evaluation sees: the message, the time, chance, and a way to ask the outside.

use super::json::{Index, Json};
use super::variables::Variables;
use rand::RngCore;
use std::net::IpAddr;
use std::sync::OnceLock;

/// One published message, shared by all the rules that it triggers.
///
/// Its payload is indexed when a rule first looks into it, and only once.
#[derive(Debug)]
pub struct Message<'a> {
    topic: &'a str,
    payload: &'a [u8],
    /// The payload, if it is text.
    text: Option<&'a str>,
    /// Name of the rule that a Basic Ingest topic (`$aws/rules/NAME/...`) names.
    pub basic_ingest_rule: Option<&'a str>,
    /// MQTT client id of the publisher; `None` if it did not use MQTT.
    pub client_id: Option<&'a str>,
    /// Certificate id, or the user id of a request that was signed.
    pub principal: Option<&'a str>,
    /// Account that owns the rule.
    pub account_id: &'a str,
    /// Address of the publisher.
    pub source_ip: Option<IpAddr>,
    /// Trace id of the message, a UUID; `None` if it was not published by MQTT.
    pub trace_id: Option<&'a str>,
    /// Properties that came with an MQTT 5 PUBLISH.
    pub properties: Properties<'a>,
    /// Of the payload, once somebody has looked into it; nothing if it is no object or array.
    index: OnceLock<Option<Index>>,
}

/// MQTT 5 properties of a message; all absent for other publishers.
#[derive(Clone, Debug, Default)]
pub struct Properties<'a> {
    /// Content Type.
    pub content_type: Option<&'a str>,
    /// Whether Payload Format Indicator says UTF-8.
    pub payload_is_utf8: bool,
    /// Response Topic.
    pub response_topic: Option<&'a str>,
    /// Correlation Data.
    pub correlation_data: Option<&'a [u8]>,
    /// User Property pairs in the order of the packet.
    pub user: Vec<(&'a str, &'a str)>,
}

impl<'a> Message<'a> {
    /// A message as it was published; what is not said is absent.
    #[must_use]
    pub fn new(topic: &'a str, payload: &'a [u8]) -> Self {
        Self {
            topic,
            payload,
            text: std::str::from_utf8(payload).ok(),
            basic_ingest_rule: None,
            client_id: None,
            principal: None,
            account_id: "",
            source_ip: None,
            trace_id: None,
            properties: Properties::default(),
            index: OnceLock::new(),
        }
    }

    /// The payload, if it is a JSON object or array. Other JSON counts as no JSON: attributes of
    /// it are Undefined (developer guide, "Working with binary payloads").
    pub(super) fn json(&self) -> Option<Json<'_>> {
        let text = self.text?;
        let index = self.index.get_or_init(|| Index::of(text));
        index.as_ref().map(|index| index.root(text))
    }

    /// The bytes that were published.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The topic as `topic()` sees it: without the three levels that Basic Ingest uses.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        match self.basic_ingest_rule {
            Some(_) => self.topic.splitn(4, '/').nth(3).unwrap_or(""),
            None => self.topic,
        }
    }

    /// The topic that was published to.
    #[must_use]
    pub fn published_topic(&self) -> &'a str {
        self.topic
    }
}

/// What a rule's SQL can ask of the outside. Values are JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// `aws_lambda`: invoke a function and wait for its answer (2000 ms on AWS).
    Lambda {
        /// ARN of the function.
        function_arn: &'a str,
        /// What the function gets.
        payload: &'a [u8],
    },
    /// `get_dynamodb`: one item, answered as plain JSON without attribute types.
    DynamoDb {
        /// Table name.
        table: &'a str,
        /// Name and JSON value of the partition key.
        partition_key: (&'a str, &'a str),
        /// Name and JSON value of the sort key.
        sort_key: Option<(&'a str, &'a str)>,
        /// Role to read the table with.
        role_arn: &'a str,
    },
    /// `get_thing_shadow`: a whole shadow document.
    ThingShadow {
        /// Thing name.
        thing_name: &'a str,
        /// Name of a named shadow.
        shadow_name: Option<&'a str>,
        /// Role to read the shadow with.
        role_arn: &'a str,
    },
    /// `get_registry_data`: what `DescribeThing` or `ListThingGroupsForThing` answers.
    RegistryData {
        /// Name of the operation.
        operation: &'a str,
        /// Thing name.
        thing_name: &'a str,
        /// Role to read the registry with.
        role_arn: &'a str,
    },
    /// `get_secret`: the text or the bytes of the current version of a secret.
    Secret {
        /// Name or ARN of the secret.
        secret_id: &'a str,
        /// Whether `SecretBinary` is wanted, not `SecretString`.
        binary: bool,
        /// Role to read the secret with.
        role_arn: &'a str,
    },
    /// `machinelearning_predict`: the prediction, as the service answers it.
    Prediction {
        /// Model id.
        model_id: &'a str,
        /// Role to ask with.
        role_arn: &'a str,
        /// The record, a JSON object.
        record: &'a [u8],
    },
    /// `decode(x, 'proto', ...)`: an object of S3, a serialized `FileDescriptorSet`.
    S3Object {
        /// Bucket name.
        bucket: &'a str,
        /// Object key.
        key: &'a str,
    },
}

/// Whoever answers what rules ask of the outside.
pub trait External {
    /// Answers one lookup with the bytes it gives.
    ///
    /// # Errors
    /// Whatever makes the lookup fail, in words: the rule fails with it.
    fn look_up(&mut self, lookup: &Lookup<'_>) -> Result<Vec<u8>, String>;
}

/// Where the documentation leaves AWS's behaviour open and users may want the other choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Settings {
    /// What a substitution template does with Undefined and Null.
    pub undefined_in_template: UndefinedInTemplate,
}

/// What a substitution template does with Undefined and Null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum UndefinedInTemplate {
    /// The action fails, with an error that names the template: nothing lands in a wrong place.
    #[default]
    Fail,
    /// The empty string, as the data types page says of Undefined alone.
    Empty,
}

/// One rule's view of one message.
pub struct Context<'a> {
    /// The message.
    pub message: &'a Message<'a>,
    /// The time in milliseconds since 1970.
    pub now_ms: i64,
    /// Chance, for `rand()` and `newuuid()`.
    pub rng: &'a mut dyn RngCore,
    /// Who answers what the SQL asks of the outside.
    pub external: Option<&'a mut dyn External>,
    /// The values of SET: left by `Statement::evaluate`, read by templates.
    pub variables: Variables,
    /// What the last evaluation of a statement took, in steps of some nanoseconds each.
    pub steps: u32,
    /// Choices where AWS's behaviour is open.
    pub settings: Settings,
}

impl<'a> Context<'a> {
    /// A context without an outside: functions that ask it fail.
    #[must_use]
    pub fn new(message: &'a Message<'a>, now_ms: i64, rng: &'a mut dyn RngCore) -> Self {
        Self {
            message,
            now_ms,
            rng,
            external: None,
            variables: Variables::default(),
            steps: 0,
            settings: Settings::default(),
        }
    }

    /// The same context with somebody who answers what the SQL asks of the outside.
    #[must_use]
    pub fn with_external(mut self, external: &'a mut dyn External) -> Self {
        self.external = Some(external);
        self
    }
}
