//! Bits of Ints; other numbers are rounded down.

use super::super::eval::{Arguments, Evaluated};
use super::super::number::Number;
use super::function::{Arity, Function, PLAIN, eg};

pub(super) const ALL: &[&Function] = &[&BITAND, &BITOR, &BITXOR, &BITNOT];

static BITAND: Function = Function {
    name: "bitand",
    arguments: "number, number",
    arity: Arity::exactly(2),
    summary: "The bits that are set in both numbers.",
    examples: &[eg("bitand(13, 5)", "5")],
    body: |call| of(call, |a, b| a & b),
    ..PLAIN
};

static BITOR: Function = Function {
    name: "bitor",
    arguments: "number, number",
    arity: Arity::exactly(2),
    summary: "The bits that are set in one of the numbers.",
    examples: &[eg("bitor(8, 5)", "13")],
    body: |call| of(call, |a, b| a | b),
    ..PLAIN
};

static BITXOR: Function = Function {
    name: "bitxor",
    arguments: "number, number",
    arity: Arity::exactly(2),
    summary: "The bits that are set in exactly one of the numbers.",
    examples: &[eg("bitxor(13, 5)", "8")],
    body: |call| of(call, |a, b| a ^ b),
    ..PLAIN
};

fn of<'v>(call: &mut Arguments<'_, '_, 'v>, operation: fn(i128, i128) -> i128) -> Evaluated<'v> {
    let (left, right) = (call.int(0)?, call.int(1)?);
    call.give(Number::int(operation(left, right)))
}

// The guide's example is bitnot(13) = 2, which no complement of a fixed width gives.
static BITNOT: Function = Function {
    name: "bitnot",
    arguments: "number",
    summary: "The number with its significant bits turned over.",
    examples: &[eg("bitnot(13)", "2")],
    body: |call| {
        let value = call.int(0)?;
        let significant = if value < 0 {
            -1
        } else {
            let bits = i128::BITS - value.leading_zeros();
            (1_i128 << bits) - 1
        };
        call.give(Number::int(!value & significant))
    },
    ..PLAIN
};
