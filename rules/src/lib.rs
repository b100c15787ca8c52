//! Topic rules: SQL, substitution templates and actions.

pub mod sql;
pub mod template;

pub mod actions;
pub mod target;

pub mod delivery;
