//! Publish and retained messages, by certificate, signature and nobody.

use super::request::{Answered, peer, send, send_to, signed, unsigned};
use super::world::world;
use crate::api::Door;
use crate::api::model::Service;
use crate::hub::TapEvent;
use crate::net::Peer;
use crate::world::World;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Request;
use http::header::{HOST, ORIGIN};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::sync::Arc;
use things::{CertificateStatus, NewPolicy};

const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["iot:Publish", "iot:GetRetainedMessage"],
     "Resource": "arn:aws:iot:*:*:topic/a/*"},
    {"Effect": "Allow", "Action": "iot:RetainPublish", "Resource": "arn:aws:iot:*:*:topic/a/kept"}
]}"#;

/// A device that may publish below `a/`, and how it appears at the door.
fn device(world: &World) -> (String, Peer) {
    let things = &world.things;
    let policy = NewPolicy {
        name: "p".into(),
        document: POLICY.into(),
        ..NewPolicy::default()
    };
    things.create_policy(&policy, 1).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::default();
    let pem = params.self_signed(&key).unwrap().pem();
    let active = Some(CertificateStatus::Active);
    let certificate = things.register_certificate_without_ca(&pem, active, 1);
    let certificate = certificate.unwrap();
    things.attach_policy("p", &certificate.arn).unwrap();
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let peer = Peer {
        certificate: Some(der),
        domain: None,
        ..peer()
    };
    (certificate.id.to_string(), peer)
}

fn publish(params: &Value) -> Request<Body> {
    unsigned(Service::IotData, "Publish", params.as_object().unwrap())
}

fn is_published(answered: &Answered) -> bool {
    answered.status == 200 && answered.body["message"] == "OK"
}

#[tokio::test]
async fn a_certificate_is_held_to_its_policies() {
    let world = world(None);
    let (id, peer) = device(&world);
    let mut tap = world.hub.tap();
    let check = async |params: Value, status: u16| {
        let answered = send_to(&world, Door::Data, &peer, publish(&params)).await;
        assert_eq!(answered.status, status, "{params} {answered:?}");
        answered
    };
    let answered = check(json!({"topic": "a/b", "qos": 1, "payload": "hi"}), 200).await;
    assert!(is_published(&answered), "{answered:?}");
    match &*tap.recv().await.unwrap() {
        TapEvent::Published {
            message, origin, ..
        } => {
            assert_eq!(&*message.topic, "a/b");
            assert_eq!(message.payload, "hi");
            assert_eq!(*origin.principal, *id);
            assert_eq!(origin.client_id, None);
        }
        other => panic!("{other:?}"),
    }
    let answered = check(json!({"topic": "b/a"}), 403).await;
    assert_eq!(answered.error.as_deref(), Some("ForbiddenException"));
    assert!(answered.body["traceId"].is_string(), "{answered:?}");
    match &*tap.recv().await.unwrap() {
        TapEvent::Refused {
            action, resource, ..
        } => {
            assert_eq!(*action, "iot:Publish");
            assert_eq!(resource, "arn:aws:iot:us-east-1:000000000000:topic/b/a");
        }
        other => panic!("{other:?}"),
    }
    check(json!({"topic": "a/b", "retain": true}), 403).await;
    check(
        json!({"topic": "a/kept", "retain": true, "payload": "x"}),
        200,
    )
    .await;
}

#[tokio::test]
async fn who_is_nobody_or_not_active_is_not_let_in() {
    let world = world(None);
    let (id, device) = device(&world);
    let check = async |door, peer: &Peer, status: u16, part: &str| {
        let request = publish(&json!({"topic": "a/b"}));
        let answered = send_to(&world, door, peer, request).await;
        assert_eq!(answered.status, status, "{answered:?}");
        assert!(answered.text.contains(part), "{answered:?}");
    };
    check(Door::Data, &peer(), 403, "Missing Authentication Token").await;
    check(Door::Api, &peer(), 200, "OK").await;
    let stranger = Peer {
        certificate: Some(vec![1, 2, 3].into()),
        domain: None,
        ..peer()
    };
    check(Door::Data, &stranger, 403, "not registered").await;
    for (status, part) in [
        (CertificateStatus::Inactive, "not active"),
        (CertificateStatus::Revoked, "revoked"),
    ] {
        world.things.update_certificate(&id, status, 2).unwrap();
        check(Door::Data, &device, 403, part).await;
    }
}

#[tokio::test]
async fn the_tls_port_answers_the_data_plane_alone() {
    let world = world(None);
    let params = json!({"thingName": "t"});
    let control = signed(Service::Iot, "CreateThing", params.as_object().unwrap());
    let answered = send_to(&world, Door::Data, &peer(), control).await;
    assert_eq!(answered.status, 403, "{answered:?}");
    let admin = Request::builder().uri("/_thingcore/health");
    let admin = admin.body(Body::empty()).unwrap();
    let answered = send_to(&world, Door::Data, &peer(), admin).await;
    assert_eq!(answered.status, 403, "{answered:?}");
    let params = json!({"topic": "a/b"});
    let data = signed(Service::IotData, "Publish", params.as_object().unwrap());
    let answered = send_to(&world, Door::Data, &peer(), data).await;
    assert!(is_published(&answered), "{answered:?}");
}

#[tokio::test]
async fn anonymous_callers_are_held_to_their_policy_and_pages_from_elsewhere_are_refused() {
    let world = world(Some(POLICY));
    let check = async |topic: &str, origin: Option<&str>, status: u16| {
        let mut request = publish(&json!({"topic": topic}));
        let headers = request.headers_mut();
        headers.insert(HOST, "localhost:9883".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        let answered = send(&world, request).await;
        assert_eq!(answered.status, status, "{topic} {origin:?} {answered:?}");
    };
    check("a/b", None, 200).await;
    check("b/a", None, 403).await;
    check("a/b", Some("http://localhost:9883"), 200).await;
    check("a/b", Some("http://evil.example"), 403).await;
}

async fn data(world: &Arc<World>, name: &str, params: Value) -> Answered {
    let request = signed(Service::IotData, name, params.as_object().unwrap());
    send(world, request).await
}

#[tokio::test]
async fn a_retained_message_comes_back_as_it_was_published() {
    let world = world(None);
    let user = BASE64.encode(r#"[{"k":"v"},{"k":"w"}]"#);
    let answered = data(
        &world,
        "Publish",
        json!({"topic": "a/b c", "qos": 1, "retain": true, "payload": "hi", "contentType": "t/p",
            "responseTopic": "r", "correlationData": "Y2Q=", "messageExpiry": 60,
            "payloadFormatIndicator": "UTF8_DATA", "userProperties": user}),
    )
    .await;
    assert!(is_published(&answered), "{answered:?}");
    let answered = data(&world, "GetRetainedMessage", json!({"topic": "a/b c"})).await;
    let body = &answered.body;
    assert_eq!(body["topic"], "a/b c");
    assert_eq!(body["payload"], "aGk=");
    assert_eq!(body["qos"], 1);
    assert_eq!(body["userProperties"], user);
    assert!(body["lastModifiedTime"].as_u64().unwrap() > 1_700_000_000_000);
    world.clock.advance_ms(61_000);
    let answered = data(&world, "GetRetainedMessage", json!({"topic": "a/b c"})).await;
    assert_eq!(answered.status, 404, "it expired");
}

#[tokio::test]
async fn retained_messages_are_listed_in_pages() {
    let world = world(None);
    for topic in ["c", "a", "b"] {
        let params = json!({"topic": topic, "retain": true, "payload": "xy"});
        data(&world, "Publish", params).await;
    }
    let list = async |params: Value| {
        let answered = data(&world, "ListRetainedMessages", params).await;
        let topics = answered.body["retainedTopics"].as_array().cloned();
        let topics = topics.unwrap_or_default().into_iter();
        let names: String = topics
            .map(|t| t["topic"].as_str().unwrap().to_owned())
            .collect();
        (answered.status, names, answered.body["nextToken"].clone())
    };
    let (_, names, token) = list(json!({"maxResults": 2})).await;
    assert_eq!((names.as_str(), token.is_string()), ("ab", true));
    let next = json!({"maxResults": 2, "nextToken": token});
    assert_eq!(list(next).await, (200, "c".into(), Value::Null));
    assert_eq!(list(json!({})).await, (200, "abc".into(), Value::Null));
    let (status, _, _) = list(json!({"nextToken": "AAAA"})).await;
    assert_eq!(status, 400);
}
