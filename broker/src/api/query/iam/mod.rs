//! IAM, as far as rules and role credentials need it: roles, their inline policies, managed
//! policies.

mod inline;
mod managed;
mod roles;
mod users;
mod wire;

use super::Handlers;

/// All of them.
pub(super) const FAMILIES: [Handlers; 4] = [
    roles::FAMILY,
    inline::FAMILY,
    managed::FAMILY,
    users::FAMILY,
];
