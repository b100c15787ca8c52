//! What holds of any bytes that are read as packets of one version.

use mqtt::QoS;
use mqtt::codec::{
    self, Ack, Packet, PublishBody, PublishHead, PublishProperties, ReasonCode, Version, decode,
    frame,
};

/// Reads packets until the bytes end or are refused.
pub fn read_all(version: Version, data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(one)) = frame(rest, 1 << 20) {
        assert!(one.bytes.len() <= rest.len() && one.body.len() <= one.bytes.len());
        rest = &rest[one.bytes.len()..];
        if let Ok(packet) = decode(&one, version) {
            look(version, &packet);
        }
    }
}

fn look(version: Version, packet: &Packet<'_>) {
    match packet {
        Packet::Publish(publish) => {
            let again = again(version, publish);
            check(version, &again, |read| {
                let Packet::Publish(read) = read else {
                    panic!("{read:?}");
                };
                assert_eq!((read.topic, read.payload), (publish.topic, publish.payload));
                assert_eq!((read.qos, read.dup), (publish.qos, publish.dup));
                assert_eq!(read.packet_id, publish.packet_id);
            });
        }
        Packet::Subscribe(subscribe) => assert!(subscribe.filters().count() > 0),
        Packet::Unsubscribe(unsubscribe) => assert!(unsubscribe.filters().count() > 0),
        Packet::PubAck(ack) => again_ack(version, ack, codec::put_puback),
        Packet::PubRec(ack) => again_ack(version, ack, codec::put_pubrec),
        Packet::PubComp(ack) => again_ack(version, ack, codec::put_pubcomp),
        Packet::SubAck(ack) | Packet::UnsubAck(ack) => drop(ack.reasons().count()),
        Packet::Connect(connect) => {
            let user = connect.properties.user_properties.iter();
            assert!(user.map(|(k, v)| k.len() + v.len()).sum::<usize>() <= 1 << 20);
            let mut bytes = Vec::new();
            codec::put_connect(&mut bytes, connect);
            check(connect.version, &bytes, |read| {
                let Packet::Connect(read) = read else {
                    panic!("{read:?}");
                };
                assert_eq!(
                    (read.client_id, read.version),
                    (connect.client_id, connect.version)
                );
                assert_eq!(
                    (read.username, read.password),
                    (connect.username, connect.password)
                );
                assert_eq!(read.will, connect.will);
            });
        }
        Packet::ConnAck(_)
        | Packet::PubRel(_)
        | Packet::PingReq
        | Packet::PingResp
        | Packet::Disconnect(_)
        | Packet::Auth(_) => {}
    }
}

/// The PUBLISH as the broker would send it on, with the properties that travel.
fn again(version: Version, publish: &mqtt::codec::Publish<'_>) -> Vec<u8> {
    let mut properties = Vec::new();
    publish.properties.put_forwardable(&mut properties);
    let kept = PublishProperties::of_forwardable(&properties);
    assert_eq!(kept.content_type, publish.properties.content_type);
    assert_eq!(
        kept.user_property_bytes(),
        publish.properties.user_property_bytes()
    );
    let head = PublishHead {
        qos: publish.qos,
        dup: publish.dup,
        retain: publish.retain,
        packet_id: publish.packet_id.filter(|_| publish.qos > QoS::AtMostOnce),
    };
    let body = PublishBody {
        // An alias stands for a topic that is not looked up here.
        topic: if publish.topic.is_empty() {
            "t"
        } else {
            publish.topic
        },
        properties: &properties,
        expiry_s: publish.properties.message_expiry_s,
        topic_alias: None,
        subscription_ids: &[],
        payload: publish.payload,
    };
    if publish.topic.is_empty() {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    codec::put_publish(&mut bytes, version, head, &body);
    assert_eq!(
        bytes.len(),
        codec::publish_bytes(version, publish.qos, &body)
    );
    bytes
}

fn again_ack(version: Version, ack: &Ack<'_>, put: fn(&mut Vec<u8>, Version, u16, ReasonCode)) {
    let mut bytes = Vec::new();
    put(&mut bytes, version, ack.packet_id, ack.reason);
    check(version, &bytes, |read| match read {
        Packet::PubAck(read) | Packet::PubRec(read) | Packet::PubComp(read) => {
            assert_eq!((read.packet_id, read.reason), (ack.packet_id, ack.reason));
        }
        other => panic!("{other:?}"),
    });
}

/// What we write we can read, whole.
fn check(version: Version, bytes: &[u8], look: impl FnOnce(&Packet<'_>)) {
    if bytes.is_empty() {
        return;
    }
    let one = frame(bytes, usize::MAX)
        .expect("it is ours")
        .expect("it is whole");
    assert_eq!(one.bytes.len(), bytes.len());
    look(&decode(&one, version).expect("it is well formed"));
}
