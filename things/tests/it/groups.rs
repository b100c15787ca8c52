//! Thing groups: their limits, and the policies that things have from them; and whom a connection
//! acts as.

use crate::calls::call;
use crate::world::{self, NOW_MS, arn, code};
use policy::{Request, evaluate};
use serde_json::{Value, json};
use things::{CertificateStatus, ThingPrincipalType, Things};

fn make(things: &Things, steps: &[(&str, Value)]) {
    for (operation, params) in steps {
        call(things, operation, params).unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
}

fn group(name: &str, parent: Option<&str>) -> (&'static str, Value) {
    let mut params = json!({"thingGroupName": name});
    if let Some(parent) = parent {
        params["parentGroupName"] = parent.into();
    }
    ("CreateThingGroup", params)
}

fn policy_for(topic: &str) -> (&'static str, Value) {
    let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Action": "iot:Publish", "Resource": arn(&format!("topic/{topic}"))}});
    let params = json!({"policyName": topic, "policyDocument": document.to_string()});
    ("CreatePolicy", params)
}

fn attach(policy: &str, target: &str) -> (&'static str, Value) {
    let params = json!({"policyName": policy, "target": target});
    ("AttachPolicy", params)
}

fn certificate(things: &Things) -> (String, String) {
    let pem = world::self_signed("device");
    let status = Some(CertificateStatus::Active);
    let made = things.register_certificate_without_ca(&pem, status, NOW_MS);
    let made = made.unwrap();
    (made.id.to_string(), made.arn)
}

/// Topics of a list that may be published to.
fn allowed<'t>(
    things: &Things,
    certificate: &str,
    client_id: Option<&str>,
    topics: &[&'t str],
) -> Vec<&'t str> {
    let documents = things.policies_of_certificate(certificate, client_id);
    let may = |topic: &&&str| {
        let request = Request {
            action: "iot:Publish",
            resource: &arn(&format!("topic/{topic}")),
            variables: &(),
        };
        evaluate(&documents, &request).is_allowed()
    };
    topics.iter().filter(may).copied().collect()
}

#[test]
fn policies_come_from_certificate_groups_and_parents() {
    let things = world::in_memory();
    let (id, principal) = certificate(&things);
    make(
        &things,
        &[
            group("house", None),
            group("room", Some("house")),
            group("other", None),
            ("CreateThing", json!({"thingName": "lamp"})),
            (
                "AddThingToThingGroup",
                json!({"thingName": "lamp", "thingGroupName": "room"}),
            ),
            policy_for("own"),
            policy_for("room"),
            policy_for("house"),
            policy_for("other"),
            attach("own", &principal),
            attach("room", &arn("thinggroup/room")),
            attach("house", &arn("thinggroup/house")),
            attach("other", &arn("thinggroup/other")),
        ],
    );
    let topics = ["own", "room", "house", "other"];
    let now = |client_id| allowed(&things, &id, client_id, &topics);
    assert_eq!(now(Some("lamp")), ["own"], "not attached to the thing");
    let kind = ThingPrincipalType::NonExclusiveThing;
    things
        .attach_thing_principal("lamp", &principal, kind)
        .unwrap();
    assert_eq!(now(Some("lamp")), ["own", "room", "house"]);
    assert_eq!(now(Some("another")), ["own"]);
    assert_eq!(now(None), ["own"]);

    let recursive = |recursive| {
        let target = arn("thinggroup/room");
        let list = things.list_attached_policies(&target, recursive, None, 10);
        let names = list.unwrap().items.into_iter().map(|policy| policy.name);
        names.collect::<Vec<_>>()
    };
    assert_eq!(recursive(false), ["room"]);
    assert_eq!(recursive(true), ["house", "room"]);
    let effective = things.effective_policies(Some(&principal), Some("lamp"));
    let names: Vec<String> = effective.unwrap().into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["house", "own", "room"]);

    things.detach_thing_principal("lamp", &principal).unwrap();
    let kind = ThingPrincipalType::ExclusiveThing;
    things
        .attach_thing_principal("lamp", &principal, kind)
        .unwrap();
    assert_eq!(now(Some("another")), ["own", "room", "house"]);
    things.delete_thing_group("room", None).unwrap();
    assert_eq!(now(Some("lamp")), ["own"]);
}

#[test]
fn a_new_default_version_counts_at_once() {
    let things = world::in_memory();
    let (id, principal) = certificate(&things);
    make(&things, &[policy_for("a"), attach("a", &principal)]);
    let (_, second) = policy_for("b");
    let document = second["policyDocument"].as_str().unwrap();
    let topics = ["a", "b"];
    let now = || allowed(&things, &id, None, &topics);
    things
        .create_policy_version("a", document, false, NOW_MS)
        .unwrap();
    assert_eq!(now(), ["a"]);
    things.set_default_policy_version("a", "2", NOW_MS).unwrap();
    assert_eq!(now(), ["b"]);
    things
        .create_policy_version("a", world::POLICY, true, NOW_MS)
        .unwrap();
    assert_eq!(now(), ["a", "b"]);
}

#[test]
fn a_connection_acts_as_the_thing_that_its_client_id_names() {
    let things = world::in_memory();
    let (id, principal) = certificate(&things);
    make(
        &things,
        &[
            ("CreateThingType", json!({"thingTypeName": "lamp"})),
            (
                "CreateThing",
                json!({"thingName": "a", "thingTypeName": "lamp",
                "attributePayload": {"attributes": {"floor": "2"}}}),
            ),
            ("CreateThing", json!({"thingName": "b"})),
            (
                "AttachThingPrincipal",
                json!({"thingName": "a", "principal": principal}),
            ),
            (
                "AttachThingPrincipal",
                json!({"thingName": "b", "principal": principal}),
            ),
        ],
    );
    let facts = things.connection_thing(&id, "a").unwrap();
    assert_eq!((facts.name.as_str(), facts.exclusive), ("a", false));
    assert_eq!(facts.type_name.as_deref(), Some("lamp"));
    assert_eq!(facts.attributes["floor"], "2");
    assert_eq!(things.connection_thing(&id, "b").unwrap().name, "b");
    assert_eq!(things.connection_thing(&id, "c"), None);
    assert_eq!(things.connection_thing("unknown", "a"), None);

    let exclusive = ThingPrincipalType::ExclusiveThing;
    let error = things.attach_thing_principal("a", &principal, exclusive);
    assert_eq!(code(&error.unwrap_err()), "InvalidRequestException");
    things.detach_thing_principal("b", &principal).unwrap();
    things
        .attach_thing_principal("a", &principal, exclusive)
        .unwrap();
    let facts = things.connection_thing(&id, "anything").unwrap();
    assert_eq!((facts.name.as_str(), facts.exclusive), ("a", true));
    let error = things.attach_thing_principal("b", &principal, ThingPrincipalType::default());
    assert_eq!(code(&error.unwrap_err()), "InvalidRequestException");
}

#[test]
fn limits_hold() {
    let things = world::in_memory();
    let (_, principal) = certificate(&things);
    let names: Vec<String> = (0..8).map(|depth| format!("d{depth}")).collect();
    for (depth, name) in names.iter().enumerate() {
        let parent = depth.checked_sub(1).map(|above| names[above].as_str());
        let (operation, params) = group(name, parent);
        let outcome = call(&things, operation, &params);
        assert_eq!(outcome.is_ok(), depth < 7, "{name}: {outcome:?}");
    }
    call(&things, "CreateThing", &json!({"thingName": "t"})).unwrap();
    for number in 0..11 {
        let name = format!("g{number}");
        make(&things, &[group(&name, None), policy_for(&name)]);
        let joined = things.add_thing_to_thing_group("t", &name);
        assert_eq!(joined.is_ok(), number < 10, "{name}");
        let attached = things.attach_policy(&name, &principal);
        assert_eq!(attached.is_ok(), number < 10, "{name}");
        let attached = things.attach_policy(&name, &arn("thinggroup/d0"));
        assert_eq!(attached.is_ok(), number < 2, "{name}");
    }
    make(&things, &[group("below", Some("g0"))]);
    things.remove_thing_from_thing_group("t", "g9").unwrap();
    let error = things.add_thing_to_thing_group("t", "below").unwrap_err();
    assert!(error.to_string().contains("g0"), "{error}");
}

#[test]
fn targets_are_checked() {
    let things = world::in_memory();
    make(&things, &[policy_for("p")]);
    let missing = "0".repeat(64);
    let identity = "eu-west-1:0c8ea1b5-3b0b-4b0e-a7d5-94f9b5d4a111";
    let cases = [
        (
            "nonsense",
            Some(("InvalidRequestException", "Invalid Target")),
        ),
        (
            "arn:aws:iot:eu-west-1:123456789012:thing/t",
            Some(("InvalidRequestException", "Invalid Target: arn:aws:iot")),
        ),
        (
            &*arn(&format!("cert/{missing}")),
            Some(("ResourceNotFoundException", "does not exist")),
        ),
        (
            "arn:aws:iot:eu-west-1:999999999999:cert/0",
            Some(("AccessDeniedException", "Cross account")),
        ),
        (
            &*arn("thinggroup/none"),
            Some(("ResourceNotFoundException", "none not found")),
        ),
        (identity, None),
    ];
    for (target, expected) in cases {
        let outcome = things.attach_policy("p", target);
        match expected {
            None => outcome.unwrap(),
            Some((kind, part)) => {
                let error = outcome.unwrap_err();
                assert_eq!(code(&error), kind, "{target}");
                assert!(error.to_string().contains(part), "{error}");
            }
        }
    }
    let targets = things.list_targets_for_policy("p", None, 10).unwrap();
    assert_eq!(targets.items, [identity]);
    assert_eq!(things.policies_of_identity(identity).len(), 1);
    let error = things.attach_principal_policy("p", &arn("thinggroup/g"));
    assert_eq!(
        error.unwrap_err().to_string(),
        "The given ARN does not represent a cert"
    );
}
