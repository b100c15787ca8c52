//! Offers messages to topic rules, which work on them elsewhere.

use super::Hub;
use super::origin::{Origin, Protocol};
use super::publication::Publication;
use super::route::Route;
use bytes::Bytes;
use mqtt::codec::PublishProperties;
use rules::delivery::{Mqtt5, Offer, Protocol as Way, Publisher};
use std::sync::Arc;

/// Offers a message to the rules on its route.
pub(super) fn offer(hub: &Hub, publication: &Publication<'_>, route: &Route, origin: &Origin) {
    match &route.ingest {
        Some(Some(rule)) => {
            rule.offer(offered(publication, origin));
        }
        Some(None) => {
            hub.metrics.rule_not_found();
            let topic = &route.topic;
            tracing::error!(
                event_type = "RuleNotFound",
                ?topic,
                "no enabled rule of that name"
            );
        }
        None if route.rules.is_empty() => {}
        None => route.rules.offer(offered(publication, origin)),
    }
}

fn offered<'a>(publication: &Publication<'a>, origin: &Origin) -> Offer<'a> {
    Offer {
        publisher: Publisher {
            client_id: origin.client_id.clone(),
            principal: Arc::clone(&origin.principal),
            source_ip: origin.source_ip,
            protocol: match origin.protocol {
                Protocol::Mqtt => Way::Mqtt,
                Protocol::Http => Way::Http,
                Protocol::Rule | Protocol::Server => Way::Internal,
            },
            hops: origin.hops,
        },
        payload: publication.payload(),
        mqtt5: mqtt5(publication.properties()),
        received_ms: publication.now_ms(),
    }
}

fn mqtt5(properties: &[u8]) -> Option<Box<Mqtt5>> {
    if properties.is_empty() {
        return None;
    }
    let found = PublishProperties::of_forwardable(properties);
    let user = found.user_properties.iter();
    Some(Box::new(Mqtt5 {
        utf8_payload: found.payload_format,
        content_type: found.content_type.map(str::to_owned),
        response_topic: found.response_topic.map(str::to_owned),
        correlation_data: found.correlation_data.map(Bytes::copy_from_slice),
        user_properties: user.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
    }))
}
