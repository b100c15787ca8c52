//! Answers what SQL functions ask the outside, from AWS services and from the server itself. It
//! waits: only threads that may are to evaluate with it.

use super::engine::Shared;
use super::ports::Denied;
use crate::actions::{FunctionArn, attribute, plain};
use crate::sql::{External, Lookup};
use crate::target::{
    Answer, AwsRequest, Secret, Service, Signing, Via, encode_path, encode_segment, json_target,
};
use bytes::Bytes;
use http::Method;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::runtime::Handle;

/// What `aws_lambda` waits for a function (developer guide, "aws_lambda"). The guide names no time
/// for the others.
const TIME_OUT: Duration = Duration::from_millis(2000);

/// Asks on behalf of one rule.
pub(super) struct Outside<'a> {
    pub(super) shared: &'a Shared,
    pub(super) rule: &'a str,
    pub(super) runtime: Handle,
}

impl External for Outside<'_> {
    fn look_up(&mut self, lookup: &Lookup<'_>) -> Result<Vec<u8>, String> {
        match *lookup {
            Lookup::Lambda {
                function_arn,
                payload,
            } => self.lambda(function_arn, payload),
            Lookup::DynamoDb {
                table,
                partition_key,
                sort_key,
                role_arn,
            } => {
                self.allow(role_arn, "dynamodb:GetItem", || {
                    self.arn("dynamodb", &format!("table/{table}"))
                })?;
                self.dynamodb(table, partition_key, sort_key)
            }
            Lookup::ThingShadow {
                thing_name,
                shadow_name,
                role_arn,
            } => {
                self.allow(role_arn, "iot:GetThingShadow", || {
                    self.arn("iot", &format!("thing/{thing_name}"))
                })?;
                self.shared.ports.inside.shadow(thing_name, shadow_name)
            }
            Lookup::RegistryData {
                operation,
                thing_name,
                role_arn,
            } => {
                let action = match operation {
                    "DescribeThing" => "iot:DescribeThing",
                    _ => "iot:ListThingGroupsForThing",
                };
                self.allow(role_arn, action, || {
                    self.arn("iot", &format!("thing/{thing_name}"))
                })?;
                self.shared.ports.inside.registry(operation, thing_name)
            }
            Lookup::Secret {
                secret_id,
                binary,
                role_arn,
            } => self.secret(secret_id, binary, role_arn),
            Lookup::Prediction {
                model_id,
                role_arn,
                record,
            } => self.prediction(model_id, role_arn, record),
            Lookup::S3Object { bucket, key } => self.object(bucket, key),
        }
    }
}

impl Outside<'_> {
    fn arn(&self, service: &str, resource: &str) -> String {
        self.shared.settings.place.arn(service, resource)
    }

    fn allow(
        &self,
        role_arn: &str,
        action: &str,
        resource: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let roles = &self.shared.ports.roles;
        roles
            .authorize(self.rule, role_arn, action, &resource())
            .map_err(|Denied { reason }| reason)
    }

    fn call(&self, request: &AwsRequest) -> Result<Answer, String> {
        let target = &self.shared.ports.target;
        let route = target.route(request);
        if route.via == Via::Recorded {
            let key = request.service.endpoint_key().to_uppercase();
            return Err(format!(
                "no endpoint is configured: set AWS_ENDPOINT_URL_{key}, or start the server with \
                 --aws real"
            ));
        }
        let sending = async { tokio::time::timeout(TIME_OUT, target.send(&route, request)).await };
        let answer = match self.runtime.block_on(sending) {
            Ok(answer) => answer.map_err(|failure| failure.message)?,
            Err(_) => {
                let waited = TIME_OUT.as_millis();
                return Err(format!("{}: no answer within {waited} ms", route.url));
            }
        };
        let result = answer.clone().into_result(request.service);
        result.map(|_| answer).map_err(|failure| failure.message)
    }

    fn json(&self, request: &AwsRequest) -> Result<Value, String> {
        let answer = self.call(request)?;
        serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
    }

    fn lambda(&self, function_arn: &str, payload: &[u8]) -> Result<Vec<u8>, String> {
        let function = FunctionArn::parse(function_arn)?;
        let payload = Bytes::copy_from_slice(payload);
        let answer = self.call(&function.invocation("RequestResponse", payload))?;
        if answer.function_failed {
            let said = String::from_utf8_lossy(&answer.body);
            return Err(format!("the function failed: {said}"));
        }
        Ok(answer.body.to_vec())
    }

    fn dynamodb(
        &self,
        table: &str,
        partition_key: (&str, &str),
        sort_key: Option<(&str, &str)>,
    ) -> Result<Vec<u8>, String> {
        let mut key = Map::new();
        for (name, value) in [Some(partition_key), sort_key].into_iter().flatten() {
            let value: &RawValue = serde_json::from_str(value).map_err(|e| e.to_string())?;
            key.insert(name.to_owned(), attribute(value));
        }
        let body = json!({"TableName": table, "Key": key});
        let request = json_target(Service::DynamoDb, "DynamoDB_20120810.GetItem", &body);
        let answer = self.json(&request)?;
        let item = answer.get("Item").and_then(Value::as_object);
        let item = item.ok_or_else(|| format!("the table `{table}` has no such item"))?;
        Ok(plain(item).into_bytes())
    }

    fn secret(&self, secret_id: &str, binary: bool, role_arn: &str) -> Result<Vec<u8>, String> {
        let place = &self.shared.settings.place;
        self.allow(role_arn, "secretsmanager:GetSecretValue", || {
            place.secret_arn(secret_id)
        })?;
        let secret = Secret {
            id: secret_id.to_owned(),
            binary,
            key: None,
        };
        secret.value(&self.call(&secret.request())?.body)
    }

    fn prediction(&self, model_id: &str, role_arn: &str, record: &[u8]) -> Result<Vec<u8>, String> {
        self.allow(role_arn, "machinelearning:Predict", || {
            self.arn("machinelearning", &format!("mlmodel/{model_id}"))
        })?;
        let body = json!({
            "MLModelId": model_id,
            "Record": flat(record)?,
            "PredictEndpoint": self.predict_endpoint(),
        });
        let target = "AmazonML_20141212.Predict";
        let answer = self.json(&json_target(Service::MachineLearning, target, &body))?;
        let prediction = answer.get("Prediction");
        let prediction = prediction.ok_or_else(|| "the answer has no Prediction".to_owned())?;
        Ok(prediction.to_string().into_bytes())
    }

    /// The real-time endpoint that a model of this region has.
    fn predict_endpoint(&self) -> String {
        let region = &self.shared.settings.place.region;
        format!("https://realtime.machinelearning.{region}.amazonaws.com")
    }

    fn object(&self, bucket: &str, key: &str) -> Result<Vec<u8>, String> {
        let request = AwsRequest {
            service: Service::S3,
            signing: Signing::Own,
            address: None,
            region: None,
            method: Method::GET,
            path: format!("/{}/{}", encode_segment(bucket), encode_path(key)),
            query: None,
            headers: Vec::new(),
            body: Bytes::new(),
        };
        self.call(&request).map(|answer| answer.body.to_vec())
    }
}

/// A record with one level: what is nested becomes its JSON as text (developer guide,
/// `machinelearning_predict`).
fn flat(record: &[u8]) -> Result<Map<String, Value>, String> {
    let mut record: Map<String, Value> =
        serde_json::from_slice(record).map_err(|_| "the record must be an object".to_owned())?;
    for value in record.values_mut() {
        if value.is_object() || value.is_array() {
            *value = Value::String(value.to_string());
        }
    }
    Ok(record)
}
