//! Device shadows: what a thing last reported, what it is asked to become, and the difference
//! ("AWS IoT Device Shadow service" in the AWS IoT developer guide). The doors hand in payloads as
//! they came and send out the documents that they get back.

mod answer;
mod document;
mod error;
mod merge;
mod name;
mod request;
mod service;

pub use answer::ShadowUpdate;
pub use error::{ShadowError, ShadowRejected};
pub use name::ShadowName;
pub use service::Shadows;
