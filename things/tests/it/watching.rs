//! What watchers are told, and the epoch.

use crate::calls::call;
use crate::world::{self, NOW_MS, POLICY, arn};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use things::{CertificateStatus, Change, Things};

/// Things with a log of what a watcher was told, and the epoch that it saw then.
fn watched() -> (Arc<Things>, Arc<Mutex<Vec<(Change, u64)>>>) {
    let things = Arc::new(world::in_memory());
    let log = Arc::new(Mutex::new(Vec::new()));
    let (told, watcher) = (Arc::clone(&log), Arc::downgrade(&things));
    things.watch(move |change| {
        let epoch = watcher.upgrade().unwrap().epoch();
        told.lock().unwrap().push((change.clone(), epoch));
    });
    (things, log)
}

fn check(
    things: &Things,
    log: &Mutex<Vec<(Change, u64)>>,
    operation: &str,
    params: &Value,
    expected: &[Change],
) {
    log.lock().unwrap().clear();
    let before = things.epoch();
    call(things, operation, params).unwrap_or_else(|error| panic!("{operation}: {error}"));
    let told = log.lock().unwrap().clone();
    let changes: Vec<Change> = told.iter().map(|(change, _)| change.clone()).collect();
    assert_eq!(changes, expected, "{operation}");
    if expected.is_empty() {
        assert_eq!(things.epoch(), before, "{operation}");
    }
    for (_, seen) in told {
        assert!(seen > before, "{operation}: the epoch comes first");
    }
}

#[test]
fn changes_are_told_once_made() {
    let (things, log) = watched();
    let pem = world::self_signed("device");
    let made = things.register_certificate_without_ca(&pem, None, NOW_MS);
    let id = made.unwrap().id;
    let certificate = arn(&format!("cert/{id}"));
    let status = |active| Change::Certificate {
        id: Arc::clone(&id),
        active,
    };
    let (decisions, rules, nothing) = ([Change::Decisions], [Change::Rules], []);
    let payload = json!({"sql": "SELECT * FROM 'a'", "actions": []});
    let steps: &[(&str, Value, &[Change])] = &[
        ("CreateThing", json!({"thingName": "t"}), &decisions),
        ("CreateThing", json!({"thingName": "t"}), &nothing),
        ("CreateThingType", json!({"thingTypeName": "k"}), &nothing),
        (
            "CreateThingGroup",
            json!({"thingGroupName": "g"}),
            &decisions,
        ),
        (
            "AddThingToThingGroup",
            json!({"thingName": "t", "thingGroupName": "g"}),
            &decisions,
        ),
        (
            "AddThingToThingGroup",
            json!({"thingName": "t", "thingGroupName": "g"}),
            &nothing,
        ),
        (
            "CreatePolicy",
            json!({"policyName": "p", "policyDocument": POLICY}),
            &nothing,
        ),
        (
            "AttachPolicy",
            json!({"policyName": "p", "target": certificate}),
            &decisions,
        ),
        (
            "AttachPolicy",
            json!({"policyName": "p", "target": certificate}),
            &nothing,
        ),
        (
            "CreatePolicyVersion",
            json!({"policyName": "p", "policyDocument": POLICY}),
            &nothing,
        ),
        (
            "SetDefaultPolicyVersion",
            json!({"policyName": "p", "policyVersionId": "2"}),
            &decisions,
        ),
        (
            "AttachThingPrincipal",
            json!({"thingName": "t", "principal": certificate}),
            &decisions,
        ),
        (
            "UpdateThing",
            json!({"thingName": "t", "attributePayload": {"attributes": {"a": "b"}}}),
            &decisions,
        ),
        (
            "UpdateCertificate",
            json!({"certificateId": &*id, "newStatus": "ACTIVE"}),
            &[status(true)],
        ),
        (
            "UpdateCertificate",
            json!({"certificateId": &*id, "newStatus": "REVOKED"}),
            &[status(false)],
        ),
        (
            "DetachPolicy",
            json!({"policyName": "p", "target": certificate}),
            &decisions,
        ),
        (
            "DetachThingPrincipal",
            json!({"thingName": "t", "principal": certificate}),
            &decisions,
        ),
        (
            "DeleteCertificate",
            json!({"certificateId": &*id}),
            &[status(false)],
        ),
        (
            "CreateTopicRule",
            json!({"ruleName": "r", "topicRulePayload": payload}),
            &rules,
        ),
        ("DisableTopicRule", json!({"ruleName": "r"}), &rules),
        ("DeleteTopicRule", json!({"ruleName": "r"}), &rules),
        ("DeleteThing", json!({"thingName": "t"}), &decisions),
    ];
    for (operation, params, expected) in steps {
        check(&things, &log, operation, params, expected);
    }
    log.lock().unwrap().clear();
    things.reset().unwrap();
    assert_eq!(log.lock().unwrap()[0].0, Change::Reset);
}

#[test]
fn a_watcher_sees_the_change_and_may_make_another() {
    let things = Arc::new(world::in_memory());
    let pem = world::self_signed("device");
    let status = Some(CertificateStatus::Active);
    let made = things.register_certificate_without_ca(&pem, status, NOW_MS);
    let id = made.unwrap().id;
    let inner = Arc::downgrade(&things);
    things.watch(move |change| {
        let things = inner.upgrade().unwrap();
        if let Change::Certificate { id, active: false } = change {
            let seen = things.certificate(id).unwrap();
            assert_eq!(seen.status, CertificateStatus::Inactive);
            call(&things, "CreateThing", &json!({"thingName": "after"})).unwrap();
        }
    });
    let inactive = CertificateStatus::Inactive;
    things.update_certificate(&id, inactive, NOW_MS).unwrap();
    assert!(things.describe_thing("after").is_ok());
}
