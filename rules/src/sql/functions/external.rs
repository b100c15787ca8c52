//! Functions that ask something outside. A failure fails the rule unless get_or_default is around.

use super::super::SqlVersion;
use super::super::ast::{Constant, Expr};
use super::super::context::Lookup;
use super::super::error::EvalError;
use super::super::eval::{Arguments, Evaluated, Limited, RESULT_BYTES_MAX, Stop};
use super::super::json::Writer;
use super::super::value::{Value, from_json_text};
use super::function::{Arity, Function, Outside, PLAIN};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(super) const ALL: &[&Function] = &[
    &AWS_LAMBDA,
    &GET_DYNAMODB,
    &GET_THING_SHADOW,
    &GET_REGISTRY_DATA,
    &GET_SECRET,
    &MACHINELEARNING_PREDICT,
];

/// As every function here is, to be completed.
const ASKED: Function = Function {
    outside: Outside::Asked,
    since: SqlVersion::V2016,
    ..PLAIN
};

static AWS_LAMBDA: Function = Function {
    name: "aws_lambda",
    arguments: "functionArn, value | *",
    arity: Arity::exactly(2),
    since: SqlVersion::V2015,
    summary: "What a Lambda function answers to the value; it must answer JSON within 2 seconds.",
    body: |call| {
        let function_arn = call.text(0)?;
        let payload = if call.is_payload(1) {
            call.evaluator.message.payload().to_vec()
        } else {
            json(call, 1)?.into_bytes()
        };
        let lookup = Lookup::Lambda {
            function_arn: &function_arn,
            payload: &payload,
        };
        ask_json(call, &lookup)
    },
    ..ASKED
};

static GET_DYNAMODB: Function = Function {
    name: "get_dynamodb",
    arguments: "table, partitionKey, value [, sortKey, value], roleArn",
    arity: Arity::between(4, 6),
    summary: "An item of a DynamoDB table as plain JSON; one call in a statement.",
    check: Some(|arguments| role_is_no_variable(arguments, arguments.len().saturating_sub(1))),
    body: get_dynamodb,
    ..ASKED
};

fn get_dynamodb<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    let sorted = match call.count() {
        4 => false,
        6 => true,
        _ => return Err(Stop::Undefined),
    };
    let table = call.text(0)?;
    let partition_key = (call.text(1)?, json(call, 2)?);
    let sort_key = if sorted {
        Some((call.text(3)?, json(call, 4)?))
    } else {
        None
    };
    let role_arn = call.text(call.count() - 1)?;
    call.evaluator.budget.limited(Limited::DynamoDb)?;
    let lookup = Lookup::DynamoDb {
        table: &table,
        partition_key: (&partition_key.0, &partition_key.1),
        sort_key: sort_key.as_ref().map(|(name, value)| (&**name, &**value)),
        role_arn: &role_arn,
    };
    ask_json(call, &lookup)
}

static GET_THING_SHADOW: Function = Function {
    name: "get_thing_shadow",
    arguments: "thingName [, shadowName], roleArn",
    arity: Arity::between(2, 3),
    summary: "The whole shadow document of a thing.",
    check: Some(|arguments| role_is_no_variable(arguments, arguments.len().saturating_sub(1))),
    body: |call| {
        let thing_name = call.text(0)?;
        let shadow_name = match call.count() {
            2 => None,
            _ => Some(call.text(1)?),
        };
        let role_arn = call.text(call.count() - 1)?;
        let lookup = Lookup::ThingShadow {
            thing_name: &thing_name,
            shadow_name: shadow_name.as_deref(),
            role_arn: &role_arn,
        };
        ask_json(call, &lookup)
    },
    ..ASKED
};

static GET_REGISTRY_DATA: Function = Function {
    name: "get_registry_data",
    arguments: "'DescribeThing' | 'ListThingGroupsForThing', thingName, roleArn",
    arity: Arity::exactly(3),
    summary: "What the registry answers about a thing; one call in a statement.",
    constant_first: true,
    check: Some(|arguments| {
        const OPERATIONS: [&str; 2] = ["DescribeThing", "ListThingGroupsForThing"];
        let known = match arguments.first() {
            Some(Expr::Constant(Constant::Text(name))) => OPERATIONS.contains(&&**name),
            _ => false,
        };
        if !known {
            let names = OPERATIONS.join("' or '");
            return Err(format!("the first argument must be '{names}'"));
        }
        role_is_no_variable(arguments, 2)
    }),
    body: |call| {
        let (operation, thing_name, role_arn) = (call.text(0)?, call.text(1)?, call.text(2)?);
        call.evaluator.budget.limited(Limited::RegistryData)?;
        let lookup = Lookup::RegistryData {
            operation: &operation,
            thing_name: &thing_name,
            role_arn: &role_arn,
        };
        ask_json(call, &lookup)
    },
    ..ASKED
};

// The guide names no version for it.
static GET_SECRET: Function = Function {
    name: "get_secret",
    arguments: "secretId, 'SecretString' | 'SecretBinary' [, key], roleArn",
    arity: Arity::between(3, 4),
    since: SqlVersion::V2015,
    summary: "The current version of a secret, or a member of one that is JSON.",
    check: Some(|arguments| role_is_no_variable(arguments, arguments.len().saturating_sub(1))),
    body: get_secret,
    ..ASKED
};

fn get_secret<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    let secret_id = call.text(0)?;
    let binary = match &*call.text(1)? {
        "SecretString" => false,
        "SecretBinary" => true,
        _ => return Err(Stop::Undefined),
    };
    let key = match call.count() {
        3 => None,
        _ => Some(call.text(2)?),
    };
    let role_arn = call.text(call.count() - 1)?;
    if binary && key.is_some() {
        return Err(failed(call, "a key needs a SecretString that is JSON"));
    }
    let secret = ask(
        call,
        &Lookup::Secret {
            secret_id: &secret_id,
            binary,
            role_arn: &role_arn,
        },
    )?;
    if binary {
        return Ok(STANDARD.encode(secret).into());
    }
    let Ok(secret) = String::from_utf8(secret) else {
        return Err(failed(call, "the secret is not text"));
    };
    let Some(key) = key else {
        return Ok(secret.into());
    };
    match from_json_text(&secret) {
        Some(object @ Value::Object(_)) => Ok(object.member(&key)),
        _ => Err(failed(call, "a key needs a SecretString that is JSON")),
    }
}

static MACHINELEARNING_PREDICT: Function = Function {
    name: "machinelearning_predict",
    arguments: "modelId, roleArn, record",
    arity: Arity::exactly(3),
    since: SqlVersion::V2015,
    summary: "The prediction of an Amazon Machine Learning model for a record.",
    check: Some(|arguments| role_is_no_variable(arguments, 1)),
    body: |call| {
        let (model_id, role_arn) = (call.text(0)?, call.text(1)?);
        let record = json(call, 2)?;
        let lookup = Lookup::Prediction {
            model_id: &model_id,
            role_arn: &role_arn,
            record: record.as_bytes(),
        };
        ask_json(call, &lookup)
    },
    ..ASKED
};

/// Roles may not come from variables (developer guide, "SET").
fn role_is_no_variable(arguments: &[Expr], place: usize) -> Result<(), String> {
    match arguments.get(place) {
        Some(Expr::Variable(_)) => Err("the role may not be a variable".to_owned()),
        _ => Ok(()),
    }
}

/// The JSON of an argument; Undefined has none.
fn json(call: &mut Arguments<'_, '_, '_>, place: usize) -> Result<String, Stop> {
    let value = call.value(place)?;
    if value.is_undefined() {
        return Err(Stop::Undefined);
    }
    let version = call.evaluator.version;
    let mut writer = Writer::new(version, "an argument", RESULT_BYTES_MAX);
    writer.value(&value)?;
    Ok(writer.into_text())
}

pub(super) fn ask(call: &mut Arguments<'_, '_, '_>, lookup: &Lookup<'_>) -> Result<Vec<u8>, Stop> {
    // Asking takes a while: not in a loop over a message.
    call.evaluator.budget.step(10_000)?;
    let answer = match &mut call.evaluator.external {
        Some(external) => external.look_up(lookup),
        None => Err("there is nobody to ask here".to_owned()),
    };
    let answer = answer.map_err(|message| failed(call, &message))?;
    call.evaluator.budget.built(answer.len())?;
    Ok(answer)
}

fn ask_json<'v>(call: &mut Arguments<'_, '_, 'v>, lookup: &Lookup<'_>) -> Evaluated<'v> {
    let answer = ask(call, lookup)?;
    let text = std::str::from_utf8(&answer).ok();
    let value = text.and_then(from_json_text);
    value.ok_or_else(|| failed(call, "the answer is not JSON"))
}

pub(super) fn failed(call: &Arguments<'_, '_, '_>, message: &str) -> Stop {
    Stop::Failed(EvalError::External {
        function: call.call.function.name,
        message: message.to_owned(),
    })
}
