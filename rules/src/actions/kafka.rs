//! `kafka`: produces the result as a record (developer guide, "Apache Kafka").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Destination, Effect, Input, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Compression, KafkaRecord, Sasl, Security, Tls, bytes_of, check_store};
use bytes::Bytes;

const HEADERS_MAX: usize = 100;
const HEADER_CHARS_MAX: usize = 16_384;
/// Kafka's limit for the name of a topic.
const TOPIC_CHARS_MAX: usize = 249;

struct Kafka {
    destination_arn: String,
    topic: Text,
    key: Option<Text>,
    partition: Option<Text>,
    headers: Vec<(Text, Text)>,
    properties: Properties,
}

/// `clientProperties`.
struct Properties {
    servers: Text,
    compression: Compression,
    tls: Option<Stores>,
    login: Option<Login>,
}

/// `ssl.*`.
struct Stores {
    truststore: Option<Text>,
    truststore_password: Option<Text>,
    keystore: Option<Text>,
    keystore_password: Option<Text>,
}

/// `sasl.*`.
struct Login {
    mechanism: Mechanism,
    username: Text,
    password: Text,
}

#[derive(Clone, Copy)]
enum Mechanism {
    Plain,
    ScramSha512,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let destination_arn = params.required_string("destinationArn")?.to_owned();
    let topic = params.checked("topic", check_topic)?;
    let key = params.optional_text("key")?;
    let partition = params.optional_checked("partition", |text| partition(text).map(|_| ()))?;
    let mut headers = Vec::new();
    for mut header in params.objects("headers", HEADERS_MAX)? {
        let key = header.checked("key", check_header)?;
        let value = header
            .optional_checked("value", check_header)?
            .ok_or_else(|| header.refused("value", "is missing"))?;
        header.finish()?;
        headers.push((key, value));
    }
    let mut properties = params.required_object("clientProperties")?;
    let read = read_properties(&mut properties)?;
    properties.finish()?;
    Ok(Box::new(Kafka {
        destination_arn,
        topic,
        key,
        partition,
        headers,
        properties: read,
    }))
}

fn check_topic(topic: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let named = !matches!(topic, "" | "." | "..") && topic.chars().all(legal);
    if !named || topic.len() > TOPIC_CHARS_MAX {
        return Err(format!("`{topic}` is not the name of a Kafka topic"));
    }
    Ok(())
}

fn partition(text: &str) -> Result<i32, String> {
    let number: Option<i32> = text.parse().ok();
    number
        .filter(|number| *number >= 0)
        .ok_or_else(|| format!("`{text}` is not the number of a partition"))
}

fn check_header(text: &str) -> Result<(), String> {
    if text.chars().count() > HEADER_CHARS_MAX {
        return Err(format!("must have at most {HEADER_CHARS_MAX} characters"));
    }
    Ok(())
}

/// `host:port`, separated by commas. AWS lets the ports 9000 to 9100 out of its network; there is
/// no such network here, and any port is taken.
fn servers(text: &str) -> Result<Vec<String>, String> {
    let server = |server: &str| {
        let (host, port) = server.trim().rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        (!host.is_empty() && !host.contains([' ', '/'])).then(|| format!("{host}:{port}"))
    };
    let servers: Option<Vec<String>> = text.split(',').map(server).collect();
    servers.ok_or_else(|| format!("`{text}` is not a list of host:port"))
}

fn read_properties(params: &mut Params<'_>) -> Result<Properties, ActionRefused> {
    // Records wait for all replicas in sync, which no value of acks makes weaker.
    params.choice("acks", &["-1", "0", "1", "all"])?;
    let compression = params.choice(
        "compression.type",
        &["none", "gzip", "snappy", "lz4", "zstd"],
    )?;
    for (name, serializer) in [
        ("key.serializer", "StringSerializer"),
        ("value.serializer", "ByteBufferSerializer"),
    ] {
        if let Some(given) = params.string(name)?
            && given.rsplit('.').next() != Some(serializer)
        {
            return Err(params.refused(name, &format!("`{given}` is not {serializer}")));
        }
    }
    // AWS has SSL and SASL_SSL only. Brokers on one's own machine rarely have TLS.
    const PROTOCOLS: [&str; 4] = ["SSL", "SASL_SSL", "PLAINTEXT", "SASL_PLAINTEXT"];
    let protocol = params.choice("security.protocol", &PROTOCOLS)?;
    let protocol = protocol.unwrap_or("SSL");
    let tls = match protocol {
        "SSL" | "SASL_SSL" => Some(stores(params, protocol == "SSL")?),
        _ => None,
    };
    let login = match protocol {
        "SASL_SSL" | "SASL_PLAINTEXT" => Some(login(params)?),
        _ => None,
    };
    Ok(Properties {
        servers: params.checked("bootstrap.servers", |text| servers(text).map(|_| ()))?,
        compression: match compression {
            Some("gzip") => Compression::Gzip,
            Some("snappy") => Compression::Snappy,
            Some("lz4") => Compression::Lz4,
            Some("zstd") => Compression::Zstd,
            _ => Compression::None,
        },
        tls,
        login,
    })
}

fn stores(params: &mut Params<'_>, with_keystore: bool) -> Result<Stores, ActionRefused> {
    let truststore = params.optional_checked("ssl.truststore", check_store)?;
    let truststore_password = params.optional_text("ssl.truststore.password")?;
    let keystore = params.optional_checked("ssl.keystore", check_store)?;
    let keystore_password = params.optional_text("ssl.keystore.password")?;
    // The key in a PKCS#12 store has the password of the store.
    params.optional_text("ssl.key.password")?;
    if with_keystore && keystore.is_none() {
        let why = "is missing, which the protocol SSL wants";
        return Err(params.refused("ssl.keystore", why));
    }
    Ok(Stores {
        truststore,
        truststore_password,
        keystore,
        keystore_password,
    })
}

fn login(params: &mut Params<'_>) -> Result<Login, ActionRefused> {
    let mechanism = params.choice("sasl.mechanism", &["PLAIN", "SCRAM-SHA-512", "GSSAPI"])?;
    let (mechanism, username, password) = match mechanism {
        Some("PLAIN") => (
            Mechanism::Plain,
            "sasl.plain.username",
            "sasl.plain.password",
        ),
        Some("SCRAM-SHA-512") => (
            Mechanism::ScramSha512,
            "sasl.scram.username",
            "sasl.scram.password",
        ),
        Some(_) => {
            let why = "thingcore speaks no Kerberos: use PLAIN or SCRAM-SHA-512";
            return Err(params.refused("sasl.mechanism", why));
        }
        None => {
            let why = "is missing, which a protocol with SASL wants";
            return Err(params.refused("sasl.mechanism", why));
        }
    };
    Ok(Login {
        mechanism,
        username: params.text(username)?,
        password: params.text(password)?,
    })
}

impl Properties {
    fn security(&self, input: &mut Input<'_, '_>) -> Result<Security, Unrenderable> {
        let tls = self
            .tls
            .as_ref()
            .map(|stores| stores.tls(input))
            .transpose()?;
        let sasl = match &self.login {
            None => None,
            Some(login) => {
                let (username, password) =
                    (input.text(&login.username)?, input.text(&login.password)?);
                Some(match login.mechanism {
                    Mechanism::Plain => Sasl::Plain { username, password },
                    Mechanism::ScramSha512 => Sasl::ScramSha512 { username, password },
                })
            }
        };
        Ok(Security { tls, sasl })
    }
}

impl Stores {
    fn tls(&self, input: &mut Input<'_, '_>) -> Result<Tls, Unrenderable> {
        let store = |input: &mut Input<'_, '_>, text: Option<&Text>| {
            let text = input.optional(text)?;
            let store: Option<Bytes> = text
                .map(|text| bytes_of(&text).map_err(Unrenderable::new))
                .transpose()?;
            Ok::<_, Unrenderable>(store)
        };
        let password = |input: &mut Input<'_, '_>, text: Option<&Text>| {
            Ok::<_, Unrenderable>(input.optional(text)?.unwrap_or_default())
        };
        Ok(Tls {
            truststore: store(input, self.truststore.as_ref())?,
            truststore_password: password(input, self.truststore_password.as_ref())?,
            keystore: store(input, self.keystore.as_ref())?,
            keystore_password: password(input, self.keystore_password.as_ref())?,
        })
    }
}

impl Kafka {
    fn headers(&self, input: &mut Input<'_, '_>) -> Result<Vec<(String, String)>, Unrenderable> {
        let mut headers: Vec<(String, String)> = Vec::with_capacity(self.headers.len());
        for (key, value) in &self.headers {
            let (key, value) = (input.text(key)?, input.text(value)?);
            // The client holds headers by name. Better no record than one that has lost some.
            if headers.iter().any(|(known, _)| *known == key) {
                let message = format!("`headers`: the header `{key}` is there twice");
                return Err(Unrenderable::new(message));
            }
            headers.push((key, value));
        }
        Ok(headers)
    }

    fn record(&self, topic: &str, input: &mut Input<'_, '_>) -> Result<KafkaRecord, Unrenderable> {
        let wrong = |why: String| Unrenderable::new(why);
        let given = input.optional(self.partition.as_ref())?;
        Ok(KafkaRecord {
            servers: servers(&input.text(&self.properties.servers)?).map_err(wrong)?,
            security: self.properties.security(input)?,
            compression: self.properties.compression,
            topic: topic.to_owned(),
            key: input.optional(self.key.as_ref())?,
            partition: given
                .map(|text| partition(&text))
                .transpose()
                .map_err(wrong)?,
            headers: self.headers(input)?,
            value: input.payload.clone(),
            time_ms: input.now_ms,
        })
    }
}

impl Sends for Kafka {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let topic = input.text(&self.topic)?;
        let record = self.record(&topic, input).map_err(|refused| Unrenderable {
            resource: topic.clone(),
            ..refused
        })?;
        Ok(Rendered {
            // The role is the destination's, and asked when that is made.
            permissions: Vec::new(),
            details: format!("Action: kafka, Topic: {topic}"),
            resource: topic,
            effect: Effect::Record(Box::new(record)),
            failure: "Failed to produce Kafka record",
            missing: None,
            destination: Some(Destination::Arn(self.destination_arn.clone())),
            batching: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_hosts_with_ports() {
        let two = ["a.test:9092".to_owned(), "b:9093".to_owned()];
        assert_eq!(servers("a.test:9092, b:9093"), Ok(two.into()));
        for wrong in ["", "a", "a:b", ":9092", "a:9092,", "http://a:9092"] {
            assert!(servers(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn topics_have_names_that_kafka_takes() {
        for topic in ["T", "a.b_c-1"] {
            assert_eq!(check_topic(topic), Ok(()), "{topic}");
        }
        for topic in ["", ".", "..", "a/b", "ä", &"x".repeat(250)] {
            assert!(check_topic(topic).is_err(), "{topic}");
        }
    }

    #[test]
    fn partitions_are_counted_from_zero() {
        assert_eq!(partition("0"), Ok(0));
        for wrong in ["-1", "x", "2147483648"] {
            assert!(partition(wrong).is_err(), "{wrong}");
        }
    }
}
