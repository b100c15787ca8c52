//! One call of an operation, as its handler sees it.

use super::bind::Input;
use super::error::{ApiError, Code};
use super::model::Operation;
use crate::auth::Guard;
use crate::world::World;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;

/// A call whose members the model has approved.
pub(super) struct Call {
    pub(super) world: Arc<World>,
    pub(super) operation: &'static Operation,
    pub(super) input: Input,
    pub(super) guard: Guard,
    pub(super) source_ip: IpAddr,
    pub(super) request_id: Uuid,
    pub(super) now_ms: u64,
}

impl Call {
    /// A text that must be there.
    pub(super) fn text(&self, name: &str) -> Result<&str, ApiError> {
        self.optional(name)
            .ok_or_else(|| ApiError::invalid(format!("`{name}` is missing")))
    }

    /// A text that may be there.
    pub(super) fn optional(&self, name: &str) -> Option<&str> {
        self.input.members.get(name).and_then(Value::as_str)
    }

    /// The same, to keep.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.optional(name).map(str::to_owned)
    }

    /// A switch, off when it is not there.
    pub(super) fn flag(&self, name: &str) -> bool {
        let value = self.input.members.get(name);
        value.and_then(Value::as_bool).unwrap_or(false)
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.input.members.get(name).and_then(Value::as_i64)
    }

    /// A member of any type.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.input.members.get(name)
    }

    /// A structured member, read as its Rust type.
    pub(super) fn read<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, ApiError> {
        let Some(value) = self.input.members.get(name) else {
            return Ok(T::default());
        };
        T::deserialize(value)
            .map_err(|why| ApiError::new(Code::Serialization, format!("`{name}`: {why}")))
    }

    /// `arn:aws:iot:REGION:ACCOUNT:REST`.
    pub(super) fn arn(&self, rest: &str) -> String {
        let config = &self.world.config;
        format!("arn:aws:iot:{}:{}:{rest}", config.region, config.account_id)
    }
}
