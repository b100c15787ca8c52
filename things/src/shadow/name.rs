//! Which shadow is meant.

use super::ShadowError;

/// Most characters of a thing's name.
const THING_CHARS_MAX: usize = 128;
/// Most characters of a shadow's name.
const SHADOW_CHARS_MAX: usize = 64;

/// A thing's classic shadow, or one of its named ones. The thing need not be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowName {
    /// `THING`, or `THING/SHADOW`: neither name can have a slash.
    key: Box<str>,
}

impl ShadowName {
    /// The classic shadow of a thing, or its shadow of a name.
    ///
    /// # Errors
    /// Names that no thing and no shadow can have.
    pub fn new(thing: &str, shadow: Option<&str>) -> Result<Self, ShadowError> {
        let fits = |name: &str, chars_max: usize, more: &[u8]| {
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || more.contains(byte);
            (1..=chars_max).contains(&name.len()) && name.as_bytes().iter().all(allowed)
        };
        if !fits(thing, THING_CHARS_MAX, b":_-") {
            return Err(ShadowError::InvalidThingName);
        }
        let key = match shadow {
            None => thing.into(),
            Some(shadow) if fits(shadow, SHADOW_CHARS_MAX, b"$:_-") => {
                format!("{thing}/{shadow}").into()
            }
            Some(_) => return Err(ShadowError::InvalidShadowName),
        };
        Ok(Self { key })
    }

    /// The thing.
    pub fn thing(&self) -> &str {
        self.key
            .split_once('/')
            .map_or(&*self.key, |(thing, _)| thing)
    }

    /// The shadow's own name; the classic shadow has none.
    pub fn shadow(&self) -> Option<&str> {
        self.key.split_once('/').map(|(_, shadow)| shadow)
    }

    /// What AWS calls it in messages: its own name, or the thing's.
    pub(super) fn shown(&self) -> &str {
        self.shadow().unwrap_or(&self.key)
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_aws_allows() {
        let check = |thing: &str, shadow: Option<&str>, expected: Result<&str, ShadowError>| {
            let found = ShadowName::new(thing, shadow);
            let key = found.as_ref().map(ShadowName::key).map_err(Clone::clone);
            assert_eq!(key, expected, "{thing} {shadow:?}");
            if let Ok(name) = &found {
                assert_eq!((name.thing(), name.shadow()), (thing, shadow));
            }
        };
        let long = "x".repeat(129);
        check("a:b_c-1", None, Ok("a:b_c-1"));
        check("a", Some("$package"), Ok("a/$package"));
        check("a", Some(&long[..64]), Ok(&format!("a/{}", &long[..64])));
        check("", None, Err(ShadowError::InvalidThingName));
        check("a/b", None, Err(ShadowError::InvalidThingName));
        check("$a", None, Err(ShadowError::InvalidThingName));
        check(&long, None, Err(ShadowError::InvalidThingName));
        check("a", Some(""), Err(ShadowError::InvalidShadowName));
        check("a", Some("é"), Err(ShadowError::InvalidShadowName));
        check("a", Some(&long[..65]), Err(ShadowError::InvalidShadowName));
    }
}
