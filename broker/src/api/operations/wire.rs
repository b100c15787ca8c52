//! Wire forms that several families share.

use super::Call;
use crate::api::error::ApiError;
use crate::api::reply::Reply;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use things::{Page, Tags};

/// An attributePayload.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AttributePayload {
    pub(super) attributes: Option<BTreeMap<String, String>>,
    pub(super) merge: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

/// The member `tags`, a list of keys and values.
pub(super) fn tags(call: &Call) -> Result<Tags, ApiError> {
    let tags: Vec<Tag> = call.read("tags")?;
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// The answer of an operation whose output has no members.
pub(super) fn nothing() -> Reply {
    Reply::Json(Value::Object(Map::new()))
}

/// A version in the member `expectedVersion`.
pub(super) fn expected_version(call: &Call) -> Result<Option<u64>, ApiError> {
    let refused = |_| ApiError::invalid("`expectedVersion` must not be negative");
    let version = call.number("expectedVersion");
    version.map(u64::try_from).transpose().map_err(refused)
}

/// The name in a member, or at the end of the ARN in another one.
pub(super) fn name_or_arn<'a>(call: &'a Call, name: &str, arn: &str) -> Result<&'a str, ApiError> {
    if let Some(name) = call.optional(name) {
        return Ok(name);
    }
    let missing = || ApiError::invalid(format!("one of `{name}` and `{arn}` is required"));
    let arn = call.optional(arn).ok_or_else(missing)?;
    Ok(arn.rsplit('/').next().unwrap_or(arn))
}

/// A page of a listing as an answer: the items under `list`, and the token of the next page.
pub(super) fn listed<T>(
    call: &Call,
    list: &str,
    page: &Page<T>,
    row: impl Fn(&T) -> Value,
) -> Reply {
    let mut answer = Map::new();
    let items: Vec<Value> = page.items.iter().map(row).collect();
    answer.insert(list.to_owned(), items.into());
    call.put_token(&mut answer, page.next.as_deref());
    Reply::Json(answer.into())
}

/// An object without the members that are null: AWS leaves out what is not set.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.collect())
        }
        other => other,
    }
}
