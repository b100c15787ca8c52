//! Documents of the MQTT API in the two formats that topics name.

use mqtt::reserved::PayloadFormat;
use serde_json::{Map, Value};
use things::ProvisioningError;

/// Reads a request; an empty payload is an empty document.
///
/// # Errors
/// InvalidPayload.
pub(super) fn read(
    format: PayloadFormat,
    payload: &[u8],
) -> Result<Map<String, Value>, ProvisioningError> {
    if payload.is_empty() {
        return Ok(Map::new());
    }
    let document = match format {
        PayloadFormat::Json => serde_json::from_slice(payload).map_err(|why| why.to_string()),
        PayloadFormat::Cbor => read_cbor(payload),
    };
    match document {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ProvisioningError::InvalidPayload(
            "The payload must be an object.".to_owned(),
        )),
        Err(why) => Err(ProvisioningError::InvalidPayload(format!(
            "The payload cannot be read: {why}"
        ))),
    }
}

fn read_cbor(payload: &[u8]) -> Result<Value, String> {
    let mut rest = payload;
    let document = ciborium::from_reader(&mut rest).map_err(|why| why.to_string())?;
    if rest.is_empty() {
        Ok(document)
    } else {
        Err(format!("{} bytes stand behind the document", rest.len()))
    }
}

/// Writes an answer.
pub(super) fn write(format: PayloadFormat, document: &Value) -> Vec<u8> {
    match format {
        PayloadFormat::Json => document.to_string().into_bytes(),
        PayloadFormat::Cbor => {
            let mut bytes = Vec::new();
            // Neither writing to memory nor JSON's values in CBOR can fail.
            if let Err(error) = ciborium::into_writer(document, &mut bytes) {
                tracing::error!(%error, "an answer cannot be written as CBOR");
            }
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_read_the_same_in_both_formats() {
        let document = json!({"a": "x", "b": {"c": [1, true, null, -2.5]}, "d": {}});
        for format in [PayloadFormat::Json, PayloadFormat::Cbor] {
            let read = read(format, &write(format, &document)).map(Value::Object);
            assert_eq!(read.as_ref(), Ok(&document), "{format:?}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let check = |format, payload: &[u8]| {
            let refused = read(format, payload).unwrap_err();
            assert_eq!(refused.code(), "InvalidPayload", "{format:?} {payload:?}");
        };
        for text in ["{bad", "[]", "1", "{} {}", "\u{feff}{}"] {
            check(PayloadFormat::Json, text.as_bytes());
        }
        check(PayloadFormat::Json, &[b'['; 100_000]);
        let cbor: [&[u8]; 7] = [
            b"{}",
            // An array, a number, a map with a number or bytes as a name.
            &[0x80],
            &[0x01],
            &[0xa1, 0x01, 0x01],
            &[0xa1, 0x41, 0x61, 0x01],
            // A map that announces what never comes, and two documents.
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0xa0, 0xa0],
        ];
        for bytes in cbor {
            check(PayloadFormat::Cbor, bytes);
        }
        check(PayloadFormat::Cbor, &[0x81; 100_000]);
        assert_eq!(read(PayloadFormat::Cbor, &[]), Ok(Map::new()));
    }
}
