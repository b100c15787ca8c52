//! Answers of the admin paths.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

/// JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(bytes) => with_type(status, "application/json", Body::from(bytes)),
        Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, &why.to_string()),
    }
}

/// A text of some type.
pub(super) fn text(kind: &'static str, text: String) -> Response<Body> {
    with_type(StatusCode::OK, kind, Body::from(text))
}

/// A refusal, with what to do about it.
pub(super) fn refused(status: StatusCode, message: &str) -> Response<Body> {
    let body = json!({"message": message}).to_string();
    with_type(status, "application/json", Body::from(body))
}

pub(super) fn with_type(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
