//! The rule SQL of AWS IoT, pure: text in, statement; message in, result.
//!
//! Source: developer guide, "AWS IoT SQL reference". Nothing here knows the time, the network or
//! a random source: they come in with the [`Context`].

mod context;
mod error;
mod statement;
mod variables;
mod version;

pub use context::{Context, External, Lookup, Message, Properties, Settings, UndefinedInTemplate};
pub use error::{EvalError, SqlError};
pub use statement::{Outcome, Statement};
pub use variables::Variables;
pub use version::SqlVersion;
