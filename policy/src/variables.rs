//! What a policy can ask about a request: variables, which are also condition keys.

use std::collections::BTreeMap;

/// The value of one variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A single value; only such a value can stand in for `${name}`.
    One(&'a str),
    /// A list, for the `ForAllValues` and `ForAnyValue` qualifiers; empty counts as absent.
    Many(&'a [String]),
}

impl<'a> Value<'a> {
    /// Whether there is no value in it.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Value::One(_) => false,
            Value::Many(list) => list.is_empty(),
        }
    }

    /// Whether every value passes; true for none.
    pub(crate) fn all(self, mut test: impl FnMut(&'a str) -> bool) -> bool {
        match self {
            Value::One(text) => test(text),
            Value::Many(list) => list.iter().all(|text| test(text)),
        }
    }

    /// Whether some value passes; false for none.
    pub(crate) fn any(self, mut test: impl FnMut(&'a str) -> bool) -> bool {
        !self.all(|text| !test(text))
    }
}

/// Where the variables of a request come from: a connection's facts, a map, one over the other.
pub trait Variables {
    /// The variable of that name, or `None` if the request has none. Names arrive as
    /// [`canonical_name`] writes them, so `iot:clientid`: an implementation need not fold case.
    fn value(&self, name: &str) -> Option<Value<'_>>;
}

/// No variables at all.
impl Variables for () {
    fn value(&self, _name: &str) -> Option<Value<'_>> {
        None
    }
}

impl<T: Variables + ?Sized> Variables for &T {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        (**self).value(name)
    }
}

/// A variable's name as policies are compiled to: names are case-insensitive (IAM user guide,
/// condition keys), so lower case. `iot:Thing.ThingName`, printed in some examples of the AWS IoT
/// guide, is the same as `iot:Connection.Thing.ThingName`.
pub fn canonical_name(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    if name == "iot:thing.thingname" {
        "iot:connection.thing.thingname".to_owned()
    } else {
        name
    }
}

/// Variables in a map, under any spelling of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariableMap {
    // Private: every key is canonical.
    values: BTreeMap<String, Stored>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stored {
    One(String),
    Many(Vec<String>),
}

impl VariableMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a single value, in place of any other.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values
            .insert(canonical_name(name), Stored::One(value.into()));
    }

    /// Sets a list, in place of any other value.
    pub fn set_list(&mut self, name: &str, values: Vec<String>) {
        self.values
            .insert(canonical_name(name), Stored::Many(values));
    }

    /// Adds a value: the first is a single value, a second makes a list of both.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        let name = canonical_name(name);
        let stored = match self.values.remove(&name) {
            None => Stored::One(value.into()),
            Some(Stored::One(first)) => Stored::Many(vec![first, value.into()]),
            Some(Stored::Many(mut list)) => {
                list.push(value.into());
                Stored::Many(list)
            }
        };
        self.values.insert(name, stored);
    }

    /// Takes a variable away.
    pub fn remove(&mut self, name: &str) {
        self.values.remove(&canonical_name(name));
    }
}

impl Variables for VariableMap {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        Some(match self.values.get(name)? {
            Stored::One(text) => Value::One(text),
            Stored::Many(list) => Value::Many(list),
        })
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for VariableMap {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (name, value) in pairs {
            map.push(name.as_ref(), value);
        }
        map
    }
}

/// One request's variables over those of its connection: `over` is asked first.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    /// Asked first.
    pub over: &'a dyn Variables,
    /// Asked for what `over` does not have.
    pub base: &'a dyn Variables,
}

impl Variables for Overlay<'_> {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        self.over.value(name).or_else(|| self.base.value(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_case_insensitive_and_the_old_thing_name_is_an_alias() {
        let mut map = VariableMap::new();
        map.set("IOT:ClientID", "c");
        map.set("iot:Thing.ThingName", "t");
        assert_eq!(map.value("iot:clientid"), Some(Value::One("c")));
        assert_eq!(
            map.value("iot:connection.thing.thingname"),
            Some(Value::One("t"))
        );
        map.remove("iot:clientId");
        assert_eq!(map.value("iot:clientid"), None);
    }

    #[test]
    fn a_repeated_name_makes_a_list() {
        let map: VariableMap = [("k", "a"), ("K", "b"), ("k", "c"), ("x", "1")]
            .into_iter()
            .collect();
        let list = ["a", "b", "c"].map(String::from);
        assert_eq!(map.value("k"), Some(Value::Many(&list)));
        assert_eq!(map.value("x"), Some(Value::One("1")));
    }

    #[test]
    fn an_overlay_hides_the_base_by_name() {
        let over: VariableMap = [("a", "1")].into_iter().collect();
        let base: VariableMap = [("a", "2"), ("b", "3")].into_iter().collect();
        let both = Overlay {
            over: &over,
            base: &base,
        };
        assert_eq!(both.value("a"), Some(Value::One("1")));
        assert_eq!(both.value("b"), Some(Value::One("3")));
        assert_eq!(both.value("c"), None);
    }
}
