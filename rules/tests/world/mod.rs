//! The world around the engine in tests: what it republished and sent, and how its targets behave.

#![allow(clippy::panic, clippy::unwrap_used)]
#![allow(dead_code, reason = "each test uses a part of it")]

use bytes::Bytes;
use http::StatusCode;
use rules::actions::{Destination, Place, Republish};
use rules::delivery::{
    Counter, Delivery, Denied, Destinations, Event, Inside, Offer, Ports, Protocol, Publisher,
    Republisher, Roles, Rule, RuleCounters, RuleHandle, RuleSet, Settings,
};
use rules::target::{
    Answer, AwsRequest, BoxFuture, KafkaRecord, Route, SendFailure, Service, Target, Via,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// What a target answers: a status, or why it cannot be reached.
pub(crate) type TargetAnswer = Result<u16, &'static str>;

pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/r";
pub(crate) const BROKEN_ROLE: &str = "arn:aws:iam::123456789012:role/broken";
pub(crate) const INFLUX: &str = "arn:aws:iot:us-east-1:123456789012:ruledestination/influxdb/1";
pub(crate) const VPC: &str = "arn:aws:iot:us-east-1:123456789012:ruledestination/vpc/1";

/// The world around the engine: what was republished, and how the target behaves.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) published: Mutex<Vec<(String, Bytes)>>,
    /// What the next requests are answered; then 200.
    pub(crate) answers: Mutex<VecDeque<TargetAnswer>>,
    pub(crate) sent: Mutex<Vec<Bytes>>,
    /// What requests had as authorization.
    pub(crate) tokens: Mutex<Vec<String>>,
    pub(crate) produced: Mutex<Vec<KafkaRecord>>,
    /// Requests are answered only when one of these is there.
    pub(crate) gate: Option<Semaphore>,
}

impl Roles for World {
    fn authorize(&self, _: &str, role_arn: &str, _: &str, _: &str) -> Result<(), Denied> {
        match role_arn {
            ROLE => Ok(()),
            BROKEN_ROLE => panic!("a fault in the roles"),
            _ => Err(Denied {
                reason: "no".to_owned(),
            }),
        }
    }
}

impl Destinations for World {
    fn enabled(&self, destination: &Destination) -> Result<Value, String> {
        match destination {
            Destination::Http(url) if url == "https://a.test" => Ok(Value::Null),
            Destination::Arn(arn) if arn == INFLUX => Ok(json!({
                "endpoint": "http://influx.test", "influxDBVersion": "V2", "secretId": "s",
            })),
            Destination::Arn(arn) if arn == VPC => Ok(Value::Null),
            other => Err(format!("{other:?} is not enabled")),
        }
    }
}

impl Inside for World {
    fn shadow(&self, thing_name: &str, _: Option<&str>) -> Result<Vec<u8>, String> {
        assert_ne!(thing_name, "broken", "a fault in the shadows");
        Ok(format!(r#"{{"of":"{thing_name}"}}"#).into_bytes())
    }

    fn registry(&self, operation: &str, _: &str) -> Result<Vec<u8>, String> {
        Err(format!("no {operation}"))
    }
}

impl Republisher for World {
    fn republish(&self, message: Republish, _: &Event) -> Result<(), String> {
        assert_ne!(message.topic, "broken", "a fault in the republisher");
        let mut published = self.published.lock().expect("nobody panicked");
        published.push((message.topic, message.payload));
        Ok(())
    }
}

impl Target for World {
    fn route(&self, request: &AwsRequest) -> Route {
        Route {
            via: Via::Network,
            url: format!("http://target{}", request.path),
        }
    }

    fn send<'a>(
        &'a self,
        _: &'a Route,
        request: &'a AwsRequest,
    ) -> BoxFuture<'a, Result<Answer, SendFailure>> {
        Box::pin(async {
            assert_ne!(request.path, "/broken/k", "a fault in the target");
            if request.service == Service::SecretsManager {
                return Ok(answered(200, br#"{"SecretString":"t0"}"#));
            }
            if let Some(token) = request
                .headers
                .iter()
                .find(|(name, _)| name == "authorization")
            {
                let token = token.1.to_str().expect("it is ASCII").to_owned();
                self.tokens.lock().expect("nobody panicked").push(token);
            }
            if let Some(gate) = &self.gate {
                gate.acquire().await.expect("it is open").forget();
            }
            self.sent
                .lock()
                .expect("nobody panicked")
                .push(request.body.clone());
            let answer = self.answers.lock().expect("nobody panicked").pop_front();
            match answer.unwrap_or(Ok(200)) {
                Ok(status) => Ok(answered(status, b"")),
                Err(why) => Err(SendFailure::unreachable(why.to_owned())),
            }
        })
    }

    fn route_record(&self, record: &KafkaRecord) -> Route {
        Route {
            via: Via::Network,
            url: format!("kafka://target/{}", record.topic),
        }
    }

    fn produce<'a>(&'a self, record: &'a KafkaRecord) -> BoxFuture<'a, Result<(), SendFailure>> {
        Box::pin(async {
            self.produced
                .lock()
                .expect("nobody panicked")
                .push(record.clone());
            let answer = self.answers.lock().expect("nobody panicked").pop_front();
            match answer.unwrap_or(Ok(200)) {
                Ok(_) => Ok(()),
                Err(why) => Err(SendFailure::unreachable(why.to_owned())),
            }
        })
    }
}

pub(crate) fn answered(status: u16, body: &'static [u8]) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).expect("a status"),
        error_type: None,
        function_failed: false,
        body: Bytes::from_static(body),
    }
}

impl World {
    pub(crate) fn published(&self) -> Vec<(String, String)> {
        let published = self.published.lock().expect("nobody panicked");
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let entries = published.iter().map(|(topic, p)| (topic.clone(), text(p)));
        entries.collect()
    }
}

pub(crate) fn engine(world: &Arc<World>, change: impl FnOnce(&mut Settings)) -> Delivery {
    let mut settings = Settings::new(Place {
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
    });
    change(&mut settings);
    let ports = Ports {
        roles: Arc::clone(world) as _,
        target: Arc::clone(world) as _,
        destinations: Arc::clone(world) as _,
        inside: Arc::clone(world) as _,
        republisher: Arc::clone(world) as _,
        recorded: Arc::new(|_| {}),
        now_ms: Arc::new(|| 1_700_000_000_000),
    };
    Delivery::new(settings, ports, Handle::current())
}

/// A rule with a list of actions, or with members of its own.
pub(crate) fn rule(delivery: &Delivery, name: &str, sql: &str, actions: Value) -> RuleHandle {
    let mut payload = json!({"sql": sql, "awsIotSqlVersion": "2016-03-23"});
    match actions {
        Value::Object(members) => members
            .into_iter()
            .for_each(|(name, value)| payload[name] = value),
        actions => payload["actions"] = actions,
    }
    delivery.open(Arc::new(
        Rule::compile(name, &payload).expect("the rule compiles"),
    ))
}

pub(crate) fn republish(topic: &str) -> Value {
    json!({"republish": {"roleArn": ROLE, "topic": topic}})
}

pub(crate) fn s3() -> Value {
    json!({"s3": {"roleArn": ROLE, "bucketName": "bucket", "key": "k"}})
}

pub(crate) fn offer(payload: &[u8]) -> Offer<'_> {
    Offer {
        publisher: Publisher {
            client_id: Some("device".into()),
            principal: "certificate".into(),
            source_ip: Some([127, 0, 0, 1].into()),
            protocol: Protocol::Mqtt,
            hops: 0,
        },
        payload,
        mqtt5: None,
        received_ms: 1_700_000_000_000,
    }
}

/// The rules of the topic `a`.
pub(crate) fn set_of(rules: &[&RuleHandle]) -> RuleSet {
    RuleSet::new(&"a".into(), rules.iter().copied().cloned().collect())
}

/// Matches, and what became of them: not matched, executed, failed in SQL, throttled.
pub(crate) fn counts(counters: &RuleCounters) -> [u64; 5] {
    let RuleCounters {
        topic_match,
        not_matched,
        executed,
        parse_error,
        throttled,
        ..
    } = counters;
    [topic_match, not_matched, executed, parse_error, throttled].map(Counter::count)
}
