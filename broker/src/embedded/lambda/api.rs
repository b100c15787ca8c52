//! AWS Lambda's HTTP API, as far as local functions have it: Invoke, the listings, functions over
//! a local directory, and resource policies (kept and shown, not enforced).

use super::function::{Function, Runtime, TIMEOUT_S_DEFAULT};
use super::registry::{Functions, InvokeRefused, PutRefused};
use super::route::{Operation, Route};
use super::sandbox::Outcome;
use crate::body::{self, BodyRefused};
use crate::budget::Budget;
use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use rules::target::{BoxFuture, LocalService};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// AWS Lambda's limit for a synchronous payload.
const REQUEST_BYTES_MAX: usize = 6 * 1024 * 1024;
/// What `X-Amz-Log-Type: Tail` returns of the log.
const TAIL_BYTES: usize = 4096;

impl Functions {
    /// Answers one request to AWS Lambda.
    pub(crate) async fn serve(&self, request: Request<Body>, budget: &Arc<Budget>) -> Response {
        let (parts, body) = request.into_parts();
        match body::read(body, REQUEST_BYTES_MAX, budget).await {
            // A function may have it for longer than the caller waits.
            Ok(body) => self.answer(Request::from_parts(parts, body.kept())).await,
            Err(why) => unread(&why),
        }
    }

    async fn answer(&self, request: Request<Bytes>) -> Response {
        let (parts, body) = request.into_parts();
        let path = percent_decode_str(parts.uri.path())
            .decode_utf8_lossy()
            .into_owned();
        let Some(route) = Route::of(&parts.method, &path) else {
            return error(
                StatusCode::NOT_FOUND,
                "UnknownOperationException",
                "unknown operation",
            );
        };
        let name = route.function.as_str();
        match route.operation {
            Operation::List => self.list(),
            Operation::Create => self.create(&body),
            Operation::Describe => self.describe(name),
            Operation::Configuration => self.configuration_of(name),
            Operation::Delete => self.delete(name),
            Operation::Invoke => self.invocation(name, &parts.headers, body).await,
            Operation::Policy => self.policy(name),
            Operation::AddPermission => self.add_permission(name, &body),
            Operation::RemovePermission => {
                self.remove_permission(name, route.sid.as_deref().unwrap_or_default())
            }
        }
    }

    async fn invocation(&self, name: &str, headers: &HeaderMap, payload: Bytes) -> Response {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        if let Err(why) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload)
            && !payload.is_empty()
        {
            let why = format!("Could not parse request body into json: {why}");
            return error(
                StatusCode::BAD_REQUEST,
                "InvalidRequestContentException",
                &why,
            );
        }
        let kind = header("x-amz-invocation-type").unwrap_or("RequestResponse");
        if kind == "DryRun" {
            let found = self.function(name).is_some();
            return if found {
                plain(StatusCode::NO_CONTENT)
            } else {
                self.not_found(name)
            };
        }
        let request_id = Uuid::new_v4().to_string();
        let outcome = match self.invoke(name, request_id.clone(), payload) {
            Ok(outcome) => outcome,
            Err(InvokeRefused::NotFound) => return self.not_found(name),
            Err(InvokeRefused::TooMany) => {
                return error(
                    StatusCode::TOO_MANY_REQUESTS,
                    "TooManyRequestsException",
                    "Rate Exceeded.",
                );
            }
        };
        let mut response = match kind {
            "Event" => plain(StatusCode::ACCEPTED),
            "RequestResponse" => match outcome.await {
                Ok(outcome) => answered(outcome),
                Err(_) => error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "ServiceException",
                    "the function was removed while it ran",
                ),
            },
            other => {
                let why = format!("`{other}` is not an invocation type");
                error(
                    StatusCode::BAD_REQUEST,
                    "InvalidParameterValueException",
                    &why,
                )
            }
        };
        set(&mut response, "x-amzn-requestid", &request_id);
        if header("x-amz-log-type") == Some("Tail")
            && let Some(log) = self.log(name)
        {
            set(
                &mut response,
                "x-amz-log-result",
                &BASE64.encode(log.tail(TAIL_BYTES)),
            );
        }
        response
    }

    /// CreateFunction over a directory of this machine: `Code` must be
    /// `{"S3Bucket": "hot-reload", "S3Key": "/absolute/directory"}`, which is how other emulators
    /// name one. Zip files are not unpacked.
    fn create(&self, body: &Bytes) -> Response {
        let invalid = |why: &str| {
            error(
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                why,
            )
        };
        let Ok(Value::Object(request)) = serde_json::from_slice(body) else {
            return invalid("the request body is not a JSON object");
        };
        let text = |name: &str| {
            request
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let code = request.get("Code").and_then(Value::as_object);
        let local =
            code.filter(|c| c.get("S3Bucket").and_then(Value::as_str) == Some("hot-reload"));
        let Some(directory) = local.and_then(|c| c.get("S3Key")?.as_str()) else {
            return invalid(
                "only code in a local directory is supported: use `thingcore function add`, or \
                 Code {S3Bucket: hot-reload, S3Key: /absolute/directory}",
            );
        };
        if self.function(text("FunctionName")).is_some() {
            let why = format!("Function already exist: {}", text("FunctionName"));
            return error(StatusCode::CONFLICT, "ResourceConflictException", &why);
        }
        let Some(runtime) = Runtime::parse(text("Runtime")) else {
            return invalid(&format!("runtime `{}` is not supported", text("Runtime")));
        };
        let timeout = request.get("Timeout").and_then(Value::as_u64);
        let function = Function {
            name: text("FunctionName").to_owned(),
            handler: text("Handler").to_owned(),
            runtime,
            code: directory.into(),
            environment: variables(&request),
            timeout_s: timeout.map_or(TIMEOUT_S_DEFAULT, |t| u32::try_from(t).unwrap_or(0)),
            permissions: Vec::new(),
        };
        match self.put(function) {
            Ok(function) => json_response(StatusCode::CREATED, &self.configuration(&function)),
            Err(PutRefused::Function(why)) => invalid(&why.to_string()),
            Err(PutRefused::Io(why)) => error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServiceException",
                &why.to_string(),
            ),
        }
    }

    fn list(&self) -> Response {
        let functions: Vec<Value> = self.all().iter().map(|f| self.configuration(f)).collect();
        json_response(StatusCode::OK, &json!({"Functions": functions}))
    }

    fn describe(&self, name: &str) -> Response {
        let Some(function) = self.function(name) else {
            return self.not_found(name);
        };
        let location = format!("file://{}", function.code.display());
        let code = json!({"RepositoryType": "local", "Location": location});
        json_response(
            StatusCode::OK,
            &json!({"Configuration": self.configuration(&function), "Code": code}),
        )
    }

    fn configuration_of(&self, name: &str) -> Response {
        match self.function(name) {
            Some(function) => json_response(StatusCode::OK, &self.configuration(&function)),
            None => self.not_found(name),
        }
    }

    fn configuration(&self, function: &Function) -> Value {
        json!({
            "FunctionName": function.name,
            "FunctionArn": self.place().function_arn(&function.name),
            "Runtime": function.runtime.name(),
            "Handler": function.handler,
            "Timeout": function.timeout_s,
            "MemorySize": 128,
            "Version": "$LATEST",
            "PackageType": "Zip",
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "Environment": {"Variables": function.environment},
        })
    }

    fn delete(&self, name: &str) -> Response {
        match self.remove(name) {
            Ok(true) => plain(StatusCode::NO_CONTENT),
            Ok(false) => self.not_found(name),
            Err(why) => error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServiceException",
                &why.to_string(),
            ),
        }
    }

    fn policy(&self, name: &str) -> Response {
        let Some(function) = self.function(name) else {
            return self.not_found(name);
        };
        if function.permissions.is_empty() {
            let why = "The resource you requested does not exist.";
            return error(StatusCode::NOT_FOUND, "ResourceNotFoundException", why);
        }
        let policy =
            json!({"Version": "2012-10-17", "Id": "default", "Statement": function.permissions});
        json_response(StatusCode::OK, &json!({"Policy": policy.to_string()}))
    }

    fn add_permission(&self, name: &str, body: &Bytes) -> Response {
        let Ok(Value::Object(request)) = serde_json::from_slice(body) else {
            return error(
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                "the request body is not a JSON object",
            );
        };
        let statement = self.statement(name, &request);
        let sid = statement.get("Sid").cloned();
        let added = self.edit(name, |function| {
            let known = function
                .permissions
                .iter()
                .any(|s| s.get("Sid") == sid.as_ref());
            if !known {
                function.permissions.push(statement.clone());
            }
            !known
        });
        match added {
            Ok(Some(true)) => json_response(
                StatusCode::CREATED,
                &json!({"Statement": statement.to_string()}),
            ),
            Ok(Some(false)) => {
                let why = format!(
                    "The statement id ({}) provided already exists.",
                    sid.as_ref().and_then(Value::as_str).unwrap_or_default()
                );
                error(StatusCode::CONFLICT, "ResourceConflictException", &why)
            }
            Ok(None) => self.not_found(name),
            Err(why) => error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServiceException",
                &why.to_string(),
            ),
        }
    }

    fn statement(&self, name: &str, request: &Map<String, Value>) -> Value {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let principal = text("Principal").unwrap_or("*");
        let principal = if principal.contains(".amazonaws.com") {
            json!({"Service": principal})
        } else {
            json!({"AWS": principal})
        };
        let mut condition = Map::new();
        if let Some(account) = text("SourceAccount") {
            condition.insert(
                "StringEquals".to_owned(),
                json!({"AWS:SourceAccount": account}),
            );
        }
        if let Some(arn) = text("SourceArn") {
            condition.insert("ArnLike".to_owned(), json!({"AWS:SourceArn": arn}));
        }
        let mut statement = json!({
            "Sid": text("StatementId").unwrap_or_default(),
            "Effect": "Allow",
            "Principal": principal,
            "Action": text("Action").unwrap_or("lambda:InvokeFunction"),
            "Resource": self.place().function_arn(name),
        });
        if !condition.is_empty() {
            statement["Condition"] = Value::Object(condition);
        }
        statement
    }

    fn remove_permission(&self, name: &str, sid: &str) -> Response {
        let removed = self.edit(name, |function| {
            let before = function.permissions.len();
            function
                .permissions
                .retain(|s| s.get("Sid").and_then(Value::as_str) != Some(sid));
            function.permissions.len() < before
        });
        match removed {
            Ok(Some(true)) => plain(StatusCode::NO_CONTENT),
            Ok(Some(false)) => {
                let why = format!("Statement {sid} is not found in resource policy.");
                error(StatusCode::NOT_FOUND, "ResourceNotFoundException", &why)
            }
            Ok(None) => self.not_found(name),
            Err(why) => error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServiceException",
                &why.to_string(),
            ),
        }
    }

    fn not_found(&self, name: &str) -> Response {
        let why = format!("Function not found: {}", self.place().function_arn(name));
        error(StatusCode::NOT_FOUND, "ResourceNotFoundException", &why)
    }
}

impl LocalService for Functions {
    fn call(&self, request: Request<Bytes>) -> BoxFuture<'_, http::Response<Bytes>> {
        Box::pin(async move {
            let (parts, body) = self.answer(request).await.into_parts();
            let bytes = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            http::Response::from_parts(parts, bytes.unwrap_or_default())
        })
    }
}

/// Answers a request whose body could not be read.
fn unread(why: &BodyRefused) -> Response {
    match why {
        BodyRefused::TooLarge(bytes_max) => error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestTooLargeException",
            &format!("request must be smaller than {bytes_max} bytes"),
        ),
        BodyRefused::TooSlow | BodyRefused::BrokeOff(_) => error(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            &why.to_string(),
        ),
        BodyRefused::NoMemory => error(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequestsException",
            &why.to_string(),
        ),
    }
}

fn variables(request: &Map<String, Value>) -> BTreeMap<String, String> {
    let given = request
        .get("Environment")
        .and_then(|e| e.get("Variables")?.as_object());
    let pairs = given.into_iter().flatten();
    pairs
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

fn answered(outcome: Outcome) -> Response {
    let (payload, failed) = match outcome {
        Outcome::Returned(payload) => (payload, false),
        Outcome::Failed(payload) => (payload, true),
    };
    let mut response = Response::new(Body::from(payload));
    set(&mut response, "content-type", "application/json");
    set(&mut response, "x-amz-executed-version", "$LATEST");
    if failed {
        set(&mut response, "x-amz-function-error", "Unhandled");
    }
    response
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(super) fn json_response(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    set(&mut response, "content-type", "application/json");
    response
}

fn error(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let by = if status.is_server_error() {
        "Service"
    } else {
        "User"
    };
    let mut response = json_response(
        status,
        &json!({"Type": by, "Message": message, "message": message}),
    );
    set(&mut response, "x-amzn-errortype", kind);
    response
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}
