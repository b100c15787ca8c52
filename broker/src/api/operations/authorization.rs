//! TestAuthorization.

use super::{Call, Family};
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use policy::Effect;
use serde::Deserialize;
use serde_json::{Value, json};
use things::{AuthDecision, AuthQuestion, PolicySummary};

pub(super) const FAMILY: Family = &[("TestAuthorization", test_authorization)];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthInfo {
    #[serde(default)]
    action_type: Option<String>,
    resources: Vec<String>,
}

impl AuthInfo {
    fn action(&self) -> &'static str {
        match self.action_type.as_deref() {
            Some("SUBSCRIBE") => "iot:Subscribe",
            Some("RECEIVE") => "iot:Receive",
            Some("CONNECT") => "iot:Connect",
            // The model allows nothing else.
            Some(_) | None => "iot:Publish",
        }
    }
}

fn test_authorization(call: &Call) -> Result<Reply, ApiError> {
    let asked: Vec<AuthInfo> = call.read("authInfos")?;
    let requests = asked.iter();
    let question = AuthQuestion {
        principal: call
            .owned("principal")
            .or_else(|| call.owned("cognitoIdentityPoolId")),
        client_id: call.owned("clientId"),
        policies_to_add: call.read("policyNamesToAdd")?,
        policies_to_skip: call.read("policyNamesToSkip")?,
        requests: requests
            .map(|info| (info.action().to_owned(), info.resources.clone()))
            .collect(),
    };
    let decisions = call.world.things.test_authorization(&question)?;
    let results: Vec<Value> = asked.iter().zip(&decisions).map(result).collect();
    Ok(Reply::Json(json!({"authResults": results})))
}

/// `decidingStatement` is not AWS's: it names the statement that decided.
fn result((info, decision): (&AuthInfo, &AuthDecision)) -> Value {
    let policies = |policies: &[PolicySummary]| -> Value {
        let shown =
            |policy: &PolicySummary| json!({"policyName": policy.name, "policyArn": policy.arn});
        json!({"policies": policies.iter().map(shown).collect::<Value>()})
    };
    let mut result = json!({
        "authInfo": {"actionType": info.action_type, "resources": info.resources},
        "allowed": policies(&decision.allowed),
        "denied": {
            "implicitDeny": policies(&decision.silent),
            "explicitDeny": policies(&decision.denied),
        },
        "authDecision": match decision.effect {
            Effect::Allow => "ALLOWED",
            Effect::ExplicitDeny => "EXPLICIT_DENY",
            Effect::ImplicitDeny => "IMPLICIT_DENY",
        },
        "missingContextValues": decision.missing_context,
    });
    if let Some((policy, number, sid)) = &decision.statement {
        result["decidingStatement"] = json!({"policyName": policy, "number": number, "sid": sid});
    }
    result
}
