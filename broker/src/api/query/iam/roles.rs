//! Roles.

use super::super::error::QueryError;
use super::super::xml::Xml;
use super::super::{Answered, Handlers, QueryCall, timestamp};
use super::wire::{encoded, ended, paging, shown_tags, tags};
use things::{NewRole, Role};

pub(super) const FAMILY: Handlers = &[
    ("CreateRole", create_role),
    ("GetRole", get_role),
    ("ListRoles", list_roles),
    ("UpdateAssumeRolePolicy", update_assume_role_policy),
    ("DeleteRole", delete_role),
    ("ListRoleTags", list_role_tags),
    (
        "ListInstanceProfilesForRole",
        list_instance_profiles_for_role,
    ),
];

fn create_role(call: &QueryCall) -> Answered {
    let form = &call.form;
    let max_session_s = form
        .number("MaxSessionDuration")?
        .map(u32::try_from)
        .transpose()
        .map_err(|_| QueryError::validation("MaxSessionDuration must be 3600 to 43200"))?;
    let new = NewRole {
        name: form.text("RoleName")?.to_owned(),
        path: form.optional("Path").map(str::to_owned),
        trust_policy: form.text("AssumeRolePolicyDocument")?.to_owned(),
        description: form.optional("Description").map(str::to_owned),
        max_session_s,
        tags: tags(form)?,
    };
    let role = call.world.things.create_role(&new, call.now_ms)?;
    Ok(Some(Xml::new().element("Role", &shown(&role))))
}

fn get_role(call: &QueryCall) -> Answered {
    let role = call.role()?;
    // Terraform reads it.
    let shown = shown(&role).element("RoleLastUsed", &Xml::new());
    Ok(Some(Xml::new().element("Role", &shown)))
}

fn list_roles(call: &QueryCall) -> Answered {
    let (after, limit) = paging(&call.form)?;
    let prefix = call.form.optional("PathPrefix");
    let page = call.world.things.list_roles(prefix, after, limit);
    let roles = Xml::new().list("Roles", page.items.iter().map(shown));
    Ok(Some(ended(roles, page.next)))
}

fn shown(role: &Role) -> Xml {
    let shown = Xml::new()
        .text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.id)
        .text("Arn", &role.arn)
        .text("CreateDate", timestamp(role.created_ms))
        .text("AssumeRolePolicyDocument", encoded(&role.trust_policy))
        .optional("Description", role.description.as_ref())
        .text("MaxSessionDuration", role.max_session_s);
    if role.tags.is_empty() {
        shown
    } else {
        shown.list("Tags", shown_tags(&role.tags))
    }
}

fn update_assume_role_policy(call: &QueryCall) -> Answered {
    let (name, document) = (
        call.form.text("RoleName")?,
        call.form.text("PolicyDocument")?,
    );
    let things = &call.world.things;
    things.update_assume_role_policy(name, document)?;
    Ok(None)
}

fn delete_role(call: &QueryCall) -> Answered {
    call.world.things.delete_role(call.form.text("RoleName")?)?;
    Ok(None)
}

fn list_role_tags(call: &QueryCall) -> Answered {
    let role = call.role()?;
    let tags = Xml::new().list("Tags", shown_tags(&role.tags));
    Ok(Some(ended(tags, None)))
}

/// There are no instances, so there are no profiles; Terraform asks before it deletes a role.
fn list_instance_profiles_for_role(call: &QueryCall) -> Answered {
    call.role()?;
    let none = Xml::new().list("InstanceProfiles", []);
    Ok(Some(ended(none, None)))
}

impl QueryCall {
    /// The role in `RoleName`.
    fn role(&self) -> Result<Role, QueryError> {
        Ok(self.world.things.role(self.form.text("RoleName")?)?)
    }
}
