//! What is known of the message beside its payload.

use super::super::SqlVersion;
use super::super::eval::{Arguments, Evaluated, Stop};
use super::super::object::Object;
use super::super::value::{Text, Value};
use super::function::{Arity, Function, PLAIN, eg};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::rc::Rc;

pub(super) const ALL: &[&Function] = &[
    &TOPIC,
    &CLIENTID,
    &PRINCIPAL,
    &ACCOUNTID,
    &SOURCEIP,
    &TRACEID,
    &NEWUUID,
    &SQL_VERSION,
    &GET_MQTT_PROPERTY,
    &GET_USER_PROPERTIES,
];

static TOPIC: Function = Function {
    name: "topic",
    arguments: "[level]",
    arity: Arity::between(0, 1),
    summary: "The topic, without what Basic Ingest puts before it, or its nth level from 1.",
    examples: &[
        eg("topic()", "\"things/myThings/thingOne\""),
        eg("topic(2)", "\"myThings\""),
        eg("topic(4)", "Undefined"),
    ],
    body: |call| {
        let topic = call.evaluator.message.topic();
        if call.count() == 0 {
            return Ok(topic.into());
        }
        let level = call.int(0)?.checked_sub(1).ok_or(Stop::Undefined)?;
        let level = usize::try_from(level).map_err(|_| Stop::Undefined)?;
        let level = topic.split('/').nth(level);
        level.map(Value::from).ok_or(Stop::Undefined)
    },
    ..PLAIN
};

static CLIENTID: Function = Function {
    name: "clientid",
    arguments: "",
    arity: Arity::exactly(0),
    summary: "The MQTT client id of the publisher, n/a if it did not use MQTT.",
    examples: &[eg("clientid()", "\"thing-1\"")],
    body: |call| Ok(call.evaluator.message.client_id.unwrap_or("n/a").into()),
    ..PLAIN
};

static PRINCIPAL: Function = Function {
    name: "principal",
    arguments: "",
    arity: Arity::exactly(0),
    summary: "The certificate id of the publisher, or the user id of a signed request.",
    examples: &[eg(
        "principal()",
        "\"ba67293af50bf2506f5f93469686da660c7c844e\"",
    )],
    body: |call| known(call.evaluator.message.principal),
    ..PLAIN
};

static ACCOUNTID: Function = Function {
    name: "accountid",
    arguments: "",
    arity: Arity::exactly(0),
    summary: "The account that owns the rule.",
    examples: &[eg("accountid()", "\"123456789012\"")],
    body: |call| Ok(call.evaluator.message.account_id.into()),
    ..PLAIN
};

static SOURCEIP: Function = Function {
    name: "sourceip",
    arguments: "",
    arity: Arity::exactly(0),
    since: SqlVersion::V2016,
    summary: "The IP address of the publisher.",
    examples: &[eg("sourceip()", "\"192.158.1.38\"")],
    body: |call| match call.evaluator.message.source_ip {
        Some(address) => Ok(address.to_string().into()),
        None => Err(Stop::Undefined),
    },
    ..PLAIN
};

static TRACEID: Function = Function {
    name: "traceid",
    arguments: "",
    arity: Arity::exactly(0),
    summary: "The trace id of the message; Undefined if it was not published by MQTT.",
    examples: &[eg("traceid()", "\"12345678-1234-1234-1234-123456789012\"")],
    body: |call| known(call.evaluator.message.trace_id),
    ..PLAIN
};

fn known<'v>(text: Option<&'v str>) -> Evaluated<'v> {
    text.map(Value::from).ok_or(Stop::Undefined)
}

static NEWUUID: Function = Function {
    name: "newuuid",
    arguments: "",
    arity: Arity::exactly(0),
    summary: "A random UUID.",
    examples: &[eg("length(newuuid())", "36")],
    body: |call| {
        let mut bytes = [0; 16];
        call.evaluator.rng.fill_bytes(&mut bytes);
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        Ok(uuid.to_string().into())
    },
    ..PLAIN
};

static SQL_VERSION: Function = Function {
    name: "sql_version",
    arguments: "",
    arity: Arity::exactly(0),
    summary: "The version of the SQL that the rule is written in.",
    examples: &[eg("sql_version()", "\"2016-03-23\"")],
    body: |call| Ok(call.evaluator.version.name().into()),
    ..PLAIN
};

static GET_MQTT_PROPERTY: Function = Function {
    name: "get_mqtt_property",
    arguments: "'content_type' | 'response_topic' | 'correlation_data' | 'format_indicator'",
    summary: "A property of an MQTT 5 message; correlation data in base64.",
    examples: &[
        eg("get_mqtt_property('content_type')", "\"text/plain\""),
        eg("get_mqtt_property('format_indicator')", "\"UTF8_DATA\""),
        eg("get_mqtt_property('other')", "Undefined"),
    ],
    body: |call| {
        let properties = &call.evaluator.message.properties;
        match &*call.text(0)? {
            "content_type" => known(properties.content_type),
            "response_topic" => known(properties.response_topic),
            "correlation_data" => {
                let data = properties.correlation_data.ok_or(Stop::Undefined)?;
                Ok(STANDARD.encode(data).into())
            }
            "format_indicator" if properties.payload_is_utf8 => Ok("UTF8_DATA".into()),
            "format_indicator" => Ok("UNSPECIFIED_BYTES".into()),
            _ => Err(Stop::Undefined),
        }
    },
    ..PLAIN
};

static GET_USER_PROPERTIES: Function = Function {
    name: "get_user_properties",
    arguments: "[key]",
    arity: Arity::between(0, 1),
    summary: "The values of the MQTT 5 user properties of this name, or all as objects.",
    examples: &[
        eg("get_user_properties('color')", "[\"red\",\"blue\"]"),
        eg(
            "get_user_properties()",
            r#"[{"color":"red"},{"size":"big"},{"color":"blue"}]"#,
        ),
        eg("get_user_properties('other')", "Undefined"),
    ],
    body: user_properties,
    ..PLAIN
};

fn user_properties<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    let pairs = &call.evaluator.message.properties.user;
    call.evaluator.budget.values(2 * pairs.len())?;
    if call.count() == 0 {
        let object = |(name, value): &(&'v str, &'v str)| {
            let member = (Text::Borrowed(name), Value::from(*value));
            Value::Object(Rc::new(Object::from_iter([member])))
        };
        return Ok(Value::Array(pairs.iter().map(object).collect()));
    }
    let key = call.text(0)?;
    let named = pairs.iter().filter(|(name, _)| **name == *key);
    let values: Vec<Value<'v>> = named.map(|(_, value)| Value::from(*value)).collect();
    if values.is_empty() {
        return Err(Stop::Undefined);
    }
    Ok(Value::Array(values.into()))
}
