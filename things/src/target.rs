//! What policies and things are attached to, in the form that requests name it.

use crate::ThingsError;
use crate::arn::Place;
use crate::state::State;

/// A principal or target as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// A certificate, by `cert/ID`.
    Certificate(&'a str),
    /// A thing group, by `thinggroup/NAME`.
    ThingGroup(&'a str),
    /// A Cognito identity, as in `us-east-1:` and a UUID.
    Identity(&'a str),
    /// Another ARN.
    Other(&'a str),
    /// Nothing that could be one.
    Unreadable,
}

impl<'a> Target<'a> {
    /// Reads a principal or target.
    ///
    /// # Errors
    /// AccessDenied for one of another account.
    pub(crate) fn read(text: &'a str, place: &Place) -> Result<Self, ThingsError> {
        if !text.starts_with("arn:") {
            return Ok(if is_identity(text) {
                Self::Identity(text)
            } else {
                Self::Unreadable
            });
        }
        Ok(match place.iot_resource(text)? {
            Some(resource) if resource.starts_with("cert/") => Self::Certificate(resource),
            Some(resource) if resource.starts_with("thinggroup/") => Self::ThingGroup(resource),
            Some(_) | None => Self::Other(text),
        })
    }

    /// What it is stored under: without region and account, which a later start may change.
    pub(crate) fn key(self) -> &'a str {
        match self {
            Self::Certificate(text)
            | Self::ThingGroup(text)
            | Self::Identity(text)
            | Self::Other(text) => text,
            Self::Unreadable => "",
        }
    }

    /// Whether there is such a certificate or thing group; what is kept elsewhere always exists.
    pub(crate) fn exists(self, state: &State) -> bool {
        match self {
            Self::Certificate(key) => state.certificates.by_id.contains_key(&key["cert/".len()..]),
            Self::ThingGroup(key) => state.registry.has_group(&key["thinggroup/".len()..]),
            Self::Identity(_) | Self::Other(_) => true,
            Self::Unreadable => false,
        }
    }
}

/// `region:uuid` (Cognito API reference, IdentityId).
fn is_identity(text: &str) -> bool {
    let Some((region, id)) = text.split_once(':') else {
        return false;
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let (region, id) = (region.as_bytes(), id.as_bytes());
    !region.is_empty()
        && !id.is_empty()
        && region.iter().all(|byte| word(*byte))
        && id
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

impl Place {
    /// A stored principal or target as answers name it.
    pub(crate) fn target(&self, key: &str) -> String {
        if key.starts_with("cert/") || key.starts_with("thinggroup/") {
            self.iot(key)
        } else {
            key.to_owned()
        }
    }
}
