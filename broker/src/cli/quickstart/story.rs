//! The tutorial, step by step, with what is seen at each.

use super::cloud;
use crate::certs_folder::CertsFolder;
use crate::cli::client::Client;
use crate::cli::credentials;
use crate::cli::device::{Device, Identity};
use crate::cli::thing::{self, Place};
use crate::config::Config;
use crate::server::Running;
use anyhow::{bail, ensure};
use mqtt::codec::ReasonCode;
use serde_json::Value;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

/// The thing.
const THING: &str = "quickstart-device";
/// Its client id here; the policy allows `test-*`, as the tutorial's does.
const CLIENT_ID: &str = "test-quickstart";
/// The topic of the tutorial.
const TOPIC: &str = "test/topic";
/// Where the sensor of the second part publishes.
const SENSOR_TOPIC: &str = "sensors/room1";
/// Messages that go around.
const MESSAGES: usize = 10;

/// Does the steps on a running server.
pub(super) async fn tell(
    running: &Running,
    certs: &Path,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let config = running.config();
    writeln!(
        out,
        "1. A server, with the AWS API at {}",
        running.api_url()
    )?;
    let mut client = Client::new(running.api_url(), &config.region)?;
    if let Some(file) = &config.credentials {
        client = client.signing_with(credentials::read(file)?);
    }
    let files = CertsFolder::of(certs);
    let created = thing::create(&client, THING, &files, policy).await?;
    writeln!(
        out,
        "2. Thing {THING}, certificate {}..., policy {}",
        created.certificate_id.get(..8).unwrap_or_default(),
        created.policy
    )?;
    writeln!(out, "   files in {}", certs.display())?;
    let role = cloud::create_role(&client, &config.account_id).await?;
    cloud::create_bucket(&client).await?;
    cloud::empty_bucket(&client).await?;
    cloud::create_rule(&client, &role).await?;
    writeln!(out, "3. Rule {}: {}", cloud::RULE, cloud::SQL)?;
    writeln!(out, "   into the bucket {} as {role}", cloud::BUCKET)?;

    let (host, port) = (running.endpoint(), running.ports().mqtts);
    let address = SocketAddr::new(running.local_ip(), port);
    let mut device = Device::connect(address, host, Identity::of(&files), CLIENT_ID).await?;
    writeln!(
        out,
        "4. {CLIENT_ID} is connected to {host}:{port} over mutual TLS"
    )?;
    exchange(&mut device, out).await?;
    let refused = device.publish("test/other", b"{}").await?;
    ensure!(
        refused == ReasonCode::NotAuthorized,
        "a publish outside the policy was answered {refused:?}"
    );
    writeln!(
        out,
        "6. A publish to test/other, outside the policy, is refused: {refused:?}"
    )?;
    store(&client, &mut device, out).await?;
    device.disconnect().await
}

/// The policy of the tutorial, and the sensor's topic.
fn policy(place: &Place) -> String {
    let topics = [TOPIC, SENSOR_TOPIC].map(|topic| place.arn(&format!("topic/{topic}")));
    let filters = [TOPIC].map(|topic| place.arn(&format!("topicfilter/{topic}")));
    thing::policy(&[place.arn("client/test-*")], &topics, &filters)
}

/// Publishes and receives the messages of the tutorial.
async fn exchange(device: &mut Device, out: &mut impl Write) -> anyhow::Result<()> {
    device.subscribe(TOPIC).await?;
    writeln!(
        out,
        "5. Subscribed to {TOPIC}, {MESSAGES} messages go around:"
    )?;
    for number in 1..=MESSAGES {
        let sent = format!("Hello World! [{number}]");
        let answer = device.publish(TOPIC, sent.as_bytes()).await?;
        ensure!(
            !answer.is_error(),
            "the publish of message {number} was answered {answer:?}"
        );
        let received = device.message().await?;
        ensure!(
            received.topic == TOPIC && received.payload == sent.as_bytes(),
            "message {number} came back changed"
        );
        let text = String::from_utf8_lossy(&received.payload);
        writeln!(out, "   {} {text}", received.topic)?;
    }
    Ok(())
}

/// Publishes a temperature that the rule leaves alone and one that it stores.
async fn store(client: &Client, device: &mut Device, out: &mut impl Write) -> anyhow::Result<()> {
    let before = cloud::newest_action(client).await?;
    writeln!(out, "7. Temperatures on {SENSOR_TOPIC}:")?;
    // Rules take messages in order: when the second one is stored, the first one was judged.
    for payload in [r#"{"temperature": 29}"#, r#"{"temperature": 31.5}"#] {
        let answer = device.publish(SENSOR_TOPIC, payload.as_bytes()).await?;
        ensure!(
            !answer.is_error(),
            "the publish to {SENSOR_TOPIC} was answered {answer:?}"
        );
    }
    let record = cloud::next_action(client, before).await?;
    let member = |name: &str| record.get(name).and_then(Value::as_str);
    if member("outcome") != Some("success") {
        let reason = member("reason").unwrap_or_default();
        bail!(
            "the rule's action ended with {:?}: {reason}",
            member("outcome")
        );
    }
    let keys = cloud::keys(client).await?;
    let [key] = &keys[..] else {
        bail!("the bucket should have one object and has {keys:?}");
    };
    let object = cloud::object_text(client, key).await?;
    let stored: Value = serde_json::from_str(&object)?;
    ensure!(
        stored.get("temperature").and_then(Value::as_f64) == Some(31.5),
        "the object holds {object}"
    );
    writeln!(
        out,
        "   29 degrees: not stored, the rule wants more than 30"
    )?;
    writeln!(
        out,
        "   31.5 degrees: stored as s3://{}/{key}",
        cloud::BUCKET
    )?;
    writeln!(out, "   {object}")?;
    Ok(())
}

/// The commands to go on with by hand; the server takes the flags of this run.
pub(super) fn go_on(
    config: &Config,
    flags: &[String],
    certs: &Path,
    out: &mut impl Write,
) -> io::Result<()> {
    let files = CertsFolder::of(certs);
    let host = config.hostnames.first().map_or("localhost", |name| name);
    let port = &shown(config.mqtts_port);
    let url = format!("http://127.0.0.1:{}", shown(config.api_port));
    let region = &config.region;
    writeln!(out)?;
    writeln!(out, "Go on by hand. A server with what was made here:")?;
    writeln!(
        out,
        "  {}",
        [&["thingcore serve".to_owned()], flags].concat().join(" ")
    )?;
    writeln!(out, "its messages in a browser:")?;
    writeln!(out, "  {url}/console/")?;
    writeln!(out, "and in other terminals:")?;
    writeln!(
        out,
        "  {}",
        thing::mosquitto_sub(&files, host, port, "test-2", TOPIC)
    )?;
    writeln!(
        out,
        "  python3 pubsub.py --endpoint {host} --port {port} --ca_file {} --cert {} --key {} --client_id test-3 --topic {TOPIC} --count 10",
        files.ca.display(),
        files.certificate.display(),
        files.private_key.display(),
    )?;
    writeln!(
        out,
        "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION={region}"
    )?;
    writeln!(out, "  aws --endpoint-url {url} iot list-things")?;
    writeln!(
        out,
        // `fileb://` is the form that both versions of the AWS CLI take.
        "  echo hello > hello.txt; aws --endpoint-url {url} iot-data publish --topic {TOPIC} --qos 1 --payload fileb://hello.txt"
    )?;
    writeln!(
        out,
        "  aws --endpoint-url {url} s3 ls --recursive s3://{}",
        cloud::BUCKET
    )
}

/// A port in a command; one that the system chooses stands on the server's first lines.
fn shown(port: u16) -> String {
    match port {
        0 => "PORT".to_owned(),
        port => port.to_string(),
    }
}
