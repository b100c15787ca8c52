//! What `iotAnalytics` and `iotEvents` share: the result as one message, or in batch mode one
//! message for each element of an array.

use super::rendered::{Input, Unrenderable};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;

/// The payloads of the messages, in base64. Batch mode means nothing for other results than
/// arrays.
pub(super) fn payloads(
    input: &Input<'_, '_>,
    batch: bool,
    most: usize,
) -> Result<Vec<String>, Unrenderable> {
    let elements = match batch {
        true => serde_json::from_slice::<Vec<&RawValue>>(input.payload).ok(),
        false => None,
    };
    match elements {
        None => Ok(vec![BASE64.encode(input.payload)]),
        Some(elements) if elements.is_empty() => {
            Err(Unrenderable::new("the result is an empty array"))
        }
        Some(elements) if elements.len() > most => {
            let message = format!("the result has more than {most} elements");
            Err(Unrenderable::new(message))
        }
        Some(elements) => {
            let elements = elements.iter();
            Ok(elements
                .map(|element| BASE64.encode(element.get()))
                .collect())
        }
    }
}
