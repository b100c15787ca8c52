//! Angles, in radians and double precision.

use super::super::eval::{Arguments, Evaluated};
use super::function::{Arity, Function, PLAIN, eg};

pub(super) const ALL: &[&Function] = &[
    &SIN, &COS, &TAN, &ASIN, &ACOS, &ATAN, &ATAN2, &SINH, &COSH, &TANH,
];

static SIN: Function = Function {
    name: "sin",
    arguments: "number",
    summary: "The sine.",
    examples: &[eg("sin(0)", "0")],
    body: |call| of(call, f64::sin),
    ..PLAIN
};

static COS: Function = Function {
    name: "cos",
    arguments: "number",
    summary: "The cosine.",
    examples: &[eg("cos(0)", "1")],
    body: |call| of(call, f64::cos),
    ..PLAIN
};

static TAN: Function = Function {
    name: "tan",
    arguments: "number",
    summary: "The tangent.",
    examples: &[eg("tan(3)", "-0.1425465430742778")],
    body: |call| of(call, f64::tan),
    ..PLAIN
};

static ASIN: Function = Function {
    name: "asin",
    arguments: "number",
    summary: "The angle of this sine; Undefined outside -1 to 1.",
    examples: &[eg("asin(0)", "0"), eg("asin(-2)", "Undefined")],
    body: |call| of(call, f64::asin),
    ..PLAIN
};

static ACOS: Function = Function {
    name: "acos",
    arguments: "number",
    summary: "The angle of this cosine; Undefined outside -1 to 1.",
    examples: &[
        eg("acos(0)", "1.5707963267948966"),
        eg("acos(2)", "Undefined"),
    ],
    body: |call| of(call, f64::acos),
    ..PLAIN
};

static ATAN: Function = Function {
    name: "atan",
    arguments: "number",
    summary: "The angle of this tangent.",
    examples: &[eg("atan(0)", "0")],
    body: |call| of(call, f64::atan),
    ..PLAIN
};

static ATAN2: Function = Function {
    name: "atan2",
    arguments: "y, x",
    arity: Arity::exactly(2),
    summary: "The angle between the x axis and the point (x, y).",
    examples: &[eg("atan2(1, 0)", "1.5707963267948966")],
    body: |call| {
        let (y, x) = (call.double(0)?, call.double(1)?);
        call.give_double(y.atan2(x))
    },
    ..PLAIN
};

static SINH: Function = Function {
    name: "sinh",
    arguments: "number",
    summary: "The hyperbolic sine.",
    examples: &[eg("sinh(2.3)", "4.936961805545957")],
    body: |call| of(call, f64::sinh),
    ..PLAIN
};

static COSH: Function = Function {
    name: "cosh",
    arguments: "number",
    summary: "The hyperbolic cosine.",
    examples: &[eg("cosh(2.3)", "5.037220649268761")],
    body: |call| of(call, f64::cosh),
    ..PLAIN
};

static TANH: Function = Function {
    name: "tanh",
    arguments: "number",
    summary: "The hyperbolic tangent.",
    examples: &[eg("tanh(2.3)", "0.9800963962661914")],
    body: |call| of(call, f64::tanh),
    ..PLAIN
};

fn of<'v>(call: &mut Arguments<'_, '_, 'v>, function: fn(f64) -> f64) -> Evaluated<'v> {
    let number = call.double(0)?;
    call.give_double(function(number))
}
