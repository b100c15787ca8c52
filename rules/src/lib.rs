//! Topic rules: SQL, substitution templates and actions.

pub mod sql;
pub mod template;

pub mod target;
