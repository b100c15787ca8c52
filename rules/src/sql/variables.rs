//! The values of a statement's SET clause, kept for the templates of its actions.

/// The evaluated variables of one statement for one message.
#[derive(Clone, Debug, Default)]
pub struct Variables(());
