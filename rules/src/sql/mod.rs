//! The rule SQL of AWS IoT, pure: text in, statement; message in, result.
//!
//! Source: developer guide, "AWS IoT SQL reference". Nothing here knows the time, the network or
//! a random source: they come in with the [`Context`].

mod context;
mod error;
mod statement;
mod variables;
mod version;

mod ast;
mod lexer;
mod parse;
mod token;

mod json;
mod number;
mod object;
mod value;

mod eval;
mod functions;
mod template_expression;

pub use context::{Context, External, Lookup, Message, Properties, Settings, UndefinedInTemplate};
pub use error::{EvalError, SqlError};
pub use eval::Unmet;
pub use functions::{Arity, Example, Function, all as functions};
pub use statement::{Outcome, Statement};
pub(crate) use template_expression::TemplateExpression;
pub use variables::Variables;
pub use version::SqlVersion;
