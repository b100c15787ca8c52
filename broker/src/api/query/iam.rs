//! IAM, as far as rules and role credentials need it: roles and their policies.

use super::Handlers;

pub(super) const HANDLERS: Handlers = &[];
