//! An object that a statement builds, its members in the order in which they came.

use super::value::{Text, Value};
use std::collections::HashMap;
use std::rc::Rc;

/// Members beyond which a name is looked up in an index.
const INDEXED_FROM: usize = 16;

/// Names and values; no name twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Object<'v> {
    members: Vec<(Text<'v>, Value<'v>)>,
    // Of all members, once there are `INDEXED_FROM`.
    places: HashMap<Box<str>, usize>,
}

impl<'v> Object<'v> {
    pub(super) fn get(&self, name: &str) -> Option<&Value<'v>> {
        self.place(name).map(|place| &self.members[place].1)
    }

    fn place(&self, name: &str) -> Option<usize> {
        if self.members.len() < INDEXED_FROM {
            return self.members.iter().position(|(known, _)| **known == *name);
        }
        self.places.get(name).copied()
    }

    /// Sets a member; a name that is there keeps its place.
    pub(super) fn set(&mut self, name: Text<'v>, value: Value<'v>) {
        if let Some(place) = self.place(&name) {
            self.members[place].1 = value;
            return;
        }
        self.members.push((name, value));
        let count = self.members.len();
        if count == INDEXED_FROM {
            let names = self.members.iter().enumerate();
            self.places = names
                .map(|(place, (name, _))| ((**name).into(), place))
                .collect();
        } else if count > INDEXED_FROM {
            let name = (*self.members[count - 1].0).into();
            self.places.insert(name, count - 1);
        }
    }

    /// Sets a member inside members, as an alias `a.b` does; objects on the way are added to.
    pub(super) fn set_path(&mut self, path: &'v [Box<str>], value: Value<'v>) {
        match path {
            [] => {}
            [name] => self.set(Text::Borrowed(name), value),
            [name, rest @ ..] => {
                let known = self.get(name).and_then(Value::members);
                let mut inner: Object<'v> = known.into_iter().flatten().collect();
                inner.set_path(rest, value);
                self.set(Text::Borrowed(name), Value::Object(Rc::new(inner)));
            }
        }
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, (Text<'v>, Value<'v>)> {
        self.members.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

impl<'v> FromIterator<(Text<'v>, Value<'v>)> for Object<'v> {
    fn from_iter<I: IntoIterator<Item = (Text<'v>, Value<'v>)>>(members: I) -> Self {
        let mut object = Self::default();
        object.extend(members);
        object
    }
}

impl<'v> Extend<(Text<'v>, Value<'v>)> for Object<'v> {
    fn extend<I: IntoIterator<Item = (Text<'v>, Value<'v>)>>(&mut self, members: I) {
        for (name, value) in members {
            self.set(name, value);
        }
    }
}
