//! Whether a signed caller may call an operation of the control plane. An account's own keys may
//! do everything; credentials of AssumeRole are held to their role.

use super::call::Call;
use super::error::{ApiError, Code};
use policy::VariableMap;

/// Checks the operation as an action on the resource that it names.
///
/// # Errors
/// `AccessDeniedException` in AWS's words.
pub(super) fn authorize(call: &Call) -> Result<(), ApiError> {
    if !matches!(call.guard.identity(), crate::auth::Identity::Signed { .. }) {
        return Err(super::caller::missing_token());
    }
    let action = format!("iot:{}", call.operation.name);
    let resource = resource(call);
    let verdict = call.guard.decide(&action, &resource, &VariableMap::new());
    if verdict.allowed {
        return Ok(());
    }
    let (principal, name) = (call.guard.principal(), &call.operation.name);
    call.world
        .hub
        .refused(None, principal, name, &resource, &verdict.reason);
    let message = format!(
        "User: {principal} is not authorized to perform: {action} on resource: {resource} \
         because {}",
        verdict.reason
    );
    Err(ApiError::new(Code::AccessDenied, message))
}

/// Members that name the resource of an action, and the kind in its ARN; the first one that a
/// call has decides (Service Authorization Reference, "Actions defined by AWS IoT").
const NAMING: [(&str, &str); 15] = [
    ("target", ""),
    ("principal", ""),
    ("resourceArn", ""),
    ("policyName", "policy"),
    ("certificateId", "cert"),
    ("ruleName", "rule"),
    ("thingGroupName", "thinggroup"),
    ("jobId", "job"),
    ("jobTemplateId", "jobtemplate"),
    ("thingName", "thing"),
    ("thingTypeName", "thingtype"),
    ("billingGroupName", "billinggroup"),
    ("authorizerName", "authorizer"),
    ("roleAlias", "rolealias"),
    ("indexName", "index"),
];

fn resource(call: &Call) -> String {
    // Listings and creations of certificates have no resource of their own.
    let lists = call.operation.name.starts_with("List")
        && call.operation.template.labels().next().is_none();
    if lists {
        return "*".to_owned();
    }
    let named = |(member, kind): (&str, &str)| {
        let name = call.optional(member)?;
        Some(match kind {
            "" => name.to_owned(),
            kind => call.arn(&format!("{kind}/{name}")),
        })
    };
    NAMING
        .into_iter()
        .find_map(named)
        .unwrap_or_else(|| "*".to_owned())
}
