//! Which of several sources wins, and what is refused with which words.

use super::{Config, ConfigError, Flags, LogFormat, ProfileName, ServerCert};
use clap::{Args, FromArgMatches};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// Reads flags. The environment cannot be changed from a test; that it is below the flags and
/// above the file is clap's doing, since its values are in `Flags` before the file is read.
fn flags(arguments: &str) -> Flags {
    let command = Flags::augment_args(clap::Command::new("serve"));
    let words = std::iter::once("serve").chain(arguments.split_whitespace());
    let matches = command.try_get_matches_from(words).unwrap();
    Flags::from_arg_matches(&matches).unwrap()
}

fn resolve(arguments: &str, file: &str) -> Result<Config, ConfigError> {
    let mut flags = flags(arguments);
    let mut written = tempfile::NamedTempFile::new().unwrap();
    if !file.is_empty() {
        written.write_all(file.as_bytes()).unwrap();
        flags.config = Some(written.path().to_owned());
    }
    Config::resolve(flags, Config::default())
}

fn check(arguments: &str, file: &str, change: impl FnOnce(&mut Config)) {
    let mut expected = Config::default();
    change(&mut expected);
    assert_eq!(
        resolve(arguments, file).unwrap(),
        expected,
        "{arguments} {file}"
    );
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_defaults() {
    check("", "", |_| {});
    check("--api-port 1", "", |c| c.api_port = 1);
    check("", "api-port = 2", |c| c.api_port = 2);
    check("--api-port 1", "api-port = 2\nmqtts-port = 3", |c| {
        c.api_port = 1;
        c.mqtts_port = 3;
    });
    check("--memory", "", |c| c.memory = true);
    check("--memory=false", "memory = true", |_| {});
    check("", "memory = true", |c| c.memory = true);
    check("--profile mqtt", "profile = \"aws\"", |c| {
        c.profile = ProfileName::Mqtt;
    });
    check("--iam strict --aws real", "", |c| {
        c.iam_strict = true;
        c.aws_real = true;
    });
    check("--auth verify --credentials x", "", |c| {
        c.credentials = Some(PathBuf::from("x"));
    });
    check("--credentials x", "auth = \"verify\"", |c| {
        c.credentials = Some(PathBuf::from("x"));
    });
    check(
        "--auth accept",
        "auth = \"verify\"\ncredentials = \"x\"",
        |_| {},
    );
    check("--iam lenient", "iam = \"strict\"", |_| {});
    check("--hostname a --hostname b.c", "hostname = \"d\"", |c| {
        c.hostnames = vec!["a".to_owned(), "b.c".to_owned()];
    });
    check("--hostname a --hostname *.b.c", "", |c| {
        c.hostnames = vec!["a".to_owned(), "*.b.c".to_owned()];
    });
    check("--hostname a,b", "", |c| {
        c.hostnames = vec!["a".to_owned(), "b".to_owned()];
    });
    check("", "hostname = \"d\"", |c| {
        c.hostnames = vec!["d".to_owned()];
    });
    check("", "hostname = [\"d\", \"127.0.0.1\"]", |c| {
        c.hostnames = vec!["d".to_owned(), "127.0.0.1".to_owned()];
    });
    check(
        "--mqtt-port 0 --shards 3",
        "bind = \"::1\"\nlog-format = \"json\"",
        |c| {
            c.mqtt_port = Some(0);
            c.shards = Some(3);
            c.bind = "::1".parse().unwrap();
            c.log_format = LogFormat::Json;
        },
    );
    check("--data-dir x", "data-dir = \"y\"", |c| {
        c.data_dir = PathBuf::from("x");
    });
    check(
        "",
        "[endpoints]\nsns = \"http://a:1\"\ndefault = \"http://b:2\"",
        |c| {
            let pairs = [("sns", "http://a:1"), ("", "http://b:2")];
            let pairs = pairs.map(|(k, v)| (k.to_owned(), v.to_owned()));
            c.endpoints = BTreeMap::from(pairs);
        },
    );
}

#[test]
fn the_memory_for_clients_is_a_size() {
    check("--buffer-memory 2MiB", "buffer-memory = \"1GiB\"", |c| {
        c.buffer_memory = Some(2 << 20);
    });
    check("", "buffer-memory = 1048576", |c| {
        c.buffer_memory = Some(1 << 20);
    });
}

#[test]
fn certificates_of_both_sides_are_settings() {
    check("--server-cert c", "server-key = \"k\"", |c| {
        c.server_cert = Some(ServerCert {
            chain: PathBuf::from("c"),
            key: PathBuf::from("k"),
        });
    });
    check("--client-certs optional", "", |c| {
        c.client_certs_optional = true;
    });
    check(
        "--client-certs required",
        "client-certs = \"optional\"",
        |_| {},
    );
}

/// The message of a refusal, with `FILE` for the path.
fn check_refused(arguments: &str, file: &str, expected: &str) {
    let refused = resolve(arguments, file).unwrap_err().to_string();
    let message = match refused.split_once("` line ") {
        Some((_, rest)) => format!("line {rest}"),
        None => match refused.split_once("`: there is no") {
            Some((_, rest)) => format!("there is no{rest}"),
            None => refused,
        },
    };
    assert_eq!(message, expected, "{arguments} {file}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_change() {
    check_refused(
        "",
        "memry = true",
        "there is no setting `memry`: did you mean `memory`?",
    );
    check_refused(
        "",
        "mqtt_port = 1883",
        "there is no setting `mqtt_port`: did you mean `mqtt-port`?",
    );
    check_refused(
        "",
        "[endpoint]\ns3 = \"http://a\"",
        "there is no setting `endpoint`: did you mean `endpoints`?",
    );
    check_refused(
        "",
        "[endpoints]\nsms = \"http://a\"",
        "there is no setting `endpoints.sms`: did you mean `endpoints.sns`?",
    );
    check_refused(
        "",
        "memory = true\napi-port = 99999",
        "line 2: invalid value: integer `99999`, expected u16",
    );
    check_refused(
        "",
        "\n\nhostname = 1",
        "line 3: must be a string or a list of strings",
    );
    check_refused(
        "--account-id 123",
        "",
        "`account-id` is `123`: it must be twelve digits, such as 000000000000",
    );
    check_refused(
        "--region mars",
        "",
        "`region` is `mars`: it must be the name of an AWS region, such as us-east-1",
    );
    check_refused(
        "--hostname a_b/c",
        "",
        "`hostname` is `a_b/c`: it must be a DNS name or an address, such as localhost",
    );
    check_refused(
        "--hostname *.a.b",
        "",
        "the first `hostname` is `*.a.b`: clients are told to connect to it, so name a host without a wildcard before it",
    );
    check_refused(
        "--api-port 8443",
        "",
        "`https-port` and `api-port` are both 8443: give one of them another port",
    );
    check_refused(
        "--shards 0",
        "",
        "`shards` is 0: choose at least 1, or leave --shards out",
    );
}

#[test]
fn a_certificate_goes_with_its_key() {
    check_refused(
        "--server-cert c",
        "",
        "`server-cert` is `c`, and a certificate goes with its key: name the other file with --server-key",
    );
    check_refused(
        "",
        "server-key = \"k\"",
        "`server-key` is `k`, and a certificate goes with its key: name the other file with --server-cert",
    );
}

#[test]
fn ports_that_the_system_chooses_may_be_many() {
    check(
        "--mqtts-port 0 --https-port 0 --api-port 0 --mqtt-port 0",
        "",
        |c| {
            (c.mqtts_port, c.https_port, c.api_port) = (0, 0, 0);
            c.mqtt_port = Some(0);
        },
    );
}

#[test]
fn every_flag_has_a_variable_and_a_key() {
    let command = Flags::augment_args(clap::Command::new("serve"));
    for argument in command.get_arguments() {
        let name = argument.get_long().unwrap();
        let variable = format!("THINGCORE_{}", name.to_uppercase().replace('-', "_"));
        assert_eq!(
            argument.get_env().and_then(|v| v.to_str()),
            Some(&*variable)
        );
    }
    let all = "data-dir = \"d\"\nmemory = true\nprofile = \"aws\"\nmqtt = \"topic-slashes=9\"\nregion = \"r\"\n\
        account-id = \"1\"\nhostname = \"h\"\nbind = \"::1\"\nmqtt-port = 1\nmqtts-port = 2\n\
        server-cert = \"c\"\nserver-key = \"k\"\nclient-certs = \"optional\"\nhttps-port = 3\napi-port = 4\nseed = \"s\"\nenforce-quotas = true\nbuffer-memory = \"1GiB\"\nshards = 1\n\
        anonymous-policy = \"a\"\nready-file = \"f\"\niam = \"strict\"\naws = \"real\"\n\
        auth = \"verify\"\ncredentials = \"c\"\n\
        log-format = \"text\"\nlog = \"debug\"";
    for key in Flags::keys() {
        let key = format!("{key} = ");
        let line = all.lines().find(|line| line.trim().starts_with(&key));
        let line = line.unwrap_or_else(|| panic!("{key}"));
        let flags = super::file::parse(line, "f").unwrap();
        assert_ne!(flags, Flags::default(), "{line}");
    }
}

#[test]
fn signatures_are_verified_with_keys_or_not_at_all() {
    check_refused(
        "--auth verify",
        "",
        "`auth` is verify, and there are no keys to verify signatures with: name a file with \
         --credentials, such as ~/.aws/credentials",
    );
    check_refused(
        "--credentials x",
        "",
        "`credentials` is `x`, and no signature is verified with it: add --auth verify",
    );
}

#[test]
fn settings_of_the_profile_are_tried_at_once() {
    check("--mqtt topic-slashes=9", "", |c| {
        c.mqtt = vec![("topic-slashes".into(), "9".into())];
    });
    check("", "mqtt = [\"qos-max=2\"]", |c| {
        c.mqtt = vec![("qos-max".into(), "2".into())];
    });
    check_refused(
        "--mqtt topic-slash=9",
        "",
        "`mqtt` names `topic-slash`, and the profiles have no such setting: did you mean `topic-slashes`?",
    );
    check_refused(
        "--mqtt topic-slashes",
        "",
        "`mqtt` sets `topic-slashes` to ``: it must be a whole number within its range",
    );
}

#[test]
fn every_setting_of_the_profiles_is_documented() {
    let documented = include_str!("../../../docs/profiles.md");
    for name in mqtt::profile::SETTINGS {
        let row = format!("| `{}` |", name.replace('_', "-"));
        assert!(documented.contains(&row), "{row}");
    }
}
