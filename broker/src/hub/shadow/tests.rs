//! Requests in flight: those whose answers wait for the disk.

use super::*;
use crate::budget::Budget;
use crate::clock::Clock;
use crate::hub::{HubParts, Tap, TapEvent};
use crate::metrics::Metrics;
use crate::net::{Arrival, Credential, Peer, Pipe, PipeLog, Wire};
use mqtt::Profile;
use std::path::Path;
use std::time::Duration;
use things::{NewThing, Settings, Things};

/// No test waits longer for something that must happen.
const DEADLINE: Duration = Duration::from_secs(20);

const LIMIT: usize = 10;

/// A core with two things; its rows are on disk if there is a directory.
fn hub(directory: Option<&Path>) -> Arc<Hub> {
    let (region, account_id) = ("us-east-1".to_owned(), "000000000000".to_owned());
    let things = Things::open(&Settings {
        region: region.clone(),
        account_id: account_id.clone(),
        directory: directory.map(Path::to_owned),
    });
    let things = Arc::new(things.unwrap());
    for name in ["lamp", "door"] {
        let thing = NewThing {
            name: name.to_owned(),
            ..NewThing::default()
        };
        things.create_thing(&thing).unwrap();
    }
    Hub::new(HubParts {
        profile: Profile::aws(),
        things,
        clock: Arc::new(Clock::standing(1)),
        metrics: Arc::new(Metrics::default()),
        region,
        account_id,
        anonymous: None,
        enforce_quotas: false,
        budget: Budget::new(usize::MAX),
    })
}

/// A client that is connected and does nothing by itself.
async fn connected(hub: &Arc<Hub>, client_id: &str) -> Arc<Pipe> {
    let pipe = Pipe::new(0, 1 << 20, &PipeLog::default(), None);
    let peer = Peer {
        address: ([127, 0, 0, 1], 1).into(),
        server_name: None,
        certificate: None,
        domain: None,
    };
    tokio::spawn(Arc::clone(hub).serve(Arrival {
        wire: Wire::pipe(&pipe),
        peer,
        credential: Credential::Anonymous,
    }));
    let id = u8::try_from(client_id.len()).unwrap();
    let mut packet = vec![0x10, 12 + id, 0, 4];
    packet.extend(b"MQTT\x04\x02\x00\x3c\x00");
    packet.push(id);
    packet.extend(client_id.bytes());
    pipe.deliver(packet);
    let accepted = async {
        while hub.sessions.of(client_id).is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, accepted).await.unwrap();
    pipe
}

fn ask(hub: &Hub, client_id: &str, thing: &str) {
    let message = Arc::new(Message {
        topic: format!("$aws/things/{thing}/shadow/get").into(),
        payload: Bytes::new(),
        qos: QoS::AtMostOnce,
        retain: false,
        properties: Bytes::new(),
        expires_at_ms: None,
    });
    let origin = Origin {
        client_id: Some(client_id.into()),
        principal: "".into(),
        source_ip: None,
        protocol: Protocol::Mqtt,
        hops: 0,
    };
    hub.answer_shadow_request(&Publication::of_message(&message, 1), &origin);
}

/// The next rejections with their things; the request of a thing without a shadow has 404.
async fn rejected(tap: &mut Tap, count: usize) -> Vec<(String, u64)> {
    let mut rejected = Vec::new();
    while rejected.len() < count {
        let event = tokio::time::timeout(DEADLINE, tap.recv()).await.unwrap();
        let TapEvent::Published { message, .. } = &*event.unwrap() else {
            continue;
        };
        if let Some(topic) = message.topic.strip_suffix("/shadow/get/rejected") {
            let answer: Value = serde_json::from_slice(&message.payload).unwrap();
            let thing = topic.strip_prefix("$aws/things/").unwrap();
            rejected.push((thing.to_owned(), answer["code"].as_u64().unwrap()));
        }
    }
    rejected
}

fn times(count: usize, thing: &str, code: u64) -> Vec<(String, u64)> {
    vec![(thing.to_owned(), code); count]
}

#[tokio::test]
async fn ten_requests_of_a_connection_to_a_thing_are_in_flight_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let hub = hub(Some(directory.path()));
    let mut tap = hub.tap();
    let _pipes = (connected(&hub, "one").await, connected(&hub, "two").await);
    let journal = hub.journal.as_ref().unwrap();
    for _ in 0..2 {
        // Nothing gets to the disk, and so nothing is answered, while this is held.
        let together = journal.together();
        for _ in 0..LIMIT + 2 {
            ask(&hub, "one", "lamp");
        }
        ask(&hub, "one", "door");
        ask(&hub, "two", "lamp");
        drop(together);
        let expected = [
            times(LIMIT, "lamp", 404),
            times(2, "lamp", 429),
            times(1, "door", 404),
            times(1, "lamp", 404),
        ];
        let expected = expected.concat();
        assert_eq!(rejected(&mut tap, expected.len()).await, expected);
        // A message is told of before its request's turn is over.
        journal.touch();
        assert!(hub.stored().await);
    }
}

#[tokio::test]
async fn without_a_disk_each_request_is_answered_in_its_turn() {
    let hub = hub(None);
    let mut tap = hub.tap();
    let _pipe = connected(&hub, "one").await;
    for _ in 0..3 * LIMIT {
        ask(&hub, "one", "lamp");
    }
    let expected = times(3 * LIMIT, "lamp", 404);
    assert_eq!(rejected(&mut tap, expected.len()).await, expected);
}
