//! Forms that take little room, for what there are a hundred thousand of. They are stored as their
//! ordinary counterparts are.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use uuid::Uuid;

/// A map of a few entries in order of key. It has exactly the room that they need, where a
/// `BTreeMap` has room for eleven; a change moves all of them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SmallMap<V>(Box<[(Box<str>, V)]>);

impl<V> Default for SmallMap<V> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<V> SmallMap<V> {
    fn at(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(found, _)| (**found).cmp(key))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        let at = self.at(key).ok()?;
        Some(&self.0[at].1)
    }

    pub(crate) fn contains_key(&self, key: &str) -> bool {
        self.at(key).is_ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn insert(&mut self, key: &str, value: V) {
        let mut entries = std::mem::take(&mut self.0).into_vec();
        match entries.binary_search_by(|(found, _)| (**found).cmp(key)) {
            Ok(at) => entries[at].1 = value,
            Err(at) => {
                entries.reserve_exact(1);
                entries.insert(at, (key.into(), value));
            }
        }
        self.0 = entries.into();
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        let at = self.at(key).ok()?;
        let mut entries = std::mem::take(&mut self.0).into_vec();
        let (_, value) = entries.remove(at);
        self.0 = entries.into();
        Some(value)
    }
}

impl SmallMap<Box<str>> {
    /// The same as an ordinary map.
    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        let entries = self.iter();
        entries
            .map(|(key, value)| (key.to_owned(), value.to_string()))
            .collect()
    }
}

impl From<&BTreeMap<String, String>> for SmallMap<Box<str>> {
    fn from(map: &BTreeMap<String, String>) -> Self {
        let entries = map.iter();
        Self(
            entries
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
        )
    }
}

impl<V: fmt::Debug> fmt::Debug for SmallMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<V: Serialize> Serialize for SmallMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for SmallMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = SmallMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<Box<str>, V>()? {
                    entries.push(entry);
                }
                // They were written in order; a file that somebody has changed is put right.
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                entries.dedup_by(|(later, _), (first, _)| later == first);
                Ok(SmallMap(entries.into()))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// UUIDs as they are usually written, for `#[serde(with)]`.
pub(crate) mod uuid_text {
    use super::{Deserialize, Deserializer, Serializer, Uuid};
    use serde::de::Error;
    use std::borrow::Cow;

    pub(crate) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Uuid, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Uuid::parse_str(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_map_does_what_an_ordinary_one_does() {
        let mut small = SmallMap::<Box<str>>::default();
        let mut model = BTreeMap::<String, String>::new();
        // All orders in which few keys can come and go.
        for step in 0..512_u32 {
            let key = format!("k{}", (step * 7) % 5);
            if (step / 3) % 2 == 0 {
                small.insert(&key, format!("v{step}").into());
                model.insert(key.clone(), format!("v{step}"));
            } else {
                let removed = small.remove(&key).map(String::from);
                assert_eq!(removed, model.remove(&key), "{step}");
            }
            assert_eq!(small.to_map(), model, "{step}");
            assert_eq!(small.len(), model.len());
            assert_eq!(small.contains_key(&key), model.contains_key(&key));
            assert_eq!(SmallMap::from(&model), small);
            let text = serde_json::to_string(&small).unwrap();
            assert_eq!(text, serde_json::to_string(&model).unwrap());
            assert_eq!(
                serde_json::from_str::<SmallMap<Box<str>>>(&text).unwrap(),
                small
            );
        }
    }

    #[test]
    fn entries_out_of_order_are_put_in_order() {
        let read: SmallMap<u8> = serde_json::from_str(r#"{"b": 1, "a": 2, "b": 3}"#).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [("a", &2), ("b", &1)]);
    }
}
