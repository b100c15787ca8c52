//! One record for a Kafka topic, with how its cluster is reached.

use bytes::Bytes;
use std::fmt;

/// A record before it has a broker and a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaRecord {
    /// `host:port` of brokers that are asked first.
    pub servers: Vec<String>,
    /// How the connection is secured.
    pub security: Security,
    /// How the record is compressed.
    pub compression: Compression,
    /// The topic.
    pub topic: String,
    /// The key, which chooses the partition unless one is given.
    pub key: Option<String>,
    /// The partition.
    pub partition: Option<i32>,
    /// Headers; their names differ.
    pub headers: Vec<(String, String)>,
    /// The value.
    pub value: Bytes,
    /// Its time, milliseconds since the epoch.
    pub time_ms: u64,
}

/// How a connection to a cluster is secured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Security {
    /// TLS, unless it is plain text.
    pub tls: Option<Tls>,
    /// Who logs in.
    pub sasl: Option<Sasl>,
}

/// Whom TLS trusts and who the client is: stores in PEM or PKCS#12.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// The authorities; those of the system if there are none.
    pub truststore: Option<Bytes>,
    /// The password of that store.
    pub truststore_password: String,
    /// The client's certificate and key.
    pub keystore: Option<Bytes>,
    /// The password of that store.
    pub keystore_password: String,
}

/// A login with a password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Sasl {
    /// RFC 4616.
    Plain {
        /// The user.
        username: String,
        /// The password.
        password: String,
    },
    /// RFC 5802 with SHA-512.
    ScramSha512 {
        /// The user.
        username: String,
        /// The password.
        password: String,
    },
}

/// How records are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Shows neither stores nor passwords.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("truststore", &self.truststore.is_some())
            .field("keystore", &self.keystore.is_some())
            .finish_non_exhaustive()
    }
}

/// Shows no password.
impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, user) = match self {
            Self::Plain { username, .. } => ("Plain", username),
            Self::ScramSha512 { username, .. } => ("ScramSha512", username),
        };
        f.debug_struct(name)
            .field("username", user)
            .finish_non_exhaustive()
    }
}
