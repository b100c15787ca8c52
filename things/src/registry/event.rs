//! What AWS IoT tells of changes of the registry ("Registry events" in the AWS IoT developer guide),
//! as far as an account has asked for it.

use super::group::GroupDocument;
use super::{Registry, ThingDocument, ThingTypeDocument};
use crate::Things;
use crate::account::setting::wants_event;
use crate::state::State;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// An event that is to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct RegistryEvent {
    /// `$aws/events/...`.
    pub topic: String,
    /// Its members but `eventId` and `timestamp`.
    pub members: Map<String, Value>,
}

/// A document before and after a change.
#[derive(Clone, Debug)]
pub(crate) enum RegistryChange {
    Thing(String, Option<ThingDocument>, Option<ThingDocument>),
    Group(String, Option<GroupDocument>, Option<GroupDocument>),
    Type(String, Option<ThingTypeDocument>, Option<ThingTypeDocument>),
}

/// A UUID that follows from a text.
fn uuid_of(text: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// How something changed: the last level of the topic, and the operation.
type How = (&'static str, &'static str);

fn how<T>(old: Option<&T>, new: Option<&T>) -> Option<How> {
    match (old, new) {
        (None, Some(_)) => Some(("created", "CREATED")),
        (Some(_), Some(_)) => Some(("updated", "UPDATED")),
        (Some(_), None) => Some(("deleted", "DELETED")),
        (None, None) => None,
    }
}

const ADDED: How = ("added", "ADDED");
const REMOVED: How = ("removed", "REMOVED");

impl Things {
    /// The events of changes that were made together.
    pub(crate) fn events(&self, state: &State, changes: &[RegistryChange]) -> Vec<RegistryEvent> {
        let teller = Teller {
            things: self,
            state,
            changes,
        };
        let mut events = Vec::new();
        for change in changes {
            match change {
                RegistryChange::Thing(name, old, new) => {
                    teller.thing(name, old.as_ref(), new.as_ref(), &mut events);
                }
                RegistryChange::Group(name, old, new) => {
                    teller.group(name, old.as_ref(), new.as_ref(), &mut events);
                }
                RegistryChange::Type(name, old, new) => {
                    teller.thing_type(name, old.as_ref(), new.as_ref(), &mut events);
                }
            }
        }
        events
    }
}

struct Teller<'a> {
    things: &'a Things,
    state: &'a State,
    changes: &'a [RegistryChange],
}

impl Teller<'_> {
    fn thing(
        &self,
        name: &str,
        old: Option<&ThingDocument>,
        new: Option<&ThingDocument>,
        events: &mut Vec<RegistryEvent>,
    ) {
        let Some(thing) = new.or(old) else { return };
        let versions = (old.map(|old| old.version), new.map(|new| new.version));
        // Attachments and memberships change the document and not the thing.
        if let Some((last, operation)) = how(old, new).filter(|_| versions.0 != versions.1) {
            self.add(
                events,
                "THING",
                &format!("thing/{name}/{last}"),
                json!({
                    "eventType": "THING_EVENT",
                    "operation": operation,
                    "accountId": self.things.account_id(),
                    "thingId": thing.id.to_string(),
                    "thingName": name,
                    "versionNumber": thing.version,
                    "thingTypeName": thing.type_name,
                    "billingGroupName": thing.billing_group,
                    "attributes": thing.attributes,
                }),
            );
        }
        let type_of = |thing: Option<&ThingDocument>| thing?.type_name.clone();
        let (old_type, new_type) = (type_of(old), type_of(new));
        if old_type != new_type {
            let sides = [(old_type, REMOVED), (new_type, ADDED)];
            for (type_name, (last, operation)) in sides {
                let Some(type_name) = type_name else { continue };
                let topic =
                    format!("thingTypeAssociation/thing/{name}/thingType/{type_name}/{last}");
                self.add(
                    events,
                    "THING_TYPE_ASSOCIATION",
                    &topic,
                    json!({
                        "eventType": "THING_TYPE_ASSOCIATION_EVENT",
                        "operation": operation,
                        "thingId": thing.id.to_string(),
                        "thingName": name,
                        "thingTypeName": type_name,
                    }),
                );
            }
        }
        let groups =
            |thing: Option<&ThingDocument>| thing.map(|t| t.groups.clone()).unwrap_or_default();
        let (before, after) = (groups(old), groups(new));
        let left = before.difference(&after).map(|group| (group, REMOVED));
        let joined = after.difference(&before).map(|group| (group, ADDED));
        for (group, how) in left.chain(joined) {
            self.membership(name, &thing.id.to_string(), group, how, events);
        }
    }

    fn membership(
        &self,
        thing: &str,
        thing_id: &str,
        group: &str,
        (last, operation): How,
        events: &mut Vec<RegistryEvent>,
    ) {
        let place = self.things.place();
        let group_id = self.group_id(group);
        // The same for the thing's joining and leaving.
        let membership = format!("{group_id} {thing_id}");
        let membership_id = uuid_of(&membership);
        let topic = format!("thingGroupMembership/thingGroup/{group}/thing/{thing}/{last}");
        self.add(
            events,
            "THING_GROUP_MEMBERSHIP",
            &topic,
            json!({
                "eventType": "THING_GROUP_MEMBERSHIP_EVENT",
                "operation": operation,
                "accountId": self.things.account_id(),
                "groupArn": place.iot(format_args!("thinggroup/{group}")),
                "groupId": group_id,
                "thingArn": place.iot(format_args!("thing/{thing}")),
                "thingId": thing_id,
                "membershipId": membership_id.to_string(),
            }),
        );
    }

    fn group(
        &self,
        name: &str,
        old: Option<&GroupDocument>,
        new: Option<&GroupDocument>,
        events: &mut Vec<RegistryEvent>,
    ) {
        let (Some(group), Some((last, operation))) = (new.or(old), how(old, new)) else {
            return;
        };
        let parent = group.parent.as_deref();
        let mut above: Vec<&str> = parent.into_iter().collect();
        above.extend(
            parent
                .into_iter()
                .flat_map(|p| self.registry().ancestors(p)),
        );
        let place = self.things.place();
        let chain = above.iter().rev().map(|name| {
            let arn = place.iot(format_args!("thinggroup/{name}"));
            json!({"groupArn": arn, "groupId": self.group_id(name)})
        });
        self.add(
            events,
            "THING_GROUP",
            &format!("thingGroup/{name}/{last}"),
            json!({
                "eventType": "THING_GROUP_EVENT",
                "operation": operation,
                "accountId": self.things.account_id(),
                "thingGroupId": group.id,
                "thingGroupName": name,
                "versionNumber": group.version,
                "parentGroupName": parent,
                "parentGroupId": parent.map(|parent| self.group_id(parent)),
                "description": group.description,
                "rootToParentThingGroups": chain.collect::<Value>(),
                "attributes": group.attributes,
                "dynamicGroupMappingId": group.query.as_ref().map(|_| &group.id),
            }),
        );
        let hierarchy = match (old, new) {
            (None, Some(_)) => ADDED,
            (Some(_), None) => REMOVED,
            (Some(_), Some(_)) | (None, None) => return,
        };
        if let Some(parent) = parent {
            let (last, operation) = hierarchy;
            let topic =
                format!("thingGroupHierarchy/thingGroup/{parent}/childThingGroup/{name}/{last}");
            self.add(
                events,
                "THING_GROUP_HIERARCHY",
                &topic,
                json!({
                    "eventType": "THING_GROUP_HIERARCHY_EVENT",
                    "operation": operation,
                    "accountId": self.things.account_id(),
                    "thingGroupId": self.group_id(parent),
                    "thingGroupName": parent,
                    "childGroupId": group.id,
                    "childGroupName": name,
                }),
            );
        }
    }

    fn thing_type(
        &self,
        name: &str,
        old: Option<&ThingTypeDocument>,
        new: Option<&ThingTypeDocument>,
        events: &mut Vec<RegistryEvent>,
    ) {
        let (Some(kind), Some((last, operation))) = (new.or(old), how(old, new)) else {
            return;
        };
        self.add(
            events,
            "THING_TYPE",
            &format!("thingType/{name}/{last}"),
            json!({
                "eventType": "THING_TYPE_EVENT",
                "operation": operation,
                "accountId": self.things.account_id(),
                "thingTypeId": kind.id,
                "thingTypeName": name,
                "isDeprecated": kind.deprecated_ms.is_some(),
                "deprecationDate": kind.deprecated_ms,
                "searchableAttributes": kind.properties.searchable_attributes,
                "description": kind.properties.description,
            }),
        );
    }

    fn registry(&self) -> &Registry {
        &self.state.registry
    }

    /// The id of a group, also of one that has just gone.
    fn group_id(&self, name: &str) -> String {
        let gone = || {
            self.changes.iter().find_map(|change| match change {
                RegistryChange::Group(group, Some(old), _) if group == name => Some(old),
                RegistryChange::Group(..)
                | RegistryChange::Thing(..)
                | RegistryChange::Type(..) => None,
            })
        };
        let group = self.registry().groups.get(name).or_else(gone);
        group.map(|group| group.id.clone()).unwrap_or_default()
    }

    /// Adds an event if events of its kind are wanted.
    fn add(&self, events: &mut Vec<RegistryEvent>, kind: &str, topic: &str, members: Value) {
        if let (true, Value::Object(members)) = (wants_event(self.state, kind), members) {
            let topic = format!("$aws/events/{topic}");
            events.push(RegistryEvent { topic, members });
        }
    }
}
