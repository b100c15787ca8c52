//! The Lambda Runtime API that a handler's process talks to (version 2018-06-01). Every request
//! becomes a `Call` for the function's sandbox, which alone knows what is running.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::routing::{get, post};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

/// An invocation as a runtime gets it.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) deadline_ms: u64,
    pub(super) function_arn: String,
    pub(super) payload: Bytes,
}

/// What a runtime asks of its sandbox.
#[derive(Debug)]
pub(super) enum Call {
    /// Wants the next invocation; answered when there is one.
    Next(oneshot::Sender<Invocation>),
    /// The handler returned.
    Response {
        request_id: String,
        payload: Bytes,
        accepted: oneshot::Sender<bool>,
    },
    /// The handler failed.
    Error {
        request_id: String,
        payload: Bytes,
        accepted: oneshot::Sender<bool>,
    },
    /// The runtime could not load the handler.
    InitError { payload: Bytes },
}

/// The server of one function; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    server: AbortHandle,
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Listens on a free port of the loopback interface.
pub(super) async fn listen(calls: mpsc::Sender<Call>) -> std::io::Result<RuntimeApi> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(axum::extract::DefaultBodyLimit::max(PAYLOAD_BYTES_MAX))
        .with_state(calls);
    let server = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the Lambda Runtime API stopped");
        }
    });
    Ok(RuntimeApi {
        address,
        server: server.abort_handle(),
    })
}

/// The largest response of a handler (AWS Lambda quotas: 6 MB), and room for a base64 envelope.
const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024 + 100 * 1024;

type Calls = State<mpsc::Sender<Call>>;

async fn next(State(calls): Calls) -> Response<Body> {
    let (reply, invocation) = oneshot::channel();
    if calls.send(Call::Next(reply)).await.is_err() {
        return status(StatusCode::INTERNAL_SERVER_ERROR);
    }
    match invocation.await {
        Ok(invocation) => handed_over(invocation),
        Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn handed_over(invocation: Invocation) -> Response<Body> {
    let mut response = Response::new(Body::from(invocation.payload));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert(
        "lambda-runtime-deadline-ms",
        HeaderValue::from(invocation.deadline_ms),
    );
    let texts = [
        ("lambda-runtime-aws-request-id", invocation.request_id),
        (
            "lambda-runtime-invoked-function-arn",
            invocation.function_arn,
        ),
    ];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    }
    response
}

async fn response(
    State(calls): Calls,
    Path(request_id): Path<String>,
    payload: Bytes,
) -> Response<Body> {
    let (accepted, answer) = oneshot::channel();
    deliver(
        &calls,
        Call::Response {
            request_id,
            payload,
            accepted,
        },
        answer,
    )
    .await
}

async fn error(
    State(calls): Calls,
    Path(request_id): Path<String>,
    payload: Bytes,
) -> Response<Body> {
    let (accepted, answer) = oneshot::channel();
    deliver(
        &calls,
        Call::Error {
            request_id,
            payload,
            accepted,
        },
        answer,
    )
    .await
}

async fn init_error(State(calls): Calls, payload: Bytes) -> Response<Body> {
    match calls.send(Call::InitError { payload }).await {
        Ok(()) => status(StatusCode::ACCEPTED),
        Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A report on an invocation that is not the running one is answered with 400 `InvalidRequestID`.
async fn deliver(
    calls: &mpsc::Sender<Call>,
    call: Call,
    answer: oneshot::Receiver<bool>,
) -> Response<Body> {
    if calls.send(call).await.is_err() {
        return status(StatusCode::INTERNAL_SERVER_ERROR);
    }
    match answer.await {
        Ok(true) => status(StatusCode::ACCEPTED),
        Ok(false) => {
            let why = r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#;
            let mut response = Response::new(Body::from(why));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        }
        Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let body = if status.is_success() {
        r#"{"status":"OK"}"#
    } else {
        "{}"
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
}
