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

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key)
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

/// Texts under names, in order of name, in one piece of memory: a search reads those of a hundred
/// thousand things one after the other. Each name and each text has its length in bytes in front, as
/// a character, so that the whole is a text too.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct TextMap(Box<str>);

impl TextMap {
    /// A text that is longer than any that the API allows is left empty.
    fn of<'t>(entries: impl Iterator<Item = (&'t str, &'t str)>) -> Self {
        let mut whole = String::new();
        for text in entries.flat_map(|(name, value)| [name, value]) {
            let length = u32::try_from(text.len()).ok().and_then(char::from_u32);
            whole.push(length.unwrap_or('\0'));
            whole.push_str(if length.is_some() { text } else { "" });
        }
        Self(whole.into())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || Some((take(&mut rest)?, take(&mut rest)?)))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut entries = self.iter();
        let found = entries.find(|(found, _)| *found == name);
        found.map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(_, value)| value)
    }

    /// The same as an ordinary map.
    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        let entries = self.iter();
        entries
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// Takes the first text off.
fn take<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let mut characters = rest.chars();
    let length = characters.next()? as usize;
    let (text, behind) = characters.as_str().split_at_checked(length)?;
    *rest = behind;
    Some(text)
}

impl From<&BTreeMap<String, String>> for TextMap {
    fn from(map: &BTreeMap<String, String>) -> Self {
        let entries = map.iter();
        Self::of(entries.map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl fmt::Debug for TextMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for TextMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = SmallMap::<Box<str>>::deserialize(deserializer)?;
        Ok(Self::of(map.iter().map(|(name, value)| (name, &**value))))
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
            let entries = small.iter().map(|(key, value)| (key, &**value));
            let wanted = model.iter().map(|(key, value)| (&**key, &**value));
            assert!(entries.eq(wanted), "{step}");
            assert_eq!(small.is_empty(), model.is_empty());
            assert_eq!(small.contains_key(&key), model.contains_key(&key));
            let text = serde_json::to_string(&small).unwrap();
            assert_eq!(text, serde_json::to_string(&model).unwrap());
            assert_eq!(
                serde_json::from_str::<SmallMap<Box<str>>>(&text).unwrap(),
                small
            );
        }
    }

    #[test]
    fn a_text_map_holds_what_an_ordinary_one_does() {
        let lengths = [0, 1, 127, 128, 800, 3200];
        let entry = |length: usize| (format!("k{length}"), "\u{e9}".repeat(length));
        for count in 0..lengths.len() {
            let model: BTreeMap<String, String> = lengths[..count]
                .iter()
                .map(|length| entry(*length))
                .collect();
            let texts = TextMap::from(&model);
            assert_eq!(texts.to_map(), model);
            assert_eq!(texts.len(), count);
            for (name, value) in &model {
                assert_eq!(texts.get(name), Some(&**value));
            }
            assert_eq!(texts.get("none"), None);
            let json = serde_json::to_string(&texts).unwrap();
            assert_eq!(json, serde_json::to_string(&model).unwrap());
            assert_eq!(serde_json::from_str::<TextMap>(&json).unwrap(), texts);
        }
        let long = BTreeMap::from([("k".to_owned(), "x".repeat(0xd800))]);
        assert_eq!(TextMap::from(&long).get("k"), Some(""));
    }

    #[test]
    fn entries_out_of_order_are_put_in_order() {
        let read: SmallMap<u8> = serde_json::from_str(r#"{"b": 1, "a": 2, "b": 3}"#).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [("a", &2), ("b", &1)]);
    }
}
