//! Rule actions, one file per kind: what parameters it takes, which of them are templates, what
//! it sends, which permission its role needs. Nothing here does I/O: an action renders into data.

mod action;
mod params;
mod rendered;
mod text;

mod cloudwatch_metric;
mod dynamodb;
mod dynamodb_attribute;
mod dynamodb_v2;
mod firehose;
mod kinesis;
mod lambda;
mod republish;
mod s3;
mod sns;
mod sqs;

pub use action::{Action, ActionRefused};
pub use rendered::{
    Effect, Input, Permission, Place, Rendered, Republish, RepublishProperties, Unrenderable,
};
