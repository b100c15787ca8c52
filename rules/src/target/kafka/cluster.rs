//! One Kafka cluster, through `rskafka`.

use super::partitioner::partition_of;
use super::record::{Compression, KafkaRecord, Sasl, Security};
use super::stores::tls_config;
use crate::target::SendFailure;
use chrono::DateTime;
use parking_lot::Mutex;
use rskafka::BackoffConfig;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{self, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The client tries again within this; then it is the turn of the action's own tries.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the number of partitions of a topic is believed.
const TOPIC_FRESH: Duration = Duration::from_secs(60);
/// Topics and partitions remembered; beyond that they are asked for anew.
const REMEMBERED_MAX: usize = 1000;

/// A connection to a cluster.
pub(super) struct Cluster {
    client: Client,
    topics: Mutex<HashMap<String, (Vec<i32>, Instant)>>,
    partitions: Mutex<HashMap<(String, i32), Arc<PartitionClient>>>,
    /// Which partition the next record without a key goes to.
    turn: AtomicUsize,
}

impl Cluster {
    /// Connects to the first server that answers.
    pub(super) async fn connect(
        servers: &[String],
        security: &Security,
    ) -> Result<Self, SendFailure> {
        let mut builder = ClientBuilder::new(servers.to_vec())
            .client_id("thingcore")
            .backoff_config(BackoffConfig {
                init_backoff: Duration::from_millis(50),
                max_backoff: Duration::from_millis(500),
                base: 2.,
                deadline: Some(PATIENCE),
            });
        if let Some(tls) = &security.tls {
            let config = tls_config(tls).map_err(SendFailure::permanent)?;
            builder = builder.tls_config(Arc::new(config));
        }
        if let Some(sasl) = &security.sasl {
            builder = builder.sasl_config(login(sasl));
        }
        Ok(Self {
            client: builder.build().await.map_err(|why| failure(&why))?,
            topics: Mutex::default(),
            partitions: Mutex::default(),
            turn: AtomicUsize::new(0),
        })
    }

    /// Produces a record and waits until all replicas that are in sync have it.
    pub(super) async fn produce(&self, record: &KafkaRecord) -> Result<(), SendFailure> {
        let partition = match record.partition {
            Some(partition) => partition,
            None => self.choose(record).await?,
        };
        let client = self.partition(&record.topic, partition).await?;
        let time_ms = i64::try_from(record.time_ms).unwrap_or(i64::MAX);
        let headers = record.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.clone().into_bytes()));
        let produced = Record {
            key: record.key.clone().map(String::into_bytes),
            value: Some(record.value.to_vec()),
            headers: headers.collect(),
            timestamp: DateTime::from_timestamp_millis(time_ms).unwrap_or_default(),
        };
        let compression = compression(record.compression);
        let done = client.produce(vec![produced], compression).await;
        done.map(|_| ()).map_err(|why| failure(&why))
    }

    /// The partition of a record that names none: by its key, or each in turn.
    async fn choose(&self, record: &KafkaRecord) -> Result<i32, SendFailure> {
        let partitions = self.partitions_of(&record.topic).await?;
        let place = match &record.key {
            Some(key) => partition_of(key.as_bytes(), partitions.len()),
            None => self.turn.fetch_add(1, Ordering::Relaxed) % partitions.len().max(1),
        };
        let chosen = partitions.get(place).copied();
        chosen.ok_or_else(|| {
            SendFailure::unreachable(format!("the topic `{}` has no partition", record.topic))
        })
    }

    async fn partitions_of(&self, topic: &str) -> Result<Vec<i32>, SendFailure> {
        let known = self.topics.lock().get(topic).cloned();
        if let Some((partitions, asked)) = known
            && asked.elapsed() < TOPIC_FRESH
        {
            return Ok(partitions);
        }
        let found = match self.listed(topic).await? {
            Some(found) => found,
            None => {
                // Asking for the topic by name makes it, where the cluster allows that.
                self.partition(topic, 0).await?;
                self.listed(topic).await?.unwrap_or_default()
            }
        };
        let mut topics = self.topics.lock();
        if topics.len() >= REMEMBERED_MAX {
            topics.clear();
        }
        topics.insert(topic.to_owned(), (found.clone(), Instant::now()));
        Ok(found)
    }

    async fn listed(&self, topic: &str) -> Result<Option<Vec<i32>>, SendFailure> {
        let topics = self.client.list_topics().await;
        let topics = topics.map_err(|why| failure(&why))?;
        let found = topics.into_iter().find(|listed| listed.name == topic);
        Ok(found.map(|topic| topic.partitions.into_iter().collect()))
    }

    async fn partition(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<Arc<PartitionClient>, SendFailure> {
        let key = (topic.to_owned(), partition);
        if let Some(known) = self.partitions.lock().get(&key) {
            return Ok(Arc::clone(known));
        }
        let client = self
            .client
            .partition_client(topic, partition, UnknownTopicHandling::Error)
            .await
            .map_err(|why| failure(&why))?;
        let client = Arc::new(client);
        let mut partitions = self.partitions.lock();
        if partitions.len() >= REMEMBERED_MAX {
            partitions.clear();
        }
        partitions.insert(key, Arc::clone(&client));
        Ok(client)
    }
}

fn login(sasl: &Sasl) -> SaslConfig {
    match sasl.clone() {
        Sasl::Plain { username, password } => {
            SaslConfig::Plain(Credentials::new(username, password))
        }
        Sasl::ScramSha512 { username, password } => {
            SaslConfig::ScramSha512(Credentials::new(username, password))
        }
    }
}

fn compression(compression: Compression) -> partition::Compression {
    match compression {
        Compression::None => partition::Compression::NoCompression,
        Compression::Gzip => partition::Compression::Gzip,
        Compression::Snappy => partition::Compression::Snappy,
        Compression::Lz4 => partition::Compression::Lz4,
        Compression::Zstd => partition::Compression::Zstd,
    }
}

/// What a cluster refuses for good is not tried again: the record itself is wrong, or nobody may
/// send it. A topic that is unknown may be in the making.
fn failure(error: &Error) -> SendFailure {
    use ProtocolError::{
        ClusterAuthorizationFailed, CorruptMessage, InvalidRequest, InvalidTimestamp,
        InvalidTopicException, MessageTooLarge, PolicyViolation, RecordListTooLarge,
        SaslAuthenticationFailed, TopicAuthorizationFailed, UnsupportedSaslMechanism,
        UnsupportedVersion,
    };
    let text = error.to_string();
    let Error::ServerError { protocol_error, .. } = error else {
        return SendFailure::unreachable(text);
    };
    let lasting = matches!(
        protocol_error,
        ClusterAuthorizationFailed
            | CorruptMessage
            | InvalidRequest
            | InvalidTimestamp
            | InvalidTopicException
            | MessageTooLarge
            | PolicyViolation
            | RecordListTooLarge
            | SaslAuthenticationFailed
            | TopicAuthorizationFailed
            | UnsupportedSaslMechanism
            | UnsupportedVersion
    );
    SendFailure {
        retryable: !lasting,
        ..SendFailure::permanent(format!("{protocol_error}"))
    }
}
