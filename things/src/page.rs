//! Lists that are given out in pages.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

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

/// Names in order of creation, and then of name.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByAge(BTreeSet<(u64, Arc<str>)>);

impl ByAge {
    /// What leads on behind a name.
    fn token(created_ms: u64, name: &str) -> String {
        format!("{created_ms:020}.{name}")
    }

    /// Where a token leads; one that nobody was given leads to the beginning.
    fn place(token: &str) -> Option<(u64, Arc<str>)> {
        let (created_ms, name) = token.split_once('.')?;
        Some((created_ms.parse().ok()?, name.into()))
    }

    pub(crate) fn insert(&mut self, created_ms: u64, name: impl Into<Arc<str>>) {
        self.0.insert((created_ms, name.into()));
    }

    pub(crate) fn remove(&mut self, created_ms: u64, name: &str) {
        self.0.remove(&(created_ms, Arc::from(name)));
    }

    /// A page of what `show` makes of the names; those of which it makes nothing are left out.
    pub(crate) fn page<T>(
        &self,
        ascending: bool,
        after: Option<&str>,
        limit: usize,
        show: impl Fn(&str) -> Option<T>,
    ) -> Page<T> {
        let at = after.and_then(Self::place);
        let at = at.map_or(Bound::Unbounded, Bound::Excluded);
        let shown = |(created_ms, name): &(u64, Arc<str>)| {
            Some((Self::token(*created_ms, name), show(name)?))
        };
        if ascending {
            let rows = self.0.range((at, Bound::Unbounded));
            Page::take(rows.filter_map(shown), limit)
        } else {
            let rows = self.0.range((Bound::Unbounded, at)).rev();
            Page::take(rows.filter_map(shown), limit)
        }
    }
}
