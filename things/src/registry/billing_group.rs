//! Billing groups.

use super::tags::{TagsDocument, put_tags};
use super::thing::expect_version;
use super::{Registry, Tags, set};
use crate::page::rows_after;
use crate::state::State;
use crate::store::Document;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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

/// A billing group as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BillingGroupDocument {
    id: String,
    description: Option<String>,
    version: u64,
    created_ms: u64,
}

impl Document for BillingGroupDocument {
    const TABLE: &'static str = "billing-group";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.registry.billing_groups, key, document);
    }
}

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
        self.change(|state, batch| {
            let name = &new.name;
            if let Some(there) = state.registry.billing_groups.get(name) {
                if there.description == new.description {
                    return Ok(self.billing_group_shown(name, there));
                }
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!(
                        "Billing Group {name} already exists in current account with different properties"
                    ),
                    id: None,
                    arn: None,
                });
            }
            let document = BillingGroupDocument {
                id: Uuid::new_v4().to_string(),
                description: new.description.clone(),
                version: 1,
                created_ms: now_ms,
            };
            let shown = self.billing_group_shown(name, &document);
            batch.put(name, document);
            put_tags(batch, format_args!("billinggroup/{name}"), &new.tags)?;
            Ok(shown)
        })
    }

    /// DescribeBillingGroup.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_billing_group(&self, name: &str) -> Result<BillingGroup, ThingsError> {
        let state = self.state();
        self.find_billing_group(&state.registry, name)
            .map(|document| self.billing_group_shown(name, document))
    }

    /// ListBillingGroups, in order of name.
    pub fn list_billing_groups(
        &self,
        name_prefix: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<BillingGroup> {
        let state = self.state();
        let rows = rows_after(&state.registry.billing_groups, after)
            .filter(|(name, _)| name.starts_with(name_prefix.unwrap_or_default()))
            .map(|(name, document)| (name.clone(), self.billing_group_shown(name, document)));
        Page::take(rows, limit)
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
        self.change(|state, batch| {
            let mut document = self.find_billing_group(&state.registry, name)?.clone();
            expect_version("billing group", name, document.version, expected_version)?;
            if let Some(description) = description {
                document.description = Some(description.to_owned());
            }
            document.version += 1;
            let version = document.version;
            batch.put(name, document);
            Ok(version)
        })
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
        self.change(|state, batch| {
            let Some(document) = state.registry.billing_groups.get(name) else {
                return Ok(());
            };
            expect_version("billing group", name, document.version, expected_version)?;
            if state.registry.things_billed_to(name).next().is_some() {
                return Err(ThingsError::InvalidRequest(format!(
                    "Cannot delete billing group : {name} when there are still things in it"
                )));
            }
            batch.remove::<BillingGroupDocument>(name);
            batch.remove::<TagsDocument>(&format!("billinggroup/{name}"));
            Ok(())
        })
    }

    /// AddThingToBillingGroup. A thing is in one billing group, so it leaves the one before.
    ///
    /// # Errors
    /// ResourceNotFound (thing, group).
    pub fn add_thing_to_billing_group(&self, thing: &str, group: &str) -> Result<(), ThingsError> {
        self.set_billing_group(thing, group, |_| Some(group.to_owned()))
    }

    /// RemoveThingFromBillingGroup. A thing that is not in the group is no error.
    ///
    /// # Errors
    /// ResourceNotFound (thing, group).
    pub fn remove_thing_from_billing_group(
        &self,
        thing: &str,
        group: &str,
    ) -> Result<(), ThingsError> {
        self.set_billing_group(thing, group, |now| now.filter(|now| now != group))
    }

    fn set_billing_group(
        &self,
        thing: &str,
        group: &str,
        next: impl FnOnce(Option<String>) -> Option<String>,
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let there = self.find_thing(&state.registry, thing)?;
            self.find_billing_group(&state.registry, group)?;
            let mut changed = there.clone();
            changed.billing_group = next(changed.billing_group);
            if changed != *there {
                batch.put(thing, changed);
            }
            Ok(())
        })
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
        let state = self.state();
        self.find_billing_group(&state.registry, group)?;
        let things = state.registry.things_billed_to(group);
        let rows = things.map(|name| (name.clone(), name.clone()));
        Ok(Page::of(rows, after, limit))
    }

    pub(super) fn find_billing_group<'r>(
        &self,
        registry: &'r Registry,
        name: &str,
    ) -> Result<&'r BillingGroupDocument, ThingsError> {
        registry.billing_groups.get(name).ok_or_else(|| {
            let account = self.account_id();
            ThingsError::ResourceNotFound(format!("BillingGroup {account}:{name} not found."))
        })
    }

    fn billing_group_shown(&self, name: &str, document: &BillingGroupDocument) -> BillingGroup {
        BillingGroup {
            name: name.to_owned(),
            arn: self.place().iot(format_args!("billinggroup/{name}")),
            id: document.id.clone(),
            description: document.description.clone(),
            version: document.version,
            created_ms: document.created_ms,
        }
    }
}
