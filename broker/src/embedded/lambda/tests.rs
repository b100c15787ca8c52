//! Real handlers in real processes: python3 and, where it is installed, node.

use super::Functions;
use super::function::{Function, Runtime};
use super::registry::Place;
use crate::budget::Budget;
use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Handle;

const PYTHON: &str = r#"
import os, sys, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    print("got", event)
    if event == "fail":
        raise ValueError("bad event")
    if event == "die":
        os._exit(7)
    if event == "hang":
        time.sleep(60)
    return {"event": event, "calls": calls, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis() > 0, "mode": os.environ.get("MODE")}
"#;

const NODE: &str = r#"
exports.handler = async (event, context) => {
  if (event === "fail") throw new TypeError("bad event");
  console.log("got", event);
  return { event, name: context.functionName };
};
exports.old = (event, context, callback) => setTimeout(() => callback(null, { old: event }), 1);
"#;

/// An executable that speaks the Runtime API on its own.
const PROVIDED: &str = r#"#!/usr/bin/env python3
import os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as got:
        id, event = got.headers["Lambda-Runtime-Aws-Request-Id"], got.read()
    urllib.request.urlopen(api + id + "/response", data=b'{"provided":' + event + b"}").close()
"#;

struct World {
    functions: Functions,
    code: TempDir,
}

fn world() -> World {
    let code = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("app.py", PYTHON),
        ("app.js", NODE),
        ("bootstrap", PROVIDED),
        ("broken.py", "import nothing_of_that_name"),
    ] {
        std::fs::write(code.path().join(file), text).unwrap();
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(code.path().join("bootstrap"), mode).unwrap();
    }
    World {
        functions: open(None),
        code,
    }
}

fn open(directory: Option<&Path>) -> Functions {
    let place = Place {
        region: "eu-west-1".to_owned(),
        account_id: "123456789012".to_owned(),
        ..Place::default()
    };
    Functions::open(place, directory, Handle::current()).unwrap()
}

impl World {
    fn function(&self, name: &str, runtime: Runtime, handler: &str) -> Function {
        Function {
            name: name.to_owned(),
            handler: handler.to_owned(),
            runtime,
            code: self.code.path().to_owned(),
            environment: [("MODE".to_owned(), "test".to_owned())].into(),
            timeout_s: 1,
            permissions: Vec::new(),
        }
    }

    fn add(&self, name: &str, runtime: Runtime, handler: &str) {
        self.functions
            .put(self.function(name, runtime, handler))
            .unwrap();
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &Value,
    ) -> (u16, bool, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("x-amz-invocation-type", kind)
            .body(Body::from(body))
            .unwrap();
        let response = self
            .functions
            .serve(request, &Budget::new(usize::MAX))
            .await;
        let failed = response.headers().contains_key("x-amz-function-error");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (
            status,
            failed,
            serde_json::from_slice(&body).unwrap_or(Value::Null),
        )
    }

    /// Invokes and compares the members named in `expected`.
    async fn check(&self, name: &str, event: Value, failed: bool, expected: Value) {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let (status, function_error, got) =
            self.request("POST", &path, "RequestResponse", &event).await;
        assert_eq!(
            (status, function_error),
            (200, failed),
            "{name} {event}: {got}"
        );
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&got[member], value, "{name} {event}: {got}");
        }
    }
}

#[tokio::test]
async fn a_python_handler_runs_fails_dies_and_runs_again() {
    let world = world();
    world.add("f", Runtime::Python3, "app.handler");
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:f";
    let event = json!({"temperature": 28.2});
    world
        .check(
            "f",
            event.clone(),
            false,
            json!({"event": event, "calls": 1, "arn": arn, "left": true, "mode": "test"}),
        )
        .await;
    world
        .check(arn, json!(2), false, json!({"event": 2, "calls": 2}))
        .await;
    world
        .check(
            "f",
            json!("fail"),
            true,
            json!({"errorType": "ValueError", "errorMessage": "bad event"}),
        )
        .await;
    world
        .check("f", json!("again"), false, json!({"calls": 4}))
        .await;
    world
        .check(
            "f",
            json!("die"),
            true,
            json!({"errorType": "Runtime.ExitError"}),
        )
        .await;
    world
        .check("f", json!("new"), false, json!({"calls": 1}))
        .await;
    let log = world.functions.log("f").unwrap().tail(100_000);
    assert!(log.contains("got {'temperature': 28.2}"), "{log}");
    assert!(log.contains("exit status 7"), "{log}");
}

#[tokio::test]
async fn a_handler_is_killed_at_its_time_out() {
    let world = world();
    world.add("f", Runtime::Python3, "app.handler");
    world
        .check(
            "f",
            json!("hang"),
            true,
            json!({"errorType": "Sandbox.Timedout"}),
        )
        .await;
    world
        .check("f", json!("next"), false, json!({"calls": 1}))
        .await;
}

#[tokio::test]
async fn a_handler_that_cannot_be_loaded_is_reported() {
    let world = world();
    world.add("f", Runtime::Python3, "broken.handler");
    world
        .check(
            "f",
            json!(1),
            true,
            json!({"errorType": "ModuleNotFoundError"}),
        )
        .await;
    world
        .check(
            "f",
            json!(1),
            true,
            json!({"errorType": "ModuleNotFoundError"}),
        )
        .await;
}

#[tokio::test]
async fn an_executable_that_speaks_the_runtime_api_runs() {
    let world = world();
    world.add("f", Runtime::Provided, "");
    world
        .check("f", json!({"a": 1}), false, json!({"provided": {"a": 1}}))
        .await;
}

#[tokio::test]
async fn a_node_handler_runs() {
    if std::process::Command::new("node")
        .arg("--version")
        .output()
        .is_err()
    {
        return;
    }
    let world = world();
    world.add("f", Runtime::Nodejs, "app.handler");
    world.add("old", Runtime::Nodejs, "app.old");
    world
        .check(
            "f",
            json!({"a": 1}),
            false,
            json!({"event": {"a": 1}, "name": "f"}),
        )
        .await;
    world
        .check(
            "f",
            json!("fail"),
            true,
            json!({"errorType": "TypeError", "errorMessage": "bad event"}),
        )
        .await;
    world.check("old", json!(1), false, json!({"old": 1})).await;
}

#[tokio::test]
async fn asynchronous_invocations_are_accepted_at_once_and_run_in_order() {
    let world = world();
    world.add("f", Runtime::Python3, "app.handler");
    for n in 1..=3 {
        let path = "/2015-03-31/functions/f/invocations";
        assert_eq!(world.request("POST", path, "Event", &json!(n)).await.0, 202);
    }
    world
        .check("f", json!("last"), false, json!({"calls": 4}))
        .await;
}

#[tokio::test]
async fn functions_are_listed_and_their_policies_kept() {
    let world = world();
    world.add("f", Runtime::Python3, "app.handler");
    let at = |tail: &str| format!("/2015-03-31/functions/{tail}");
    let permission = json!({"StatementId": "iot", "Action": "lambda:InvokeFunction",
        "Principal": "iot.amazonaws.com", "SourceArn": "arn:aws:iot:eu-west-1:123456789012:rule/r"});
    let directory = world.code.path().to_str().unwrap();
    let made = json!({"FunctionName": "g", "Handler": "app.handler", "Runtime": "python3.12",
        "Code": {"S3Bucket": "hot-reload", "S3Key": directory}});
    let zip = json!({"FunctionName": "h", "Handler": "app.handler", "Runtime": "python3.12", "Code": {"ZipFile": ""}});
    let steps = [
        ("GET", at("f"), Value::Null, 200),
        ("GET", at("missing"), Value::Null, 404),
        ("POST", at("missing/invocations"), json!(1), 404),
        ("GET", at("f/policy"), Value::Null, 404),
        ("POST", at("f/policy"), permission.clone(), 201),
        ("POST", at("f/policy"), permission, 409),
        ("GET", at("f/policy"), Value::Null, 200),
        ("DELETE", at("f/policy/iot"), Value::Null, 204),
        ("DELETE", at("f/policy/iot"), Value::Null, 404),
        ("POST", at(""), zip, 400),
        ("POST", at(""), made.clone(), 201),
        ("POST", at(""), made, 409),
        ("DELETE", at("g"), Value::Null, 204),
        ("DELETE", at("g"), Value::Null, 404),
    ];
    for (method, path, body, expected) in steps {
        let (status, _, got) = world.request(method, &path, "RequestResponse", &body).await;
        assert_eq!(status, expected, "{method} {path}: {got}");
    }
    let (_, _, listed) = world.request("GET", &at(""), "", &Value::Null).await;
    assert_eq!(listed["Functions"][0]["FunctionName"], "f");
}

#[tokio::test]
async fn functions_outlive_the_server() {
    let world = world();
    let data = tempfile::tempdir().unwrap();
    let function = world.function("kept", Runtime::Python3, "app.handler");
    open(Some(data.path())).put(function.clone()).unwrap();
    let again = open(Some(data.path())).function("kept").unwrap();
    assert_eq!(*again, function.checked().unwrap());
}

#[tokio::test]
async fn functions_that_cannot_run_are_refused_with_the_reason() {
    let world = world();
    let add = |body: Value| {
        let body = Bytes::from(body.to_string());
        world.functions.administer(&Method::POST, "", "", &body)
    };
    let code = world.code.path().to_str().unwrap();
    let good = json!({"name": "f", "handler": "app.handler", "runtime": "python3", "code": code});
    assert_eq!(add(good.clone()).status(), 201);
    let changes = [
        ("name", json!("a b"), "function name `a b`"),
        ("handler", json!("nodot"), "handler `nodot`"),
        ("runtime", json!("cobol"), "runtime `cobol`"),
        (
            "code",
            json!("/no/such/place"),
            "`/no/such/place` does not exist",
        ),
        ("timeout_s", json!(901), "1 to 900"),
        ("colour", json!("red"), "unknown field `colour`"),
    ];
    for (member, value, expected) in changes {
        let mut body = good.clone();
        body[member] = value;
        let response = add(body);
        assert_eq!(response.status(), 400, "{member}");
        let text = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains(expected), "{member}: {text}");
    }
}

#[tokio::test]
async fn the_log_is_read_in_pages() {
    let world = world();
    world.add("f", Runtime::Python3, "app.handler");
    world.check("f", json!(1), false, json!({"calls": 1})).await;
    let logs = |query: &'static str| {
        let response = world
            .functions
            .administer(&Method::GET, "/f/logs", query, &Bytes::new());
        async move {
            let body = response.into_body().collect().await.unwrap().to_bytes();
            serde_json::from_slice::<Value>(&body).unwrap()["lines"]
                .as_array()
                .unwrap()
                .clone()
        }
    };
    let first = logs("limit=1").await;
    assert!(
        first[0]["text"]
            .as_str()
            .unwrap()
            .starts_with("START RequestId: "),
        "{first:?}"
    );
    let rest = logs("after=1").await;
    assert_eq!(rest[0]["seq"], 2);
}
