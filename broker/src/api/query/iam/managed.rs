//! Managed policies, and their attachment to roles.

use super::super::error::QueryError;
use super::super::xml::Xml;
use super::super::{Answered, Handlers, QueryCall, timestamp};
use super::wire::{encoded, ended, paging, shown_tags, tags};
use things::{ManagedPolicy, NewManagedPolicy};

pub(super) const FAMILY: Handlers = &[
    ("CreatePolicy", create_policy),
    ("GetPolicy", get_policy),
    ("GetPolicyVersion", get_policy_version),
    ("ListPolicies", list_policies),
    ("ListPolicyVersions", list_policy_versions),
    ("DeletePolicy", delete_policy),
    ("AttachRolePolicy", attach_role_policy),
    ("DetachRolePolicy", detach_role_policy),
    ("ListAttachedRolePolicies", list_attached_role_policies),
];

/// Policies have one version here.
const VERSION: &str = "v1";

fn create_policy(call: &QueryCall) -> Answered {
    let form = &call.form;
    let new = NewManagedPolicy {
        name: form.text("PolicyName")?.to_owned(),
        path: form.optional("Path").map(str::to_owned),
        document: form.text("PolicyDocument")?.to_owned(),
        description: form.optional("Description").map(str::to_owned),
        tags: tags(form)?,
    };
    let things = &call.world.things;
    let policy = things.create_managed_policy(&new, call.now_ms)?;
    Ok(Some(Xml::new().element("Policy", &shown(&policy))))
}

fn get_policy(call: &QueryCall) -> Answered {
    let policy = call.managed_policy()?;
    Ok(Some(Xml::new().element("Policy", &shown(&policy))))
}

fn shown(policy: &ManagedPolicy) -> Xml {
    let shown = Xml::new()
        .text("PolicyName", &policy.name)
        .text("PolicyId", &policy.id)
        .text("Arn", &policy.arn)
        .text("Path", &policy.path)
        .text("DefaultVersionId", VERSION)
        .text("AttachmentCount", policy.attachments)
        .text("PermissionsBoundaryUsageCount", 0)
        .text("IsAttachable", true)
        .optional("Description", policy.description.as_ref())
        .text("CreateDate", timestamp(policy.created_ms))
        .text("UpdateDate", timestamp(policy.created_ms));
    if policy.tags.is_empty() {
        shown
    } else {
        shown.list("Tags", shown_tags(&policy.tags))
    }
}

fn get_policy_version(call: &QueryCall) -> Answered {
    let policy = call.managed_policy()?;
    let version = call.form.text("VersionId")?;
    if version != VERSION {
        let arn = &policy.arn;
        return Err(QueryError::not_found(format!(
            "Policy {arn} version {version} does not exist or is not attachable."
        )));
    }
    let shown = Xml::new()
        .text("Document", encoded(&policy.document))
        .text("VersionId", VERSION)
        .text("IsDefaultVersion", true)
        .text("CreateDate", timestamp(policy.created_ms));
    Ok(Some(Xml::new().element("PolicyVersion", &shown)))
}

fn list_policy_versions(call: &QueryCall) -> Answered {
    let policy = call.managed_policy()?;
    let shown = Xml::new()
        .text("VersionId", VERSION)
        .text("IsDefaultVersion", true)
        .text("CreateDate", timestamp(policy.created_ms));
    Ok(Some(ended(Xml::new().list("Versions", [shown]), None)))
}

/// The customer's own, whatever the scope: AWS's are too many to list.
fn list_policies(call: &QueryCall) -> Answered {
    let (after, limit) = paging(&call.form)?;
    let page = call.world.things.list_managed_policies(after, limit);
    let policies = Xml::new().list("Policies", page.items.iter().map(shown));
    Ok(Some(ended(policies, page.next)))
}

fn delete_policy(call: &QueryCall) -> Answered {
    let things = &call.world.things;
    things.delete_managed_policy(call.form.text("PolicyArn")?)?;
    Ok(None)
}

fn attach_role_policy(call: &QueryCall) -> Answered {
    let (role, policy) = (call.form.text("RoleName")?, call.form.text("PolicyArn")?);
    call.world.things.attach_role_policy(role, policy)?;
    Ok(None)
}

fn detach_role_policy(call: &QueryCall) -> Answered {
    let (role, policy) = (call.form.text("RoleName")?, call.form.text("PolicyArn")?);
    call.world.things.detach_role_policy(role, policy)?;
    Ok(None)
}

fn list_attached_role_policies(call: &QueryCall) -> Answered {
    let (after, limit) = paging(&call.form)?;
    let role = call.form.text("RoleName")?;
    let things = &call.world.things;
    let page = things.list_attached_role_policies(role, after, limit)?;
    let rows = page.items.iter().map(|policy| {
        Xml::new()
            .text("PolicyName", &policy.name)
            .text("PolicyArn", &policy.arn)
    });
    Ok(Some(ended(
        Xml::new().list("AttachedPolicies", rows),
        page.next,
    )))
}

impl QueryCall {
    /// The policy in `PolicyArn`.
    fn managed_policy(&self) -> Result<ManagedPolicy, QueryError> {
        let arn = self.form.text("PolicyArn")?;
        Ok(self.world.things.managed_policy(arn)?)
    }
}
