//! What the tests of the rule SQL share.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rules::sql::{
    Context, EvalError, External, Lookup, Message, Outcome, Properties, SqlVersion, Statement,
};
use serde_json::Value;

/// The time in all these tests.
pub(crate) const NOW_MS: i64 = 1_481_825_251_155;

/// A source of chance that is the same every time.
pub(crate) fn rng() -> SmallRng {
    SmallRng::seed_from_u64(1)
}

/// The bytes that base64 stands for.
pub(crate) fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("vectors are base64")
}

/// A statement and the message that it is evaluated for.
pub(crate) struct Vector {
    /// The statement.
    pub sql: String,
    topic: String,
    payload: Vec<u8>,
    source: Value,
}

impl Vector {
    /// Reads a vector, as `vectors/sql.json` has them.
    pub(crate) fn of(source: &Value) -> Self {
        let text = |name: &str| source[name].as_str().map(str::to_owned);
        let payload = match (text("payload_text"), text("payload_base64")) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(bytes)) => base64(&bytes),
            (None, None) => source["payload"].to_string().into_bytes(),
        };
        Self {
            sql: text("sql").expect("vectors have SQL"),
            topic: text("topic").expect("vectors have a topic"),
            payload,
            source: source.clone(),
        }
    }

    /// The version that the statement is written in.
    pub(crate) fn version(&self) -> SqlVersion {
        let name = self.source["sql_version"].as_str();
        name.map_or(SqlVersion::default(), |name| {
            SqlVersion::from_name(name).expect("vectors name versions that exist")
        })
    }
}

/// Evaluates a statement as the rules engine would: not at all if its filter does not match.
pub(crate) fn evaluate(vector: &Vector, statement: &Statement) -> Result<Outcome, EvalError> {
    let context = &vector.source["context"];
    let text = |name: &str| context[name].as_str();
    let mut message = Message::new(&vector.topic, &vector.payload);
    message.basic_ingest_rule = text("basic_ingest_rule");
    message.client_id = vector.source["client_id"].as_str();
    message.principal = text("principal");
    message.account_id = text("account_id").unwrap_or("123456789012");
    message.source_ip = text("source_ip").map(|ip| ip.parse().expect("an address"));
    message.trace_id = text("trace_id");
    let mqtt5 = &context["mqtt5"];
    let correlation_data = mqtt5["correlation_data_base64"].as_str().map(base64);
    let pairs = mqtt5["user_properties"].as_array();
    message.properties = Properties {
        content_type: mqtt5["content_type"].as_str(),
        payload_is_utf8: mqtt5["payload_format_indicator"] == "UTF8_DATA",
        response_topic: mqtt5["response_topic"].as_str(),
        correlation_data: correlation_data.as_deref(),
        user: pairs
            .into_iter()
            .flatten()
            .filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
            .collect(),
    };
    // Basic Ingest names its rule: the filter is not asked.
    let asked = statement
        .topic_filter()
        .filter(|_| message.basic_ingest_rule.is_none());
    if asked.is_some_and(|filter| !filter_matches(filter, &vector.topic)) {
        return Ok(Outcome::NotMatched);
    }
    let mut rng = rng();
    let mut outside = Outside(context);
    let mut context = Context::new(&message, NOW_MS, &mut rng).with_external(&mut outside);
    statement.evaluate(&mut context)
}

/// MQTT's matching, but `a/#` does not match `a` (developer guide, "MQTT topics").
fn filter_matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), Some(_)) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(name)) if level == name => {}
            (Some(_) | None, _) => return false,
        }
    }
}

struct Outside<'a>(&'a Value);

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
                match &self.0["shadows"][&key] {
                    Value::Null => Err(format!("there is no shadow `{key}`")),
                    document => Ok(document.to_string().into_bytes()),
                }
            }
            _ => Err("nobody answers".to_owned()),
        }
    }
}
