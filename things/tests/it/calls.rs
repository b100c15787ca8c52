//! Operations of the API by name, with AWS's member names, in as few words as a door could have.

use crate::world::NOW_MS;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use things::{
    GroupFilter, GroupUpdate, NewBillingGroup, NewCaCertificate, NewPolicy, NewThing,
    NewThingGroup, NewThingType, Page, RuleFilter, ThingFilter, ThingGroup, ThingPrincipalType,
    ThingTypeProperties, ThingUpdate, Things, ThingsError,
};

type Answer = Result<Value, ThingsError>;

/// Calls an operation.
pub(crate) fn call(things: &Things, operation: &str, params: &Value) -> Answer {
    let families = [
        thing,
        kinds,
        group,
        principal,
        certificate,
        policy,
        attachment,
        rule,
    ];
    families
        .iter()
        .find_map(|family| family(things, operation, &Params(params)))
        .unwrap_or_else(|| panic!("no call for {operation}"))
}

struct Params<'a>(&'a Value);

impl Params<'_> {
    fn text(&self, name: &str) -> &str {
        self.maybe(name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn maybe(&self, name: &str) -> Option<&str> {
        self.0[name].as_str()
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.maybe(name).map(str::to_owned)
    }

    fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or_default()
    }

    fn after(&self) -> Option<&str> {
        self.maybe("nextToken")
    }

    fn limit(&self) -> usize {
        let limit = self.0["maxResults"].as_u64().unwrap_or(250);
        usize::try_from(limit).unwrap()
    }

    fn attributes(&self, pointer: &str) -> Option<BTreeMap<String, String>> {
        let members = self.0.pointer(pointer)?.as_object()?;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Some(members.iter().map(|(k, v)| (k.clone(), text(v))).collect())
    }
}

fn nothing(outcome: Result<(), ThingsError>) -> Option<Answer> {
    Some(outcome.map(|()| json!({})))
}

fn page<T>(name: &str, page: Page<T>, show: impl FnMut(T) -> Value) -> Value {
    let items: Vec<Value> = page.items.into_iter().map(show).collect();
    json!({ name: items, "nextToken": page.next })
}

fn thing(things: &Things, operation: &str, params: &Params<'_>) -> Option<Answer> {
    let name = || params.text("thingName").to_owned();
    let expected_version = params.0["expectedVersion"].as_u64();
    let attributes = params.attributes("/attributePayload/attributes");
    Some(match operation {
        "CreateThing" => things
            .create_thing(&NewThing {
                name: name(),
                type_name: params.owned("thingTypeName"),
                attributes: attributes.unwrap_or_default(),
                billing_group: params.owned("billingGroupName"),
            })
            .map(|t| json!({"thingName": t.name, "thingArn": t.arn, "thingId": t.id})),
        "DescribeThing" => things.describe_thing(&name()).map(|t| {
            json!({"thingName": t.name, "thingArn": t.arn, "thingId": t.id, "version": t.version,
                "defaultClientId": t.name, "attributes": t.attributes,
                "thingTypeName": t.type_name, "billingGroupName": t.billing_group})
        }),
        "UpdateThing" => {
            return nothing(things.update_thing(&ThingUpdate {
                name: name(),
                type_name: params.owned("thingTypeName"),
                remove_type: params.flag("removeThingType"),
                attributes,
                merge: params.0["attributePayload"]["merge"] == true,
                expected_version,
            }));
        }
        "DeleteThing" => return nothing(things.delete_thing(&name(), expected_version)),
        "ListThings" => {
            let filter = ThingFilter {
                attribute_name: params.owned("attributeName"),
                attribute_value: params.owned("attributeValue"),
                value_prefix: params.flag("usePrefixAttributeValue"),
                type_name: params.owned("thingTypeName"),
            };
            let list = things.list_things(&filter, params.after(), params.limit());
            Ok(page("things", list, |t| json!({"thingName": t.name})))
        }
        _ => return None,
    })
}

fn kinds(things: &Things, operation: &str, params: &Params<'_>) -> Option<Answer> {
    let type_name = || params.text("thingTypeName");
    let group = || params.text("billingGroupName");
    Some(match operation {
        "CreateThingType" => {
            let given = &params.0["thingTypeProperties"];
            let searchable = given["searchableAttributes"].as_array();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let new = NewThingType {
                name: type_name().to_owned(),
                properties: ThingTypeProperties {
                    description: given["thingTypeDescription"].as_str().map(str::to_owned),
                    searchable_attributes: searchable.into_iter().flatten().map(text).collect(),
                    mqtt5_configuration: None,
                },
                ..NewThingType::default()
            };
            things
                .create_thing_type(&new, NOW_MS)
                .map(|t| json!({"thingTypeArn": t.arn, "thingTypeId": t.id}))
        }
        "DescribeThingType" => things.describe_thing_type(type_name()).map(|t| {
            json!({"thingTypeName": t.name,
                "thingTypeProperties": {"thingTypeDescription": t.properties.description,
                    "searchableAttributes": t.properties.searchable_attributes},
                "thingTypeMetadata": {"deprecated": t.deprecated_ms.is_some()}})
        }),
        "DeprecateThingType" => {
            let undo = params.flag("undoDeprecate");
            return nothing(things.deprecate_thing_type(type_name(), undo, NOW_MS));
        }
        "DeleteThingType" => return nothing(things.delete_thing_type(type_name())),
        "CreateBillingGroup" => {
            let new = NewBillingGroup {
                name: group().to_owned(),
                ..NewBillingGroup::default()
            };
            things
                .create_billing_group(&new, NOW_MS)
                .map(|g| json!({"billingGroupArn": g.arn, "billingGroupId": g.id}))
        }
        "DeleteBillingGroup" => return nothing(things.delete_billing_group(group(), None)),
        "AddThingToBillingGroup" => {
            let thing = params.text("thingName");
            return nothing(things.add_thing_to_billing_group(thing, group()));
        }
        "ListThingsInBillingGroup" => things
            .list_things_in_billing_group(group(), params.after(), params.limit())
            .map(|list| page("things", list, Value::from)),
        "RemoveThingFromBillingGroup" => {
            let thing = params.text("thingName");
            return nothing(things.remove_thing_from_billing_group(thing, group()));
        }
        _ => return None,
    })
}

fn group(things: &Things, operation: &str, params: &Params<'_>) -> Option<Answer> {
    let name = || params.text("thingGroupName");
    let thing = || params.text("thingName");
    let given = &params.0["thingGroupProperties"];
    let description = given["thingGroupDescription"].as_str().map(str::to_owned);
    let expected_version = params.0["expectedVersion"].as_u64();
    let brief = |g: ThingGroup| json!({"groupName": g.name, "groupArn": g.arn});
    Some(match operation {
        "CreateThingGroup" => things
            .create_thing_group(
                &NewThingGroup {
                    name: name().to_owned(),
                    parent: params.owned("parentGroupName"),
                    description,
                    ..NewThingGroup::default()
                },
                NOW_MS,
            )
            .map(|g| json!({"thingGroupArn": g.arn, "thingGroupId": g.id})),
        "DescribeThingGroup" => things.describe_thing_group(name()).map(|g| {
            let above = g.ancestors.iter();
            let root: Vec<Value> = above.map(|(name, _)| json!({"groupName": name})).collect();
            json!({"version": g.version, "thingGroupMetadata": {"rootToParentThingGroups": root,
                "parentGroupName": g.ancestors.last().map(|(name, _)| name)}})
        }),
        "UpdateThingGroup" => things
            .update_thing_group(&GroupUpdate {
                name: name().to_owned(),
                description,
                expected_version,
                ..GroupUpdate::default()
            })
            .map(|version| json!({"version": version})),
        "DeleteThingGroup" => return nothing(things.delete_thing_group(name(), expected_version)),
        "ListThingGroups" => {
            let filter = GroupFilter {
                parent: params.owned("parentGroup"),
                ..GroupFilter::default()
            };
            things
                .list_thing_groups(&filter, params.after(), params.limit())
                .map(|list| page("thingGroups", list, brief))
        }
        "AddThingToThingGroup" => {
            return nothing(things.add_thing_to_thing_group(thing(), name()));
        }
        "RemoveThingFromThingGroup" => {
            return nothing(things.remove_thing_from_thing_group(thing(), name()));
        }
        "ListThingsInThingGroup" => things
            .list_things_in_thing_group(name(), false, params.after(), params.limit())
            .map(|list| page("things", list, Value::from)),
        "ListThingGroupsForThing" => things
            .list_thing_groups_for_thing(thing(), params.after(), params.limit())
            .map(|list| page("thingGroups", list, brief)),
        _ => return None,
    })
}

fn principal(things: &Things, operation: &str, params: &Params<'_>) -> Option<Answer> {
    let thing = || params.text("thingName");
    let principal = || params.text("principal");
    let kind = params.maybe("thingPrincipalType");
    let kind = kind.map(|name| ThingPrincipalType::of_name(name).unwrap());
    let (after, limit) = (params.after(), params.limit());
    Some(match operation {
        "AttachThingPrincipal" => {
            let kind = kind.unwrap_or_default();
            return nothing(things.attach_thing_principal(thing(), principal(), kind));
        }
        "DetachThingPrincipal" => {
            return nothing(things.detach_thing_principal(thing(), principal()));
        }
        "ListThingPrincipals" => things
            .list_thing_principals(thing(), kind, after, limit)
            .map(|list| page("principals", list, |row| row.principal.into())),
        "ListThingPrincipalsV2" => {
            let list = things.list_thing_principals(thing(), kind, after, limit);
            list.map(|list| {
                page("thingPrincipalObjects", list, |row| {
                    json!({"principal": row.principal, "thingPrincipalType": row.kind.name()})
                })
            })
        }
        "ListPrincipalThings" => things
            .list_principal_things(principal(), kind, after, limit)
            .map(|list| page("things", list, |row| row.thing.into())),
        "ListPrincipalThingsV2" => {
            let list = things.list_principal_things(principal(), kind, after, limit);
            list.map(|list| {
                page(
                    "principalThingObjects",
                    list,
                    |row| json!({"thingName": row.thing, "thingPrincipalType": row.kind.name()}),
                )
            })
        }
        _ => return None,
    })
}

fn certificate(things: &Things, operation: &str, params: &Params<'_>) -> Option<Answer> {
    let id = || params.text("certificateId");
    let active = params.flag("setAsActive");
    let status = |name: &str| {
        let name = params.maybe(name)?;
        Some(things::CertificateStatus::of_name(name).unwrap())
    };
    let show = |c: things::Certificate| json!({"certificateId": &*c.id, "certificateArn": c.arn, "certificatePem": c.pem});
    Some(match operation {
        "CreateKeysAndCertificate" => {
            things
                .create_keys_and_certificate(active, NOW_MS)
                .map(|made| {
                    let mut answer = show(made.certificate);
                    answer["keyPair"] =
                        json!({"PublicKey": made.public_key, "PrivateKey": made.private_key});
                    answer
                })
        }
        "CreateCertificateFromCsr" => {
            let csr = params.text("certificateSigningRequest");
            let made = things.create_certificate_from_csr(csr, active, NOW_MS);
            made.map(show)
        }
        "RegisterCertificateWithoutCA" => {
            let pem = params.text("certificatePem");
            let made = things.register_certificate_without_ca(pem, status("status"), NOW_MS);
            made.map(show)
        }
        "DescribeCertificate" => things.describe_certificate(id()).map(|c| {
            json!({"certificateDescription": {"certificateId": &*c.id, "status": c.status.name(),
                "certificateMode": c.mode}})
        }),
        "UpdateCertificate" => {
            let status = status("newStatus").unwrap();
            return nothing(things.update_certificate(id(), status, NOW_MS));
        }
        "DeleteCertificate" => {
            return nothing(things.delete_certificate(id(), params.flag("forceDelete")));
        }
        "GetRegistrationCode" => things
            .registration_code()
            .map(|code| json!({"registrationCode": code})),
        "DeleteRegistrationCode" => return nothing(things.delete_registration_code()),
        "RegisterCACertificate" => {
            let new = NewCaCertificate {
                pem: params.text("caCertificate").to_owned(),
                sni_only: params.maybe("certificateMode") == Some("SNI_ONLY"),
                ..NewCaCertificate::default()
            };
            things
                .register_ca_certificate(&new, NOW_MS)
                .map(|ca| json!({"certificateId": ca.id, "certificateArn": ca.arn}))
        }
        _ => return None,
    })
}

fn policy(things: &Things, operation: &str, params: &Params<'_>) -> Option<Answer> {
    let name = || params.text("policyName");
    let document = || params.text("policyDocument");
    let version = || params.text("policyVersionId");
    Some(match operation {
        "CreatePolicy" => things
            .create_policy(
                &NewPolicy {
                    name: name().to_owned(),
                    document: document().to_owned(),
                    ..NewPolicy::default()
                },
                NOW_MS,
            )
            .map(|p| json!({"policyArn": p.arn})),
        "GetPolicy" => things
            .policy(name())
            .map(|p| json!({"policyName": p.name, "defaultVersionId": p.default_version_id})),
        "DeletePolicy" => return nothing(things.delete_policy(name())),
        "CreatePolicyVersion" => {
            let default = params.flag("setAsDefault");
            let made = things.create_policy_version(name(), document(), default, NOW_MS);
            made.map(|v| json!({"policyVersionId": v.version_id, "isDefaultVersion": v.is_default}))
        }
        "GetPolicyVersion" => things
            .policy_version(name(), version())
            .map(|v| json!({"isDefaultVersion": v.is_default})),
        "ListPolicyVersions" => things.list_policy_versions(name()).map(|versions| {
            let ids = versions.into_iter().map(|v| v.version_id);
            json!({"policyVersions": ids.collect::<Vec<_>>()})
        }),
        "SetDefaultPolicyVersion" => {
            return nothing(things.set_default_policy_version(name(), version(), NOW_MS));
        }
        "DeletePolicyVersion" => return nothing(things.delete_policy_version(name(), version())),
        _ => return None,
    })
}

fn attachment(things: &Things, operation: &str, params: &Params<'_>) -> Option<Answer> {
    let name = || params.text("policyName");
    let target = || params.text("target");
    let principal = || params.text("principal");
    let attached = |target: &str| {
        let list = things.list_attached_policies(target, false, None, 250)?;
        let show = |p: things::PolicySummary| json!({"policyName": p.name});
        Ok(page("policies", list, show))
    };
    let targets = |member: &str| {
        let list = things.list_targets_for_policy(name(), None, 250)?;
        Ok(page(member, list, Value::from))
    };
    Some(match operation {
        "AttachPolicy" => return nothing(things.attach_policy(name(), target())),
        "AttachPrincipalPolicy" => {
            return nothing(things.attach_principal_policy(name(), principal()));
        }
        "DetachPolicy" => return nothing(things.detach_policy(name(), target())),
        "DetachPrincipalPolicy" => {
            return nothing(things.detach_principal_policy(name(), principal()));
        }
        "ListAttachedPolicies" => attached(target()),
        "ListPrincipalPolicies" => attached(principal()),
        "ListTargetsForPolicy" => targets("targets"),
        "ListPolicyPrincipals" => targets("principals"),
        _ => return None,
    })
}

fn rule(things: &Things, operation: &str, params: &Params<'_>) -> Option<Answer> {
    let name = || params.text("ruleName");
    let payload = &params.0["topicRulePayload"];
    let arn = || params.text("resourceArn");
    Some(match operation {
        "CreateTopicRule" => {
            // The door decodes the header; here only this vector's.
            let tags = params.maybe("tags").unwrap_or_default().replace("%20", " ");
            let pairs = tags.split('&').filter_map(|pair| pair.split_once('='));
            let tags = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            return nothing(things.create_topic_rule(name(), payload, &tags, NOW_MS));
        }
        "GetTopicRule" => things.topic_rule(name()).map(|found| {
            let mut rule = found.payload.clone();
            rule["ruleName"] = json!(&*found.name);
            rule["ruleDisabled"] = found.disabled.into();
            json!({"ruleArn": found.arn, "rule": rule})
        }),
        "ReplaceTopicRule" => return nothing(things.replace_topic_rule(name(), payload)),
        "EnableTopicRule" => return nothing(things.enable_topic_rule(name())),
        "DisableTopicRule" => return nothing(things.disable_topic_rule(name())),
        "DeleteTopicRule" => return nothing(things.delete_topic_rule(name())),
        "ListTopicRules" => {
            let list = things.list_topic_rules(RuleFilter::default(), None, 250);
            Ok(page("rules", list, |rule| (&*rule.name).into()))
        }
        "TagResource" => {
            let tags = params.attributes("/tags").unwrap_or_default();
            return nothing(things.tag_resource(arn(), &tags));
        }
        "UntagResource" => {
            let keys = serde_json::from_value::<Vec<String>>(params.0["tagKeys"].clone());
            return nothing(things.untag_resource(arn(), &keys.unwrap()));
        }
        "ListTagsForResource" => things.list_tags_for_resource(arn()).map(|tags| {
            let tags = tags.into_iter().map(|(k, v)| json!({"Key": k, "Value": v}));
            json!({"tags": tags.collect::<Vec<_>>()})
        }),
        _ => return None,
    })
}
