//! What delivery needs from the world: roles, a way to publish, a clock, and a target for
//! requests (`target::Target`).

use super::event::Event;
use super::records::Record;
use crate::actions::{Destination, Republish};
use crate::target::Target;
use serde_json::Value;
use std::sync::Arc;

/// A role does not allow what an action wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Why, for the record and the error action.
    pub reason: String,
}

/// Decides what a rule may do with its role.
pub trait Roles: Send + Sync {
    /// Whether the role lets a rule do `action` (`s3:PutObject`) on the resource; its trust policy
    /// may ask for the rule (`aws:SourceArn`).
    ///
    /// # Errors
    /// The role does not allow it, or does not let the rules engine use it.
    fn authorize(
        &self,
        rule: &str,
        role_arn: &str,
        action: &str,
        resource: &str,
    ) -> Result<(), Denied>;
}

/// The topic rule destinations of the control plane.
pub trait Destinations: Send + Sync {
    /// What an enabled destination is made of, as it was created.
    ///
    /// # Errors
    /// It is not there or not enabled, in words that say what to do.
    fn enabled(&self, destination: &Destination) -> Result<Value, String>;
}

/// What SQL functions ask the server itself.
pub trait Inside: Send + Sync {
    /// `get_thing_shadow`: the whole document of a thing's shadow, as GetThingShadow answers it.
    ///
    /// # Errors
    /// There is none, in words.
    fn shadow(&self, thing_name: &str, shadow_name: Option<&str>) -> Result<Vec<u8>, String>;

    /// `get_registry_data`: what `DescribeThing` or `ListThingGroupsForThing` answers.
    ///
    /// # Errors
    /// There is no such thing, in words.
    fn registry(&self, operation: &str, thing_name: &str) -> Result<Vec<u8>, String>;
}

/// Publishes for republish actions.
pub trait Republisher: Send + Sync {
    /// Publishes a message that a rule made from `event`. Does not wait for its delivery.
    ///
    /// # Errors
    /// The message breaks a limit of the broker, in words.
    fn republish(&self, message: Republish, event: &Event) -> Result<(), String>;
}

/// Everything that delivery works with.
#[derive(Clone)]
pub struct Ports {
    /// Role decisions.
    pub roles: Arc<dyn Roles>,
    /// Which destinations may be sent to.
    pub destinations: Arc<dyn Destinations>,
    /// What SQL functions ask the server itself.
    pub inside: Arc<dyn Inside>,
    /// Where requests go.
    pub target: Arc<dyn Target>,
    /// Where republished messages go.
    pub republisher: Arc<dyn Republisher>,
    /// Told of every record as it is made.
    pub recorded: Arc<dyn Fn(&Record) + Send + Sync>,
    /// The server's clock, milliseconds since the epoch.
    pub now_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}
