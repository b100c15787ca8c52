//! Answers of `thingcore rules test`.

use ::rules::sql::{EvalError, Outcome, SqlError};
use ::rules::template::TemplateError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// What came of a statement.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    matched: bool,
    /// The result if it is JSON, as it is but for line ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Box<RawValue>>,
    /// The result if it is no JSON, or not as JSON is written without blanks.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
}

/// The text of a template.
#[derive(Serialize)]
pub(super) struct TextAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

/// What is wrong with SQL or a template, or with its evaluation.
#[derive(Serialize)]
pub(super) struct Failure {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self {
            code: "SqlParseException",
            message: error.message,
            line: Some(error.line),
            column: Some(error.column),
        }
    }
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            line: None,
            column: None,
        }
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        match error {
            TemplateError::Failed(error) => error.into(),
            TemplateError::Undefined(_) => Self {
                code: "TemplateUndefined",
                message: error.to_string(),
                line: None,
                column: None,
            },
        }
    }
}

impl<'a> TextAnswer<'a> {
    pub(super) fn of(id: Option<&'a RawValue>, text: Result<String, Failure>) -> Self {
        let (text, error) = match text {
            Ok(text) => (Some(text), None),
            Err(error) => (None, Some(error)),
        };
        Self { id, text, error }
    }
}

impl<'a> Answer<'a> {
    pub(super) fn of(
        id: Option<&'a RawValue>,
        outcome: &'a Result<Outcome, Failure>,
    ) -> anyhow::Result<Self> {
        let mut answer = Self {
            id,
            matched: false,
            output: None,
            output_text: None,
            output_base64: None,
            error: None,
        };
        match outcome {
            Err(error) => answer.error = Some(error),
            Ok(Outcome::NotMatched) => {}
            Ok(Outcome::Matched(bytes)) => {
                answer.matched = true;
                answer.set_output(bytes)?;
            }
        }
        Ok(answer)
    }

    fn set_output(&mut self, bytes: &'a [u8]) -> anyhow::Result<()> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.output_base64 = Some(STANDARD.encode(bytes));
            return Ok(());
        };
        // `serde_json` reads numbers beyond doubles as raw text only.
        if serde_json::from_str::<&RawValue>(text).is_err() {
            self.output_text = Some(text);
            return Ok(());
        }
        let plain = serde_json::from_str::<Value>(text).map(|value| value.to_string());
        if plain.ok().as_deref() != Some(text) {
            self.output_text = Some(text);
        }
        // Line ends are blanks in JSON: in strings they are escaped.
        let line = text.replace(['\n', '\r'], " ");
        self.output = Some(RawValue::from_string(line)?);
        Ok(())
    }
}
