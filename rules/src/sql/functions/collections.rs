//! Arrays, objects, and what may be missing.

use super::super::SqlVersion;
use super::super::error::EvalError;
use super::super::eval::{Arguments, Evaluated, Stop};
use super::super::json::Writer;
use super::super::object::Object;
use super::super::value::{Type, Value};
use super::function::{Arity, Function, Outside, PLAIN, eg};
use std::rc::Rc;

pub(super) const ALL: &[&Function] = &[&GET, &TRANSFORM, &GET_OR_DEFAULT, &IS_NULL, &IS_UNDEFINED];

static GET: Function = Function {
    name: "get",
    arguments: "array | text | object, index | key",
    arity: Arity::exactly(2),
    summary: "The element or character at the index, counted from 0, or the member of this name; \
              get(*, 'my-key') is a member of the payload.",
    examples: &[
        eg("get(['a', 'b', 'c'], 1)", "\"b\""),
        eg("get({'a': 'b'}, 'a')", "\"b\""),
        eg("get('abc', 0)", "\"a\""),
        eg("get(['a'], 1)", "Undefined"),
    ],
    body: get,
    ..PLAIN
};

fn get<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    let value = call.value(0)?;
    call.evaluator.budget.work(value.size())?;
    if value.kind() == Type::Object {
        return match call.value(1)? {
            Value::Text(key) => Ok(value.member(&key)),
            Value::Undefined | Value::Null | Value::Bool(_) => Err(Stop::Undefined),
            Value::Int(_) | Value::Decimal(_) | Value::NumberText(_) => Err(Stop::Undefined),
            Value::Array(_) | Value::Object(_) | Value::Json(_) => Err(Stop::Undefined),
        };
    }
    let index = usize::try_from(call.int(1)?).map_err(|_| Stop::Undefined)?;
    let found = match &value {
        Value::Text(text) => text.chars().nth(index).map(|char| char.to_string().into()),
        Value::Array(items) => items.get(index).cloned(),
        _ => value
            .elements()
            .and_then(|mut elements| elements.nth(index)),
    };
    found.ok_or(Stop::Undefined)
}

static TRANSFORM: Function = Function {
    name: "transform",
    arguments: "'enrichArray', object, array of objects",
    arity: Arity::exactly(3),
    since: SqlVersion::V2016,
    summary: "The array with the members of the object added to each of its elements.",
    examples: &[eg(
        "transform('enrichArray', {'key': 1}, [{'a': 3}, {'b': 4}])",
        r#"[{"a":3,"key":1},{"b":4,"key":1}]"#,
    )],
    constant_first: true,
    body: transform,
    ..PLAIN
};

/// Where names collide the object's member wins: the guide does not say which does.
fn transform<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    const BYTES_MAX: usize = 128 * 1024;
    if &*call.text(0)? != "enrichArray" {
        return Err(Stop::Undefined);
    }
    let (added, array) = (call.value(1)?, call.value(2)?);
    if added.kind() != Type::Object {
        return Err(Stop::Undefined);
    }
    let mut enriched = Vec::new();
    for element in array.elements().ok_or(Stop::Undefined)? {
        let members = element.members().ok_or(Stop::Undefined)?;
        let mut object: Object<'v> = members.collect();
        object.extend(added.members().into_iter().flatten());
        call.evaluator.budget.values(object.len() + 1)?;
        call.evaluator.budget.step(1)?;
        enriched.push(Value::Object(Rc::new(object)));
    }
    let array = Value::Array(enriched.into());
    let version = call.evaluator.version;
    Writer::new(version, "the result of transform", BYTES_MAX).value(&array)?;
    Ok(array)
}

static GET_OR_DEFAULT: Function = Function {
    name: "get_or_default",
    arguments: "value [, default]",
    arity: Arity::between(1, 2),
    since: SqlVersion::V2016,
    summary: "The value, or the default where it is Undefined, Null or fails.",
    examples: &[
        eg("get_or_default(missing, 'd')", "\"d\""),
        eg("get_or_default(5, 'd')", "5"),
        eg("get_or_default(null)", "Undefined"),
    ],
    outside: Outside::Caught,
    body: |call| match call.value(0) {
        Ok(Value::Undefined | Value::Null) => call.value(1),
        // Limits are not caught: they are there to end the evaluation.
        Err(Stop::Failed(EvalError::External { .. })) => call.value(1),
        other => other,
    },
    ..PLAIN
};

// The guide once said 2015-10-08 and now says 2016-03-23: both have it here.
static IS_NULL: Function = Function {
    name: "isNull",
    arguments: "value",
    summary: "Whether the value is Null.",
    examples: &[eg("isNull(null)", "true"), eg("isNull(missing)", "false")],
    body: |call| Ok((call.value(0)?.kind() == Type::Null).into()),
    ..PLAIN
};

static IS_UNDEFINED: Function = Function {
    name: "isUndefined",
    arguments: "value",
    since: SqlVersion::V2016,
    summary: "Whether the value is Undefined.",
    examples: &[
        eg("isUndefined(5)", "false"),
        eg("isUndefined(floor([1, 2, 3]))", "true"),
    ],
    body: |call| Ok(call.value(0)?.is_undefined().into()),
    ..PLAIN
};
