//! Operations of the API, called by a seed.

use super::SeedError;
use crate::api::{ApiError, Code, Service, call_as_account};
use crate::world::World;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// What a seed is applied to.
pub(super) struct Target<'w> {
    pub(super) world: &'w Arc<World>,
    /// What paths in the seed are relative to; `None`: it may not name any.
    pub(super) folder: Option<PathBuf>,
}

impl Target<'_> {
    /// Calls an operation of the control plane; `at` is for errors.
    pub(super) fn call(&self, at: &str, name: &str, members: Value) -> Result<Value, SeedError> {
        self.try_call(name, members)
            .map_err(|error| SeedError::refused(at, &error))
    }

    /// The same with the API's own error.
    pub(super) fn try_call(&self, name: &str, members: Value) -> Result<Value, ApiError> {
        self.call_service(Service::Iot, name, members)
    }

    pub(super) fn call_service(
        &self,
        service: Service,
        name: &str,
        members: Value,
    ) -> Result<Value, ApiError> {
        let Value::Object(members) = members else {
            return Err(ApiError::invalid("the members of a call must be an object"));
        };
        call_as_account(self.world, service, name, members)
    }

    /// Calls an operation that creates, and another one if what it creates is there.
    pub(super) fn put(
        &self,
        at: &str,
        create: &str,
        update: &str,
        members: &Map<String, Value>,
        not_in_update: &[&str],
    ) -> Result<Value, SeedError> {
        match self.try_call(create, Value::Object(members.clone())) {
            Err(error) if error.code == Code::ResourceAlreadyExists => {
                let mut members = members.clone();
                members.retain(|name, _| !not_in_update.contains(&name.as_str()));
                self.call(at, update, Value::Object(members))
            }
            outcome => outcome.map_err(|error| SeedError::refused(at, &error)),
        }
    }

    /// An absolute path of one in the seed.
    pub(super) fn path(&self, at: &str, path: &str) -> Result<PathBuf, SeedError> {
        match &self.folder {
            Some(folder) => Ok(folder.join(path)),
            None => Err(SeedError::new(
                at,
                "paths are read from files given with --seed alone: put the PEM text here instead",
            )),
        }
    }
}

/// A member that must be a text.
pub(super) fn text<'v>(
    at: &str,
    members: &'v Map<String, Value>,
    name: &str,
) -> Result<&'v str, SeedError> {
    members
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| SeedError::new(at, format!("`{name}` must be there and a text")))
}

/// A member that is a list of texts, empty if it is not there.
pub(super) fn texts(
    at: &str,
    members: &Map<String, Value>,
    name: &str,
) -> Result<Vec<String>, SeedError> {
    let wrong = || SeedError::new(at, format!("`{name}` must be a list of texts"));
    match members.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Err(wrong()),
    }
}

/// A policy document, written as an object or as its text.
pub(super) fn document(value: &Value) -> Value {
    match value {
        Value::Object(_) => value.to_string().into(),
        other => other.clone(),
    }
}
