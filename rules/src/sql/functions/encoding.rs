//! Base64 and Protocol Buffers.

use super::super::SqlVersion;
use super::super::context::Lookup;
use super::super::eval::{Arguments, Evaluated, Limited, Stop};
use super::super::json::Writer;
use super::super::value::{Value, from_json_text};
use super::external::{ask, failed};
use super::function::{Arity, Function, PLAIN, eg};
use super::protobuf;
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
    arguments: "text, 'base64' | text | *, 'proto', bucket, key, protoFile, messageType",
    arity: Arity::between(2, 6),
    since: SqlVersion::V2016,
    summary: "What is in base64: a value if it is JSON, otherwise a text; Null if it is not base64. \
              A protobuf message by a FileDescriptorSet in S3, at most twice in a statement.",
    examples: &[
        eg("decode('aGVsbG8=', 'base64')", "\"hello\""),
        eg("decode('eyJhIjoxfQ==', 'base64').a", "1"),
        eg("decode('!!!', 'base64')", "null"),
    ],
    body: decode,
    ..PLAIN
};

fn decode<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    match (&*call.text(1)?, call.count()) {
        ("base64", 2) => {}
        ("proto", 6) => return decode_protobuf(call),
        _ => return Err(Stop::Undefined),
    }
    let text = call.text(0)?;
    call.evaluator.budget.built(text.len())?;
    let bytes = BASE64.decode(text.as_bytes()).ok();
    let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return Ok(Value::Null);
    };
    Ok(from_json_text(&text).unwrap_or_else(|| text.into()))
}

/// A payload's bytes, or what a text has in base64. What fails fails the rule.
fn decode_protobuf<'v>(call: &mut Arguments<'_, '_, 'v>) -> Evaluated<'v> {
    // Developer guide, "Decoding protobuf message payloads".
    const MESSAGE_BYTES_MAX: usize = 128 * 1024;
    const DESCRIPTOR_BYTES_MAX: usize = 32 * 1024;
    let bytes = if call.is_payload(0) {
        call.evaluator.message.payload().to_vec()
    } else {
        let text = call.text(0)?;
        let bytes = BASE64.decode(text.as_bytes());
        bytes.map_err(|_| failed(call, "the message is not in base64"))?
    };
    let (bucket, key) = (call.text(2)?, call.text(3)?);
    let (file, message) = (call.text(4)?, call.text(5)?);
    call.evaluator.budget.limited(Limited::ProtobufDecode)?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(failed(call, "the message has more than 128 KiB"));
    }
    let lookup = Lookup::S3Object {
        bucket: &bucket,
        key: &key,
    };
    let descriptor = ask(call, &lookup)?;
    if descriptor.len() > DESCRIPTOR_BYTES_MAX {
        return Err(failed(call, "the FileDescriptorSet has more than 32 KiB"));
    }
    let value = protobuf::Schema::parse(&descriptor)
        .and_then(|schema| protobuf::decode(&schema, &file, &message, &bytes))
        .map_err(|why| failed(call, why))?;
    let version = call.evaluator.version;
    Writer::new(version, "the decoded message", MESSAGE_BYTES_MAX).value(&value)?;
    Ok(value)
}
