//! Billing groups.

use super::Tags;
use crate::{Page, Things, ThingsError};

/// A billing group as DescribeBillingGroup shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingGroup {
    /// Billing group name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// A UUID.
    pub id: String,
    /// billingGroupDescription.
    pub description: Option<String>,
    /// Counts changes from 1.
    pub version: u64,
    /// When it was created.
    pub created_ms: u64,
}

/// What CreateBillingGroup is given.
#[derive(Clone, Debug, Default)]
pub struct NewBillingGroup {
    /// Billing group name.
    pub name: String,
    /// billingGroupDescription.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

#[allow(unused_variables)]
impl Things {
    /// CreateBillingGroup. Repeated with the same properties it gives the group that is there.
    ///
    /// # Errors
    /// ResourceAlreadyExists.
    pub fn create_billing_group(
        &self,
        new: &NewBillingGroup,
        now_ms: u64,
    ) -> Result<BillingGroup, ThingsError> {
        todo!()
    }

    /// DescribeBillingGroup.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_billing_group(&self, name: &str) -> Result<BillingGroup, ThingsError> {
        todo!()
    }

    /// ListBillingGroups, in order of name.
    pub fn list_billing_groups(
        &self,
        name_prefix: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<BillingGroup> {
        todo!()
    }

    /// UpdateBillingGroup; gives the new version.
    ///
    /// # Errors
    /// ResourceNotFound, VersionConflict.
    pub fn update_billing_group(
        &self,
        name: &str,
        description: Option<&str>,
        expected_version: Option<u64>,
    ) -> Result<u64, ThingsError> {
        todo!()
    }

    /// DeleteBillingGroup. A group that is not there is no error.
    ///
    /// # Errors
    /// VersionConflict; InvalidRequest while things are in it.
    pub fn delete_billing_group(
        &self,
        name: &str,
        expected_version: Option<u64>,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// AddThingToBillingGroup.
    ///
    /// # Errors
    /// ResourceNotFound (thing, group).
    pub fn add_thing_to_billing_group(&self, thing: &str, group: &str) -> Result<(), ThingsError> {
        todo!()
    }

    /// RemoveThingFromBillingGroup.
    ///
    /// # Errors
    /// ResourceNotFound (thing, group).
    pub fn remove_thing_from_billing_group(
        &self,
        thing: &str,
        group: &str,
    ) -> Result<(), ThingsError> {
        todo!()
    }

    /// ListThingsInBillingGroup: names in order.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_things_in_billing_group(
        &self,
        group: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<String>, ThingsError> {
        todo!()
    }
}
