//! Decisions, resource patterns and conditions, each a table in `data`.

use policy::{Decision, Document, Effect, Request, VariableMap, evaluate, evaluate_joint};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

type Named = BTreeMap<String, Values>;

fn variables(named: &Named) -> VariableMap {
    let mut variables = VariableMap::new();
    for (name, values) in named {
        match values {
            Values::One(value) => variables.set(name, value),
            Values::Many(list) => variables.set_list(name, list.clone()),
        }
    }
    variables
}

/// Whether a single allowing statement with these members applies.
fn applies(members: &Value, resource: &str, named: &Named) -> Result<bool, String> {
    let mut statement = json!({ "Effect": "Allow", "Action": "iot:Publish", "Resource": "*" });
    for (name, value) in members.as_object().into_iter().flatten() {
        statement[name] = value.clone();
    }
    let document = json!({ "Version": "2012-10-17", "Statement": statement });
    let document = Document::parse(&document.to_string()).map_err(|error| error.to_string())?;
    let variables = variables(named);
    let request = Request {
        action: "iot:Publish",
        resource,
        variables: &variables,
    };
    Ok(evaluate(&[document], &request).is_allowed())
}

#[derive(Deserialize)]
struct ConditionCase {
    condition: Value,
    variables: Named,
    holds: bool,
}

#[test]
fn conditions_hold_as_the_iam_guide_says() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/conditions.json")).unwrap();
    for text in cases {
        let case: ConditionCase = serde_json::from_value(text.clone()).unwrap();
        let members = json!({ "Condition": case.condition });
        let answer = applies(&members, "arn:aws:iot:eu:1:topic/a", &case.variables);
        assert_eq!(answer, Ok(case.holds), "{text}");
    }
}

#[derive(Deserialize)]
struct ResourceCase {
    pattern: String,
    resource: String,
    #[serde(default)]
    variables: Named,
    matches: bool,
}

#[test]
fn resources_match_field_by_field_and_not_resource_is_the_opposite() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/resources.json")).unwrap();
    for text in cases {
        let case: ResourceCase = serde_json::from_value(text.clone()).unwrap();
        let members = json!({ "Resource": case.pattern });
        let answer = applies(&members, &case.resource, &case.variables);
        assert_eq!(answer, Ok(case.matches), "{text}");
        let statement =
            json!({ "Effect": "Allow", "Action": "*", "NotResource": ["arn:x", case.pattern] });
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        let document = Document::parse(&document.to_string()).unwrap();
        let variables = variables(&case.variables);
        let request = Request {
            action: "iot:Publish",
            resource: &case.resource,
            variables: &variables,
        };
        assert_eq!(
            evaluate(&[document], &request).is_allowed(),
            !case.matches,
            "{text}"
        );
    }
}

#[test]
fn a_certificate_value_of_more_than_1024_characters_is_not_substituted() {
    let members = json!({ "Resource": "arn:aws:iot:eu:1:topic/${iot:Certificate.Subject.Title}" });
    for (chars, expected) in [(1024, true), (1025, false)] {
        let value = "é".repeat(chars);
        let resource = format!("arn:aws:iot:eu:1:topic/{value}");
        let named = [(
            "iot:Certificate.Subject.Title".to_owned(),
            Values::One(value),
        )]
        .into();
        assert_eq!(
            applies(&members, &resource, &named),
            Ok(expected),
            "{chars}"
        );
    }
}

#[derive(Deserialize)]
struct DecisionCase {
    policies: Vec<Value>,
    action: String,
    resource: String,
    effect: String,
    statement: Option<StatementCase>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct StatementCase {
    policy: usize,
    index: usize,
    sid: Option<String>,
}

#[test]
fn a_deny_beats_every_allow_and_the_deciding_statement_is_named() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("data/decisions.json")).unwrap();
    for text in cases {
        let case: DecisionCase = serde_json::from_value(text.clone()).unwrap();
        let document = |statements: &Value| {
            let document = json!({ "Version": "2012-10-17", "Statement": statements });
            Document::parse(&document.to_string())
        };
        let documents: Vec<_> = case
            .policies
            .iter()
            .map(document)
            .collect::<Result<_, _>>()
            .unwrap();
        let request = Request {
            action: &case.action,
            resource: &case.resource,
            variables: &(),
        };
        let decision = evaluate(&documents, &request);
        assert_eq!(format!("{:?}", decision.effect), case.effect, "{text}");
        assert_eq!(named(&decision), case.statement, "{text}");
    }
}

fn named(decision: &Decision<'_>) -> Option<StatementCase> {
    decision.statement.map(|statement| StatementCase {
        policy: statement.policy,
        index: statement.index,
        sid: statement.sid.map(str::to_owned),
    })
}

#[test]
fn an_authenticated_identity_needs_both_sides_and_a_deny_of_either_is_explicit() {
    use Effect::{Allow, ExplicitDeny, ImplicitDeny};
    let side = |effect: Effect| {
        let statements = match effect {
            Allow => json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }),
            ExplicitDeny => json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }),
            ImplicitDeny => json!([]),
        };
        [Document::parse(&json!({ "Statement": statements }).to_string()).unwrap()]
    };
    let resource = "arn:aws:iot:eu:1:topic/a";
    let request = Request {
        action: "iot:Publish",
        resource,
        variables: &(),
    };
    for (iot, iam, expected) in [
        (Allow, Allow, Allow),
        (Allow, ExplicitDeny, ExplicitDeny),
        (Allow, ImplicitDeny, ImplicitDeny),
        (ExplicitDeny, Allow, ExplicitDeny),
        (ExplicitDeny, ImplicitDeny, ExplicitDeny),
        (ImplicitDeny, Allow, ImplicitDeny),
        (ImplicitDeny, ExplicitDeny, ExplicitDeny),
        (ImplicitDeny, ImplicitDeny, ImplicitDeny),
    ] {
        let (iot_side, iam_side) = (side(iot), side(iam));
        let decision = evaluate_joint(&iot_side, &iam_side, &request);
        assert_eq!(decision.effect(), expected, "{iot:?} and {iam:?}");
        assert_eq!((decision.iot.effect, decision.iam.effect), (iot, iam));
    }
}

#[test]
fn without_version_2012_dollar_braces_are_text() {
    for version in [json!("2008-10-17"), Value::Null] {
        let mut document = json!({ "Statement": {
            "Effect": "Allow", "Action": "*", "Resource": "arn:aws:iot:eu:1:topic/${iot:ClientId" } });
        if !version.is_null() {
            document["Version"] = version;
        }
        let documents = [Document::parse(&document.to_string()).unwrap()];
        let resource = "arn:aws:iot:eu:1:topic/${iot:ClientId";
        let request = Request {
            action: "iot:Publish",
            resource,
            variables: &(),
        };
        assert_eq!(evaluate(&documents, &request).effect, Effect::Allow);
    }
}
