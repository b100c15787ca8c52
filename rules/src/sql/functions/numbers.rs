//! Arithmetic.

use super::super::eval::{Arguments, Evaluated, Stop};
use super::super::number::{Decimal, Number};
use super::super::value::Value;
use super::function::{Arity, Function, PLAIN, eg};

pub(super) const ALL: &[&Function] = &[
    &ABS, &CEIL, &FLOOR, &ROUND, &TRUNC, &SIGN, &MOD, &REMAINDER, &POWER, &SQRT, &EXP, &LN, &LOG,
    &NANVL, &RAND,
];

static ABS: Function = Function {
    name: "abs",
    arguments: "number",
    summary: "The absolute value; an Int stays an Int.",
    examples: &[eg("abs(-5)", "5"), eg("abs('-5.123')", "5.123")],
    body: |call| {
        let number = call.number(0)?;
        let negative = number.compare(Number::Int(0)).is_lt();
        call.give(Some(if negative { number.negate() } else { number }))
    },
    ..PLAIN
};

static CEIL: Function = Function {
    name: "ceil",
    arguments: "number",
    summary: "The smallest Int that is not below the number.",
    examples: &[eg("ceil(1.2)", "2"), eg("ceil(-1.2)", "-1")],
    body: |call| to_int(call, Decimal::ceil),
    ..PLAIN
};

static FLOOR: Function = Function {
    name: "floor",
    arguments: "number",
    summary: "The largest Int that is not above the number.",
    examples: &[eg("floor(1.2)", "1"), eg("floor(-1.2)", "-2")],
    body: |call| to_int(call, Decimal::floor),
    ..PLAIN
};

// The guide's table says "rounded down", its examples round halves away from zero.
static ROUND: Function = Function {
    name: "round",
    arguments: "number",
    summary: "The nearest Int, halves away from zero.",
    examples: &[
        eg("round(1.2)", "1"),
        eg("round(1.5)", "2"),
        eg("round(-1.5)", "-2"),
    ],
    body: |call| to_int(call, Decimal::round),
    ..PLAIN
};

fn to_int<'v>(
    call: &mut Arguments<'_, '_, 'v>,
    round: fn(Decimal) -> Option<i128>,
) -> Evaluated<'v> {
    let int = match call.number(0)? {
        Number::Int(value) => Some(value),
        Number::Decimal(value) => round(value),
    };
    call.give(int.and_then(Number::int))
}

static TRUNC: Function = Function {
    name: "trunc",
    arguments: "number, decimals",
    arity: Arity::exactly(2),
    summary: "The number cut to so many decimals (0 to 34), without trailing zeros.",
    examples: &[
        eg("trunc(2.3456, 2)", "2.34"),
        eg("trunc(2.3, 0)", "2"),
        eg("trunc(2.00, 5)", "2"),
    ],
    body: |call| {
        let number = call.number(0)?;
        let decimals = call.value(1)?.as_number(call.evaluator.version);
        let decimals = decimals.and_then(Number::floor).ok_or(Stop::Undefined)?;
        let decimals = u32::try_from(decimals.clamp(0, 34)).unwrap_or(0);
        call.give(Some(match number {
            Number::Int(_) => number,
            Number::Decimal(value) => Number::Decimal(value.truncate(decimals)),
        }))
    },
    ..PLAIN
};

static SIGN: Function = Function {
    name: "sign",
    arguments: "number",
    summary: "-1, 0 or 1.",
    examples: &[
        eg("sign(-7)", "-1"),
        eg("sign(0)", "0"),
        eg("sign(13)", "1"),
    ],
    body: |call| {
        let sign = match call.number(0)? {
            Number::Int(value) => value.signum(),
            Number::Decimal(value) => value.signum(),
        };
        Ok(Value::Int(sign))
    },
    ..PLAIN
};

static MOD: Function = Function {
    name: "mod",
    arguments: "number, number",
    arity: Arity::exactly(2),
    summary: "The remainder of a division, with the sign of the first number, as `%`.",
    examples: &[eg("mod(8, 3)", "2"), eg("mod(1, 0)", "Undefined")],
    body: remainder,
    ..PLAIN
};

static REMAINDER: Function = Function {
    name: "remainder",
    arguments: "number, number",
    arity: Arity::exactly(2),
    summary: "The same as mod.",
    examples: &[eg("remainder(8, 3)", "2")],
    body: remainder,
    ..PLAIN
};

fn remainder<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    let (left, right) = (call.number(0)?, call.number(1)?);
    call.give(left.remainder(right))
}

static POWER: Function = Function {
    name: "power",
    arguments: "base, exponent",
    arity: Arity::exactly(2),
    summary: "The base raised to the exponent, in double precision.",
    examples: &[eg("power(2, 5)", "32")],
    body: |call| {
        let (base, exponent) = (call.double(0)?, call.double(1)?);
        call.give_double(base.powf(exponent))
    },
    ..PLAIN
};

static SQRT: Function = Function {
    name: "sqrt",
    arguments: "number",
    summary: "The square root, in double precision.",
    examples: &[eg("sqrt(9)", "3"), eg("sqrt(-1)", "Undefined")],
    body: |call| {
        let number = call.double(0)?;
        call.give_double(number.sqrt())
    },
    ..PLAIN
};

static EXP: Function = Function {
    name: "exp",
    arguments: "number",
    summary: "e raised to the number, in double precision.",
    examples: &[eg("exp(0)", "1"), eg("exp(1)", "2.718281828459045")],
    body: |call| {
        let number = call.double(0)?;
        call.give_double(number.exp())
    },
    ..PLAIN
};

static LN: Function = Function {
    name: "ln",
    arguments: "number",
    summary: "The natural logarithm, in double precision.",
    examples: &[eg("ln(2.718281828459045)", "1"), eg("ln(0)", "Undefined")],
    body: |call| {
        let number = call.double(0)?;
        call.give_double(number.ln())
    },
    ..PLAIN
};

static LOG: Function = Function {
    name: "log",
    arguments: "number",
    summary: "The logarithm to base 10, in double precision.",
    examples: &[eg("log(100)", "2")],
    body: |call| {
        let number = call.double(0)?;
        call.give_double(number.log10())
    },
    ..PLAIN
};

static NANVL: Function = Function {
    name: "nanvl",
    arguments: "value, default",
    arity: Arity::exactly(2),
    summary: "The value, or the default where it is Undefined, Null or not a number.",
    examples: &[eg("nanvl(8, 3)", "8"), eg("nanvl(missing, 3)", "3")],
    body: |call| match call.value(0)? {
        Value::Undefined | Value::Null => call.value(1),
        value => Ok(value),
    },
    ..PLAIN
};

static RAND: Function = Function {
    name: "rand",
    arguments: "",
    arity: Arity::exactly(0),
    summary: "A random number from 0 to below 1, in double precision.",
    examples: &[eg("rand() < 1", "true")],
    body: |call| {
        // 53 bits are what a double holds below 1.
        let bits = call.evaluator.rng.next_u64() >> 11;
        call.give_double(bits as f64 / (1_u64 << 53) as f64)
    },
    ..PLAIN
};
