//! What can go wrong with a rule's SQL: when it is read, and when it is evaluated.

/// Why a statement or a template is refused; AWS calls it `SqlParseException`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct SqlError {
    /// What was expected or is wrong, without the position.
    pub message: String,
    /// Line of the text, from 1.
    pub line: u32,
    /// Character of the line, from 1.
    pub column: u32,
}

impl SqlError {
    /// An error at a byte of the text.
    pub(crate) fn at(text: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let lines = before.bytes().filter(|byte| *byte == b'\n').count();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let columns = before[line_start..].chars().count();
        Self {
            message: message.into(),
            line: u32::try_from(lines + 1).unwrap_or(u32::MAX),
            column: u32::try_from(columns + 1).unwrap_or(u32::MAX),
        }
    }
}

/// Why a rule that was triggered could not be evaluated: no action of it runs.
///
/// It is not a case for the error action (developer guide, "Error handling"): the log has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A function that asks something outside failed and `get_or_default` did not catch it.
    #[error("`{function}` failed: {message}")]
    External {
        /// Name of the function.
        function: &'static str,
        /// What the outside said.
        message: String,
    },
    /// The statement calls a function more often than one evaluation may.
    #[error("`{function}` may be called {allowed} times by one statement")]
    CalledTooOften {
        /// Name of the function.
        function: &'static str,
        /// Calls that an evaluation may make.
        allowed: u32,
    },
    /// A result or a variable is larger than a message may be.
    #[error("{what} is larger than {bytes_max} bytes")]
    TooLarge {
        /// What it is, as a noun.
        what: &'static str,
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// The evaluation took more steps than a rule may take.
    #[error("the statement needs more than {steps_max} steps for this message")]
    TooManySteps {
        /// The limit in steps.
        steps_max: u32,
    },
    /// A fault of the evaluator itself, in words.
    #[error("{0}")]
    Internal(String),
}

impl EvalError {
    /// A short name for logs and for `thingcore rules test`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::External { .. } => "ExternalFunctionFailed",
            Self::CalledTooOften { .. } => "ExternalFunctionLimitExceeded",
            Self::TooLarge { .. } => "ResultTooLarge",
            Self::TooManySteps { .. } => "EvaluationLimitExceeded",
            Self::Internal(_) => "InternalFailure",
        }
    }
}
