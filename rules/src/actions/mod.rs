//! Rule actions, one file per kind: what parameters it takes, which of them are templates, what
//! it sends, which permission its role needs. Nothing here does I/O: an action renders into data.

mod action;
mod params;
mod rendered;
mod text;

mod cloudwatch_alarm;
mod cloudwatch_logs;
mod cloudwatch_metric;
mod dynamodb;
mod dynamodb_attribute;
mod dynamodb_v2;
mod firehose;
mod http;
mod influx_instance;
mod influxdb;
mod iot_analytics;
mod iot_events;
mod iot_site_wise;
mod kafka;
mod kinesis;
mod lambda;
mod line_protocol;
mod location;
mod messages;
mod open_search;
mod republish;
mod s3;
mod sns;
mod sqs;
mod step_functions;
mod timestream;

pub use action::{Action, ActionRefused};
pub(crate) use dynamodb_attribute::{attribute, plain};
pub use influx_instance::{InfluxInstance, InfluxWrite};
pub(crate) use lambda::FunctionArn;
pub use rendered::{
    BatchForm, Batching, Destination, Effect, Input, Missing, Permission, Place, Rendered,
    Republish, RepublishProperties, Unrenderable,
};
