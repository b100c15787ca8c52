//! Lists that are given out in pages.

use std::collections::BTreeMap;
use std::ops::Bound;

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The part, in the list's order.
    pub items: Vec<T>,
    /// What to pass as `after` for the next part; `None` at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Takes a page from rows that are already those behind `after`; the key of a page's last row
    /// leads on, also if that row is deleted in between.
    pub(crate) fn take(rows: impl IntoIterator<Item = (String, T)>, limit: usize) -> Self {
        let mut rows = rows.into_iter();
        let mut items = Vec::new();
        let mut last = None;
        while items.len() < limit.max(1) {
            let Some((key, item)) = rows.next() else {
                return Self { items, next: None };
            };
            items.push(item);
            last = Some(key);
        }
        let next = rows.next().and(last);
        Self { items, next }
    }

    /// A page of rows in order of key, from all of them.
    pub(crate) fn of(
        rows: impl IntoIterator<Item = (String, T)>,
        after: Option<&str>,
        limit: usize,
    ) -> Self {
        let behind = |key: &str| after.is_none_or(|after| key > after);
        Self::take(rows.into_iter().filter(|(key, _)| behind(key)), limit)
    }
}

/// The rows of a map behind a key.
pub(crate) fn rows_after<'m, V>(
    map: &'m BTreeMap<String, V>,
    after: Option<&str>,
) -> impl Iterator<Item = (&'m String, &'m V)> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    map.range::<str, _>((from, Bound::Unbounded))
}

/// Names in order of creation: the key of each sorts by time, then by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByAge(BTreeMap<String, String>);

impl ByAge {
    fn key(created_ms: u64, name: &str) -> String {
        format!("{created_ms:020}.{name}")
    }

    pub(crate) fn insert(&mut self, created_ms: u64, name: &str) {
        self.0.insert(Self::key(created_ms, name), name.to_owned());
    }

    pub(crate) fn remove(&mut self, created_ms: u64, name: &str) {
        self.0.remove(&Self::key(created_ms, name));
    }

    /// A page of what `show` makes of the names; those of which it makes nothing are left out.
    pub(crate) fn page<T>(
        &self,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
        show: impl Fn(&str) -> Option<T>,
    ) -> Page<T> {
        let shown = |(key, name): (&String, &String)| Some((key.clone(), show(name)?));
        if ascending {
            Page::take(rows_after(&self.0, after).filter_map(shown), limit)
        } else {
            let before = after.map_or(Bound::Unbounded, Bound::Excluded);
            let rows = self.0.range::<str, _>((Bound::Unbounded, before)).rev();
            Page::take(rows.filter_map(shown), limit)
        }
    }
}
