//! Things as provisioning makes and changes them ("Override settings" in the AWS IoT developer
//! guide, provisioning templates).

use super::membership::{check_static, join};
use super::principal::check_exclusive;
use super::thing::{change_attributes, check_attributes};
use super::{ThingDocument, ThingPrincipalType};
use crate::state::State;
use crate::{Things, ThingsError};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What provisioning does about a part of a resource that is there already and differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Override {
    /// It stays as it is.
    DoNothing,
    /// The template's comes in its place.
    Replace,
    /// The template's is added.
    Merge,
    /// Nothing is provisioned.
    #[default]
    Fail,
}

/// The thing that a template asks for; what is `None` it does not mention.
#[derive(Clone, Debug, Default)]
pub(crate) struct WantedThing {
    pub(crate) name: String,
    pub(crate) type_name: Option<String>,
    pub(crate) attributes: Option<BTreeMap<String, String>>,
    pub(crate) groups: Option<Vec<String>>,
    pub(crate) billing_group: Option<String>,
    pub(crate) on_attributes: Override,
    pub(crate) on_type: Override,
    pub(crate) on_groups: Override,
}

impl Things {
    /// The thing as it will be, with a principal, if there is one, attached to it.
    pub(crate) fn provisioned_thing(
        &self,
        state: &State,
        wanted: &WantedThing,
        principal: Option<&str>,
    ) -> Result<ThingDocument, ThingsError> {
        let there = state.registry.thing(&wanted.name);
        let mut thing = match there {
            Some(there) => there.clone(),
            None => ThingDocument {
                id: Uuid::new_v4().to_string(),
                ..ThingDocument::default()
            },
        };
        let is_new = there.is_none();
        self.provision_type(state, wanted, &mut thing, is_new)?;
        provision_attributes(wanted, &mut thing, is_new)?;
        self.provision_groups(state, wanted, &mut thing, is_new)?;
        self.provision_billing_group(state, wanted, &mut thing, is_new)?;
        check_attributes(&thing)?;
        let described = |thing: &ThingDocument| (thing.type_name.clone(), thing.attributes.clone());
        if there.is_none_or(|there| described(there) != described(&thing)) {
            thing.version += 1;
        }
        let kind = ThingPrincipalType::NonExclusiveThing;
        if let Some(principal) = principal
            && !thing.principals.contains_key(principal)
        {
            check_exclusive(state, principal, &wanted.name, kind)?;
            thing.principals.insert(principal.to_owned(), kind);
        }
        Ok(thing)
    }

    fn provision_type(
        &self,
        state: &State,
        wanted: &WantedThing,
        thing: &mut ThingDocument,
        is_new: bool,
    ) -> Result<(), ThingsError> {
        let Some(type_name) = &wanted.type_name else {
            return Ok(());
        };
        if thing.type_name.as_ref() == Some(type_name)
            || !is_new && !overrides(wanted, "ThingTypeName", wanted.on_type)?
        {
            return Ok(());
        }
        self.usable_type(&state.registry, type_name)?;
        thing.type_name = Some(type_name.clone());
        Ok(())
    }

    fn provision_groups(
        &self,
        state: &State,
        wanted: &WantedThing,
        thing: &mut ThingDocument,
        is_new: bool,
    ) -> Result<(), ThingsError> {
        let Some(groups) = &wanted.groups else {
            return Ok(());
        };
        let same = groups.len() == thing.groups.len()
            && groups.iter().all(|group| thing.groups.contains(group));
        if same || !is_new && !overrides(wanted, "ThingGroups", wanted.on_groups)? {
            return Ok(());
        }
        if wanted.on_groups == Override::Replace {
            thing.groups.clear();
        }
        for group in groups {
            check_static(self, &state.registry, group)?;
            join(&state.registry, &wanted.name, thing, group)?;
        }
        Ok(())
    }

    /// There is no override for it: a thing keeps the billing group that it has.
    fn provision_billing_group(
        &self,
        state: &State,
        wanted: &WantedThing,
        thing: &mut ThingDocument,
        is_new: bool,
    ) -> Result<(), ThingsError> {
        let Some(group) = &wanted.billing_group else {
            return Ok(());
        };
        if thing.billing_group.as_ref() == Some(group)
            || !is_new && !overrides(wanted, "BillingGroup", Override::Fail)?
        {
            return Ok(());
        }
        self.find_billing_group(&state.registry, group)?;
        thing.billing_group = Some(group.clone());
        Ok(())
    }
}

fn provision_attributes(
    wanted: &WantedThing,
    thing: &mut ThingDocument,
    is_new: bool,
) -> Result<(), ThingsError> {
    let Some(attributes) = &wanted.attributes else {
        return Ok(());
    };
    if thing.attributes == *attributes
        || !is_new && !overrides(wanted, "AttributePayload", wanted.on_attributes)?
    {
        return Ok(());
    }
    let merge = wanted.on_attributes == Override::Merge;
    change_attributes(&mut thing.attributes, attributes, merge);
    Ok(())
}

/// Whether a part of a thing that is there and differs is to be changed.
fn overrides(wanted: &WantedThing, part: &str, setting: Override) -> Result<bool, ThingsError> {
    match setting {
        Override::DoNothing => Ok(false),
        Override::Replace | Override::Merge => Ok(true),
        Override::Fail => Err(ThingsError::ResourceRegistrationFailure(format!(
            "Thing {} already exists with different {part}: set OverrideSettings for {part} to let provisioning change it or leave it",
            wanted.name
        ))),
    }
}
