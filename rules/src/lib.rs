//! Topic rules: SQL, substitution templates and actions.
