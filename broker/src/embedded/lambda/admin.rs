//! `/_thingcore/functions`: what `thingcore function add`, `list` and `logs` call.

use super::api::json_response;
use super::function::{Function, FunctionRefused, Runtime, TIMEOUT_S_DEFAULT};
use super::registry::{Functions, PutRefused};
use axum::response::Response;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Log lines in one answer.
const LINES_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    #[serde(default)]
    handler: String,
    runtime: String,
    code: PathBuf,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    timeout_s: Option<u32>,
}

impl Functions {
    /// Answers a request below `/_thingcore/functions`; `rest` is the path behind it, decoded.
    ///
    /// `POST` adds or replaces `{"name", "handler", "runtime", "code", "environment"?,
    /// "timeout_s"?}`; `GET` lists; `DELETE /NAME` removes; `GET /NAME/logs?after=&limit=` gives
    /// log lines, oldest first, each with a `seq` to go on after.
    pub(crate) fn administer(
        &self,
        method: &Method,
        rest: &str,
        query: &str,
        body: &Bytes,
    ) -> Response {
        let segments: Vec<&str> = rest.split('/').filter(|s| !s.is_empty()).collect();
        match (method, segments.as_slice()) {
            (&Method::POST, []) => self.add(body),
            (&Method::GET, []) => {
                json_response(StatusCode::OK, &json!({"functions": self.all_shown()}))
            }
            (&Method::DELETE, [name]) => match self.remove(name) {
                Ok(true) => json_response(StatusCode::OK, &json!({})),
                Ok(false) => missing(name),
                Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
            },
            (&Method::GET, [name, "logs"]) => self.logs(name, query),
            _ => refused(StatusCode::NOT_FOUND, "no such admin function"),
        }
    }

    fn add(&self, body: &Bytes) -> Response {
        match self.added(body) {
            Ok(shown) => json_response(StatusCode::CREATED, &shown),
            Err((status, why)) => refused(status, &why),
        }
    }

    /// All functions as listings show them.
    pub(crate) fn all_shown(&self) -> Vec<Value> {
        self.all()
            .iter()
            .map(|function| self.shown(function))
            .collect()
    }

    /// Adds or replaces a function as `POST` does; gives it as listings show it.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn add_json(&self, body: &Bytes) -> Result<Value, String> {
        self.added(body).map_err(|(_, why)| why)
    }

    fn added(&self, body: &Bytes) -> Result<Value, (StatusCode, String)> {
        let bad = |why: String| (StatusCode::BAD_REQUEST, why);
        let add: Add = serde_json::from_slice(body).map_err(|why| bad(why.to_string()))?;
        let Some(runtime) = Runtime::parse(&add.runtime) else {
            return Err(bad(FunctionRefused::Runtime(add.runtime).to_string()));
        };
        let permissions = self.function(&add.name).map(|f| f.permissions.clone());
        let function = Function {
            name: add.name,
            handler: add.handler,
            runtime,
            code: add.code,
            environment: add.environment,
            timeout_s: add.timeout_s.unwrap_or(TIMEOUT_S_DEFAULT),
            permissions: permissions.unwrap_or_default(),
        };
        match self.put(function) {
            Ok(function) => Ok(self.shown(&function)),
            Err(PutRefused::Function(why)) => Err(bad(why.to_string())),
            Err(PutRefused::Io(why)) => Err((StatusCode::INTERNAL_SERVER_ERROR, why.to_string())),
        }
    }

    fn shown(&self, function: &Function) -> Value {
        json!({
            "name": function.name,
            "arn": self.place().function_arn(&function.name),
            "handler": function.handler,
            "runtime": function.runtime.name(),
            "code": function.code,
            "environment": function.environment,
            "timeout_s": function.timeout_s,
        })
    }

    fn logs(&self, name: &str, query: &str) -> Response {
        let Some(log) = self.log(name) else {
            return missing(name);
        };
        let number = |key: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .filter(|(k, _)| *k == key)
                .find_map(|(_, v)| v.parse::<u64>().ok())
        };
        let limit = number("limit")
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(LINES_MAX);
        let lines = log.after(number("after").unwrap_or(0), limit.min(LINES_MAX));
        json_response(StatusCode::OK, &json!({"lines": lines}))
    }
}

fn missing(name: &str) -> Response {
    refused(
        StatusCode::NOT_FOUND,
        &format!("there is no function `{name}`"),
    )
}

fn refused(status: StatusCode, message: &str) -> Response {
    json_response(status, &json!({"message": message}))
}
