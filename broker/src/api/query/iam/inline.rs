//! Inline policies of roles.

use super::super::xml::Xml;
use super::super::{Answered, Handlers, QueryCall};
use super::wire::{encoded, ended, paging};

pub(super) const FAMILY: Handlers = &[
    ("PutRolePolicy", put_role_policy),
    ("GetRolePolicy", get_role_policy),
    ("ListRolePolicies", list_role_policies),
    ("DeleteRolePolicy", delete_role_policy),
];

fn put_role_policy(call: &QueryCall) -> Answered {
    let (role, policy) = (call.form.text("RoleName")?, call.form.text("PolicyName")?);
    let document = call.form.text("PolicyDocument")?;
    call.world.things.put_role_policy(role, policy, document)?;
    Ok(None)
}

fn get_role_policy(call: &QueryCall) -> Answered {
    let (role, policy) = (call.form.text("RoleName")?, call.form.text("PolicyName")?);
    let document = call.world.things.role_policy(role, policy)?;
    let result = Xml::new()
        .text("RoleName", role)
        .text("PolicyName", policy)
        .text("PolicyDocument", encoded(&document));
    Ok(Some(result))
}

fn list_role_policies(call: &QueryCall) -> Answered {
    let (after, limit) = paging(&call.form)?;
    let role = call.form.text("RoleName")?;
    let page = call.world.things.list_role_policies(role, after, limit)?;
    let names = Xml::new().texts("PolicyNames", page.items);
    Ok(Some(ended(names, page.next)))
}

fn delete_role_policy(call: &QueryCall) -> Answered {
    let (role, policy) = (call.form.text("RoleName")?, call.form.text("PolicyName")?);
    call.world.things.delete_role_policy(role, policy)?;
    Ok(None)
}
