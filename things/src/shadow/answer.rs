//! The documents that the service sends, as JSON text ("Shadow documents" in the AWS IoT developer
//! guide).

use super::document::{Section, ShadowDocument};
use super::merge::{Members, stamp, stamped};
use super::request::UpdateRequest;
use serde::Serialize;
use serde_json::Value;

/// What an accepted update is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowUpdate {
    /// For who asked: `update/accepted`, and the answer over HTTP.
    pub accepted: String,
    /// For `update/documents`.
    pub documents: String,
    /// For `update/delta`, if desired and reported differ.
    pub delta: Option<String>,
}

impl ShadowUpdate {
    pub(super) fn of(
        request: &UpdateRequest,
        previous: Option<&ShadowDocument>,
        current: &ShadowDocument,
        timestamp: u64,
    ) -> Self {
        let client_token = request.client_token.as_deref();
        let delta = current.delta();
        Self {
            accepted: text(&Accepted {
                state: &request.state,
                metadata: &stamped(&request.state, &stamp(timestamp)),
                version: current.version,
                timestamp,
                client_token,
            }),
            documents: text(&Documents {
                previous: previous.map(Shown::of),
                current: Shown::of(current),
                timestamp,
                client_token,
            }),
            delta: (!delta.state.is_empty()).then(|| {
                text(&Delta {
                    version: current.version,
                    timestamp,
                    state: &delta.state,
                    metadata: &delta.metadata,
                    client_token,
                })
            }),
        }
    }
}

/// The whole shadow, for who gets it.
pub(super) fn got(
    document: &ShadowDocument,
    timestamp: u64,
    client_token: Option<&str>,
) -> GotDocument {
    let Section { state: delta, .. } = document.delta();
    let mut state = sides(document, |section| &section.state);
    if !delta.is_empty() {
        state.insert("delta".to_owned(), Value::Object(delta));
    }
    GotDocument {
        state,
        metadata: sides(document, |section| &section.metadata),
        version: document.version,
        timestamp,
        client_token: client_token.map(str::to_owned),
    }
}

/// For who deletes a shadow.
pub(super) fn deleted(version: u64, timestamp: u64, client_token: Option<&str>) -> String {
    text(&Deleted {
        version,
        timestamp,
        client_token,
    })
}

pub(super) fn text(document: &impl Serialize) -> String {
    serde_json::to_string(document).expect("texts, numbers and JSON values can all be written")
}

fn sides(document: &ShadowDocument, side: impl Fn(&Section) -> &Members) -> Members {
    let sections = [
        ("desired", &document.desired),
        ("reported", &document.reported),
    ];
    let filled = sections
        .into_iter()
        .filter(|(_, section)| !section.state.is_empty());
    filled
        .map(|(name, section)| (name.to_owned(), Value::Object(side(section).clone())))
        .collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted<'a> {
    state: &'a Value,
    metadata: &'a Value,
    version: u64,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Documents<'a> {
    previous: Option<Shown>,
    current: Shown,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
}

/// A shadow without its delta.
#[derive(Serialize)]
struct Shown {
    state: Members,
    metadata: Members,
    version: u64,
}

impl Shown {
    fn of(document: &ShadowDocument) -> Self {
        Self {
            state: sides(document, |section| &section.state),
            metadata: sides(document, |section| &section.metadata),
            version: document.version,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Delta<'a> {
    version: u64,
    timestamp: u64,
    state: &'a Members,
    metadata: &'a Members,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GotDocument {
    state: Members,
    metadata: Members,
    version: u64,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted<'a> {
    version: u64,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
}
