//! Tags of the resources that have them: thing types, thing and billing groups, policies, rules,
//! CA certificates.

use crate::{Things, ThingsError};
use std::collections::BTreeMap;

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

#[allow(unused_variables)]
impl Things {
    /// TagResource: adds and replaces.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest (no ARN, or of something that has no tags), LimitExceeded.
    pub fn tag_resource(&self, arn: &str, tags: &Tags) -> Result<(), ThingsError> {
        todo!()
    }

    /// UntagResource.
    ///
    /// # Errors
    /// As [`Things::tag_resource`].
    pub fn untag_resource(&self, arn: &str, keys: &[String]) -> Result<(), ThingsError> {
        todo!()
    }

    /// ListTagsForResource; of an unknown resource it is empty.
    ///
    /// # Errors
    /// InvalidRequest (no ARN).
    pub fn list_tags_for_resource(&self, arn: &str) -> Result<Tags, ThingsError> {
        todo!()
    }
}
