//! Commands that answer lines of JSON with lines of JSON, in the same order.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io::{BufRead, BufReader, Read, Write};

/// Answers each line and says whether all could be read. One that could not is answered by
/// `{"id": ..., "error": "..."}`.
pub(super) fn answer(
    input: impl Read,
    mut output: impl Write,
    mut answer_line: impl FnMut(&[u8], &mut Vec<u8>) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut all_read = true;
    let (mut line, mut answer) = (Vec::new(), Vec::new());
    loop {
        // Nothing more has arrived: whoever feeds us may wait for the answers so far.
        if input.buffer().is_empty() {
            output.flush()?;
        }
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(all_read);
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        answer.clear();
        if let Err(error) = answer_line(line, &mut answer) {
            all_read = false;
            answer.clear();
            let refusal = Refusal {
                id: id_of(line),
                error: format!("{error:#}"),
            };
            write(&refusal, &mut answer)?;
        }
        output.write_all(&answer)?;
    }
}

/// Appends an object as a line.
pub(super) fn write(object: &impl Serialize, output: &mut Vec<u8>) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *output, object)?;
    output.push(b'\n');
    Ok(())
}

#[derive(Serialize)]
struct Refusal<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    error: String,
}

/// The id of a line that cannot be read otherwise, if it is an object at all.
fn id_of(line: &[u8]) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct OnlyId<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    serde_json::from_slice::<OnlyId<'_>>(line).ok()?.id
}
