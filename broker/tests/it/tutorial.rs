//! The first part of the AWS IoT tutorial: a thing, a certificate, a policy, ten messages; and
//! what the policy and the certificate's status forbid.

use crate::support::{Device, Packet, TestServer, Version};
use serde_json::{Value, json};

/// The policy of the tutorial.
pub(crate) fn policy() -> Value {
    let arn = |rest: &str| format!("arn:aws:iot:us-east-1:000000000000:{rest}");
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iot:Connect",
                "Resource": arn("client/test-*"),
            },
            {
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive"],
                "Resource": arn("topic/test/topic"),
            },
            {
                "Effect": "Allow",
                "Action": "iot:Subscribe",
                "Resource": arn("topicfilter/test/topic"),
            },
        ],
    })
}

#[test]
fn ten_messages_go_around_over_mutual_tls_in_both_versions() {
    let server = TestServer::start();
    let keys = server.device("tutorial", &policy());
    for version in [Version::V311, Version::V5] {
        let mut device = Device::connect(&server, &keys, "test-1", version);
        assert_eq!(device.subscribe("test/topic"), 1);
        for number in 1..=10 {
            let payload = format!("Hello World! [{number}]");
            assert_eq!(device.publish("test/topic", payload.as_bytes()), Ok(0));
            let message = device.message();
            assert_eq!(message.topic, "test/topic");
            assert_eq!(message.payload, payload.as_bytes());
            assert_eq!(message.qos, 1);
        }
    }
}

#[test]
fn a_publish_outside_the_policy_is_refused_as_each_version_does_it() {
    let server = TestServer::start();
    let keys = server.device("tutorial", &policy());
    let mut five = Device::connect(&server, &keys, "test-5", Version::V5);
    assert_eq!(five.publish("test/other", b"{}"), Ok(0x87));
    assert_eq!(five.publish("test/topic", b"{}"), Ok(0));
    let mut three = Device::connect(&server, &keys, "test-3", Version::V311);
    assert_eq!(three.publish("test/other", b"{}"), Err(Packet::Closed));
}

#[test]
fn a_client_id_outside_the_policy_may_not_connect() {
    let server = TestServer::start();
    let keys = server.device("tutorial", &policy());
    let connect = |version| Device::try_connect(&server, &keys, "other-1", version).1;
    let refused = Packet::ConnAck {
        session_present: false,
        code: 0x87,
    };
    assert_eq!(connect(Version::V5), refused);
    assert_eq!(connect(Version::V311), Packet::Closed);
}

#[test]
fn a_deactivated_certificate_loses_its_connections_and_gets_no_new_ones() {
    let server = TestServer::start();
    let keys = server.device("tutorial", &policy());
    let mut device = Device::connect(&server, &keys, "test-1", Version::V5);
    let status = |status: &str| {
        let path = format!("PUT /certificates/{}?newStatus={status}", keys.id);
        server.api.iot(&path, &json!({}));
    };
    status("INACTIVE");
    device.wait_closed();
    let (_, answer) = Device::try_connect(&server, &keys, "test-1", Version::V5);
    let accepted = Packet::ConnAck {
        session_present: false,
        code: 0,
    };
    assert_ne!(answer, accepted);
    status("ACTIVE");
    Device::connect(&server, &keys, "test-1", Version::V5);
}

#[test]
fn a_policy_that_changes_is_followed_by_connections_that_are_there() {
    let server = TestServer::start();
    let keys = server.device("tutorial", &policy());
    let mut device = Device::connect(&server, &keys, "test-1", Version::V5);
    assert_eq!(device.publish("test/topic", b"1"), Ok(0));
    let target = json!({"target": keys.arn});
    server.api.iot("POST /target-policies/tutorial", &target);
    assert_eq!(device.publish("test/topic", b"2"), Ok(0x87));
    server.api.iot("PUT /target-policies/tutorial", &target);
    assert_eq!(device.publish("test/topic", b"3"), Ok(0));
}
