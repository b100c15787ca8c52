//! What a local function is: its handler, its runtime and the directory of its code.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use thiserror::Error;

/// Seconds a handler may take when nothing else is said, as in AWS Lambda.
pub(crate) const TIMEOUT_S_DEFAULT: u32 = 3;
/// The longest time-out of AWS Lambda, 15 minutes.
const TIMEOUT_S_MAX: u32 = 900;

/// How a handler is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Runtime {
    /// `python3` of the PATH with the built-in bootstrap.
    Python3,
    /// `node` of the PATH with the built-in bootstrap.
    Nodejs,
    /// An executable `bootstrap` in the code directory.
    Provided,
}

impl Runtime {
    /// Reads `python3`, and AWS's own names such as `python3.12`, `nodejs20.x` and
    /// `provided.al2023`. The version that runs is the one installed.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            _ if name.starts_with("python3") => Some(Self::Python3),
            _ if name.starts_with("nodejs") => Some(Self::Nodejs),
            _ if name == "provided" || name.starts_with("provided.") => Some(Self::Provided),
            _ => None,
        }
    }

    /// The name in listings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python3 => "python3",
            Self::Nodejs => "nodejs",
            Self::Provided => "provided",
        }
    }
}

/// One registered function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Function {
    /// The function's name.
    pub(crate) name: String,
    /// `module.function`; may be empty for `provided`.
    pub(crate) handler: String,
    /// How it is run.
    pub(crate) runtime: Runtime,
    /// The directory that the handler is loaded from, absolute.
    pub(crate) code: PathBuf,
    /// Environment variables of the handler's process.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// Seconds until a handler is killed.
    pub(crate) timeout_s: u32,
    /// The statements of its resource policy. They are kept and shown, not enforced.
    #[serde(default)]
    pub(crate) permissions: Vec<serde_json::Value>,
}

/// Why a function is not accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum FunctionRefused {
    /// The name is not one of AWS Lambda.
    #[error("function name `{0}` must be 1 to 64 letters, digits, hyphens or underscores")]
    Name(String),
    /// The runtime is none that can be run here.
    #[error("runtime `{0}` is not supported: use python3, nodejs or provided")]
    Runtime(String),
    /// The handler does not name a function.
    #[error("handler `{0}` must be of the form `module.function`")]
    Handler(String),
    /// The code directory does not exist, or has no `bootstrap` when one is needed.
    #[error("code directory `{0}` {1}")]
    Code(String, &'static str),
    /// The time-out is out of range.
    #[error("timeout must be 1 to 900 seconds")]
    Timeout,
}

impl Function {
    /// Checks what a caller gave and resolves the code directory.
    pub(crate) fn checked(mut self) -> Result<Self, FunctionRefused> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(legal) {
            return Err(FunctionRefused::Name(self.name));
        }
        let named = self
            .handler
            .rsplit_once('.')
            .is_some_and(|(m, f)| !m.is_empty() && !f.is_empty());
        if self.runtime != Runtime::Provided && !named {
            return Err(FunctionRefused::Handler(self.handler));
        }
        if !(1..=TIMEOUT_S_MAX).contains(&self.timeout_s) {
            return Err(FunctionRefused::Timeout);
        }
        let shown = self.code.display().to_string();
        match self.code.canonicalize() {
            Ok(code) if code.is_dir() => self.code = code,
            Ok(_) | Err(_) => return Err(FunctionRefused::Code(shown, "does not exist")),
        }
        if self.runtime == Runtime::Provided && !self.code.join("bootstrap").is_file() {
            return Err(FunctionRefused::Code(
                shown,
                "has no executable `bootstrap`",
            ));
        }
        Ok(self)
    }
}
