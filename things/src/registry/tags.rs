//! Tags of the resources that have them: thing types, thing and billing groups, policies, rules,
//! CA certificates, provisioning templates, authorizers, role aliases, domain configurations, jobs
//! and their templates.

use super::set;
use crate::state::State;
use crate::store::{Batch, Document};
use crate::{Things, ThingsError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// The tags of one resource as they are stored, under the resource part of its ARN.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct TagsDocument(pub(crate) Tags);

impl Document for TagsDocument {
    const TABLE: &'static str = "tags";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.registry.tags, key, document.map(|tags| tags.0));
    }
}

impl Things {
    /// TagResource: adds and replaces.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest (no ARN, or of something that has no tags), LimitExceeded.
    pub fn tag_resource(&self, arn: &str, tags: &Tags) -> Result<(), ThingsError> {
        self.change_tags(arn, |all| all.extend(tags.clone()))
    }

    /// UntagResource.
    ///
    /// # Errors
    /// As [`Things::tag_resource`].
    pub fn untag_resource(&self, arn: &str, keys: &[String]) -> Result<(), ThingsError> {
        self.change_tags(arn, |all| all.retain(|key, _| !keys.contains(key)))
    }

    fn change_tags(&self, arn: &str, edit: impl FnOnce(&mut Tags)) -> Result<(), ThingsError> {
        let resource = self.taggable(arn)?;
        self.change(|state, batch| {
            if !self.has_taggable(state, resource) {
                return Err(ThingsError::ResourceNotFound(format!(
                    "Resource {arn} not found."
                )));
            }
            let mut tags = state.registry.tags.get(resource).cloned();
            edit(tags.get_or_insert_default());
            put_tags(batch, resource, &tags.unwrap_or_default())
        })
    }

    /// ListTagsForResource; of an unknown resource it is empty.
    ///
    /// # Errors
    /// InvalidRequest (no ARN).
    pub fn list_tags_for_resource(&self, arn: &str) -> Result<Tags, ThingsError> {
        let resource = self.taggable(arn)?;
        let state = self.state();
        Ok(state
            .registry
            .tags
            .get(resource)
            .cloned()
            .unwrap_or_default())
    }

    fn has_taggable(&self, state: &State, resource: &str) -> bool {
        match resource.strip_prefix("job/") {
            Some(job) => self.jobs().has(job),
            None => exists(state, resource),
        }
    }

    /// The resource part of the ARN of something that can have tags.
    fn taggable<'a>(&self, arn: &'a str) -> Result<&'a str, ThingsError> {
        let resource = self.place().iot_resource(arn).map_err(|_| {
            let why = "ResourceArn doesn't belong in requester's account";
            ThingsError::InvalidRequest(why.to_owned())
        })?;
        resource
            .filter(|resource| TAGGABLE.iter().any(|kind| resource.starts_with(kind)))
            .ok_or_else(|| {
                ThingsError::InvalidRequest(match resource {
                    Some(resource) => {
                        let kind = resource.split('/').next().unwrap_or_default();
                        format!("Invalid resource type in ARN: {kind}")
                    }
                    None => format!("Invalid resource ARN, it cannot be tagged: {arn}"),
                })
            })
    }
}

/// Kinds of resources that have tags (AWS IoT developer guide, tagging). Things and certificates
/// have none.
const TAGGABLE: [&str; 12] = [
    "authorizer/",
    "domainconfiguration/",
    "rolealias/",
    "thinggroup/",
    "thingtype/",
    "billinggroup/",
    "policy/",
    "rule/",
    "cacert/",
    "job/",
    "jobtemplate/",
    "provisioningtemplate/",
];

fn exists(state: &State, resource: &str) -> bool {
    let Some((kind, name)) = resource.split_once('/') else {
        return false;
    };
    match kind {
        "thinggroup" => state.registry.groups.contains_key(name),
        "thingtype" => state.registry.types.contains_key(name),
        "billinggroup" => state.registry.billing_groups.contains_key(name),
        "policy" => state.policies.by_name.contains_key(name),
        "rule" => state.rules.by_name.contains_key(name),
        "cacert" => state.certificates.authorities.contains_key(name),
        "provisioningtemplate" => state.provisioning.has_template(name),
        "authorizer" => state.account.authorizers.contains_key(name),
        "jobtemplate" => state.job_templates.contains_key(name),
        "rolealias" => state.account.role_aliases.contains_key(name),
        "domainconfiguration" => {
            let name = name.split_once('/').map_or(name, |(name, _)| name);
            state.account.domain_configurations.contains_key(name)
        }
        _ => false,
    }
}

/// Stores all the tags of a resource; with none the document goes.
pub(crate) fn put_tags(
    batch: &mut Batch,
    resource: impl Display,
    tags: &Tags,
) -> Result<(), ThingsError> {
    let resource = resource.to_string();
    if let Some(key) = tags.keys().find(|key| key.starts_with("aws:")) {
        return Err(ThingsError::InvalidRequest(format!(
            "Tags cannot begin with \"aws:\", offending tag: {key}"
        )));
    }
    if tags.len() > TAGS_MAX {
        return Err(ThingsError::LimitExceeded(format!(
            "a resource has at most {TAGS_MAX} tags: leave some out"
        )));
    }
    if tags.is_empty() {
        batch.remove::<TagsDocument>(&resource);
    } else {
        batch.put(&resource, TagsDocument(tags.clone()));
    }
    Ok(())
}

/// AWS General Reference, tagging.
const TAGS_MAX: usize = 50;
