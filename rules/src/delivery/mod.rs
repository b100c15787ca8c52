//! From a matching message to the actions of a rule: bounded queues, evaluation, role checks,
//! retries, the error action, counters, and a record of everything that ran. A publisher never
//! waits for any of it.

mod event;
mod rule;
mod rule_set;

mod batch;
mod engine;
mod handle;
mod in_flight;
mod intake;
mod trigger;
mod view;
mod worker;

mod batching;
mod chance;
mod error_action;
mod execute;
mod isolate;
mod outside;
mod ports;
mod retry;
mod secrets;
mod send;
mod shown;
mod start;

mod counters;
mod records;

pub use counters::{ActionCounters, Counter, Counters, RuleCounters};
pub use engine::{Delivery, Settings};
pub use event::{Event, Mqtt5, Offer, Protocol, Publisher};
pub use handle::RuleHandle;
pub use ports::{Denied, Destinations, Inside, Ports, Republisher, Roles};
pub use records::{Outcome, Record, RecordQuery, Records, SentRequest};
pub use retry::Retry;
pub use rule::{Rule, RuleRefused};
pub use rule_set::RuleSet;
