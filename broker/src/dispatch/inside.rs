//! What SQL functions ask the server itself: the registry and the shadows.

use crate::clock::Clock;
use rules::delivery::Inside;
use serde_json::{Value, json};
use std::sync::Arc;
use things::Things;

/// Groups of a thing that a rule gets to see.
const GROUPS_MAX: usize = 250;

/// Answers from the control plane.
pub(crate) struct ControlPlane {
    pub(crate) things: Arc<Things>,
    pub(crate) clock: Arc<Clock>,
}

impl Inside for ControlPlane {
    fn shadow(&self, thing_name: &str, shadow_name: Option<&str>) -> Result<Vec<u8>, String> {
        let document = self
            .things
            .shadows()
            .document(thing_name, shadow_name, self.clock.now_ms());
        let document = document.ok_or_else(|| match shadow_name {
            None => format!("No shadow exists with name: '{thing_name}'"),
            Some(shadow) => format!("No shadow exists with name: '{thing_name}~{shadow}'"),
        })?;
        Ok(document.to_string().into_bytes())
    }

    fn registry(&self, operation: &str, thing_name: &str) -> Result<Vec<u8>, String> {
        let answer = match operation {
            "DescribeThing" => self.thing(thing_name),
            _ => self.groups(thing_name),
        };
        answer.map(|answer| answer.to_string().into_bytes())
    }
}

impl ControlPlane {
    fn thing(&self, name: &str) -> Result<Value, String> {
        let thing = self
            .things
            .describe_thing(name)
            .map_err(|why| why.to_string())?;
        let mut answer = json!({
            "defaultClientId": thing.name,
            "thingName": thing.name,
            "thingId": thing.id,
            "thingArn": thing.arn,
            "attributes": thing.attributes,
            "version": thing.version,
        });
        let optional = [
            ("thingTypeName", thing.type_name),
            ("billingGroupName", thing.billing_group),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                answer[member] = json!(value);
            }
        }
        Ok(answer)
    }

    fn groups(&self, thing: &str) -> Result<Value, String> {
        let page = self
            .things
            .list_thing_groups_for_thing(thing, None, GROUPS_MAX);
        let page = page.map_err(|why| why.to_string())?;
        let groups = page.items.iter();
        let groups = groups.map(|group| json!({"groupName": group.name, "groupArn": group.arn}));
        Ok(json!({"thingGroups": groups.collect::<Vec<_>>()}))
    }
}
