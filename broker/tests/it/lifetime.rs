//! Starting, stopping, starting again, emptying; and what keeps a server from starting.

use crate::support::{Device, Packet, TestServer, Version};
use crate::tutorial::policy;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use thingcore::{Config, Server};

fn on_disk(directory: &Path) -> TestServer {
    TestServer::with(|config| {
        config.memory = false;
        config.data_dir = directory.to_owned();
    })
}

#[test]
fn a_restart_keeps_ca_things_certificates_policies_and_rules() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    let keys = server.device("tutorial", &policy());
    let role = "arn:aws:iam::000000000000:role/r";
    let rule = json!({"sql": "SELECT * FROM 'test/topic'",
        "actions": [{"republish": {"roleArn": role, "topic": "x"}}]});
    server.api.iot("POST /rules/copy", &rule);
    assert_eq!(server.api.signed("s3", "PUT /kept", "").status, 200);
    let ca = std::fs::read_to_string(server.ca_file()).unwrap();
    Device::connect(&server, &keys, "test-1", Version::V5);
    server.shutdown();

    let server = on_disk(directory.path());
    assert_eq!(std::fs::read_to_string(server.ca_file()).unwrap(), ca);
    let thing = server.api.iot("GET /things/tutorial", &json!({}));
    assert_eq!(thing["thingName"], "tutorial");
    assert_eq!(server.api.signed("s3", "GET /kept", "").status, 200);
    let mut device = Device::connect(&server, &keys, "test-1", Version::V5);
    assert_eq!(device.publish("test/topic", b"{}"), Ok(0));
    assert_eq!(server.api.actions("copy", 1)[0]["outcome"], "success");
}

#[test]
fn a_reset_leaves_nothing_but_the_ca() {
    let server = TestServer::start();
    let api = &server.api;
    let keys = server.device("tutorial", &policy());
    let role = "arn:aws:iam::000000000000:role/r";
    let rule = json!({"sql": "SELECT * FROM 'test/topic'",
        "actions": [{"republish": {"roleArn": role, "topic": "x"}}]});
    api.iot("POST /rules/copy", &rule);
    assert_eq!(api.signed("s3", "PUT /gone", "").status, 200);
    let ca = api.send("GET /_thingcore/ca", &[], "").body;
    let mut device = Device::connect(&server, &keys, "test-1", Version::V5);
    api.admin("POST /_thingcore/reset", "");
    device.wait_closed();
    assert_eq!(api.signed("iot", "GET /things/tutorial", "").status, 404);
    assert_eq!(api.signed("s3", "GET /gone", "").status, 404);
    let rules = api.iot("GET /rules", &json!({}));
    assert_eq!(rules["rules"].as_array().map(Vec::len), Some(0));
    let (_, answer) = Device::try_connect(&server, &keys, "test-1", Version::V5);
    assert_ne!(
        answer,
        Packet::ConnAck {
            session_present: false,
            code: 0
        }
    );
    assert_eq!(api.send("GET /_thingcore/ca", &[], "").body, ca);
    server.device("tutorial", &policy());
}

#[test]
fn the_ready_file_says_where_everything_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ready.json");
    let server = TestServer::with(|config| config.ready_file = Some(path.clone()));
    let ready: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let ports = server.ports();
    assert_eq!(ready["api_url"], server.api_url());
    assert_eq!(ready["endpoint"], "localhost");
    assert_eq!(ready["mqtt_port"], Value::Null);
    assert_eq!(ready["mqtts_port"], ports.mqtts);
    assert_eq!(ready["https_port"], ports.https);
    assert_eq!(ready["api_port"], ports.api);
    assert_eq!(ready["pid"], std::process::id());
    let ca = std::fs::read_to_string(ready["ca_file"].as_str().unwrap()).unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
}

/// Why a server with these settings does not start; it must be something that settings change.
fn refusal(change: impl FnOnce(&mut Config)) -> String {
    let mut config = TestServer::config();
    change(&mut config);
    let error = Server::start(config).unwrap_err();
    assert!(error.is_usage(), "{error}");
    error.to_string()
}

#[test]
fn a_port_in_use_is_named_with_the_flag_that_changes_it() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = refusal(|config| config.api_port = port);
    assert!(refused.contains(&port.to_string()), "{refused}");
    assert!(refused.contains("--api-port"), "{refused}");
}

#[test]
fn a_data_directory_that_is_a_file_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let refused = refusal(|config| {
        config.memory = false;
        config.data_dir = file.path().to_owned();
    });
    assert!(refused.contains("--data-dir"), "{refused}");
}

#[test]
fn a_data_directory_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    on_disk(directory.path()).shutdown();
    let format = directory.path().join("format");
    assert!(format.is_file(), "{}", format.display());
    std::fs::write(&format, "999\n").unwrap();
    let refused = refusal(|config| {
        config.memory = false;
        config.data_dir = directory.path().to_owned();
    });
    assert!(refused.contains("newer version of thingcore"), "{refused}");
    assert!(refused.contains("--data-dir"), "{refused}");
}

#[test]
fn a_data_directory_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _first = on_disk(directory.path());
    let refused = refusal(|config| {
        config.memory = false;
        config.data_dir = directory.path().to_owned();
    });
    assert!(refused.contains("--data-dir"), "{refused}");
}

#[test]
fn clients_are_told_that_the_server_stops() {
    let server = TestServer::start();
    let keys = server.device("tutorial", &policy());
    let mut device = Device::connect(&server, &keys, "test-1", Version::V5);
    server.shutdown();
    assert_eq!(device.answer(), Packet::Disconnect);
    device.wait_closed();
}

#[test]
fn what_a_rule_was_given_is_done_before_the_server_stops() {
    let directory = tempfile::tempdir().unwrap();
    let server = on_disk(directory.path());
    let api = &server.api;
    assert_eq!(api.signed("s3", "PUT /late", "").status, 200);
    let role = "arn:aws:iam::000000000000:role/r";
    let rule = json!({"sql": "SELECT * FROM 'test/topic'", "actions": [
        {"s3": {"roleArn": role, "bucketName": "late", "key": "${v}"}}]});
    api.iot("POST /rules/late", &rule);
    let keys = server.device("tutorial", &policy());
    let mut device = Device::connect(&server, &keys, "test-1", Version::V5);
    for v in 0..50 {
        let payload = format!("{{\"v\": {v}}}");
        assert_eq!(device.publish("test/topic", payload.as_bytes()), Ok(0));
    }
    server.shutdown();
    let objects = std::fs::read_dir(directory.path().join("s3/late")).unwrap();
    let names = objects.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let numbers = names.filter(|name| name.parse::<u32>().is_ok());
    assert_eq!(numbers.count(), 50);
}

#[test]
fn an_anonymous_policy_must_be_a_policy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{").unwrap();
    let path = file.path().to_owned();
    let refused = refusal(|config| config.anonymous_policy = Some(path));
    assert!(refused.starts_with("--anonymous-policy"), "{refused}");
}

#[test]
fn a_server_can_be_started_and_stopped_inside_of_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        TestServer::start().shutdown();
        drop(TestServer::start());
    });
}
