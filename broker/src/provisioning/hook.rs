//! Pre-provisioning hooks: functions that say whether a device is provisioned, and with which
//! parameters ("Pre-provisioning hooks" in the AWS IoT developer guide).

use crate::dispatch::invoke;
use rules::target::Target;
use serde_json::{Value, json};
use things::{OwnedRequest, ProvisioningError, ProvisioningHook, ProvisioningParameters};

/// Asks a hook; gives the parameters with those that it overrides.
///
/// # Errors
/// InvocationError, InvalidResult, AccessDenied.
pub(super) async fn ask(
    lambda: &dyn Target,
    hook: &ProvisioningHook,
    request: &OwnedRequest,
    (client_id, claim_certificate_id): (&str, &str),
    mut parameters: ProvisioningParameters,
) -> Result<ProvisioningParameters, ProvisioningError> {
    let event = json!({
        "claimCertificateId": claim_certificate_id,
        "certificateId": request.certificate.id,
        "certificatePem": request.certificate.pem,
        "templateArn": request.template.arn,
        "clientId": client_id,
        "parameters": parameters,
    });
    let answer = invoke(lambda, &hook.target_arn, &event).await;
    let answer = answer.map_err(|why| {
        tracing::warn!(%why, hook = %hook.target_arn, "a pre-provisioning hook fails");
        ProvisioningError::InvocationError(format!("Pre-provisioning hook failed: {why}"))
    })?;
    parameters.extend(overrides(&answer)?);
    Ok(parameters)
}

/// What an answer overrides, if it lets the device be provisioned.
fn overrides(answer: &Value) -> Result<ProvisioningParameters, ProvisioningError> {
    let invalid = |why: &str| {
        Err(ProvisioningError::InvalidResult(format!(
            "Pre-provisioning hook returned an invalid result: {why}"
        )))
    };
    let Value::Object(members) = answer else {
        return invalid("it must be an object");
    };
    match members.get("allowProvisioning") {
        Some(Value::Bool(true)) => {}
        // The guide's note has it as a text.
        Some(Value::String(text)) if text == "true" => {}
        Some(_) | None => {
            return Err(ProvisioningError::AccessDenied(
                "Pre-provisioning hook did not allow provisioning".to_owned(),
            ));
        }
    }
    match members.get("parameterOverrides") {
        None | Some(Value::Null) => Ok(ProvisioningParameters::new()),
        Some(given) => match serde_json::from_value(given.clone()) {
            Ok(overrides) => Ok(overrides),
            Err(_) => invalid("parameterOverrides must be an object of strings"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_must_allow_it_in_the_documented_form() {
        let check = |answer: Value, expected: Result<&[(&str, &str)], &str>| {
            let found = overrides(&answer);
            match expected {
                Ok(pairs) => {
                    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
                    assert_eq!(found, Ok(pairs.iter().map(own).collect()), "{answer}");
                }
                Err(code) => assert_eq!(found.unwrap_err().code(), code, "{answer}"),
            }
        };
        check(json!({"allowProvisioning": true}), Ok(&[]));
        check(
            json!({"allowProvisioning": "true", "parameterOverrides": null}),
            Ok(&[]),
        );
        check(
            json!({"allowProvisioning": true, "parameterOverrides": {"A": "x"}}),
            Ok(&[("A", "x")]),
        );
        check(json!({"allowProvisioning": false}), Err("AccessDenied"));
        check(json!({}), Err("AccessDenied"));
        check(json!({"allowProvisioning": 1}), Err("AccessDenied"));
        check(Value::Null, Err("InvalidResult"));
        check(
            json!({"allowProvisioning": true, "parameterOverrides": {"A": 1}}),
            Err("InvalidResult"),
        );
        check(
            json!({"allowProvisioning": true, "parameterOverrides": []}),
            Err("InvalidResult"),
        );
    }
}
