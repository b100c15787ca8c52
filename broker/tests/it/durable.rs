//! What a restart leaves as it was: persistent sessions and what they are owed, messages that
//! wait for shared subscriptions, retained messages.

use crate::support::{Device, Packet, TestServer, Version};
use crate::tutorial::policy;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use things::{Row, Settings, Table, Things};

const HOUR_S: u32 = 3600;

fn on_disk(directory: &Path) -> TestServer {
    TestServer::with(|config| {
        config.memory = false;
        config.data_dir = directory.to_owned();
        config.mqtt_port = Some(0);
    })
}

fn plain_port(server: &TestServer) -> u16 {
    server.ports().mqtt.unwrap()
}

/// Connects to a lasting session and says whether it was there.
fn visit(server: &TestServer, id: &str, version: Version) -> (Device, bool) {
    Device::resume_plain(plain_port(server), id, version, HOUR_S)
}

/// A session with a subscription, whose client goes away.
fn subscribed(server: &TestServer, id: &str, version: Version, filter: &str) {
    let (mut device, present) = visit(server, id, version);
    assert!(!present, "{id}");
    assert_eq!(device.subscribe(filter), 1);
    device.disconnect();
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number}")).collect()
}

fn publish(server: &TestServer, topic: &str, payloads: &[String]) {
    let (mut device, _) = visit(server, "publisher", Version::V311);
    device.publish_all(
        &payloads
            .iter()
            .map(|text| (topic, &**text))
            .collect::<Vec<_>>(),
    );
    device.disconnect();
}

fn payloads(device: &mut Device, count: usize) -> Vec<String> {
    let payload = |_| String::from_utf8(device.message().payload.to_vec()).unwrap();
    (0..count).map(payload).collect()
}

/// Waits until the server has read every acknowledgement, as its answer to what comes after them says.
fn settle(device: &mut Device) {
    assert_eq!(device.publish("elsewhere", b""), Ok(0));
}

/// What comes first is what is published now: nothing was owed.
fn check_nothing_owed(device: &mut Device, topic: &str) {
    assert_eq!(device.publish(topic, b"now"), Ok(0));
    assert_eq!(payloads(device, 1), ["now"]);
}

#[test]
fn queued_messages_arrive_once_and_in_order_after_a_restart() {
    for version in [Version::V311, Version::V5] {
        let directory = tempfile::tempdir().unwrap();
        let server = on_disk(directory.path());
        subscribed(&server, "sub", version, "a/+");
        publish(&server, "a/1", &numbered(50));
        server.shutdown();

        let server = on_disk(directory.path());
        let (mut device, present) = visit(&server, "sub", version);
        assert!(present, "{version:?}");
        assert_eq!(payloads(&mut device, 50), numbered(50));
        check_nothing_owed(&mut device, "a/2");
        device.disconnect();
        server.shutdown();

        let server = on_disk(directory.path());
        let (mut device, present) = visit(&server, "sub", version);
        assert!(present, "{version:?}");
        check_nothing_owed(&mut device, "a/3");
    }
}

#[test]
fn messages_that_were_not_acknowledged_come_again_before_those_behind_them() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    let (mut device, _) = visit(&server, "sub", Version::V311);
    device.subscribe("a");
    publish(&server, "a", &numbered(3));
    assert_eq!(&device.message().payload[..], b"0");
    assert_eq!(&device.unacknowledged().payload[..], b"1");
    device.disconnect();
    publish(&server, "a", &["3".to_owned()]);
    server.shutdown();

    let server = on_disk(directory.path());
    let (mut device, present) = visit(&server, "sub", Version::V311);
    assert!(present);
    assert_eq!(payloads(&mut device, 3), ["1", "2", "3"]);
    check_nothing_owed(&mut device, "a");
}

#[test]
fn a_restart_keeps_subscriptions_as_they_were_last() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    let (mut device, _) = visit(&server, "sub", Version::V5);
    for filter in ["kept", "gone"] {
        assert_eq!(device.subscribe(filter), 1);
    }
    assert_eq!(device.unsubscribe("gone"), 0);
    // A client that starts clean ends the session that there was.
    subscribed(&server, "other", Version::V311, "kept");
    Device::clean_plain(plain_port(&server), "other").disconnect();
    server.shutdown();

    let server = on_disk(directory.path());
    publish(&server, "gone", &["1".to_owned()]);
    publish(&server, "kept", &["2".to_owned()]);
    let (mut device, present) = visit(&server, "sub", Version::V5);
    assert!(present);
    assert_eq!(payloads(&mut device, 1), ["2"]);
    let (mut other, present) = visit(&server, "other", Version::V311);
    assert!(!present);
    other.subscribe("other");
    check_nothing_owed(&mut other, "other");
}

fn retained(server: &TestServer, topic: &str) -> Option<Value> {
    let path = format!("GET /retainedMessage/{topic}");
    let answer = server.api.send(&path, &[], "");
    (answer.status == 200).then(|| answer.json())
}

fn retain(server: &TestServer, topic: &str, payload: &str, query: &str) {
    let path = format!("POST /topics/{topic}?qos=1&retain=true{query}");
    let answer = server.api.send(&path, &[], payload);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_restart_keeps_retained_messages_as_they_were_last() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    retain(&server, "kept", "first", "");
    retain(&server, "kept", "last", "&contentType=x&messageExpiry=7200");
    retain(&server, "cleared", "x", "");
    retain(&server, "cleared", "", "");
    retain(&server, "expired", "x", "&messageExpiry=1800");
    let before = retained(&server, "kept").unwrap();
    let advance = json!({"advance_ms": 3_600_000}).to_string();
    server.api.admin("POST /_thingcore/clock", &advance);
    server.shutdown();

    let server = on_disk(directory.path());
    assert_eq!(retained(&server, "kept"), Some(before));
    assert_eq!(retained(&server, "cleared"), None);
    assert_eq!(retained(&server, "expired"), None);
    let (mut device, _) = visit(&server, "sub", Version::V5);
    device.subscribe("kept");
    assert_eq!(payloads(&mut device, 1), ["last"]);
    // Its expiry goes on.
    server.api.admin("POST /_thingcore/clock", &advance);
    assert!(retained(&server, "kept").is_some());
    server.api.admin("POST /_thingcore/clock", &advance);
    assert_eq!(retained(&server, "kept"), None);
}

#[test]
fn messages_of_a_shared_subscription_wait_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    for id in ["one", "two"] {
        subscribed(&server, id, Version::V5, "$share/g/a/#");
    }
    publish(&server, "a/b", &numbered(5));
    // What a member holds when the server ends is anybody's.
    let (mut one, present) = visit(&server, "one", Version::V5);
    assert!(present);
    assert_eq!(payloads(&mut one, 2), ["0", "1"]);
    assert_eq!(&one.unacknowledged().payload[..], b"2");
    settle(&mut one);
    server.shutdown();

    let server = on_disk(directory.path());
    let (mut two, present) = visit(&server, "two", Version::V5);
    assert!(present);
    assert_eq!(payloads(&mut two, 1), ["2"]);
    check_nothing_owed(&mut two, "a/b");
}

#[test]
fn the_end_of_a_session_is_where_it_was_before_the_restart() {
    let directory = tempfile::tempdir().unwrap();
    let advance = |server: &TestServer, seconds: u32| {
        let body = json!({"advance_ms": u64::from(seconds) * 1000}).to_string();
        server.api.admin("POST /_thingcore/clock", &body);
    };
    let visit = |server: &TestServer, id: &str, expiry_s: u32| {
        let port = plain_port(server);
        let (device, present) = Device::resume_plain(port, id, Version::V5, expiry_s);
        device.disconnect();
        present
    };
    let server = on_disk(directory.path());
    // The clock does not stay advanced over a restart: seen from there, 150 s are left.
    advance(&server, 50);
    visit(&server, "one", 100);
    visit(&server, "two", 100);
    visit(&server, "short", 10);
    server.shutdown();

    let server = on_disk(directory.path());
    advance(&server, 120);
    assert!(!visit(&server, "short", HOUR_S));
    assert!(visit(&server, "one", HOUR_S));
    advance(&server, 40);
    assert!(!visit(&server, "two", HOUR_S));
}

#[test]
fn what_a_session_may_receive_is_decided_by_the_certificate_that_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    let keys = server.device("tutorial", &policy());
    let topic = "test/topic";
    for id in ["test-1", "test-2"] {
        let (mut device, _) = Device::resume(&server, &keys, id, Version::V5);
        assert_eq!(device.subscribe(topic), 1);
        device.disconnect();
    }
    server.shutdown();

    let status = |server: &TestServer, status: &str| {
        let path = format!("PUT /certificates/{}?newStatus={status}", keys.id);
        server.api.iot(&path, &json!({}));
    };
    let server = on_disk(directory.path());
    publish(&server, topic, &["1".to_owned()]);
    let (mut device, present) = Device::resume(&server, &keys, "test-1", Version::V5);
    assert!(present);
    assert_eq!(payloads(&mut device, 1), ["1"]);
    device.disconnect();
    status(&server, "INACTIVE");
    server.shutdown();

    let server = on_disk(directory.path());
    publish(&server, topic, &["2".to_owned()]);
    status(&server, "ACTIVE");
    publish(&server, topic, &["3".to_owned()]);
    let (mut device, present) = Device::resume(&server, &keys, "test-1", Version::V5);
    assert!(present);
    check_nothing_owed(&mut device, topic);
}

#[test]
fn a_reset_empties_what_is_on_disk_too() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    subscribed(&server, "offline", Version::V311, "a");
    subscribed(&server, "member", Version::V5, "$share/g/a");
    let (mut online, _) = visit(&server, "online", Version::V5);
    online.subscribe("b");
    publish(&server, "a", &numbered(3));
    retain(&server, "a", "x", "");
    server.api.admin("POST /_thingcore/reset", "");
    online.wait_closed();
    server.shutdown();

    let server = on_disk(directory.path());
    assert_eq!(retained(&server, "a"), None);
    for id in ["offline", "member", "online"] {
        let (_, present) = visit(&server, id, Version::V5);
        assert!(!present, "{id}");
    }
}

#[test]
fn acknowledgements_keep_their_order_whether_they_wait_for_the_disk_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    subscribed(&server, "sub", Version::V311, "kept");
    let (mut device, _) = visit(&server, "publisher", Version::V311);
    let topics = [
        "nobody", "kept", "nobody", "nobody", "kept", "kept", "nobody",
    ];
    let messages: Vec<_> = topics
        .iter()
        .cycle()
        .take(100)
        .map(|topic| (*topic, ""))
        .collect();
    device.publish_all(&messages);
}

#[test]
fn a_will_waits_for_its_delay_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    subscribed(&server, "heir", Version::V5, "will");
    let port = plain_port(&server);
    drop(Device::with_will(port, "lost", "will", "farewell", 60));
    server.shutdown();

    let server = on_disk(directory.path());
    let (mut heir, present) = visit(&server, "heir", Version::V5);
    assert!(present);
    check_nothing_owed(&mut heir, "will");
    settle(&mut heir);
    let advance = json!({"advance_ms": 61_000}).to_string();
    server.api.admin("POST /_thingcore/clock", &advance);
    assert_eq!(payloads(&mut heir, 1), ["farewell"]);
}

#[test]
fn a_server_that_stops_says_so_and_leaves_wills_to_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    subscribed(&server, "heir", Version::V5, "will/#");
    let port = plain_port(&server);
    let mut now = Device::with_will(port, "now", "will/now", "at once", 0);
    let mut later = Device::with_will(port, "later", "will/later", "farewell", 60);
    server.shutdown();
    for device in [&mut now, &mut later] {
        assert_eq!(device.answer(), Packet::Disconnect);
    }

    let server = on_disk(directory.path());
    let (mut heir, _) = visit(&server, "heir", Version::V5);
    assert_eq!(payloads(&mut heir, 1), ["at once"]);
    settle(&mut heir);
    let advance = json!({"advance_ms": 61_000}).to_string();
    server.api.admin("POST /_thingcore/clock", &advance);
    assert_eq!(payloads(&mut heir, 1), ["farewell"]);
}

#[test]
fn rows_that_cannot_be_read_are_skipped() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    subscribed(&server, "sub", Version::V5, "a");
    publish(&server, "a", &numbered(2));
    retain(&server, "b", "x", "");
    server.shutdown();
    {
        let things = Things::open(&Settings {
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            directory: Some(directory.path().to_owned()),
        });
        let things = things.unwrap();
        let rows = things.rows().unwrap();
        let tables = [
            Table::Retained,
            Table::Sessions,
            Table::Subscriptions,
            Table::Queues,
            Table::Shared,
        ];
        // Keys and values that are too short, too long, empty, or of another form.
        for table in tables {
            for (key, value) in [(1, 0), (8, 0), (8, 1), (9, 8), (16, 40), (17, 400)] {
                let value = vec![0xFF; value];
                rows.write([Row::put(table, vec![0xFE; key], 0, || value)], None);
            }
        }
    }
    let server = on_disk(directory.path());
    assert!(retained(&server, "b").is_some());
    let (mut device, present) = visit(&server, "sub", Version::V5);
    assert!(present);
    assert_eq!(payloads(&mut device, 2), numbered(2));
}

/// A server in a process of its own, for a test to kill.
struct Process {
    child: Child,
    ready: Value,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thingcore"));
        let arguments = "serve --data-dir data --mqtt-port 0 --mqtts-port 0 --https-port 0 \
            --api-port 0 --ready-file ready.json --log error";
        command.args(arguments.split_whitespace());
        command.current_dir(folder).stdout(Stdio::piped());
        for (name, _) in std::env::vars() {
            if name.starts_with("THINGCORE_") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let greeting = out.lines().map_while(Result::ok);
        assert!(greeting.into_iter().any(|line| line.starts_with("Ctrl-C")));
        let ready = std::fs::read(folder.join("ready.json")).unwrap();
        Self {
            child,
            ready: serde_json::from_slice(&ready).unwrap(),
        }
    }

    fn port(&self) -> u16 {
        self.ready["mqtt_port"]
            .as_u64()
            .unwrap()
            .try_into()
            .unwrap()
    }
}

impl Drop for Process {
    /// SIGKILL.
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_killed_server_has_lost_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..3 {
        let server = Process::start(folder.path());
        let (mut device, present) = Device::resume_plain(server.port(), "sub", Version::V311, 0);
        assert_eq!(present, round > 0);
        if round == 0 {
            assert_eq!(device.subscribe("a"), 1);
        }
        // What is owed is sent, and stays unacknowledged.
        for payload in &expected {
            let message = device.unacknowledged();
            assert_eq!(message.payload, String::as_bytes(payload), "{round}");
        }
        let payloads: Vec<String> = (0..20).map(|number| format!("{round}.{number}")).collect();
        let messages: Vec<_> = payloads.iter().map(|text| ("a", &**text)).collect();
        let (mut publisher, _) = Device::resume_plain(server.port(), "publisher", Version::V311, 0);
        publisher.publish_all(&messages);
        expected.extend(payloads);
    }
    let server = Process::start(folder.path());
    let (mut device, present) = Device::resume_plain(server.port(), "sub", Version::V311, 0);
    assert!(present);
    assert_eq!(payloads(&mut device, expected.len()), expected);
}
