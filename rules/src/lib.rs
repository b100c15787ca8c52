//! Topic rules: SQL, substitution templates and actions.

pub mod target;
