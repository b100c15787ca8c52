//! What a seed of any form makes, an export gives back: seeds drawn at random are applied, exported,
//! applied to another server and exported again.

use super::{apply, export};
use crate::api::tests::world::world;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::{Map, Value, json};

/// Seeds that are drawn.
const SEEDS: u64 = 40;

const SECTIONS: [(&str, &str); 13] = [
    ("thingTypes", "thingTypeName"),
    ("billingGroups", "billingGroupName"),
    ("policies", "policyName"),
    ("thingGroups", "thingGroupName"),
    ("things", "thingName"),
    ("caCertificates", "caCertificate"),
    ("certificates", "certificatePem"),
    ("rules", "ruleName"),
    ("roles", "roleName"),
    ("roleAliases", "roleAlias"),
    ("authorizers", "authorizerName"),
    ("domainConfigurations", "domainConfigurationName"),
    ("retainedMessages", "topic"),
];

#[tokio::test]
async fn an_export_gives_back_what_any_seed_makes() {
    let mut filled = Map::new();
    for number in 0..SEEDS {
        let seed = Draw::new(number).seed();
        let first = world(None);
        apply(&first, &seed.to_string()).unwrap_or_else(|why| panic!("{number}: {why}\n{seed:#}"));
        let exported = export(&first).unwrap();
        for (section, name) in SECTIONS {
            assert_eq!(
                names(&exported, section, name),
                names(&seed, section, name),
                "{number} {section}"
            );
            if seed.get(section).is_some() {
                filled.insert(section.to_owned(), true.into());
            }
        }
        let calls = |of: &Value| of["calls"].as_array().map_or(0, Vec::len);
        assert_eq!(
            calls(&exported),
            calls(&seed),
            "{number} {:#}",
            exported["calls"]
        );
        let second = world(None);
        apply(&second, &exported.to_string())
            .unwrap_or_else(|why| panic!("{number}: {why}\n{exported:#}"));
        check_same(&export(&second).unwrap(), &exported, number);
        // What has been applied changes nothing.
        apply(&second, &exported.to_string()).unwrap();
        check_same(&export(&second).unwrap(), &exported, number);
    }
    assert_eq!(filled.len(), SECTIONS.len(), "a section was never drawn");
}

fn check_same(found: &Value, expected: &Value, number: u64) {
    let sections = |of: &Value| {
        let sections = of.as_object().into_iter().flatten();
        sections.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(sections(found), sections(expected), "{number}");
    for section in sections(expected) {
        let entries = |of: &Value| of[&section].as_array().cloned().unwrap_or_default();
        let (found, expected) = (entries(found), entries(expected));
        assert_eq!(found.len(), expected.len(), "{number} {section}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{number} {section}");
        }
    }
}

fn names(seed: &Value, section: &str, name: &str) -> Vec<String> {
    let entries = seed[section].as_array().into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry[name].to_string()).collect();
    names.sort();
    names
}

/// Draws one seed.
struct Draw {
    chance: StdRng,
    seed: Map<String, Value>,
}

impl Draw {
    fn new(number: u64) -> Self {
        Self {
            chance: StdRng::seed_from_u64(number),
            seed: Map::new(),
        }
    }

    fn seed(mut self) -> Value {
        self.types_and_groups();
        self.things();
        self.certificates();
        self.rules_and_roles();
        self.account();
        Value::Object(self.seed)
    }

    fn coin(&mut self) -> bool {
        self.chance.random()
    }

    fn some(&mut self) -> usize {
        self.chance.random_range(0..3)
    }

    fn put(&mut self, section: &str, entries: Vec<Value>) {
        if !entries.is_empty() {
            self.seed.insert(section.to_owned(), entries.into());
        }
    }

    /// A name of a section that was drawn before.
    fn one_of(&mut self, section: &str, name: &str) -> Option<Value> {
        let entries = self.seed.get(section)?.as_array()?;
        let at = self.chance.random_range(0..entries.len());
        Some(entries[at][name].clone())
    }

    /// Adds a member now and then.
    fn perhaps(&mut self, entry: &mut Value, name: &str, value: impl Into<Value>) {
        if self.coin() {
            entry[name] = value.into();
        }
    }

    fn tags(&mut self, entry: &mut Value) {
        self.perhaps(
            entry,
            "tags",
            json!([{"Key": "team", "Value": "a b&c"}, {"Key": "x", "Value": ""}]),
        );
    }

    fn types_and_groups(&mut self) {
        let mut types = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"thingTypeName": format!("type-{number}")});
            let about = json!({"thingTypeDescription": "d", "searchableAttributes": ["k"]});
            self.perhaps(&mut entry, "thingTypeProperties", about);
            self.tags(&mut entry);
            types.push(entry);
        }
        self.put("thingTypes", types);
        let mut billing = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"billingGroupName": format!("bill-{number}")});
            let about = json!({"billingGroupDescription": "who pays"});
            self.perhaps(&mut entry, "billingGroupProperties", about);
            self.tags(&mut entry);
            billing.push(entry);
        }
        self.put("billingGroups", billing);
        let mut policies = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"policyName": format!("policy-{number}"), "policyDocument":
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*",
                "Resource": format!("arn:aws:iot:*:*:topic/{number}")}]}});
            self.tags(&mut entry);
            policies.push(entry);
        }
        self.put("policies", policies);
        let mut groups: Vec<Value> = Vec::new();
        for number in 0..self.some() + 1 {
            let mut entry = json!({"thingGroupName": format!("group-{number}")});
            let attributes = json!({"attributePayload": {"attributes": {"k": "v"}}});
            self.perhaps(&mut entry, "thingGroupProperties", attributes);
            if number > 0 {
                self.perhaps(&mut entry, "parentGroupName", "group-0");
            }
            if let Some(policy) = self.one_of("policies", "policyName") {
                self.perhaps(&mut entry, "policies", vec![policy]);
            }
            self.tags(&mut entry);
            groups.push(entry);
        }
        if self.coin() {
            groups.push(json!({"thingGroupName": "queried", "queryString": "attributes.k:v"}));
        }
        self.put("thingGroups", groups);
    }

    fn things(&mut self) {
        let mut things = Vec::new();
        for number in 0..self.some() + 1 {
            let mut entry = json!({"thingName": format!("thing-{number}")});
            if let Some(name) = self.one_of("thingTypes", "thingTypeName") {
                self.perhaps(&mut entry, "thingTypeName", name);
            }
            if let Some(name) = self.one_of("billingGroups", "billingGroupName") {
                self.perhaps(&mut entry, "billingGroupName", name);
            }
            self.perhaps(&mut entry, "attributes", json!({"k": "v", "n": "1"}));
            self.perhaps(&mut entry, "thingGroups", json!(["group-0"]));
            self.perhaps(
                &mut entry,
                "shadow",
                json!({"desired": {"on": true}, "reported": {"on": false}}),
            );
            self.perhaps(
                &mut entry,
                "shadows",
                json!({"env": {"reported": {"t": [1, 2]}}}),
            );
            things.push(entry);
        }
        self.put("things", things);
    }

    fn certificates(&mut self) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "ca");
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::from_params(&params, &key);
        let below_ca = self.coin();
        if below_ca {
            let mut entry = json!({"caCertificate": ca, "certificateMode": "SNI_ONLY",
                "setAsActive": true});
            self.perhaps(&mut entry, "allowAutoRegistration", true);
            self.tags(&mut entry);
            self.put("caCertificates", vec![entry]);
        }
        let mut certificates = Vec::new();
        for number in 0..self.some() {
            let mut params = CertificateParams::default();
            let name = format!("device {number}");
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            let signed = below_ca && self.coin();
            let pem = if signed {
                params.signed_by(&key, &issuer).unwrap().pem()
            } else {
                params.self_signed(&key).unwrap().pem()
            };
            // As the store has it.
            let mut entry = json!({"certificatePem": pem.replace("\r\n", "\n")});
            if signed {
                entry["caCertificatePem"] = ca.as_str().into();
            }
            self.perhaps(&mut entry, "status", "INACTIVE");
            if let Some(policy) = self.one_of("policies", "policyName") {
                self.perhaps(&mut entry, "policies", vec![policy]);
            }
            let thing = format!("thing-{number}");
            let known = self.seed["things"].as_array().map_or(0, Vec::len);
            if number < known && self.coin() {
                entry["things"] = json!([thing]);
                self.perhaps(&mut entry, "thingPrincipalType", "EXCLUSIVE_THING");
            }
            certificates.push(entry);
        }
        self.put("certificates", certificates);
    }

    fn rules_and_roles(&mut self) {
        let mut roles = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"roleName": format!("role-{number}")});
            let policy = json!({"write": {"Version": "2012-10-17", "Statement": {"Effect": "Allow",
                "Action": "s3:PutObject", "Resource": "*"}}});
            self.perhaps(&mut entry, "policies", policy);
            roles.push(entry);
        }
        self.put("roles", roles);
        let role = "arn:aws:iam::000000000000:role/role-0";
        let mut rules = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"ruleName": format!("rule_{number}"), "topicRulePayload":
                {"sql": format!("SELECT * FROM 'a/{number}'"), "ruleDisabled": self.coin(),
                "actions": [{"republish": {"topic": "b", "roleArn": role}}]}});
            self.perhaps(&mut entry, "tags", "team=a%20b%26c&x=");
            rules.push(entry);
        }
        self.put("rules", rules);
        let mut aliases = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"roleAlias": format!("alias-{number}"), "roleArn": role});
            self.perhaps(&mut entry, "credentialDurationSeconds", 900);
            self.tags(&mut entry);
            aliases.push(entry);
        }
        self.put("roleAliases", aliases);
    }

    fn account(&mut self) {
        let mut authorizers = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"authorizerName": format!("authorizer-{number}"),
                "authorizerFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
                "signingDisabled": true});
            self.perhaps(&mut entry, "status", "ACTIVE");
            self.perhaps(&mut entry, "enableCachingForHttp", true);
            self.tags(&mut entry);
            authorizers.push(entry);
        }
        self.put("authorizers", authorizers);
        let mut domains = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"domainConfigurationName": format!("domain-{number}")});
            self.perhaps(&mut entry, "domainName", format!("iot{number}.example.com"));
            self.perhaps(&mut entry, "authenticationType", "CUSTOM_AUTH");
            self.perhaps(&mut entry, "applicationProtocol", "SECURE_MQTT");
            self.tags(&mut entry);
            domains.push(entry);
        }
        self.put("domainConfigurations", domains);
        let mut retained = Vec::new();
        for number in 0..self.some() {
            let mut entry = json!({"topic": format!("kept/{number}"), "payload": "text \u{e9}"});
            self.perhaps(&mut entry, "qos", 1);
            retained.push(entry);
        }
        self.put("retainedMessages", retained);
        let calls = self.calls();
        self.put("calls", calls);
    }

    fn calls(&mut self) -> Vec<Value> {
        let identity = "us-east-1:a1b2c3d4-0000-4000-8000-000000000000";
        let mut possible = vec![
            (
                "UpdateEventConfigurations",
                json!({"eventConfigurations": {"THING": {"Enabled": true}}}),
            ),
            (
                "UpdateIndexingConfiguration",
                json!({"thingIndexingConfiguration":
                {"thingIndexingMode": "REGISTRY_AND_SHADOW"}}),
            ),
            (
                "SetV2LoggingOptions",
                json!({"defaultLogLevel": "INFO", "disableAllLogs": false,
                "roleArn": "arn:aws:iam::000000000000:role/logs"}),
            ),
            (
                "SetLoggingOptions",
                json!({"loggingOptionsPayload": {"logLevel": "ERROR",
                "roleArn": "arn:aws:iam::000000000000:role/logs"}}),
            ),
        ];
        if let Some(name) = self.one_of("thingTypes", "thingTypeName") {
            possible.push(("DeprecateThingType", json!({"thingTypeName": name})));
        }
        if let Some(name) = self.one_of("policies", "policyName") {
            let members = json!({"policyName": name, "target": identity});
            possible.push(("AttachPolicy", members));
        }
        if let Some(name) = self.one_of("authorizers", "authorizerName") {
            possible.push(("SetDefaultAuthorizer", json!({"authorizerName": name})));
        }
        if let Some(name) = self.one_of("things", "thingName") {
            let members = json!({"thingName": name, "principal": identity,
                "thingPrincipalType": "NON_EXCLUSIVE_THING"});
            possible.push(("AttachThingPrincipal", members));
        }
        possible.retain(|_| self.coin());
        let call = |(operation, members)| json!({"operation": operation, "members": members});
        possible.into_iter().map(call).collect()
    }
}
