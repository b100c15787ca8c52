//! Principals (certificates, Cognito identities) attached to things.

use crate::{Page, Things, ThingsError};
use std::collections::BTreeMap;

/// How a principal is attached to a thing (ThingPrincipalType of the API).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

#[allow(unused_variables)]
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
        todo!()
    }

    /// DetachThingPrincipal. A principal that is not attached is no error.
    ///
    /// # Errors
    /// ResourceNotFound (thing).
    pub fn detach_thing_principal(&self, thing: &str, principal: &str) -> Result<(), ThingsError> {
        todo!()
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
        todo!()
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
        todo!()
    }

    /// The thing that a certificate acts as with a client id.
    pub fn connection_thing(&self, certificate_id: &str, client_id: &str) -> Option<ThingFacts> {
        todo!()
    }
}
