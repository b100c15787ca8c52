//! The program as a user starts it: exit statuses, what is printed, what is left behind.

use crate::support::{Device, Keys, TestServer, Version};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The program in a folder of its own, without the caller's settings.
fn thingcore(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thingcore"));
    command.args(arguments.split_whitespace());
    command.current_dir(folder);
    for (name, _) in std::env::vars() {
        if name.starts_with("THINGCORE_") || name.starts_with("AWS_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

fn run(folder: &Path, arguments: &str) -> Output {
    thingcore(folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The exit status and the one line that says why.
fn check_refused(arguments: &str, status: i32, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments}: {error}");
    assert_eq!(error.lines().count(), 1, "{arguments}: {error}");
    assert!(error.contains(expected), "{arguments}: {error}");
}

#[test]
fn wrong_usage_is_64_and_failure_is_1_each_with_one_line() {
    check_refused("serv", 64, "'serve'");
    check_refused("serve --memry", 64, "'--memory'");
    check_refused("serve --api-port x", 64, "--api-port");
    check_refused("serve --account-id 1 --memory", 64, "twelve digits");
    check_refused("serve --memory --config none.toml", 64, "none.toml");
    check_refused("serve --memory --seed x", 64, "--seed");
    check_refused("serve --memory --auth verify", 64, "--credentials");
    let missing = "serve --memory --auth verify --credentials none";
    check_refused(missing, 64, "--credentials `none`");
    check_refused("serve --memory --log =x=", 64, "log filter");
    check_refused(
        "serve --memory --mqtts-port 0 --https-port 0 --api-port 0 --log error --ready-file no/such/file",
        64,
        "--ready-file",
    );
    check_refused("thing create a --certs c --url nonsense", 64, "nonsense");
    check_refused(
        "thing create a --certs c --policy none.json",
        64,
        "none.json",
    );
    check_refused(
        "thing create a --certs c --url http://127.0.0.1:1",
        1,
        "no server answers at http://127.0.0.1:1",
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.toml"), "account-id = \"1\"").unwrap();
    for (arguments, variable, expected) in [
        ("serve --config t.toml", None, "`1`"),
        ("serve --config t.toml", Some("22"), "`22`"),
        (
            "serve --config t.toml --account-id 333",
            Some("22"),
            "`333`",
        ),
    ] {
        let mut command = thingcore(folder.path(), arguments);
        if let Some(value) = variable {
            command.env("THINGCORE_ACCOUNT_ID", value);
        }
        let output = command.output().unwrap();
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{error}");
        assert!(
            error.contains(expected),
            "{arguments} {variable:?}: {error}"
        );
    }
}

#[test]
fn help_and_version_are_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        ("--help", "thingcore quickstart"),
        ("--version", env!("CARGO_PKG_VERSION")),
        ("serve --help", "THINGCORE_DATA_DIR"),
        ("quickstart --help", "thingcore-certs"),
        ("thing create --help", "Amazon-root-CA-1.pem"),
        ("policy test --help", "iot:ClientId=test-1"),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments}");
        assert!(text(&output.stdout).contains(expected), "{arguments}");
    }
    assert_eq!(run(folder.path(), "").status.code(), Some(64));
}

#[test]
fn quickstart_does_the_tutorial_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let output = run(folder.path(), "quickstart");
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{out}{error}");
        for expected in [
            "test/topic Hello World! [1]\n",
            "test/topic Hello World! [10]\n",
            "outside the policy, is refused: NotAuthorized",
            "31.5 degrees: stored as s3://quickstart-hot-rooms/room1/",
            r#"{"temperature":31.5,"room":"room1"}"#,
            "29 degrees: not stored",
            "mosquitto_sub",
            "pubsub.py",
            "aws --endpoint-url http://127.0.0.1:9883",
        ] {
            assert!(out.contains(expected), "{expected} in:\n{out}");
        }
    }
    let certs = folder.path().join("thingcore-certs");
    let mode = |name: &str| certs.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("private.pem.key"), 0o600);
    for name in ["device.pem.crt", "public.pem.key", "Amazon-root-CA-1.pem"] {
        assert_eq!(mode(name), 0o644, "{name}");
    }
}

#[test]
fn quickstart_in_memory_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), "quickstart --memory");
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{error}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

/// A running `serve`, killed when the test is over.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serve_says_where_it_is_and_stops_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "serve --memory --mqtts-port 0 --https-port 0 --api-port 0 --mqtt-port 0 \
        --ready-file ready.json --log-format json";
    let mut command = thingcore(folder.path(), arguments);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serve = Serve(command.spawn().unwrap());
    let mut greeting = String::new();
    for line in BufReader::new(serve.0.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        greeting += &format!("{line}\n");
        if line.starts_with("Ctrl-C") {
            break;
        }
    }
    let ready = std::fs::read(folder.path().join("ready.json")).unwrap();
    let ready: Value = serde_json::from_slice(&ready).unwrap();
    for part in ["api_url", "ca_file"] {
        assert!(
            greeting.contains(ready[part].as_str().unwrap()),
            "{greeting}"
        );
    }
    assert!(ready["mqtt_port"].is_u64(), "{ready}");
    let pid = serve.0.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(killed.success());
    assert_eq!(serve.0.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    let mut errors = serve.0.stderr.take().unwrap();
    errors.read_to_string(&mut log).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.iter().any(|line| line["ready_ms"].is_u64()), "{log}");
    assert!(
        lines.iter().any(|line| line["message"] == "stopped"),
        "{log}"
    );
    assert!(!Path::new(ready["ca_file"].as_str().unwrap()).exists());
}

#[test]
fn a_created_thing_can_connect_with_its_files() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().unwrap();
    let create = format!(
        "thing create sensor-1 --certs certs --url {}",
        server.api_url()
    );
    let output = run(folder.path(), &create);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("mosquitto_sub"));
    let read =
        |name: &str| std::fs::read_to_string(folder.path().join("certs").join(name)).unwrap();
    let keys = Keys {
        certificate: read("device.pem.crt"),
        private_key: read("private.pem.key"),
        arn: String::new(),
        id: String::new(),
    };
    for id in ["sensor-1", "test-1"] {
        let mut device = Device::connect(&server, &keys, id, Version::V5);
        assert_eq!(device.subscribe("test/topic"), 1);
        assert_eq!(device.publish("test/topic", b"hello"), Ok(0));
        assert_eq!(&device.message().payload[..], b"hello");
    }
    // The key is nowhere else, so it is not replaced.
    let again = run(folder.path(), &create);
    assert_eq!(again.status.code(), Some(64));
    assert!(text(&again.stderr).contains("device.pem.crt"));
    // The same thing with another certificate.
    let more = create.replace("--certs certs", "--certs more");
    assert_eq!(run(folder.path(), &more).status.code(), Some(0));
}
