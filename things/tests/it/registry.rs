//! The registry's rules in sequences of calls, and random sequences against the disk.

use crate::calls::call;
use crate::world::{self, NOW_MS, POLICY, arn, code};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use things::{CertificateStatus, Things};

/// Calls in order, each with members of its answer or with the error that refuses it.
#[test]
fn sequences_hold() {
    let file: Value = serde_json::from_str(include_str!("../data/registry.json")).unwrap();
    let cases = file.as_array().unwrap();
    assert!(cases.len() >= 15);
    for case in cases {
        let things = world::in_memory();
        for step in case["steps"].as_array().unwrap() {
            let at = format!("{}: {step}", case["case"]);
            let outcome = call(&things, step["call"].as_str().unwrap(), &step["with"]);
            if let Some(refusal) = step["refuses"].as_object() {
                let error = outcome.expect_err(&at);
                let (kind, part) = refusal.iter().next().unwrap();
                assert_eq!(code(&error), kind, "{at}: {error}");
                let part = part.as_str().unwrap();
                assert!(error.to_string().contains(part), "{at}: {error}");
                continue;
            }
            let answer = outcome.unwrap_or_else(|error| panic!("{at}: {error}"));
            for (name, wanted) in step["gives"].as_object().into_iter().flatten() {
                assert_eq!(&answer[name], wanted, "{at}");
            }
        }
    }
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A call that may or may not be refused.
fn random_call(rng: &mut StdRng, certificates: &[String]) -> (&'static str, Value) {
    let mut name = || *NAMES.choose(rng).unwrap();
    let (thing, group, parent, policy) = (name(), name(), name(), name());
    let certificate = certificates.choose(rng).unwrap();
    let target = if rng.random() {
        certificate.clone()
    } else {
        arn(&format!("thinggroup/{group}"))
    };
    let membership = json!({"thingName": thing, "thingGroupName": group});
    let attachment = json!({"thingName": thing, "principal": certificate});
    let policy_target = json!({"policyName": policy, "target": target});
    let group_name = json!({"thingGroupName": group});
    match rng.random_range(0..16) {
        0 | 1 => ("CreateThing", json!({"thingName": thing})),
        2 => ("DeleteThing", json!({"thingName": thing})),
        3 => (
            "UpdateThing",
            json!({"thingName": thing,
            "attributePayload": {"attributes": {"k": policy}}}),
        ),
        4 => ("CreateThingGroup", group_name),
        5 => (
            "CreateThingGroup",
            json!({"thingGroupName": group, "parentGroupName": parent}),
        ),
        6 => ("DeleteThingGroup", group_name),
        7 | 8 => ("AddThingToThingGroup", membership),
        9 => ("RemoveThingFromThingGroup", membership),
        10 => ("AttachThingPrincipal", attachment),
        11 => ("DetachThingPrincipal", attachment),
        12 => (
            "CreatePolicy",
            json!({"policyName": policy, "policyDocument": POLICY}),
        ),
        13 => ("DeletePolicy", json!({"policyName": policy})),
        14 => ("AttachPolicy", policy_target),
        15 => ("DetachPolicy", policy_target),
        other => panic!("{other}"),
    }
}

/// Everything that these calls can change.
fn dump(things: &Things, certificates: &[String]) -> Vec<Value> {
    let mut questions = vec![("ListThings", json!({})), ("ListThingGroups", json!({}))];
    for name in NAMES {
        let (thing, group) = (json!({"thingName": name}), json!({"thingGroupName": name}));
        questions.push(("DescribeThing", thing.clone()));
        questions.push(("ListThingGroupsForThing", thing.clone()));
        questions.push(("ListThingPrincipals", thing));
        questions.push(("DescribeThingGroup", group.clone()));
        questions.push(("ListThingsInThingGroup", group));
        questions.push(("ListThingGroups", json!({"parentGroup": name})));
        questions.push(("GetPolicy", json!({"policyName": name})));
        questions.push(("ListTargetsForPolicy", json!({"policyName": name})));
        let target = arn(&format!("thinggroup/{name}"));
        questions.push(("ListAttachedPolicies", json!({"target": target})));
    }
    for certificate in certificates {
        questions.push(("ListPrincipalThings", json!({"principal": certificate})));
        questions.push(("ListAttachedPolicies", json!({"target": certificate})));
    }
    let ask = |(operation, params): &(&str, Value)| match call(things, operation, params) {
        Ok(answer) => json!([operation, params, answer]),
        Err(error) => json!([operation, params, error.to_string()]),
    };
    questions.iter().map(ask).collect()
}

/// Both directions of each relation say the same.
fn check_relations(things: &Things, certificates: &[String]) {
    let mut pairs = [const { BTreeSet::new() }; 6];
    let list = |operation: &str, params: Value, member: &str, name: Option<&str>| {
        let answer = call(things, operation, &params).unwrap_or_default();
        let items = answer[member].as_array().cloned().unwrap_or_default();
        let text = |item: Value| match name {
            Some(name) => item[name].as_str().unwrap().to_owned(),
            None => item.as_str().unwrap().to_owned(),
        };
        items.into_iter().map(text).collect::<Vec<_>>()
    };
    let mut add = |at: usize, left: &str, right: String| pairs[at].insert((left.to_owned(), right));
    let groups = NAMES.map(|name| arn(&format!("thinggroup/{name}")));
    for name in NAMES {
        let (thing, group) = (json!({"thingName": name}), json!({"thingGroupName": name}));
        for of in list(
            "ListThingGroupsForThing",
            thing.clone(),
            "thingGroups",
            Some("groupName"),
        ) {
            add(0, name, of);
        }
        for member in list("ListThingsInThingGroup", group, "things", None) {
            add(1, &member, name.to_owned());
        }
        for principal in list("ListThingPrincipals", thing, "principals", None) {
            add(2, name, principal);
        }
        let policy = json!({"policyName": name});
        for target in list("ListTargetsForPolicy", policy, "targets", None) {
            add(4, name, target);
        }
    }
    for target in certificates.iter().chain(&groups) {
        let principal = json!({"principal": target});
        for thing in list("ListPrincipalThings", principal, "things", None) {
            add(3, &thing, target.clone());
        }
        let of = json!({"target": target});
        for policy in list("ListAttachedPolicies", of, "policies", Some("policyName")) {
            add(5, &policy, target.clone());
        }
    }
    assert_eq!(pairs[0], pairs[1], "things and groups");
    assert_eq!(pairs[2], pairs[3], "things and principals");
    assert_eq!(pairs[4], pairs[5], "policies and targets");
}

#[test]
fn random_sequences_are_read_back_as_they_were() {
    for seed in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let mut things = world::in_directory(folder.path());
        let mut rng = StdRng::seed_from_u64(seed);
        let register = |name| {
            let (pem, active) = (world::self_signed(name), CertificateStatus::Active);
            let made = things.register_certificate_without_ca(&pem, Some(active), NOW_MS);
            made.unwrap().arn
        };
        let certificates = ["one", "two", "three"].map(register);
        let (mut done, mut refused) = (0, 0);
        for _ in 0..3 {
            for _ in 0..60 {
                let (operation, params) = random_call(&mut rng, &certificates);
                match call(&things, operation, &params) {
                    Ok(_) => done += 1,
                    Err(_) => refused += 1,
                }
            }
            check_relations(&things, &certificates);
            let before = dump(&things, &certificates);
            drop(things);
            things = world::in_directory(folder.path());
            assert_eq!(dump(&things, &certificates), before, "seed {seed}");
        }
        assert!(done > 60 && refused > 10, "{done} done, {refused} refused");
    }
}
