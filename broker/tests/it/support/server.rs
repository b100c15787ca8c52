//! A server in this process.

use super::api::Api;
use serde_json::{Value, json};
use std::ops::Deref;
use thingcore::{Config, Running, Server};

/// A server on ports of the system's choice, and its API.
pub(crate) struct TestServer {
    running: Running,
    pub(crate) api: Api,
}

impl Deref for TestServer {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

/// What a device connects with.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) certificate: String,
    pub(crate) private_key: String,
    /// The certificate's ARN and id.
    pub(crate) arn: String,
    pub(crate) id: String,
}

impl TestServer {
    /// A server that keeps nothing.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// The same with settings changed.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Self::config();
        change(&mut config);
        let running = Server::start(config).unwrap();
        let api = Api::at(running.api_url());
        Self { running, api }
    }

    /// The settings of a server that keeps nothing.
    pub(crate) fn config() -> Config {
        Config {
            memory: true,
            mqtts_port: 0,
            https_port: 0,
            api_port: 0,
            ..Config::default()
        }
    }

    /// Stops the server and waits for it.
    pub(crate) fn shutdown(self) {
        self.running.shutdown();
    }

    /// A device with a policy: `name` names the thing and the policy.
    pub(crate) fn device(&self, name: &str, policy: &Value) -> Keys {
        let api = &self.api;
        api.iot(&format!("POST /things/{name}"), &json!({}));
        let document = json!({"policyDocument": policy.to_string()});
        api.iot(&format!("POST /policies/{name}"), &document);
        let keys = self.keys();
        let target = json!({"target": keys.arn});
        api.iot(&format!("PUT /target-policies/{name}"), &target);
        let principal = [("x-amzn-principal", &*keys.arn)];
        let path = format!("PUT /things/{name}/principals");
        let answer = api.signed_with("iot", &path, &principal, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        keys
    }

    /// An active certificate without policies.
    pub(crate) fn keys(&self) -> Keys {
        let path = "POST /keys-and-certificate?setAsActive=true";
        let made = self.api.iot(path, &json!({}));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Keys {
            certificate: text(&made["certificatePem"]),
            private_key: text(&made["keyPair"]["PrivateKey"]),
            arn: text(&made["certificateArn"]),
            id: text(&made["certificateId"]),
        }
    }
}
