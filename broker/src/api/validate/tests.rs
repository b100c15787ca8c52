//! How broken constraints are worded.

use super::*;
use crate::api::model::Service;
use serde_json::json;

fn check(operation: &str, members: Value, expected: Result<(), &str>) {
    let operation = MODEL.operation(Service::Iot, operation).unwrap();
    let Value::Object(members) = members else {
        panic!("members are an object")
    };
    let result = validate(operation, &members).map_err(|error| error.to_string());
    assert_eq!(
        result.as_ref().map_err(String::as_str).copied(),
        expected,
        "{members:?}"
    );
}

#[test]
fn members_within_their_constraints_pass() {
    check("CreateThing", json!({"thingName": "a:b_c-1"}), Ok(()));
    check("ListThings", json!({"maxResults": 250}), Ok(()));
    let payload = json!({"sql": "SELECT * FROM 'a'", "actions": []});
    check(
        "CreateTopicRule",
        json!({"ruleName": "r", "topicRulePayload": payload}),
        Ok(()),
    );
}

#[test]
fn broken_constraints_are_counted_and_worded_as_aws_does() {
    let at = "InvalidRequestException: 1 validation error detected: Value";
    check(
        "CreateTopicRule",
        json!({
        "ruleName": "bad-name", "topicRulePayload": {"sql": "s", "actions": []}}),
        Err(&format!(
            "{at} 'bad-name' at 'ruleName' failed to satisfy constraint: Member must \
            satisfy regular expression pattern: ^[a-zA-Z0-9_]+$"
        )),
    );
    check(
        "ListThings",
        json!({"maxResults": 251}),
        Err(&format!(
            "{at} '251' at 'maxResults' failed to satisfy constraint: Member must \
            have value less than or equal to 250"
        )),
    );
}

#[test]
fn missing_members_are_told_of_by_their_path() {
    let at = "InvalidRequestException: 1 validation error detected: Value";
    check(
        "CreatePolicy",
        json!({"policyName": "p"}),
        Err(&format!(
            "{at} null at 'policyDocument' failed to satisfy constraint: Member must \
            not be null"
        )),
    );
    check(
        "CreateTopicRule",
        json!({"ruleName": "r", "topicRulePayload": {"sql": "s"}}),
        Err(&format!(
            "{at} null at 'topicRulePayload.actions' failed to satisfy constraint: \
            Member must not be null"
        )),
    );
    check(
        "CreateTopicRule",
        json!({"ruleName": "r"}),
        Err(&format!(
            "{at} null at 'topicRulePayload' failed to satisfy constraint: Member \
            must not be null"
        )),
    );
    check(
        "CreatePolicy",
        json!({"policyName": "p", "policyDocument": "d", "tags": [{}]}),
        Err(&format!(
            "{at} null at 'tags.1.member.key' failed to satisfy constraint: Member \
            must not be null"
        )),
    );
}

#[test]
fn keys_of_maps_and_names_of_enums_are_checked() {
    let at = "InvalidRequestException: 1 validation error detected: Value";
    check(
        "CreateThing",
        json!({"thingName": "t", "attributePayload": {"attributes": {
        "a b": "v"}}}),
        Err(&format!(
            "{at} '{{a b=v}}' at 'attributePayload.attributes' failed to satisfy \
            constraint: Map keys must satisfy constraint: [Member must satisfy regular \
            expression pattern: [a-zA-Z0-9_.,@/:#-]+]"
        )),
    );
    check(
        "UpdateCertificate",
        json!({"certificateId": "a".repeat(64), "newStatus": "GONE"}),
        Err(&format!(
            "{at} 'GONE' at 'newStatus' failed to satisfy constraint: Member must \
            satisfy enum value set: [ACTIVE, INACTIVE, REVOKED, PENDING_TRANSFER, \
            REGISTER_INACTIVE, PENDING_ACTIVATION]"
        )),
    );
}

#[test]
fn all_broken_constraints_stand_in_one_text() {
    let long = format!("{} ", "x".repeat(128));
    check(
        "CreateThing",
        json!({"thingName": long}),
        Err(&format!(
            "InvalidRequestException: 2 validation errors detected: Value '{long}' at \
            'thingName' failed to satisfy constraint: Member must have length less than or \
            equal to 128; Value '{long}' at 'thingName' failed to satisfy constraint: Member \
            must satisfy regular expression pattern: [a-zA-Z0-9:_-]+"
        )),
    );
}

#[test]
fn a_member_of_another_type_cannot_be_read() {
    check(
        "CreateThing",
        json!({"thingName": "t", "thingTypeName": 5}),
        Err("SerializationException: Value '5' at 'thingTypeName' must be a string"),
    );
    check(
        "CreatePolicy",
        json!({"policyName": "p", "policyDocument": {"a": [1]}}),
        Err("SerializationException: Value '{a=[1]}' at 'policyDocument' must be a string"),
    );
}
