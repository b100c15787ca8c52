//! What becomes of republished messages, and which endpoints are the server's own.

use super::republisher::message_of;
use super::target::{OwnAddress, client};
use crate::config::Config;
use bytes::Bytes;
use mqtt::{Profile, QoS};
use rules::actions::{Republish, RepublishProperties};
use rules::target::{Target, Via, query_form};

fn republish(topic: &str) -> Republish {
    Republish {
        topic: topic.to_owned(),
        qos: 1,
        payload: Bytes::from_static(b"{}"),
        properties: RepublishProperties::default(),
    }
}

/// The refusal of a message, if any.
fn check(change: impl FnOnce(&mut Republish), expected: Option<&str>) {
    let mut message = republish("a/b");
    change(&mut message);
    let refused = message_of(message, &Profile::aws(), 0).err();
    assert_eq!(refused.as_deref(), expected);
}

#[test]
fn a_republished_message_keeps_the_limits_of_the_profile() {
    check(|_| {}, None);
    check(|m| m.topic = "$aws/things/t/shadow/update".to_owned(), None);
    check(
        |m| m.topic = "$aws/events/x".to_owned(),
        Some("the topic is reserved"),
    );
    check(
        |m| m.topic = "a/+".to_owned(),
        Some("a wildcard is out of place"),
    );
    check(|m| m.topic.clear(), Some("the topic is empty"));
    check(
        |m| m.payload = vec![b'x'; 128 * 1024 + 1].into(),
        Some("the payload has more than 131072 bytes"),
    );
    check(
        |m| m.properties.content_type = Some("x".repeat(257)),
        Some("the content type has more than 256 bytes"),
    );
    check(
        |m| m.properties.user_properties = vec![("k".repeat(8000), "v".repeat(200))],
        Some("the user properties have more than 8192 bytes"),
    );
}

#[test]
fn a_republished_message_has_its_qos_and_expiry_and_is_not_retained() {
    let mut republish = republish("a/b");
    republish.properties.message_expiry_s = Some(60);
    let message = message_of(republish, &Profile::aws(), 1_000).unwrap();
    assert_eq!(message.qos, QoS::AtLeastOnce);
    assert_eq!(message.expires_at_ms, Some(61_000));
    assert!(!message.retain);
}

/// The address that an SNS publish goes to, and by which way.
fn check_target(aws_real: bool, environment: &[(&str, &str)], expected: (Via, &str)) {
    let config = Config {
        hostnames: vec!["thingcore.test".to_owned()],
        aws_real,
        ..Config::default()
    };
    let own = OwnAddress {
        bind: config.bind,
        hostnames: &config.hostnames,
        port: 9883,
    };
    let variable = |name: &str| {
        let found = environment.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let client = client(&config, own, variable).unwrap();
    let request = query_form(rules::target::Service::Sns, &[("Action", "Publish")]);
    let route = client.route(&request);
    assert_eq!((route.via, &*route.url), expected, "{environment:?}");
}

#[test]
fn endpoints_come_from_the_environment_unless_they_are_the_servers_own() {
    let aws = "https://sns.us-east-1.amazonaws.com/";
    check_target(false, &[], (Via::Recorded, aws));
    check_target(true, &[], (Via::Network, aws));
    let all = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
    let sns = ("AWS_ENDPOINT_URL_SNS", "http://moto:5000");
    for real in [false, true] {
        check_target(real, &[all], (Via::Network, "http://127.0.0.1:4566/"));
        check_target(real, &[all, sns], (Via::Network, "http://moto:5000/"));
    }
    for own in [
        "http://127.0.0.1:9883",
        "http://localhost:9883/",
        "http://[::1]:9883",
        "http://THINGCORE.test:9883",
    ] {
        check_target(false, &[("AWS_ENDPOINT_URL", own)], (Via::Recorded, aws));
    }
    let other = "http://other.test:9883/";
    check_target(false, &[("AWS_ENDPOINT_URL", other)], (Via::Network, other));
}
