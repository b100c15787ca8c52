//! Seeds of both forms, applied twice, and exported again.

use super::{apply, apply_file, export};
use crate::api::tests::world::world;
use crate::api::{Service, call_as_account};
use crate::world::World;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const HOUSE: &str = r#"
thingTypes:
  - thingTypeName: lamp
    thingTypeProperties: {thingTypeDescription: gives light}
policies:
  device:
    policyDocument:
      Version: 2012-10-17
      Statement: {Effect: Allow, Action: "iot:*", Resource: "*"}
thingGroups:
  - house
  - {thingGroupName: kitchen, parentGroupName: house, policies: [device]}
  - {thingGroupName: bright, queryString: "attributes.watt>50"}
things:
  lamp-1:
    thingTypeName: lamp
    attributes: {watt: 60, colour: red}
    thingGroups: [kitchen]
    shadow: {desired: {on: true}}
    shadows: {env: {reported: {humidity: 0.5}}}
  door: {}
certificates:
  - {name: lamp-1, things: [lamp-1], policies: device}
roles:
  - {roleName: writer, policies: {write: {Version: "2012-10-17", Statement: {Effect: Allow, Action: "s3:PutObject", Resource: "*"}}}}
rules:
  - ruleName: hot
    sql: SELECT * FROM 'a'
    actions: [{republish: {topic: b, roleArn: "arn:aws:iam::000000000000:role/writer"}}]
roleAliases:
  - {roleAlias: up, roleArn: "arn:aws:iam::000000000000:role/writer"}
jobTemplates:
  reboot: {description: reboots, document: {op: reboot}, timeoutConfig: {inProgressTimeoutInMinutes: 5}}
jobs:
  - {jobId: first, targets: [thing/door], document: {op: open}}
provisioningTemplates:
  - templateName: lamps
    provisioningRoleArn: arn:aws:iam::000000000000:role/writer
    templateBody: {Resources: {c: {Type: "AWS::IoT::Certificate", Properties:
        {CertificateId: {Ref: "AWS::IoT::Certificate::Id"}, Status: Active}}}}
retainedMessages:
  - {topic: kept, payload: {a: 1}}
calls:
  - {operation: UpdateEventConfigurations, members: {eventConfigurations: {THING: {Enabled: true}}}}
"#;

fn call(world: &Arc<World>, operation: &str, members: Value) -> Value {
    let Value::Object(members) = members else {
        panic!("{members}")
    };
    call_as_account(world, Service::Iot, operation, members).unwrap()
}

#[tokio::test]
async fn a_seed_makes_what_it_says_and_nothing_when_it_is_applied_again() {
    let world = world(None);
    let answer = apply(&world, HOUSE).unwrap();
    let certificate = &answer["certificates"][0];
    assert_eq!(certificate["name"], "lamp-1");
    for pem in ["certificatePem", "caPem"] {
        assert!(
            certificate[pem]
                .as_str()
                .unwrap()
                .contains("BEGIN CERTIFICATE")
        );
    }
    assert!(certificate["keyPair"]["PrivateKey"].is_string());
    let lamp = call(&world, "DescribeThing", json!({"thingName": "lamp-1"}));
    assert_eq!(lamp["attributes"], json!({"watt": "60", "colour": "red"}));
    assert_eq!(lamp["thingTypeName"], "lamp");
    let principals = call(
        &world,
        "ListThingPrincipals",
        json!({"thingName": "lamp-1"}),
    );
    assert_eq!(
        principals["principals"],
        json!([certificate["certificateArn"]])
    );
    let bright = json!({"thingGroupName": "bright"});
    assert_eq!(
        call(&world, "ListThingsInThingGroup", bright)["things"],
        json!(["lamp-1"])
    );
    assert!(world.hub.retained("kept").is_some());
    let door = json!({"jobId": "first", "thingName": "door"});
    let execution = &call(&world, "DescribeJobExecution", door)["execution"];
    assert_eq!(execution["status"], "QUEUED");
    let shadow = world
        .things
        .shadows()
        .document("lamp-1", Some("env"), 0)
        .unwrap();
    assert_eq!(shadow["state"]["reported"]["humidity"], 0.5);

    // Everything but the made certificate, which would be another one.
    let again = HOUSE.replace(
        "  - {name: lamp-1, things: [lamp-1], policies: device}\n",
        "",
    );
    let before = export(&world).unwrap();
    apply(&world, &again.replace("certificates:\n", "")).unwrap();
    assert_eq!(export(&world).unwrap(), before);
}

#[tokio::test]
async fn an_exported_seed_makes_the_same() {
    let first = world(None);
    apply(&first, HOUSE).unwrap();
    let exported = export(&first).unwrap();
    let second = world(None);
    apply(&second, &exported.to_string()).unwrap();
    assert_eq!(export(&second).unwrap(), exported);
    let certificates = exported["certificates"].as_array().unwrap();
    assert_eq!(certificates[0]["things"], json!(["lamp-1"]));
    assert_eq!(certificates[0]["policies"], json!(["device"]));
    assert!(!exported.to_string().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn a_changed_policy_becomes_a_new_version_and_the_oldest_makes_room() {
    let world = world(None);
    for number in 0..8 {
        let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
            "Action": "iot:Connect", "Resource": format!("arn:aws:iot:*:*:client/{number}")}});
        let seed = json!({"policies": [{"policyName": "p", "policyDocument": document}]});
        apply(&world, &seed.to_string()).unwrap();
        let now = call(&world, "GetPolicy", json!({"policyName": "p"}));
        assert_eq!(now["policyDocument"], document.to_string());
        assert_eq!(now["defaultVersionId"], (number + 1).to_string());
    }
}

#[tokio::test]
async fn files_of_a_made_certificate_are_written_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seed.yaml");
    std::fs::write(&path, "certificates: [{certs: devices/a}]").unwrap();
    let first = world(None);
    let made = apply_file(&first, &path).unwrap();
    let id = &made["certificates"][0]["certificateId"];
    assert!(made["certificates"][0]["keyPair"].is_null());
    let folder = directory.path().join("devices/a");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let key = read("private.pem.key");
    assert!(read("Amazon-root-CA-1.pem").contains("BEGIN CERTIFICATE"));
    // The same server again, and one that has lost everything.
    for world in [&first, &world(None)] {
        let again = apply_file(world, &path).unwrap();
        assert_eq!(&again["certificates"][0]["certificateId"], id);
        assert_eq!(read("private.pem.key"), key);
    }
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place() {
    let world = world(None);
    let check = |seed: &str, expected: &str| {
        let why = apply(&world, seed).unwrap_err().to_string();
        assert!(why.contains(expected), "{seed}: {why}");
    };
    check(
        "thing: [a]",
        "`thing`: there is no such section; there are functions,",
    );
    check("things: 5", "`things`: a section must be");
    check("things: [a, 5]", "`things` entry 2: an entry must be");
    check(
        "things: ['a b']",
        "`things` entry 1: InvalidRequestException: 1 validation error",
    );
    check(
        "things: [{thingName: a, thingTypeName: none}]",
        "ResourceNotFoundException",
    );
    check("policies: [p]", "`policies` entry 1");
    check(
        "certificates: [{certs: /tmp/x}]",
        "paths are read from files given with --seed alone",
    );
    check("[1]", "it must be a mapping with sections");
    check("a: [", "neither YAML nor JSON");
    check(
        "calls: [{operation: CreateNothing}]",
        "there is no operation CreateNothing",
    );
    check(
        "Resources: {A: {Type: AWS::IoT::Thing, Properties: {ThingName: !Ref B}}}",
        "Ref to `B`",
    );
    let circle = "Resources: {A: {Type: 'AWS::IoT::Thing', DependsOn: B}, B: {Type: 'AWS::IoT::Thing', DependsOn: A}}";
    check(
        circle,
        "resources A, B: they refer to each other in a circle",
    );
}

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Name: {Type: String, Default: lamp}
Resources:
  Attachment:
    Type: AWS::IoT::ThingPrincipalAttachment
    Properties: {ThingName: !Ref Thing, Principal: !GetAtt Certificate.Arn}
  PolicyAttachment:
    Type: AWS::IoT::PolicyPrincipalAttachment
    Properties: {PolicyName: !Ref Policy, Principal: !GetAtt [Certificate, Arn]}
  Thing:
    Type: AWS::IoT::Thing
    Properties:
      ThingName: !Sub "${Name}-1"
      AttributePayload: {Attributes: {Region: !Ref "AWS::Region"}}
  Certificate:
    Type: AWS::IoT::Certificate
    Properties: {Status: ACTIVE, CertificateSigningRequest: CSR}
  Policy:
    Type: AWS::IoT::Policy
    Properties:
      PolicyName: device
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: iot:Publish
            Resource: !Join [":", [arn:aws:iot, !Ref "AWS::Region", !Ref "AWS::AccountId", topic/a]]
          - Effect: Allow
            Action: iot:Connect
            Resource: !Sub "arn:${AWS::Partition}:iot:*:*:client/${!iot:ClientId}"
  Template:
    Type: AWS::IoT::JobTemplate
    Properties:
      JobTemplateId: reboot
      Description: reboots
      Document: '{"op": "reboot"}'
      JobExecutionsRetryConfig:
        RetryCriteriaList: [{FailureType: FAILED, NumberOfRetries: 2}]
  Job:
    Type: AWS::IoT::Job
    Properties: {JobId: first, Targets: [!GetAtt Thing.Arn], JobTemplateArn: !GetAtt Template.Arn}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: out}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: {Effect: Allow, Principal: {Service: iot.amazonaws.com}, Action: "sts:AssumeRole"}
      Policies:
        - PolicyName: write
          PolicyDocument:
            Version: "2012-10-17"
            Statement: {Effect: Allow, Action: "s3:PutObject", Resource: !Sub "${Bucket.Arn}/*"}
  Rule:
    Type: AWS::IoT::TopicRule
    Properties:
      RuleName: store
      TopicRulePayload:
        Sql: SELECT * FROM 'a'
        RuleDisabled: false
        Actions:
          - S3: {BucketName: !Ref Bucket, Key: k, RoleArn: !GetAtt Role.Arn}
Outputs:
  Thing: {Value: !GetAtt Thing.Arn}
  Certificate: {Value: !Ref Certificate}
"#;

#[tokio::test]
async fn a_template_s_resources_are_made_in_the_order_in_which_they_refer_to_each_other() {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default()
        .serialize_request(&key)
        .unwrap();
    let mut csr = Map::new();
    csr.insert("csr".to_owned(), request.pem().unwrap().into());
    let csr = Value::Object(csr)["csr"].to_string();
    let world = world(None);
    let answer = apply(&world, &TEMPLATE.replace("CSR", &csr)).unwrap();
    assert_eq!(answer["skipped"], json!(["Bucket"]));
    let arn = "arn:aws:iot:us-east-1:000000000000:thing/lamp-1";
    assert_eq!(answer["outputs"]["Thing"], arn);
    let thing = call(&world, "DescribeThing", json!({"thingName": "lamp-1"}));
    assert_eq!(thing["attributes"], json!({"Region": "us-east-1"}));
    let certificate = &answer["resources"]["Certificate"]["attributes"]["Arn"];
    let attached = call(
        &world,
        "ListAttachedPolicies",
        json!({"target": certificate}),
    );
    assert_eq!(attached["policies"][0]["policyName"], "device");
    let things = call(
        &world,
        "ListPrincipalThings",
        json!({"principal": certificate}),
    );
    assert_eq!(things["things"], json!(["lamp-1"]));
    let job = &call(&world, "DescribeJob", json!({"jobId": "first"}))["job"];
    let retries = &job["jobExecutionsRetryConfig"]["criteriaList"][0];
    assert_eq!(retries["numberOfRetries"], 2);
    let policy = call(&world, "GetPolicy", json!({"policyName": "device"}));
    let text = policy["policyDocument"].as_str().unwrap();
    assert!(
        text.contains("arn:aws:iot:us-east-1:000000000000:topic/a"),
        "{text}"
    );
    assert!(text.contains("client/${iot:ClientId}"), "{text}");
    let rule = call(&world, "GetTopicRule", json!({"ruleName": "store"}));
    let action = &rule["rule"]["actions"][0]["s3"];
    assert_eq!(action["bucketName"], "out");
    assert_eq!(action["roleArn"], "arn:aws:iam::000000000000:role/Role");
}
