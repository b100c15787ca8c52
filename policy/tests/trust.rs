//! Trust policies, as a table in `data/trust.json`.

use policy::{Caller, TrustDocument, TrustRequest, VariableMap};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    principal: Value,
    #[serde(default = "assume_role")]
    statement_action: String,
    #[serde(default = "allow")]
    effect: String,
    #[serde(default)]
    condition: Option<Value>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default = "assume_role")]
    action: String,
    caller: Option<Who>,
    #[serde(default)]
    allowed: bool,
    error: Option<String>,
}

#[derive(Deserialize)]
enum Who {
    Service(String),
    Aws(String),
    Federated(String),
}

fn assume_role() -> String {
    "sts:AssumeRole".to_owned()
}

fn allow() -> String {
    "Allow".to_owned()
}

#[test]
fn a_role_is_assumed_by_whom_its_trust_policy_names() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/trust.json")).unwrap();
    for text in cases {
        let case: Case = serde_json::from_value(text.clone()).unwrap();
        let answer = decide(&case).map_err(Some);
        assert_eq!(
            answer,
            case.error
                .map_or(Ok(case.allowed), |error| Err(Some(error))),
            "{text}"
        );
    }
}

fn decide(case: &Case) -> Result<bool, String> {
    let mut statement = json!({
        "Effect": case.effect, "Principal": case.principal, "Action": case.statement_action });
    if let Some(condition) = &case.condition {
        statement["Condition"] = condition.clone();
    }
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let document = TrustDocument::parse(&document).map_err(|error| error.to_string())?;
    let variables: VariableMap = case.variables.iter().collect();
    let caller = match &case.caller {
        Some(Who::Service(name)) => Caller::Service(name),
        Some(Who::Aws(arn)) => Caller::Aws(arn),
        Some(Who::Federated(name)) => Caller::Federated(name),
        None => Caller::Service("iot.amazonaws.com"),
    };
    let request = TrustRequest {
        action: &case.action,
        caller,
        variables: &variables,
    };
    Ok(document.evaluate(&request).is_allowed())
}

#[test]
fn a_deny_beats_an_allow_before_it() {
    let document = json!({ "Statement": [
        { "Effect": "Allow", "Principal": "*", "Action": "sts:*" },
        { "Effect": "Deny", "Principal": { "Service": "iot.amazonaws.com" }, "Action": "*", "Sid": "No" } ] });
    let document = TrustDocument::parse(&document.to_string()).unwrap();
    let caller = Caller::Service("iot.amazonaws.com");
    let request = TrustRequest {
        action: "sts:AssumeRole",
        caller,
        variables: &(),
    };
    let decision = document.evaluate(&request);
    assert_eq!(decision.effect, policy::Effect::ExplicitDeny);
    assert_eq!(
        decision.statement.and_then(|statement| statement.sid),
        Some("No")
    );
}

#[test]
fn a_trust_policy_has_a_principal_and_no_resource() {
    let check = |members: Value, expected: &str| {
        let error = TrustDocument::parse(&json!({ "Statement": members }).to_string()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        json!({ "Effect": "Allow", "Action": "sts:AssumeRole" }),
        "Statement: member `Principal` is missing",
    );
    check(
        json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*", "Resource": "*" }),
        "Statement: member `Resource` is not allowed in this kind of policy",
    );
    check(
        json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": "*" }),
        "Statement: member `NotPrincipal` is not allowed in this kind of policy",
    );
}
