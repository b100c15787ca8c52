//! The clusters that rules produce to: one connection for all rules that reach one the same way.

use super::cluster::Cluster;
use super::record::{KafkaRecord, Security};
use crate::target::client::{Route, Via};
use crate::target::endpoint::{Endpoints, is_aws_host};
use crate::target::{SendFailure, Service};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Clusters whose connections are kept. Beyond that all are given up: passwords that templates
/// draw from messages must not gather connections without end.
const CLUSTERS_MAX: usize = 64;

/// How a cluster is reached.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Way {
    servers: Vec<String>,
    security: Security,
}

type Shared = Arc<OnceCell<Cluster>>;

/// Connections to clusters.
pub(in crate::target) struct Producers {
    /// The broker that stands for all clusters, if one was configured.
    endpoint: Option<Broker>,
    aws: bool,
    time_out: Duration,
    clusters: Mutex<HashMap<Way, Shared>>,
}

/// A broker in an endpoint: `http://host:port` is plain text, `https://host:port` is TLS.
struct Broker {
    address: String,
    tls: bool,
}

impl Producers {
    /// Connections that are made when a record needs one; `time_out` is for one try.
    pub(in crate::target) fn new(endpoints: &Endpoints, time_out: Duration) -> Self {
        let endpoint = endpoints.overridden(Service::Kafka);
        Self {
            endpoint: endpoint.map(|uri| Broker {
                address: format!(
                    "{}:{}",
                    uri.host().unwrap_or_default(),
                    uri.port_u16().unwrap_or(9092)
                ),
                tls: uri.scheme_str() == Some("https"),
            }),
            aws: endpoints.aws(),
            time_out,
            clusters: Mutex::default(),
        }
    }

    /// Where a record goes. Brokers of AWS are asked with `--aws real` only, others always.
    pub(in crate::target) fn route(&self, record: &KafkaRecord) -> Route {
        let servers = self.way(record).servers;
        let host = |server: &String| {
            let host = server
                .rsplit_once(':')
                .map_or(server.as_str(), |(host, _)| host);
            is_aws_host(host)
        };
        let recorded = self.endpoint.is_none() && !self.aws && servers.iter().all(host);
        Route {
            via: if recorded {
                Via::Recorded
            } else {
                Via::Network
            },
            url: format!("kafka://{}/{}", servers.join(","), record.topic),
        }
    }

    /// Produces a record and waits until the cluster has it.
    pub(in crate::target) async fn produce(&self, record: &KafkaRecord) -> Result<(), SendFailure> {
        let producing = async {
            let way = self.way(record);
            let shared = self.cluster(&way);
            let cluster = shared
                .get_or_try_init(|| Cluster::connect(&way.servers, &way.security))
                .await?;
            cluster.produce(record).await
        };
        let done = tokio::time::timeout(self.time_out, producing).await;
        done.unwrap_or_else(|_| {
            let (url, waited) = (self.route(record).url, self.time_out.as_millis());
            Err(SendFailure::unreachable(format!(
                "{url}: no answer within {waited} ms"
            )))
        })
    }

    /// The way to the cluster: the rule's own, or the endpoint's. A broker in plain text on one's
    /// own machine knows no users.
    fn way(&self, record: &KafkaRecord) -> Way {
        let Some(Broker { address, tls }) = &self.endpoint else {
            return Way {
                servers: record.servers.clone(),
                security: record.security.clone(),
            };
        };
        let security = match tls {
            false => Security::default(),
            true => Security {
                tls: Some(record.security.tls.clone().unwrap_or_default()),
                sasl: record.security.sasl.clone(),
            },
        };
        Way {
            servers: vec![address.clone()],
            security,
        }
    }

    fn cluster(&self, way: &Way) -> Shared {
        let mut clusters = self.clusters.lock();
        if let Some(known) = clusters.get(way) {
            return Arc::clone(known);
        }
        if clusters.len() >= CLUSTERS_MAX {
            clusters.clear();
        }
        Arc::clone(clusters.entry(way.clone()).or_default())
    }
}
