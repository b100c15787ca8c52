//! What is kept in a directory.

use crate::calls::call;
use crate::world::{self, ACCOUNT, NOW_MS, POLICY, arn, code};
use serde_json::json;
use things::{
    CertificateStatus, NewRole, OpenError, RoleDecision, ThingPrincipalType, Things, ThingsError,
};

/// One of everything; gives the certificate's id.
fn fill(things: &Things) -> String {
    let steps = [
        ("CreateThingType", json!({"thingTypeName": "lamp"})),
        ("CreateThingGroup", json!({"thingGroupName": "house"})),
        (
            "CreateThingGroup",
            json!({"thingGroupName": "room", "parentGroupName": "house"}),
        ),
        ("CreateBillingGroup", json!({"billingGroupName": "bill"})),
        (
            "CreateThing",
            json!({"thingName": "t1", "thingTypeName": "lamp", "billingGroupName": "bill",
            "attributePayload": {"attributes": {"colour": "red"}}}),
        ),
        (
            "AddThingToThingGroup",
            json!({"thingName": "t1", "thingGroupName": "room"}),
        ),
        (
            "CreatePolicy",
            json!({"policyName": "p", "policyDocument": POLICY}),
        ),
        (
            "CreatePolicyVersion",
            json!({"policyName": "p", "policyDocument": POLICY, "setAsDefault": true}),
        ),
        (
            "AttachPolicy",
            json!({"policyName": "p", "target": arn("thinggroup/house")}),
        ),
        (
            "CreateTopicRule",
            json!({"ruleName": "r", "tags": "a=b",
            "topicRulePayload": {"sql": "SELECT * FROM 'a'", "actions": []}}),
        ),
        ("DisableTopicRule", json!({"ruleName": "r"})),
    ];
    for (operation, params) in &steps {
        call(things, operation, params).unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
    let pem = world::self_signed("device");
    let status = Some(CertificateStatus::Active);
    let made = things.register_certificate_without_ca(&pem, status, NOW_MS);
    let made = made.unwrap();
    things
        .attach_thing_principal("t1", &made.arn, ThingPrincipalType::NonExclusiveThing)
        .unwrap();
    things.create_role(&role(), NOW_MS).unwrap();
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}}"#;
    things
        .put_role_policy("writer", "inline", document)
        .unwrap();
    made.id.to_string()
}

fn role() -> NewRole {
    NewRole {
        name: "writer".to_owned(),
        trust_policy: r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"iot.amazonaws.com"},"Action":"sts:AssumeRole"}}"#.to_owned(),
        ..NewRole::default()
    }
}

/// Everything that can be seen of what [`fill`] made.
fn seen(things: &Things, certificate: &str) -> String {
    let questions = [
        ("DescribeThing", json!({"thingName": "t1"})),
        ("ListThingGroupsForThing", json!({"thingName": "t1"})),
        ("ListThingPrincipalsV2", json!({"thingName": "t1"})),
        (
            "ListPrincipalThings",
            json!({"principal": arn(&format!("cert/{certificate}"))}),
        ),
        ("DescribeThingType", json!({"thingTypeName": "lamp"})),
        ("DescribeThingGroup", json!({"thingGroupName": "room"})),
        ("ListThingsInThingGroup", json!({"thingGroupName": "room"})),
        ("ListThingGroups", json!({"parentGroup": "house"})),
        (
            "ListThingsInBillingGroup",
            json!({"billingGroupName": "bill"}),
        ),
        ("DescribeCertificate", json!({"certificateId": certificate})),
        ("GetPolicy", json!({"policyName": "p"})),
        ("ListPolicyVersions", json!({"policyName": "p"})),
        ("ListTargetsForPolicy", json!({"policyName": "p"})),
        ("GetTopicRule", json!({"ruleName": "r"})),
        ("ListTagsForResource", json!({"resourceArn": arn("rule/r")})),
    ];
    let mut seen = String::new();
    for (operation, params) in &questions {
        let answer = call(things, operation, params);
        let answer = answer.unwrap_or_else(|error| panic!("{operation}: {error}"));
        seen.push_str(&format!("{operation} {answer}\n"));
    }
    let policies = things.policies_of_certificate(certificate, Some("t1"));
    seen.push_str(&format!("{policies:?}\n"));
    seen.push_str(&format!("{:?}\n", things.role("writer").unwrap()));
    seen
}

#[test]
fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let things = world::in_directory(folder.path());
    let id = fill(&things);
    let (before, root) = (seen(&things, &id), things.root_ca_pem());
    drop(things);
    let things = world::in_directory(folder.path());
    assert_eq!(seen(&things, &id), before);
    assert_eq!(things.root_ca_pem(), root);
    let writer = format!("arn:aws:iam::{ACCOUNT}:role/writer");
    let decision = things.authorize_role(&writer, "s3:PutObject", "arn:aws:s3:::b/x");
    assert_eq!(decision, RoleDecision::Allowed);
}

#[test]
fn deletions_are_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    let things = world::in_directory(folder.path());
    let id = fill(&things);
    let certificate = arn(&format!("cert/{id}"));
    things.detach_thing_principal("t1", &certificate).unwrap();
    things.delete_thing("t1", None).unwrap();
    things.delete_topic_rule("r").unwrap();
    drop(things);
    let things = world::in_directory(folder.path());
    assert!(things.describe_thing("t1").is_err());
    assert!(things.topic_rules().is_empty());
    assert!(
        things
            .list_tags_for_resource(&arn("rule/r"))
            .unwrap()
            .is_empty()
    );
    let in_room = things.list_things_in_thing_group("room", false, None, 10);
    assert!(in_room.unwrap().items.is_empty());
}

#[test]
fn reset_keeps_the_authorities_alone() {
    let folder = tempfile::tempdir().unwrap();
    let things = world::in_directory(folder.path());
    let id = fill(&things);
    let root = things.root_ca_pem();
    let chain = things.server_certificate(&[], NOW_MS).unwrap();
    things.reset().unwrap();
    let check = |things: &Things| {
        assert!(things.certificate(&id).is_none());
        assert!(things.describe_thing("t1").is_err());
        assert!(things.role("writer").is_err());
        assert_eq!(things.root_ca_pem(), root);
        assert_eq!(things.server_certificate(&[], NOW_MS).unwrap(), chain);
    };
    check(&things);
    drop(things);
    check(&world::in_directory(folder.path()));
}

#[test]
fn another_region_finds_the_same_things() {
    let folder = tempfile::tempdir().unwrap();
    let things = world::in_directory(folder.path());
    let id = fill(&things);
    drop(things);
    let mut settings = world::settings(Some(folder.path()));
    settings.region = "us-east-1".to_owned();
    let things = Things::open(&settings).unwrap();
    let principals = things.list_thing_principals("t1", None, None, 10).unwrap();
    assert_eq!(
        principals.items[0].principal,
        format!("arn:aws:iot:us-east-1:{ACCOUNT}:cert/{id}")
    );
}

#[test]
fn newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(world::in_directory(folder.path()));
    std::fs::write(folder.path().join("format"), "7\n").unwrap();
    let error = Things::open(&world::settings(Some(folder.path()))).unwrap_err();
    let OpenError::Newer { found, known, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!((*found, *known), (7, 1));
    assert!(error.to_string().contains("update thingcore"), "{error}");
}

#[test]
fn directories_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Things::open(&world::settings(Some(&file.join("below")))).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");

    let garbled = folder.path().join("garbled");
    std::fs::create_dir(&garbled).unwrap();
    std::fs::write(garbled.join("format"), "one").unwrap();
    let error = Things::open(&world::settings(Some(&garbled))).unwrap_err();
    assert!(error.to_string().contains("format number"), "{error}");

    let shared = folder.path().join("shared");
    let first = world::in_directory(&shared);
    let error = Things::open(&world::settings(Some(&shared))).unwrap_err();
    assert!(error.to_string().contains("another thingcore"), "{error}");
    drop(first);
}

#[test]
fn a_refused_change_changes_nothing() {
    let things = world::in_memory();
    call(&things, "CreateThing", &json!({"thingName": "t"})).unwrap();
    call(&things, "CreateThingGroup", &json!({"thingGroupName": "g"})).unwrap();
    let epoch = things.epoch();
    let names = ["g".to_owned(), "missing".to_owned()];
    let error: ThingsError = things
        .update_thing_groups_for_thing("t", &names, &[])
        .unwrap_err();
    assert_eq!(code(&error), "ResourceNotFoundException");
    let groups = things.list_thing_groups_for_thing("t", None, 10).unwrap();
    assert!(groups.items.is_empty());
    assert_eq!(things.epoch(), epoch);
}
