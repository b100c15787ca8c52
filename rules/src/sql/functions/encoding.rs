//! Base64.

use super::super::SqlVersion;
use super::super::eval::{Arguments, Evaluated, Stop};
use super::super::value::{Value, from_json_text};
use super::function::{Arity, Function, PLAIN, eg};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

pub(super) const ALL: &[&Function] = &[&ENCODE, &DECODE];

/// Java's decoder does not insist on padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

static ENCODE: Function = Function {
    name: "encode",
    arguments: "value | *, 'base64'",
    arity: Arity::exactly(2),
    since: SqlVersion::V2016,
    summary: "The text of the value, or the bytes of the payload, in base64.",
    examples: &[
        eg("encode('hello', 'base64')", "\"aGVsbG8=\""),
        eg("encode(*, 'base64')", "\"e30=\""),
    ],
    star: Some(0),
    body: |call| {
        if &*call.text(1)? != "base64" {
            return Err(Stop::Undefined);
        }
        let encoded = if call.is_payload(0) {
            BASE64.encode(call.evaluator.message.payload())
        } else {
            BASE64.encode(call.text(0)?.as_bytes())
        };
        Ok(encoded.into())
    },
    ..PLAIN
};

static DECODE: Function = Function {
    name: "decode",
    arguments: "text, 'base64'",
    arity: Arity::exactly(2),
    since: SqlVersion::V2016,
    summary: "What is in base64: a value if it is JSON, otherwise a text; Null if it is not base64.",
    examples: &[
        eg("decode('aGVsbG8=', 'base64')", "\"hello\""),
        eg("decode('eyJhIjoxfQ==', 'base64').a", "1"),
        eg("decode('!!!', 'base64')", "null"),
    ],
    body: decode,
    ..PLAIN
};

fn decode<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    if &*call.text(1)? != "base64" {
        return Err(Stop::Undefined);
    }
    let text = call.text(0)?;
    call.evaluator.budget.built(text.len())?;
    let bytes = BASE64.decode(text.as_bytes()).ok();
    let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return Ok(Value::Null);
    };
    Ok(from_json_text(&text).unwrap_or_else(|| text.into()))
}
