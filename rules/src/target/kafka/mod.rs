//! Apache Kafka: a record as data, and the clusters that records are produced to.

mod cluster;
mod partitioner;
mod producers;
mod record;
mod stores;

pub(super) use producers::Producers;
pub use record::{Compression, KafkaRecord, Sasl, Security, Tls};
pub(crate) use stores::{bytes_of, check_store};
