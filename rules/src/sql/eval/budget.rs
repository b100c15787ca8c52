//! What one evaluation may cost. AWS documents no limit of time; these keep one rule from
//! holding up the others and from filling the memory.

use super::super::SqlVersion;
use super::super::error::EvalError;
use super::super::json::Writer;
use super::super::value::Value;

const STEPS_MAX: u32 = 1_000_000;
/// Texts, arrays and objects that are built on the way, together.
const BUILT_BYTES_MAX: usize = 16 << 20;
/// The result: a message of 128 KB in base64 and more.
pub(in crate::sql) const RESULT_BYTES_MAX: usize = 1 << 20;
/// All variables of SET together, as compact JSON (developer guide, "SET").
pub(in crate::sql) const VARIABLES_BYTES_MAX: usize = 128 * 1024;

/// What is left of the limits.
pub(in crate::sql) struct Budget {
    steps: u32,
    bytes: usize,
    calls: [u32; 3],
}

/// Functions that one statement may call only so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sql) enum Limited {
    DynamoDb,
    RegistryData,
    ProtobufDecode,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            steps: STEPS_MAX,
            bytes: BUILT_BYTES_MAX,
            calls: [0; 3],
        }
    }
}

impl Budget {
    /// The steps taken so far.
    pub(in crate::sql) fn used(&self) -> u32 {
        STEPS_MAX - self.steps
    }

    pub(in crate::sql) fn step(&mut self, steps: u32) -> Result<(), EvalError> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(EvalError::TooManySteps {
                steps_max: STEPS_MAX,
            }),
        }
    }

    /// Going through so many values costs a fraction of a step for each.
    pub(in crate::sql) fn work(&mut self, values: usize) -> Result<(), EvalError> {
        self.step(u32::try_from(values / 32).unwrap_or(u32::MAX))
    }

    /// Takes the bytes of a text that was built, or is about to be.
    pub(in crate::sql) fn built(&mut self, bytes: usize) -> Result<(), EvalError> {
        match self.bytes.checked_sub(bytes) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => Err(EvalError::TooLarge {
                what: "what the statement builds",
                bytes_max: BUILT_BYTES_MAX,
            }),
        }
    }

    /// Takes the memory of an array or object with so many values.
    pub(in crate::sql) fn values(&mut self, count: usize) -> Result<(), EvalError> {
        self.built(count.saturating_mul(size_of::<Value<'_>>()))
    }

    pub(in crate::sql) fn limited(&mut self, function: Limited) -> Result<(), EvalError> {
        let (name, allowed) = match function {
            Limited::DynamoDb => ("get_dynamodb", 1),
            Limited::RegistryData => ("get_registry_data", 1),
            Limited::ProtobufDecode => ("decode", 2),
        };
        let calls = &mut self.calls[function as usize];
        *calls += 1;
        if *calls <= allowed {
            return Ok(());
        }
        Err(EvalError::CalledTooOften {
            function: name,
            allowed,
        })
    }
}

/// The bytes of a variable, if it and those before it keep to the limit.
pub(super) fn check_variable(
    value: &Value<'_>,
    version: SqlVersion,
    before: usize,
) -> Result<usize, EvalError> {
    let mut writer = Writer::new(version, "the variables of SET", VARIABLES_BYTES_MAX);
    writer.value(value)?;
    let bytes = writer.into_bytes().len();
    if before + bytes <= VARIABLES_BYTES_MAX {
        return Ok(bytes);
    }
    Err(EvalError::TooLarge {
        what: "the variables of SET",
        bytes_max: VARIABLES_BYTES_MAX,
    })
}
