//! The shadows of all things.

use super::answer::{self, ShadowUpdate, got, text};
use super::document::ShadowDocument;
use super::request::{UpdateRequest, client_token};
use super::{ShadowError, ShadowName, ShadowRejected};
use crate::store::{Row, Rows, Table};
use crate::{Page, page};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// How long the version of a deleted shadow is kept, from which a new one goes on: 48 hours
/// ("Device Shadow service data flow" in the AWS IoT developer guide).
const VERSION_KEPT_MS: u64 = 48 * 3600 * 1000;

/// Versions of deleted shadows that are kept; whoever makes up names does not fill the memory.
const VERSIONS_MAX: usize = 100_000;

/// The shadows of a server. Changes are written to the store in the order in which they happen;
/// who needs them there before going on waits for the store.
pub struct Shadows {
    kept: Mutex<Kept>,
    rows: Option<Arc<Rows>>,
}

#[derive(Default)]
struct Kept {
    /// By key.
    shadows: BTreeMap<String, Entry>,
    /// When shadows were deleted, the oldest first; some may be back since.
    deleted: VecDeque<(u64, String)>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Entry {
    Live(Arc<ShadowDocument>),
    /// Was deleted.
    Gone {
        version: u64,
        at_ms: u64,
    },
}

impl Shadows {
    /// Reads what the store has.
    ///
    /// # Errors
    /// The store cannot be read, in words.
    pub(crate) fn open(rows: Option<&Arc<Rows>>) -> Result<Self, String> {
        let mut kept = Kept::default();
        if let Some(rows) = rows {
            rows.each(Table::Shadows, |key, value| {
                let entry = serde_json::from_slice(value).ok();
                let read = str::from_utf8(key).ok().zip(entry);
                match read {
                    Some((key, entry)) => kept.put(key, entry),
                    None => tracing::warn!(key = %key.escape_ascii(), "a stored shadow is damaged"),
                }
            })?;
            kept.deleted.make_contiguous().sort_unstable();
        }
        Ok(Self {
            kept: Mutex::new(kept),
            rows: rows.cloned(),
        })
    }

    /// GetThingShadow. The request may be empty, or hold a client token.
    ///
    /// # Errors
    /// There is no such shadow, or the request is damaged.
    pub fn get(
        &self,
        name: &ShadowName,
        request: &[u8],
        now_ms: u64,
    ) -> Result<String, ShadowRejected> {
        let client_token = client_token(request)?;
        match self.live(name) {
            Some(document) => {
                let got = got(&document, now_ms / 1000, client_token.as_deref());
                Ok(text(&got))
            }
            None => Err(not_found(name, client_token)),
        }
    }

    /// The document of a thing's classic or named shadow as GetThingShadow gives it, for
    /// `get_thing_shadow()` of rule SQL. Names that cannot be have none.
    pub fn document(&self, thing: &str, shadow: Option<&str>, now_ms: u64) -> Option<Value> {
        let name = ShadowName::new(thing, shadow).ok()?;
        let document = self.live(&name)?;
        serde_json::to_value(got(&document, now_ms / 1000, None)).ok()
    }

    /// UpdateThingShadow.
    ///
    /// # Errors
    /// All that [`ShadowError`] names.
    pub fn update(
        &self,
        name: &ShadowName,
        request: &[u8],
        now_ms: u64,
    ) -> Result<ShadowUpdate, ShadowRejected> {
        let request = UpdateRequest::parse(request)?;
        let seconds = now_ms / 1000;
        match self.apply(name, &request, now_ms) {
            Ok((previous, current)) => Ok(ShadowUpdate::of(
                &request,
                previous.as_deref(),
                &current,
                seconds,
            )),
            Err(error) => Err(ShadowRejected {
                error,
                client_token: request.client_token,
            }),
        }
    }

    /// Makes the change; gives the shadow before and after it.
    fn apply(
        &self,
        name: &ShadowName,
        request: &UpdateRequest,
        now_ms: u64,
    ) -> Result<(Option<Arc<ShadowDocument>>, Arc<ShadowDocument>), ShadowError> {
        let mut kept = self.kept.lock();
        let (previous, last_version) = match kept.shadows.get(name.key()) {
            Some(Entry::Live(document)) => (Some(Arc::clone(document)), document.version),
            Some(Entry::Gone { version, at_ms }) if now_ms < at_ms + VERSION_KEPT_MS => {
                (None, *version)
            }
            Some(Entry::Gone { .. }) | None => (None, 0),
        };
        let version = previous.as_ref().map_or(0, |document| document.version);
        if request.version.is_some_and(|asked| asked != version) {
            return Err(ShadowError::VersionConflict);
        }
        let nothing = ShadowDocument::default();
        let before = previous.as_deref().unwrap_or(&nothing);
        let current = Arc::new(before.updated(request, last_version + 1, now_ms / 1000)?);
        self.put(&mut kept, name, Entry::Live(Arc::clone(&current)));
        Ok((previous, current))
    }

    /// DeleteThingShadow. The request may be empty, or hold a client token.
    ///
    /// # Errors
    /// There is no such shadow, or the request is damaged.
    pub fn delete(
        &self,
        name: &ShadowName,
        request: &[u8],
        now_ms: u64,
    ) -> Result<String, ShadowRejected> {
        let client_token = client_token(request)?;
        let mut kept = self.kept.lock();
        let Some(Entry::Live(document)) = kept.shadows.get(name.key()) else {
            return Err(not_found(name, client_token));
        };
        let version = document.version;
        let gone = Entry::Gone {
            version,
            at_ms: now_ms,
        };
        self.put(&mut kept, name, gone);
        self.forget(&mut kept, now_ms);
        drop(kept);
        Ok(answer::deleted(
            version,
            now_ms / 1000,
            client_token.as_deref(),
        ))
    }

    /// ListNamedShadowsForThing, in order of name.
    pub fn list_named(&self, thing: &str, after: Option<&str>, limit: usize) -> Page<String> {
        let kept = self.kept.lock();
        let prefix = format!("{thing}/");
        // A thing's key is followed by those of its shadows alone: nothing sorts between.
        let from = after.map_or_else(|| prefix.clone(), |after| format!("{prefix}{after}"));
        let named = page::rows_after(&kept.shadows, Some(&from));
        let named = named.map_while(|(key, entry)| Some((key.strip_prefix(&*prefix)?, entry)));
        let live = named.filter(|(_, entry)| matches!(entry, Entry::Live(_)));
        let rows = live.map(|(name, _)| (name.to_owned(), name.to_owned()));
        Page::take(rows, limit)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let kept = self.kept.lock();
        let live = |entry: &&Entry| matches!(entry, Entry::Live(_));
        kept.shadows.values().filter(live).count()
    }

    /// Forgets all shadows in memory.
    pub(crate) fn clear(&self) {
        *self.kept.lock() = Kept::default();
    }

    fn live(&self, name: &ShadowName) -> Option<Arc<ShadowDocument>> {
        match self.kept.lock().shadows.get(name.key()) {
            Some(Entry::Live(document)) => Some(Arc::clone(document)),
            Some(Entry::Gone { .. }) | None => None,
        }
    }

    /// Changes an entry in memory and in the store.
    fn put(&self, kept: &mut Kept, name: &ShadowName, entry: Entry) {
        if let Some(rows) = &self.rows {
            let entry = entry.clone();
            let bytes = match &entry {
                Entry::Live(document) => document.bytes(),
                Entry::Gone { .. } => 0,
            };
            let row = Row::put(Table::Shadows, name.key().as_bytes(), bytes, move || {
                text(&entry).into_bytes()
            });
            rows.write([row], None);
        }
        kept.put(name.key(), entry);
    }

    /// Lets go of versions that are kept no longer.
    fn forget(&self, kept: &mut Kept, now_ms: u64) {
        let is_over = |at_ms: u64| now_ms >= at_ms + VERSION_KEPT_MS;
        let too_many = |kept: &Kept| kept.deleted.len() > VERSIONS_MAX;
        while let Some((deleted_ms, key)) = kept.deleted.front().cloned()
            && (too_many(kept) || is_over(deleted_ms))
        {
            kept.deleted.pop_front();
            let is_gone = |entry: &Entry| match entry {
                Entry::Live(_) => false,
                Entry::Gone { at_ms, .. } => *at_ms == deleted_ms,
            };
            if kept.shadows.get(&key).is_some_and(is_gone) {
                kept.shadows.remove(&key);
                if let Some(rows) = &self.rows {
                    rows.write([Row::remove(Table::Shadows, key.as_bytes())], None);
                }
            }
        }
    }
}

impl Kept {
    fn put(&mut self, key: &str, entry: Entry) {
        if let Entry::Gone { at_ms, .. } = &entry {
            self.deleted.push_back((*at_ms, key.to_owned()));
        }
        self.shadows.insert(key.to_owned(), entry);
    }
}

impl fmt::Debug for Shadows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadows")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

fn not_found(name: &ShadowName, client_token: Option<String>) -> ShadowRejected {
    ShadowRejected {
        error: ShadowError::NotFound(name.shown().to_owned()),
        client_token,
    }
}
