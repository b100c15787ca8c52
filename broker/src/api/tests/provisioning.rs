//! The vectors of provisioning: calls of the API and requests of a device, in both formats.

use super::expect::failures;
use super::placeholders::Values;
use super::request::{send, signed};
use super::world::world;
use crate::api::model::Service;
use crate::provisioning::Asked;
use crate::world::World;
use serde_json::{Map, Value};
use std::sync::Arc;

#[tokio::test]
async fn devices_are_provisioned_as_aws_does() {
    let text = include_str!("../../../tests/data/provisioning.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let world = world(None);
    let mut failed = Vec::new();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 12);
    for (number, vector) in vectors.iter().enumerate() {
        for format in ["json", "cbor"] {
            let run = Run {
                world: &world,
                names: format!("{format}{number}"),
                format,
                values: Values::new(number),
            };
            if let Err(why) = run.vector(vector).await {
                failed.push(format!("{} in {format}: {why}", vector["id"]));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// One vector's run.
struct Run<'w> {
    world: &'w Arc<World>,
    /// Makes names that no other run uses.
    names: String,
    format: &'static str,
    values: Values,
}

impl Run<'_> {
    async fn vector(mut self, vector: &Value) -> Result<(), String> {
        for (at, step) in vector["steps"].as_array().unwrap().iter().enumerate() {
            let step = self.named(step);
            let done = match step["op"].as_str() {
                Some("api") => self.call(&step).await,
                Some("mqtt") => self.ask(&step).await,
                other => panic!("{other:?}"),
            };
            done.map_err(|why| format!("step {}: {why}", at + 1))?;
        }
        Ok(())
    }

    /// A step with fresh names.
    fn named(&mut self, step: &Value) -> Value {
        let csr = Value::from(self.values.fill_text("%csr")).to_string();
        let text = step.to_string();
        let text = text.replace("<tpl>", &format!("tpl-{}", self.names));
        let text = text.replace("<thing>", &format!("thing-{}", self.names));
        let text = text.replace("\"<csr>\"", &csr);
        serde_json::from_str(&text).unwrap()
    }

    async fn call(&mut self, step: &Value) -> Result<(), String> {
        let params = self.values.fill(&step["params"]);
        let name = step["call"].as_str().unwrap();
        let request = signed(Service::Iot, name, params.as_object().unwrap());
        let answered = send(self.world, request).await;
        let expect = step["expect"].as_object().unwrap();
        let failures = failures(expect, &answered, &mut self.values);
        if !failures.is_empty() {
            return Err(format!("{name}: {}\n    {answered:?}", failures.join("; ")));
        }
        self.save(step, &answered.body);
        Ok(())
    }

    async fn ask(&mut self, step: &Value) -> Result<(), String> {
        let suffix = |name: &str, of: &Value| {
            let topic = format!("$aws/{}", of[name].as_str().unwrap());
            topic.replace("/json", &format!("/{}", self.format))
        };
        let topic = suffix("publish_suffix", step);
        let payload = match step["payload_raw"].as_str() {
            Some(raw) => raw.as_bytes().to_vec(),
            None => {
                let document = self.values.fill(&step["payload"]);
                self.written(&document)
            }
        };
        let (client_id, principal) = ("device".into(), "claim".into());
        let asked = Asked::new(&topic, &payload, &client_id, &principal);
        let provisioner = self.world.hub.provisioner().unwrap();
        let told = provisioner.answer(asked).await.unwrap();
        let [expected] = &step["expect_messages"].as_array().unwrap()[..] else {
            panic!("a request has one answer");
        };
        let body = self.read(&told.payload);
        if told.topic != suffix("topic_suffix", expected) {
            return Err(format!("{}: {body}", told.topic));
        }
        let subset = self.values.fill(&expected["payload_subset"]);
        for (name, wanted) in subset.as_object().unwrap() {
            if !fits(wanted, &body[name]) {
                return Err(format!("{name} is {} and not {wanted}", body[name]));
            }
        }
        for pointer in expected["payload_absent"].as_array().into_iter().flatten() {
            if let Some(there) = body.pointer(pointer.as_str().unwrap()) {
                return Err(format!("{pointer} is {there}"));
            }
        }
        self.save(step, &body);
        Ok(())
    }

    fn save(&mut self, step: &Value, body: &Value) {
        let none = Map::new();
        for (name, path) in step["save"].as_object().unwrap_or(&none) {
            let path = path.as_str().unwrap();
            let member = path.split('.').fold(body, |value, name| &value[name]);
            self.values.save(name, member);
        }
    }

    fn written(&self, document: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.format {
            "json" => serde_json::to_writer(&mut bytes, document).unwrap(),
            _ => ciborium::into_writer(document, &mut bytes).unwrap(),
        }
        bytes
    }

    fn read(&self, payload: &[u8]) -> Value {
        match self.format {
            "json" => serde_json::from_slice(payload).unwrap(),
            _ => ciborium::from_reader(payload).unwrap(),
        }
    }
}

fn fits(wanted: &Value, found: &Value) -> bool {
    let text = found.as_str().unwrap_or_default();
    match wanted.as_str() {
        Some("<any>") => !found.is_null(),
        Some("<hex64>") => text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        Some("<pem>") => text.starts_with("-----BEGIN CERTIFICATE-----"),
        Some("<key>") => text.starts_with("-----BEGIN RSA PRIVATE KEY-----"),
        Some(_) | None => wanted == found,
    }
}
