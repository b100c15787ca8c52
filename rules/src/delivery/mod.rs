//! From a matching message to the actions of a rule: bounded queues, evaluation, role checks,
//! retries, the error action, counters, and a record of everything that ran. A publisher never
//! waits for any of it.

mod counters;
mod engine;
mod error_action;
mod event;
mod execute;
mod in_flight;
mod ports;
mod records;
mod retry;
mod rule;
mod shown;

pub use counters::{ActionCounters, Counter, Counters, RuleCounters};
pub use engine::{Delivery, Offer, RuleHandle, Settings};
pub use event::{Event, Mqtt5, Protocol};
pub use ports::{Denied, Ports, Republisher, Roles};
pub use records::{Outcome, Record, RecordQuery, Records, SentRequest};
pub use retry::Retry;
pub use rule::{Rule, RuleRefused};
