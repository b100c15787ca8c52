//! Roles.

use super::super::error::QueryError;
use super::super::form::Form;
use super::super::xml::Xml;
use super::super::{Answered, Handlers, QueryCall, timestamp};
use super::wire::{encoded, ended, paging, shown_tags, tags};
use std::ops::RangeInclusive;
use things::{NewRole, Role};

pub(super) const FAMILY: Handlers = &[
    ("CreateRole", create_role),
    ("GetRole", get_role),
    ("ListRoles", list_roles),
    ("UpdateAssumeRolePolicy", update_assume_role_policy),
    ("UpdateRole", update_role),
    ("UpdateRoleDescription", update_role_description),
    ("TagRole", tag_role),
    ("UntagRole", untag_role),
    ("DeleteRole", delete_role),
    ("ListRoleTags", list_role_tags),
    (
        "ListInstanceProfilesForRole",
        list_instance_profiles_for_role,
    ),
];

fn create_role(call: &QueryCall) -> Answered {
    let form = &call.form;
    let new = NewRole {
        name: form.text("RoleName")?.to_owned(),
        path: form.optional("Path").map(str::to_owned),
        trust_policy: form.text("AssumeRolePolicyDocument")?.to_owned(),
        description: form.optional("Description").map(str::to_owned),
        max_session_s: max_session_s(form)?,
        tags: tags(form)?,
    };
    let role = call.world.things.create_role(&new, call.now_ms)?;
    Ok(Some(Xml::new().element("Role", &shown(&role))))
}

/// The API's limits for MaxSessionDuration.
const SESSION_S: RangeInclusive<u64> = 3600..=43_200;

fn max_session_s(form: &Form) -> Result<Option<u32>, QueryError> {
    let Some(seconds) = form.number("MaxSessionDuration")? else {
        return Ok(None);
    };
    let given = u32::try_from(seconds).ok();
    let within = given.filter(|_| SESSION_S.contains(&seconds));
    within.map(Some).ok_or_else(|| {
        let (least, most) = (SESSION_S.start(), SESSION_S.end());
        QueryError::validation(format!("MaxSessionDuration must be {least} to {most}"))
    })
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

/// Its answer has an empty result.
fn update_role(call: &QueryCall) -> Answered {
    let form = &call.form;
    let (name, description) = (form.text("RoleName")?, form.optional("Description"));
    let things = &call.world.things;
    things.update_role(name, description, max_session_s(form)?)?;
    Ok(Some(Xml::new()))
}

fn update_role_description(call: &QueryCall) -> Answered {
    let (name, description) = (call.form.text("RoleName")?, call.form.text("Description")?);
    let things = &call.world.things;
    things.update_role(name, Some(description), None)?;
    Ok(Some(Xml::new().element("Role", &shown(&call.role()?))))
}

fn tag_role(call: &QueryCall) -> Answered {
    let (name, tags) = (call.form.text("RoleName")?, tags(&call.form)?);
    call.world.things.tag_role(name, &tags)?;
    Ok(None)
}

fn untag_role(call: &QueryCall) -> Answered {
    let (name, keys) = (call.form.text("RoleName")?, call.form.list("TagKeys"));
    call.world.things.untag_role(name, &keys)?;
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
