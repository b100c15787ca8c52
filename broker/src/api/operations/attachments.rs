//! What policies are attached to, by today's calls and by the older ones for principals.

use super::policies::name_and_arn;
use super::wire::listed;
use super::{Call, Family, MARKER_PAGE_DEFAULT};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde_json::json;

pub(super) const FAMILY: Family = &[
    ("AttachPolicy", attach_policy),
    ("DetachPolicy", detach_policy),
    ("ListAttachedPolicies", list_attached_policies),
    ("ListTargetsForPolicy", list_targets_for_policy),
    ("AttachPrincipalPolicy", attach_principal_policy),
    ("DetachPrincipalPolicy", detach_principal_policy),
    ("ListPrincipalPolicies", list_principal_policies),
    ("ListPolicyPrincipals", list_policy_principals),
    ("GetEffectivePolicies", get_effective_policies),
];

fn attach_policy(call: &Call) -> Result<Reply, ApiError> {
    let (policy, target) = (call.text("policyName")?, call.text("target")?);
    call.world.things.attach_policy(policy, target)?;
    Ok(Reply::Empty)
}

fn detach_policy(call: &Call) -> Result<Reply, ApiError> {
    let (policy, target) = (call.text("policyName")?, call.text("target")?);
    call.world.things.detach_policy(policy, target)?;
    Ok(Reply::Empty)
}

fn list_attached_policies(call: &Call) -> Result<Reply, ApiError> {
    policies_of(call, call.text("target")?)
}

fn list_principal_policies(call: &Call) -> Result<Reply, ApiError> {
    policies_of(call, call.text("principal")?)
}

fn policies_of(call: &Call, target: &str) -> Result<Reply, ApiError> {
    let paging = call.paging(MARKER_PAGE_DEFAULT)?;
    let (things, recursive) = (&call.world.things, call.flag("recursive"));
    let after = paging.after.as_deref();
    let page = things.list_attached_policies(target, recursive, after, paging.limit)?;
    Ok(listed(call, "policies", &page, name_and_arn))
}

fn list_targets_for_policy(call: &Call) -> Result<Reply, ApiError> {
    targets(call, "targets")
}

fn list_policy_principals(call: &Call) -> Result<Reply, ApiError> {
    targets(call, "principals")
}

fn targets(call: &Call, list: &str) -> Result<Reply, ApiError> {
    let (things, paging) = (&call.world.things, call.paging(MARKER_PAGE_DEFAULT)?);
    let (policy, after) = (call.text("policyName")?, paging.after.as_deref());
    let page = things.list_targets_for_policy(policy, after, paging.limit)?;
    Ok(listed(call, list, &page, |target| target.as_str().into()))
}

fn attach_principal_policy(call: &Call) -> Result<Reply, ApiError> {
    let (policy, principal) = (call.text("policyName")?, call.text("principal")?);
    let things = &call.world.things;
    things.attach_principal_policy(policy, principal)?;
    Ok(Reply::Empty)
}

fn detach_principal_policy(call: &Call) -> Result<Reply, ApiError> {
    let (policy, principal) = (call.text("policyName")?, call.text("principal")?);
    let things = &call.world.things;
    things.detach_principal_policy(policy, principal)?;
    Ok(Reply::Empty)
}

fn get_effective_policies(call: &Call) -> Result<Reply, ApiError> {
    let (principal, thing) = (call.optional("principal"), call.optional("thingName"));
    let found = call.world.things.effective_policies(principal, thing)?;
    let shown = found.into_iter().map(|policy| {
        json!({
            "policyName": policy.name,
            "policyArn": policy.arn,
            "policyDocument": policy.document,
        })
    });
    Ok(Reply::Json(
        json!({"effectivePolicies": shown.collect::<Vec<_>>()}),
    ))
}
