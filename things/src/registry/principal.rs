//! Principals (certificates, Cognito identities) attached to things.

use super::ThingDocument;
use crate::page::rows_after;
use crate::plane::Change;
use crate::state::State;
use crate::target::Target;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a principal is attached to a thing (ThingPrincipalType of the API).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThingPrincipalType {
    /// EXCLUSIVE_THING: the principal acts as this thing, whatever its client id.
    ExclusiveThing,
    /// NON_EXCLUSIVE_THING: the principal acts as this thing if its client id names it.
    #[default]
    NonExclusiveThing,
}

impl ThingPrincipalType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExclusiveThing => "EXCLUSIVE_THING",
            Self::NonExclusiveThing => "NON_EXCLUSIVE_THING",
        }
    }

    /// The type of a name on the wire.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::ExclusiveThing, Self::NonExclusiveThing]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One row of ListThingPrincipalsV2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingPrincipal {
    /// The principal's ARN or identity id.
    pub principal: String,
    /// How it is attached.
    pub kind: ThingPrincipalType,
}

/// One row of ListPrincipalThingsV2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalThing {
    /// Thing name.
    pub thing: String,
    /// How the principal is attached to it.
    pub kind: ThingPrincipalType,
}

/// The thing that a connection acts as: its client id names a thing to which its certificate is
/// attached, or the certificate is attached to one thing exclusively.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingFacts {
    /// Thing name.
    pub name: String,
    /// Thing type, if it has one.
    pub type_name: Option<String>,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// Whether the attachment is EXCLUSIVE_THING.
    pub exclusive: bool,
}

impl Things {
    /// AttachThingPrincipal. Repeating it is no error.
    ///
    /// # Errors
    /// ResourceNotFound (thing, certificate), InvalidRequest (the principal belongs to another
    /// thing exclusively).
    pub fn attach_thing_principal(
        &self,
        thing: &str,
        principal: &str,
        kind: ThingPrincipalType,
    ) -> Result<(), ThingsError> {
        let target = self.read_principal(principal)?;
        self.change(|state, batch| {
            let Some(there) = state.registry.thing(thing) else {
                return Err(ThingsError::ResourceNotFound(format!(
                    "Failed to attach the principal {principal} to thing {thing} because the thing does not exist in your account"
                )));
            };
            if !target.exists(state) {
                return Err(ThingsError::ResourceNotFound(format!(
                    "Can't attach the principal {principal} to thing {thing} because the principal does not exist in your account"
                )));
            }
            if there.principals.get(target.key()) == Some(&kind) {
                return Ok(());
            }
            check_exclusive(state, target.key(), thing, kind)?;
            let mut changed = there.clone();
            changed.principals.insert(target.key().to_owned(), kind);
            batch.put(thing, changed);
            batch.tell(Change::Decisions);
            Ok(())
        })
    }

    /// DetachThingPrincipal. A principal that is not attached is no error.
    ///
    /// # Errors
    /// ResourceNotFound (thing).
    pub fn detach_thing_principal(&self, thing: &str, principal: &str) -> Result<(), ThingsError> {
        let target = self.read_principal(principal)?;
        self.change(|state, batch| {
            let Some(there) = state.registry.thing(thing) else {
                return Err(ThingsError::ResourceNotFound(format!(
                    "Failed to detach the principal {principal} from thing {thing} because the thing does not exist in your account"
                )));
            };
            let mut changed = there.clone();
            if changed.principals.remove(target.key()).is_some() {
                batch.put(thing, changed);
                batch.tell(Change::Decisions);
            }
            Ok(())
        })
    }

    /// ListThingPrincipals and ListThingPrincipalsV2, in order of principal.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_thing_principals(
        &self,
        thing: &str,
        kind: Option<ThingPrincipalType>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ThingPrincipal>, ThingsError> {
        let state = self.state();
        let Some(document) = state.registry.thing(thing) else {
            // There is no space in AWS's text.
            return Err(ThingsError::ResourceNotFound(format!(
                "Failed to list principals for thing{thing} because the thing does not exist in your account"
            )));
        };
        let rows = rows_after(&document.principals, after)
            .filter(|(_, attached)| kind.is_none_or(|kind| kind == **attached))
            .map(|(key, attached)| {
                let principal = self.place().target(key);
                let kind = *attached;
                (key.clone(), ThingPrincipal { principal, kind })
            });
        Ok(Page::take(rows, limit))
    }

    /// ListPrincipalThings and ListPrincipalThingsV2, in order of thing.
    ///
    /// # Errors
    /// ResourceNotFound (certificate).
    pub fn list_principal_things(
        &self,
        principal: &str,
        kind: Option<ThingPrincipalType>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<PrincipalThing>, ThingsError> {
        let target = self.read_principal(principal)?;
        let state = self.state();
        if !target.exists(&state) {
            return Err(ThingsError::ResourceNotFound(format!(
                "Can't list things for the principal {principal} because the principal does not exist in your account"
            )));
        }
        let rows = attachments(&state, target.key())
            .filter(|(_, attached)| kind.is_none_or(|kind| kind == *attached))
            .map(|(name, kind)| {
                let thing = name.clone();
                (name.clone(), PrincipalThing { thing, kind })
            });
        Ok(Page::of(rows, after, limit))
    }

    /// The thing that a certificate acts as with a client id.
    pub fn connection_thing(&self, certificate_id: &str, client_id: &str) -> Option<ThingFacts> {
        let state = self.state();
        let (name, kind) = acts_as(&state, certificate_id, Some(client_id))?;
        let thing = state.registry.thing(name)?;
        Some(ThingFacts {
            name: name.to_owned(),
            type_name: thing.type_name.clone(),
            attributes: thing.attributes.clone(),
            exclusive: kind == ThingPrincipalType::ExclusiveThing,
        })
    }

    /// Whether a certificate is attached to a thing.
    pub fn is_attached(&self, certificate_id: &str, thing: &str) -> bool {
        let state = self.state();
        let principals = state.registry.thing(thing).map(|thing| &thing.principals);
        principals.is_some_and(|all| all.contains_key(&format!("cert/{certificate_id}")))
    }

    fn read_principal<'a>(&self, principal: &'a str) -> Result<Target<'a>, ThingsError> {
        match Target::read(principal, self.place())? {
            Target::ThingGroup(_) | Target::Unreadable => {
                Err(ThingsError::InvalidRequest(format!(
                    "Invalid principal {principal}: give the ARN of a certificate, or a Cognito identity id"
                )))
            }
            target @ (Target::Certificate(_) | Target::Identity(_) | Target::Other(_)) => {
                Ok(target)
            }
        }
    }
}

/// The things that a principal is attached to.
fn attachments<'s>(
    state: &'s State,
    principal: &str,
) -> impl Iterator<Item = (&'s String, ThingPrincipalType)> {
    let things = state.registry.things_of(principal);
    let kind = move |thing: &ThingDocument| thing.principals.get(principal).copied();
    let found: Vec<_> = things
        .filter_map(|(name, thing)| Some((name, kind(thing)?)))
        .collect();
    found.into_iter()
}

/// The name of the thing that a certificate acts as, and how it is attached.
pub(crate) fn acts_as<'s>(
    state: &'s State,
    certificate_id: &str,
    client_id: Option<&str>,
) -> Option<(&'s str, ThingPrincipalType)> {
    let principal = format!("cert/{certificate_id}");
    attachments(state, &principal)
        .find(|(name, kind)| {
            *kind == ThingPrincipalType::ExclusiveThing || client_id == Some(name.as_str())
        })
        .map(|(name, kind)| (name.as_str(), kind))
}

/// An exclusive principal is attached to one thing and no other.
pub(super) fn check_exclusive(
    state: &State,
    principal: &str,
    thing: &str,
    kind: ThingPrincipalType,
) -> Result<(), ThingsError> {
    let exclusive = ThingPrincipalType::ExclusiveThing;
    let in_the_way = attachments(state, principal)
        .find(|(name, there)| *name != thing && (kind == exclusive || *there == exclusive));
    let Some((other, _)) = in_the_way else {
        return Ok(());
    };
    Err(ThingsError::InvalidRequest(format!(
        "a principal with an EXCLUSIVE_THING attachment belongs to one thing alone, and this one is attached to {other}: detach it there first"
    )))
}
