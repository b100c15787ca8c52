//! A seed of what a server has, which makes the same on another one. Of a policy it has the default
//! version.

mod account;

use crate::api::{ApiError, Service, call_as_account};
use crate::world::World;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use things::ShadowName;

/// Everything as a seed: private keys are not known here, so certificates come as PEM.
///
/// # Errors
/// Those of the API.
pub(crate) fn export(world: &Arc<World>) -> Result<Value, ApiError> {
    let export = Export { world };
    let sections = [
        ("functions", export.functions()),
        ("roles", export.roles()),
        ("thingTypes", export.thing_types()?),
        ("billingGroups", export.billing_groups()?),
        ("policies", export.policies()?),
        ("thingGroups", export.thing_groups()?),
        ("things", export.things()?),
        ("provisioningTemplates", export.provisioning_templates()?),
        ("caCertificates", export.ca_certificates()?),
        ("certificates", export.certificates()?),
        ("rules", export.rules()?),
        ("roleAliases", export.role_aliases()?),
        ("authorizers", export.authorizers()?),
        ("domainConfigurations", export.domain_configurations()?),
        ("retainedMessages", export.retained_messages()?),
        ("calls", export.calls()?),
        ("jobTemplates", export.job_templates()?),
    ];
    let filled = sections
        .into_iter()
        .filter(|(_, entries)| !entries.is_empty());
    Ok(filled
        .map(|(name, entries)| (name.to_owned(), Value::Array(entries)))
        .collect::<Map<_, _>>()
        .into())
}

type Entries = Result<Vec<Value>, ApiError>;

struct Export<'w> {
    world: &'w Arc<World>,
}

impl Export<'_> {
    fn call(&self, name: &str, members: Value) -> Result<Value, ApiError> {
        self.call_service(Service::Iot, name, members)
    }

    fn call_service(
        &self,
        service: Service,
        name: &str,
        members: Value,
    ) -> Result<Value, ApiError> {
        let members = match members {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        call_as_account(self.world, service, name, members)
    }

    /// All pages of a listing, in order of name.
    fn all(&self, operation: &str, list: &str, members: &Value) -> Entries {
        let mut all = Vec::new();
        let mut asked = members.clone();
        loop {
            let mut page = self.call(operation, asked.clone())?;
            if let Value::Array(items) = page[list].take() {
                all.extend(items);
            }
            let (token, name) = match (&page["nextToken"], &page["nextMarker"]) {
                (Value::String(token), _) => (token.clone(), "nextToken"),
                (_, Value::String(token)) => (token.clone(), "marker"),
                _ => break,
            };
            asked[name] = token.into();
        }
        // Some come in order of age, which is another one on another server. The first member of
        // a row is its ARN or name.
        let name = |row: &Value| {
            let members = row.as_object().into_iter().flatten();
            let texts = members.map(|(_, value)| value).chain([row]);
            texts.filter_map(Value::as_str).next().map(str::to_owned)
        };
        all.sort_by_cached_key(name);
        Ok(all)
    }

    fn functions(&self) -> Vec<Value> {
        self.world.functions.all_shown()
    }

    fn roles(&self) -> Vec<Value> {
        let things = &self.world.things;
        let page = things.list_roles(None, None, usize::MAX);
        let role = |role: things::Role| {
            let names = things.list_role_policies(&role.name, None, usize::MAX);
            let names = names.map(|page| page.items).unwrap_or_default();
            let policies: Map<String, Value> = names
                .into_iter()
                .filter_map(|name| {
                    let text = things.role_policy(&role.name, &name).ok()?;
                    Some((name, parsed(&text)))
                })
                .collect();
            json!({
                "roleName": role.name,
                "assumeRolePolicyDocument": parsed(&role.trust_policy),
                "policies": policies,
            })
        };
        page.items.into_iter().map(role).collect()
    }

    fn thing_types(&self) -> Entries {
        let types = self.all("ListThingTypes", "thingTypes", &json!({}))?;
        let members = ["thingTypeName", "thingTypeProperties"];
        let entry = |row: Value| {
            let arn = row["thingTypeArn"].clone();
            self.tagged(only(vec![row], &members).remove(0), &arn)
        };
        types.into_iter().map(entry).collect()
    }

    fn billing_groups(&self) -> Entries {
        let groups = self.all("ListBillingGroups", "billingGroups", &json!({}))?;
        let group = |group: Value| {
            let name = json!({"billingGroupName": group["groupName"]});
            let found = self.call("DescribeBillingGroup", name)?;
            let members = ["billingGroupName", "billingGroupProperties"];
            self.tagged(only(vec![found], &members).remove(0), &group["groupArn"])
        };
        groups.into_iter().map(group).collect()
    }

    fn policies(&self) -> Entries {
        let policies = self.all("ListPolicies", "policies", &json!({}))?;
        let policy = |policy: Value| {
            let name = &policy["policyName"];
            let found = self.call("GetPolicy", json!({"policyName": name}))?;
            let document = parsed(found["policyDocument"].as_str().unwrap_or_default());
            let entry = json!({"policyName": name, "policyDocument": document});
            self.tagged(entry, &policy["policyArn"])
        };
        policies.into_iter().map(policy).collect()
    }

    /// The policies that are attached to a target itself.
    fn own_policies(&self, target: &Value) -> Entries {
        let ask = json!({"target": target});
        let policies = self.all("ListAttachedPolicies", "policies", &ask)?;
        Ok(policies
            .into_iter()
            .map(|mut policy| policy["policyName"].take())
            .collect())
    }

    /// Parents before their children.
    fn thing_groups(&self) -> Entries {
        let groups = self.all("ListThingGroups", "thingGroups", &json!({}))?;
        let mut found = Vec::new();
        for group in groups {
            let name = &group["groupName"];
            let mut group = self.call("DescribeThingGroup", json!({"thingGroupName": name}))?;
            let metadata = group["thingGroupMetadata"].take();
            let depth = metadata["rootToParentThingGroups"]
                .as_array()
                .map_or(0, Vec::len);
            if metadata["parentGroupName"].is_string() {
                group["parentGroupName"] = metadata["parentGroupName"].clone();
            }
            let arn = group["thingGroupArn"].clone();
            let policies = self.own_policies(&arn)?;
            if !policies.is_empty() {
                group["policies"] = policies.into();
            }
            let members = [
                "thingGroupName",
                "parentGroupName",
                "thingGroupProperties",
                "queryString",
                "queryVersion",
                "indexName",
                "policies",
            ];
            let entry = only(vec![group], &members).remove(0);
            found.push((depth, self.tagged(entry, &arn)?));
        }
        found.sort_by_key(|(depth, _)| *depth);
        Ok(found.into_iter().map(|(_, group)| group).collect())
    }

    fn things(&self) -> Entries {
        let things = self.all("ListThings", "things", &json!({}))?;
        things
            .into_iter()
            .map(|thing| self.thing(&thing["thingName"]))
            .collect()
    }

    fn thing(&self, name: &Value) -> Result<Value, ApiError> {
        let found = self.call("DescribeThing", json!({"thingName": name}))?;
        let mut entry = json!({"thingName": name});
        for member in ["thingTypeName", "billingGroupName"] {
            if found[member].is_string() {
                entry[member] = found[member].clone();
            }
        }
        if found["attributes"]
            .as_object()
            .is_some_and(|all| !all.is_empty())
        {
            entry["attributes"] = found["attributes"].clone();
        }
        let groups = self.call("ListThingGroupsForThing", json!({"thingName": name}))?;
        let groups = groups["thingGroups"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut names = Vec::new();
        for group in groups {
            let name = &group["groupName"];
            let found = self.call("DescribeThingGroup", json!({"thingGroupName": name}))?;
            if !found["queryString"].is_string() {
                names.push(name.clone());
            }
        }
        if !names.is_empty() {
            entry["thingGroups"] = names.into();
        }
        let name = name.as_str().unwrap_or_default();
        if let Some(state) = self.shadow(name, None) {
            entry["shadow"] = state;
        }
        let named = self
            .world
            .things
            .shadows()
            .list_named(name, None, usize::MAX);
        let named: Map<String, Value> = named
            .items
            .into_iter()
            .filter_map(|shadow| Some((shadow.clone(), self.shadow(name, Some(&shadow))?)))
            .collect();
        if !named.is_empty() {
            entry["shadows"] = named.into();
        }
        Ok(entry)
    }

    /// What a shadow says, without what follows from it.
    fn shadow(&self, thing: &str, shadow: Option<&str>) -> Option<Value> {
        ShadowName::new(thing, shadow).ok()?;
        let shadows = self.world.things.shadows();
        let mut document = shadows.document(thing, shadow, 0)?;
        let mut state = document["state"].take();
        state.as_object_mut()?.shift_remove("delta");
        Some(state)
    }

    fn certificates(&self) -> Entries {
        let all = self.all(
            "ListCertificates",
            "certificates",
            &json!({"ascendingOrder": true}),
        )?;
        let certificate = |row: Value| {
            let ask = json!({"certificateId": row["certificateId"]});
            let found = self.call("DescribeCertificate", ask)?;
            let arn = &row["certificateArn"];
            let list = "principalThingObjects";
            let attached = self.all("ListPrincipalThingsV2", list, &json!({"principal": arn}))?;
            let exclusive = |row: &Value| row["thingPrincipalType"] == "EXCLUSIVE_THING";
            let is_exclusive = attached.iter().any(exclusive);
            let things = attached.into_iter().map(|mut row| row["thingName"].take());
            let mut entry = json!({
                "certificatePem": found["certificateDescription"]["certificatePem"],
                "status": row["status"],
                "policies": self.own_policies(arn)?,
                "things": things.collect::<Value>(),
            });
            if is_exclusive {
                entry["thingPrincipalType"] = "EXCLUSIVE_THING".into();
            }
            let ca = &found["certificateDescription"]["caCertificateId"];
            if let Ok(found) = self.call("DescribeCACertificate", json!({"certificateId": ca})) {
                let about = &found["certificateDescription"];
                entry["caCertificatePem"] = about["certificatePem"].clone();
            }
            Ok(entry)
        };
        // Statuses that nobody can ask for are left out.
        let usual = |row: &Value| {
            let status = row["status"].as_str();
            status.is_some_and(|status| ["ACTIVE", "INACTIVE", "REVOKED"].contains(&status))
        };
        all.into_iter().filter(usual).map(certificate).collect()
    }

    fn rules(&self) -> Entries {
        let rules = self.world.things.topic_rules().into_iter();
        let rule = |rule: things::TopicRule| {
            let mut entry = json!({"ruleName": *rule.name, "topicRulePayload": rule.payload});
            let asked = json!({"resourceArn": rule.arn});
            let found = self.call("ListTagsForResource", asked)?;
            let tags = found["tags"].as_array().into_iter().flatten();
            let encoded = |text: &Value| {
                let text = text.as_str().unwrap_or_default();
                utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
            };
            let pair = |tag: &Value| format!("{}={}", encoded(&tag["Key"]), encoded(&tag["Value"]));
            let pairs: Vec<String> = tags.map(pair).collect();
            if !pairs.is_empty() {
                entry["tags"] = pairs.join("&").into();
            }
            Ok(entry)
        };
        rules.map(rule).collect()
    }

    /// The version that counts of each.
    fn provisioning_templates(&self) -> Entries {
        let templates = self.all("ListProvisioningTemplates", "templates", &json!({}))?;
        let template = |row: Value| {
            let name = json!({"templateName": row["templateName"]});
            let mut found = self.call("DescribeProvisioningTemplate", name)?;
            let body = parsed(found["templateBody"].as_str().unwrap_or_default());
            found["templateBody"] = body;
            let members = [
                "templateName",
                "type",
                "description",
                "templateBody",
                "enabled",
                "provisioningRoleArn",
                "preProvisioningHook",
            ];
            Ok(only(vec![found], &members).remove(0))
        };
        templates.into_iter().map(template).collect()
    }

    fn role_aliases(&self) -> Entries {
        let names = self.all("ListRoleAliases", "roleAliases", &json!({}))?;
        let alias = |name: Value| {
            let mut found = self.call("DescribeRoleAlias", json!({"roleAlias": name}))?;
            let about = found["roleAliasDescription"].take();
            let arn = about["roleAliasArn"].clone();
            let members = ["roleAlias", "roleArn", "credentialDurationSeconds"];
            self.tagged(only(vec![about], &members).remove(0), &arn)
        };
        names.into_iter().map(alias).collect()
    }

    /// Jobs themselves are what was done, not how things are.
    fn job_templates(&self) -> Entries {
        let all = self.all("ListJobTemplates", "jobTemplates", &json!({}))?;
        let template = |row: Value| {
            let ask = json!({"jobTemplateId": row["jobTemplateId"]});
            let found = self.call("DescribeJobTemplate", ask)?;
            let mut found = without(found, &["jobTemplateArn", "documentSource", "createdAt"]);
            found.retain(|_, value| *value != json!({}));
            let document = found.get("document").and_then(Value::as_str).map(parsed);
            found.insert("document".to_owned(), document.unwrap_or_default());
            Ok(Value::Object(found))
        };
        all.into_iter().map(template).collect()
    }

    fn authorizers(&self) -> Entries {
        let all = self.all("ListAuthorizers", "authorizers", &json!({}))?;
        let authorizer = |row: Value| {
            let ask = json!({"authorizerName": row["authorizerName"]});
            let mut found = self.call("DescribeAuthorizer", ask)?;
            let members = [
                "authorizerName",
                "authorizerFunctionArn",
                "tokenKeyName",
                "tokenSigningPublicKeys",
                "status",
                "signingDisabled",
                "enableCachingForHttp",
            ];
            let entry = only(vec![found["authorizerDescription"].take()], &members).remove(0);
            self.tagged(entry, &row["authorizerArn"])
        };
        all.into_iter().map(authorizer).collect()
    }
}

/// A row without these members.
fn without(row: Value, members: &[&str]) -> Map<String, Value> {
    match row {
        Value::Object(mut all) => {
            all.retain(|name, _| !members.contains(&name.as_str()));
            all
        }
        _ => Map::new(),
    }
}

/// Rows with these members alone.
fn only(rows: Vec<Value>, members: &[&str]) -> Vec<Value> {
    let row = |row: Value| match row {
        Value::Object(mut all) => {
            all.retain(|name, _| members.contains(&name.as_str()));
            Value::Object(all)
        }
        other => other,
    };
    rows.into_iter().map(row).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
