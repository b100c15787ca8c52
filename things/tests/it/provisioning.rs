//! Provisioning: templates, certificates that devices ask for, claims, certificates of a CA.

use crate::world::{self, NOW_MS, UserCa, code};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use things::{
    CertificateStatus, NewCaCertificate, NewPolicy, NewProvisioningTemplate, NewThing,
    NewThingGroup, Provisioned, ProvisioningError, ProvisioningTemplateType, Things,
};

const HOUR_MS: u64 = 3_600_000;

/// A template with a thing, a policy, and what else is given.
pub(crate) fn body(thing: &Value, overrides: &Value) -> Value {
    json!({
        "Parameters": {"Serial": {"Type": "String"}, "Place": {"Type": "String", "Default": "attic"}},
        "Resources": {
            "t": {"Type": "AWS::IoT::Thing", "Properties": thing, "OverrideSettings": overrides},
            "c": {"Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
            "p": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "devices"}},
        },
        "DeviceConfiguration": {"place": {"Ref": "Place"}, "n": 1},
    })
}

pub(crate) fn new_template(name: &str, body: &Value) -> NewProvisioningTemplate {
    NewProvisioningTemplate {
        name: name.to_owned(),
        body: body.to_string(),
        enabled: true,
        role_arn: "arn:aws:iam::123456789012:role/provision".to_owned(),
        ..NewProvisioningTemplate::default()
    }
}

pub(crate) fn with_template(body: &Value) -> Things {
    let things = world::in_memory();
    let policy = NewPolicy {
        name: "devices".to_owned(),
        document: world::POLICY.to_owned(),
        ..NewPolicy::default()
    };
    things.create_policy(&policy, NOW_MS).unwrap();
    let new = new_template("t", body);
    things.create_provisioning_template(&new, NOW_MS).unwrap();
    things
}

pub(crate) fn simple() -> Value {
    body(&json!({"ThingName": {"Ref": "Serial"}}), &json!({}))
}

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    pairs.iter().map(own).collect()
}

/// RegisterThing of the MQTT API.
pub(crate) fn register(
    things: &Things,
    token: &str,
    given: &[(&str, &str)],
    now_ms: u64,
) -> Result<Provisioned, ProvisioningError> {
    let request = things.owned_request("t", token, now_ms)?;
    let plan = things.plan_owned(&request, &parameters(given))?;
    things.provision(&plan, now_ms)
}

#[test]
fn a_device_that_owns_its_certificate_is_provisioned_once() {
    let things = with_template(&simple());
    let owned = things.create_owned_keys(NOW_MS).unwrap();
    let id = owned.certificate.id.to_string();
    assert_eq!(
        owned.certificate.status,
        CertificateStatus::PendingActivation
    );
    assert!(owned.private_key.unwrap().contains("RSA PRIVATE KEY"));
    let arn = owned.certificate.arn.as_str();

    let refused = |token: &str, given: &[(&str, &str)], expected: &str| {
        let why = register(&things, token, given, NOW_MS).unwrap_err();
        assert_eq!(why.code(), expected, "{why}");
    };
    refused("", &[], "InvalidCertificateOwnershipToken");
    refused("x", &[], "InvalidCertificateOwnershipToken");
    refused(&owned.token, &[], "InvalidParameters");
    refused(&owned.token, &[("Serial", "a b")], "InvalidParameters");

    // What was refused has not used the token up.
    let done = register(&things, &owned.token, &[("Serial", "s1")], NOW_MS).unwrap();
    assert_eq!(done.thing_name.as_deref(), Some("s1"));
    let told = Value::Object(done.device_configuration);
    assert_eq!(told, json!({"place": "attic", "n": 1}));
    assert_eq!(done.resource_arns["c"], arn);
    assert_eq!(done.resource_arns["t"], world::arn("thing/s1"));
    assert_eq!(done.resource_arns["p"], world::arn("policy/devices"));
    let now = things.certificate(&id).unwrap().status;
    assert_eq!(now, CertificateStatus::Active);
    assert!(things.is_attached(&id, "s1"));
    let policies = things.list_attached_policies(arn, false, None, 9).unwrap();
    assert_eq!(policies.items[0].name, "devices");

    refused(
        &owned.token,
        &[("Serial", "s2")],
        "InvalidCertificateOwnershipToken",
    );
    assert!(things.describe_thing("s2").is_err());
}

#[test]
fn parameters_of_the_service_are_not_the_device_s_to_give() {
    let things = with_template(&simple());
    let (own, other) = (
        things.create_owned_keys(NOW_MS).unwrap(),
        things.create_owned_keys(NOW_MS).unwrap(),
    );
    let stolen = &*other.certificate.id;
    let given = [("Serial", "s"), ("AWS::IoT::Certificate::Id", stolen)];
    register(&things, &own.token, &given, NOW_MS).unwrap();
    let status = |id: &str| things.certificate(id).unwrap().status;
    assert_eq!(status(&own.certificate.id), CertificateStatus::Active);
    assert_eq!(status(stolen), CertificateStatus::PendingActivation);
}

#[test]
fn what_cannot_be_provisioned_leaves_nothing_behind() {
    let thing = json!({"ThingName": {"Ref": "Serial"}, "ThingGroups": ["none"]});
    let things = with_template(&body(&thing, &json!({})));
    let owned = things.create_owned_keys(NOW_MS).unwrap();
    let why = register(&things, &owned.token, &[("Serial", "s")], NOW_MS).unwrap_err();
    assert_eq!((why.code(), why.status()), ("ProvisioningFailed", 400));
    assert!(things.describe_thing("s").is_err());
    let now = things.certificate(&owned.certificate.id).unwrap().status;
    assert_eq!(now, CertificateStatus::PendingActivation);
    // With the group there, the same token does.
    let group = NewThingGroup {
        name: "none".to_owned(),
        ..NewThingGroup::default()
    };
    things.create_thing_group(&group, NOW_MS).unwrap();
    register(&things, &owned.token, &[("Serial", "s")], NOW_MS).unwrap();
}

#[test]
fn a_token_is_over_after_an_hour_and_its_certificate_with_it() {
    let things = with_template(&simple());
    let idle = things.create_owned_keys(NOW_MS).unwrap();
    let used = things.create_owned_keys(NOW_MS).unwrap();
    let activated = things.create_owned_keys(NOW_MS).unwrap();
    register(&things, &used.token, &[("Serial", "s")], NOW_MS).unwrap();
    let id = &activated.certificate.id;
    things
        .update_certificate(id, CertificateStatus::Active, NOW_MS)
        .unwrap();
    let late = NOW_MS + HOUR_MS;
    things.expire_provisioning(late - 1).unwrap();
    assert!(things.certificate(&idle.certificate.id).is_some());
    let why = register(&things, &idle.token, &[("Serial", "x")], late).unwrap_err();
    assert_eq!(why.code(), "InvalidCertificateOwnershipToken");
    things.expire_provisioning(late).unwrap();
    assert!(things.certificate(&idle.certificate.id).is_none());
    assert!(things.certificate(&used.certificate.id).is_some());
    assert!(things.certificate(id).is_some());
}

#[test]
fn what_is_there_is_overridden_as_the_template_says() {
    let check = |settings: Value, expected: Result<Value, &str>| {
        let thing = json!({"ThingName": "s", "AttributePayload": {"b": "9", "c": "3"},
            "ThingGroups": ["g2"]});
        let things = with_template(&body(&thing, &settings));
        for name in ["g1", "g2"] {
            let group = NewThingGroup {
                name: name.to_owned(),
                ..NewThingGroup::default()
            };
            things.create_thing_group(&group, NOW_MS).unwrap();
        }
        let there = NewThing {
            name: "s".to_owned(),
            attributes: parameters(&[("a", "1"), ("b", "2")]),
            ..NewThing::default()
        };
        things.create_thing(&there).unwrap();
        things.add_thing_to_thing_group("s", "g1").unwrap();
        let owned = things.create_owned_keys(NOW_MS).unwrap();
        let done = register(&things, &owned.token, &[("Serial", "-")], NOW_MS);
        let thing = things.describe_thing("s").unwrap();
        let groups = things.list_thing_groups_for_thing("s", None, 9).unwrap();
        let groups: Vec<String> = groups.items.into_iter().map(|group| group.name).collect();
        match expected {
            Ok(expected) => {
                done.unwrap();
                let found = json!({"attributes": thing.attributes, "groups": groups});
                assert_eq!(found, expected, "{settings}");
            }
            Err(part) => {
                let why = done.unwrap_err().to_string();
                assert!(why.contains(part), "{settings}: {why}");
                assert_eq!(thing.attributes.len(), 2, "{settings}");
                assert_eq!(groups, ["g1"], "{settings}");
            }
        }
    };
    let all = |setting: &str| json!({"AttributePayload": setting, "ThingGroups": setting});
    check(json!({}), Err("AttributePayload"));
    check(all("FAIL"), Err("AttributePayload"));
    check(json!({"AttributePayload": "MERGE"}), Err("ThingGroups"));
    check(
        all("MERGE"),
        Ok(json!({"attributes": {"a": "1", "b": "9", "c": "3"}, "groups": ["g1", "g2"]})),
    );
    check(
        all("REPLACE"),
        Ok(json!({"attributes": {"b": "9", "c": "3"}, "groups": ["g2"]})),
    );
    let same = json!({"attributes": {"a": "1", "b": "2"}, "groups": ["g1"]});
    check(all("DO_NOTHING"), Ok(same.clone()));
    check(
        json!({"ATTRIBUTE_PAYLOAD": "DO_NOTHING", "THING_GROUPS": "DO_NOTHING"}),
        Ok(same),
    );
}

#[test]
fn a_claim_may_ask_for_its_template_for_a_few_minutes() {
    let things = with_template(&simple());
    let claim = things
        .create_provisioning_claim("t", NOW_MS)
        .unwrap()
        .certificate;
    assert_eq!(claim.status, CertificateStatus::Active);
    assert_eq!(claim.not_after_ms, (NOW_MS + 300_000) / 1000 * 1000);
    assert!(things.list_certificates(true, None, 9).items.is_empty());
    let policies = things.policies_of_certificate(&claim.id, Some("anything"));
    assert_eq!(policies.len(), 1);
    let allowed = |action: &str, resource: &str| {
        let request = policy::Request {
            action,
            resource: &world::arn(resource),
            variables: &(),
        };
        policy::evaluate(&policies, &request).is_allowed()
    };
    assert!(allowed("iot:Connect", "client/x"));
    assert!(allowed(
        "iot:Publish",
        "topic/$aws/certificates/create/json"
    ));
    assert!(allowed(
        "iot:Receive",
        "topic/$aws/certificates/create-from-csr/cbor/accepted"
    ));
    assert!(allowed(
        "iot:Publish",
        "topic/$aws/provisioning-templates/t/provision/json"
    ));
    let filter = "topicfilter/$aws/provisioning-templates/t/provision/json/accepted";
    assert!(allowed("iot:Subscribe", filter));
    assert!(!allowed(
        "iot:Publish",
        "topic/$aws/provisioning-templates/u/provision/json"
    ));
    assert!(!allowed("iot:Publish", "topic/a"));
    // The end of its validity, and five minutes for who connected just then.
    things
        .expire_provisioning(claim.not_after_ms + 299_999)
        .unwrap();
    assert!(things.certificate(&claim.id).is_some());
    things
        .expire_provisioning(claim.not_after_ms + 300_000)
        .unwrap();
    assert!(things.certificate(&claim.id).is_none());
    let why = things.create_provisioning_claim("u", NOW_MS).unwrap_err();
    assert_eq!(why.to_string(), "Unable to find template named u");
}

/// A CA with a registration config.
pub(crate) fn with_authority(
    things: &Things,
    config: Value,
) -> Result<(UserCa, String), things::ThingsError> {
    let ca = UserCa::new("factory");
    let code = things.registration_code().unwrap();
    let new = NewCaCertificate {
        pem: ca.pem.clone(),
        verification_pem: Some(ca.sign(&code)),
        set_as_active: true,
        auto_registration: true,
        registration_config: Some(config),
        ..NewCaCertificate::default()
    };
    let registered = things.register_ca_certificate(&new, NOW_MS)?;
    Ok((ca, registered.id))
}

pub(crate) fn jit_body() -> Value {
    let common_name = "AWS::IoT::Certificate::CommonName";
    let mut body = body(&json!({"ThingName": {"Ref": common_name}}), &json!({}));
    body["Parameters"] = json!({common_name: {"Type": "String"}});
    body["DeviceConfiguration"] = json!({});
    body
}

#[test]
fn a_certificate_that_connects_is_provisioned_by_its_authority_s_template() {
    let role = "arn:aws:iam::123456789012:role/jitp";
    let inline = json!({"templateBody": jit_body().to_string(), "roleArn": role});
    for config in [inline, json!({"templateName": "jit"})] {
        let things = with_template(&simple());
        let mut named = new_template("jit", &jit_body());
        named.kind = ProvisioningTemplateType::JustInTime;
        things.create_provisioning_template(&named, NOW_MS).unwrap();
        let (ca, ca_id) = with_authority(&things, config).unwrap();
        let pem = ca.sign("pump-1");
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let registered = things.register_just_in_time(&der, NOW_MS).unwrap().unwrap();
        let id = registered.certificate.id;
        let planned = things
            .plan_just_in_time(&ca_id, &id, &der)
            .unwrap()
            .unwrap();
        assert!(planned.role_arn.is_some());
        let done = things.provision(&planned.plan, NOW_MS).unwrap();
        assert_eq!(done.thing_name.as_deref(), Some("pump-1"));
        let now = things.certificate(&id).unwrap();
        assert_eq!(now.status, CertificateStatus::Active);
        assert!(things.is_attached(&id, "pump-1"));
        assert!(
            things
                .register_just_in_time(&der, NOW_MS)
                .unwrap()
                .is_none()
        );
    }
}

#[test]
fn a_subject_without_what_the_template_needs_is_not_provisioned() {
    let things = with_template(&simple());
    let mut body = jit_body();
    body["Parameters"]["AWS::IoT::Certificate::Country"] = json!({"Type": "String"});
    let config = json!({"templateBody": body.to_string(), "roleArn": "arn:aws:iam::1:role/jitp"});
    let (ca, ca_id) = with_authority(&things, config).unwrap();
    let pem = ca.sign("pump-1");
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let registered = things.register_just_in_time(&der, NOW_MS).unwrap().unwrap();
    let planned = things.plan_just_in_time(&ca_id, &registered.certificate.id, &der);
    let why = planned.unwrap_err();
    assert_eq!(why.code(), "InvalidParameters");
    assert!(
        why.to_string().contains("AWS::IoT::Certificate::Country"),
        "{why}"
    );
    // Registered as before, so that somebody else may activate it.
    let again = things.register_just_in_time(&der, NOW_MS).unwrap().unwrap();
    assert!(!again.is_new);
}

#[test]
fn a_caller_registers_things_with_any_certificate() {
    let things = with_template(&simple());
    let template = |certificate: Value| {
        json!({
            "Parameters": {"X": {"Type": "String"}},
            "Resources": {
                "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "s"}},
                "certificate": {"Type": "AWS::IoT::Certificate", "Properties": certificate},
                "policy": {"Type": "AWS::IoT::Policy", "Properties": {
                    "PolicyDocument": serde_json::from_str::<Value>(world::POLICY).unwrap()}},
            },
        })
        .to_string()
    };
    let run = |certificate: Value, x: &str| {
        let plan = things.plan_registration(&template(certificate), &parameters(&[("X", x)]))?;
        things.provision(&plan, NOW_MS)
    };
    let csr = include_str!("../data/rsa2048.csr");
    let done = run(json!({"CertificateSigningRequest": {"Ref": "X"}}), csr).unwrap();
    assert!(done.certificate_pem.unwrap().contains("BEGIN CERTIFICATE"));
    let arn = &done.resource_arns["certificate"];
    let (_, id) = arn.rsplit_once('/').unwrap();
    assert_eq!(
        things.certificate(id).unwrap().status,
        CertificateStatus::Active
    );
    let policies = things.list_attached_policies(arn, false, None, 9).unwrap();
    assert_eq!(done.resource_arns["policy"], policies.items[0].arn);

    let again = run(json!({"CertificateId": {"Ref": "X"}}), id).unwrap();
    assert_eq!(again.resource_arns, done.resource_arns);
    let inactive = json!({"CertificateId": {"Ref": "X"}, "Status": "INACTIVE"});
    let why = things::ThingsError::from(run(inactive, id).unwrap_err());
    assert_eq!(code(&why), "ResourceRegistrationFailureException");
    let why =
        things::ThingsError::from(run(json!({"CertificateId": {"Ref": "X"}}), "none").unwrap_err());
    assert_eq!(code(&why), "ResourceRegistrationFailureException");
    let both = json!({"CertificateId": "x", "CertificatePem": "x"});
    let why = things::ThingsError::from(run(both, "").unwrap_err());
    assert_eq!(code(&why), "InvalidRequestException");
}

#[test]
fn templates_tokens_and_claims_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let things = world::in_directory(directory.path());
    let body = body(&json!({"ThingName": {"Ref": "Serial"}}), &json!({}));
    let mut plain = body;
    if let Some(resources) = plain["Resources"].as_object_mut() {
        resources.shift_remove("p");
    }
    let new = new_template("t", &plain);
    things.create_provisioning_template(&new, NOW_MS).unwrap();
    let owned = things.create_owned_keys(NOW_MS).unwrap();
    let claim = things
        .create_provisioning_claim("t", NOW_MS)
        .unwrap()
        .certificate;
    drop(things);
    let things = world::in_directory(directory.path());
    assert!(things.list_certificates(true, None, 9).items.len() == 1);
    assert_eq!(things.policies_of_certificate(&claim.id, None).len(), 1);
    register(&things, &owned.token, &[("Serial", "s")], NOW_MS).unwrap();
    drop(things);
    let things = world::in_directory(directory.path());
    let why = register(&things, &owned.token, &[("Serial", "s")], NOW_MS).unwrap_err();
    assert_eq!(why.code(), "InvalidCertificateOwnershipToken");
}
