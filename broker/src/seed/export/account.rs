//! What an account has beside its fleet: authorities, domains, retained messages, and settings,
//! which are calls of the operations that make them.

use super::{Entries, Export, only};
use crate::api::{ApiError, Service};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use things::SettingKey;

impl Export<'_> {
    /// CA certificates as those of SNI_ONLY mode: what proved in DEFAULT mode that the key is there
    /// is not kept.
    pub(super) fn ca_certificates(&self) -> Entries {
        let ask = json!({"ascendingOrder": true});
        let all = self.all("ListCACertificates", "certificates", &ask)?;
        let authority = |row: Value| {
            let ask = json!({"certificateId": row["certificateId"]});
            let found = self.call("DescribeCACertificate", ask)?;
            let about = &found["certificateDescription"];
            let mut entry = json!({
                "caCertificate": about["certificatePem"],
                "certificateMode": "SNI_ONLY",
                "setAsActive": about["status"] == "ACTIVE",
                "allowAutoRegistration": about["autoRegistrationStatus"] == "ENABLE",
            });
            if found["registrationConfig"].is_object() {
                entry["registrationConfig"] = found["registrationConfig"].clone();
            }
            self.tagged(entry, &about["certificateArn"])
        };
        all.into_iter().map(authority).collect()
    }

    pub(super) fn domain_configurations(&self) -> Entries {
        let list = "domainConfigurations";
        let all = self.all("ListDomainConfigurations", list, &json!({}))?;
        let things = &self.world.things;
        let domain = |row: Value| {
            let name = row["domainConfigurationName"].as_str().unwrap_or_default();
            let mut entry = Value::Object(things.domain_configuration(name)?.members);
            entry["domainConfigurationName"] = name.into();
            self.tagged(entry, &row["domainConfigurationArn"])
        };
        all.into_iter().map(domain).collect()
    }

    /// Those of text: a seed is text too.
    pub(super) fn retained_messages(&self) -> Entries {
        let (service, mut asked) = (Service::IotData, json!({"maxResults": 200}));
        let mut found = Vec::new();
        loop {
            let page = self.call_service(service, "ListRetainedMessages", asked.clone())?;
            for row in page["retainedTopics"].as_array().into_iter().flatten() {
                let ask = json!({"topic": row["topic"]});
                let message = self.call_service(service, "GetRetainedMessage", ask)?;
                found.extend(retained(&message));
            }
            let Value::String(token) = &page["nextToken"] else {
                return Ok(found);
            };
            asked["nextToken"] = token.as_str().into();
        }
    }

    pub(super) fn calls(&self) -> Entries {
        let mut calls = self.deprecations()?;
        calls.extend(self.attachments_of_identities()?);
        for (key, operation, member) in [
            (SettingKey::Indexing, "UpdateIndexingConfiguration", None),
            (
                SettingKey::Events,
                "UpdateEventConfigurations",
                Some("eventConfigurations"),
            ),
            (
                SettingKey::DefaultAuthorizer,
                "SetDefaultAuthorizer",
                Some("authorizerName"),
            ),
            (
                SettingKey::Logging,
                "SetLoggingOptions",
                Some("loggingOptionsPayload"),
            ),
            (SettingKey::LoggingV2, "SetV2LoggingOptions", None),
        ] {
            let Some(setting) = self.world.things.setting(key) else {
                continue;
            };
            let members = match member {
                Some(member) => json!({member: setting.value}),
                None => setting.value,
            };
            calls.push(json!({"operation": operation, "members": members}));
        }
        Ok(calls)
    }

    /// Only after the things are there, which a deprecated type takes no more of.
    fn deprecations(&self) -> Entries {
        let types = self.all("ListThingTypes", "thingTypes", &json!({}))?;
        let deprecated = types
            .into_iter()
            .filter(|row| row["thingTypeMetadata"]["deprecated"] == true);
        let call = |row: Value| {
            let members = json!({"thingTypeName": row["thingTypeName"]});
            json!({"operation": "DeprecateThingType", "members": members})
        };
        Ok(deprecated.map(call).collect())
    }

    /// Policies and things of Cognito identities, which no other section has.
    fn attachments_of_identities(&self) -> Entries {
        let mut calls = Vec::new();
        let is_identity = |target: &Value| !target.as_str().unwrap_or_default().starts_with("arn:");
        for policy in self.all("ListPolicies", "policies", &json!({}))? {
            let ask = json!({"policyName": policy["policyName"]});
            let targets = self.all("ListTargetsForPolicy", "targets", &ask)?;
            for target in targets.into_iter().filter(is_identity) {
                let members = json!({"policyName": policy["policyName"], "target": target});
                calls.push(json!({"operation": "AttachPolicy", "members": members}));
            }
        }
        for thing in self.all("ListThings", "things", &json!({}))? {
            let ask = json!({"thingName": thing["thingName"]});
            let list = "thingPrincipalObjects";
            for attached in self.all("ListThingPrincipalsV2", list, &ask)? {
                if is_identity(&attached["principal"]) {
                    let mut members = attached;
                    members["thingName"] = thing["thingName"].clone();
                    calls.push(json!({"operation": "AttachThingPrincipal", "members": members}));
                }
            }
        }
        Ok(calls)
    }

    /// An entry with the tags of its resource, if there are some.
    pub(super) fn tagged(&self, mut entry: Value, arn: &Value) -> Result<Value, ApiError> {
        let mut found = self.call("ListTagsForResource", json!({"resourceArn": arn}))?;
        let tags = found["tags"].take();
        if tags.as_array().is_some_and(|tags| !tags.is_empty()) {
            entry["tags"] = tags;
        }
        Ok(entry)
    }
}

fn retained(message: &Value) -> Option<Value> {
    let topic = &message["topic"];
    let payload = BASE64.decode(message["payload"].as_str()?).ok()?;
    let Ok(payload) = String::from_utf8(payload) else {
        tracing::warn!(%topic, "a retained message is not text and is left out of the export");
        return None;
    };
    let entry = json!({
        "topic": topic,
        "payload": payload,
        "qos": message["qos"],
        "userProperties": message["userProperties"],
    });
    let members: Vec<&str> = ["topic", "payload", "qos", "userProperties"]
        .into_iter()
        .filter(|name| !entry[name].is_null())
        .collect();
    Some(only(vec![entry.clone()], &members).remove(0))
}
