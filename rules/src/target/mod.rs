//! Where rule actions send: signed HTTP to AWS or to anything that speaks as AWS does, or a
//! service inside the server. Which of them is settled by `Endpoints`; the environment and files
//! are read by the caller, never here.

mod answer;
mod client;
mod credentials;
mod discovery;
mod endpoint;
mod kafka;
mod presign;
mod request;
mod secret;
mod sign;
mod tls;

pub use answer::{Answer, SendFailure};
pub use client::{Client, LocalService, Route, Target, Via};
pub use credentials::Credentials;
pub use endpoint::{EndpointRefused, EndpointTable, Endpoints};
pub use kafka::{Compression, KafkaRecord, Sasl, Security, Tls};
pub(crate) use kafka::{bytes_of, check_store};
pub use presign::presigned;
pub use request::{
    AwsRequest, Service, Signing, encode_path, encode_segment, json_target, query_form,
};
pub use secret::Secret;
pub use sign::sign;

/// A future that a trait object returns.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
