//! Answers to the REST services: JSON or nothing, with AWS's headers.

use super::error::{ApiError, Code};
use super::model::Service;
use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// What a handler answers when all went well; the status is always 200.
#[derive(Debug)]
pub(crate) enum Reply {
    /// An operation without output.
    Empty,
    /// The output's members.
    Json(Value),
}

impl Reply {
    /// The response on the wire.
    pub(super) fn into_response(self, request_id: Uuid) -> Response<Body> {
        let body = match self {
            Reply::Empty => Body::empty(),
            Reply::Json(value) => Body::from(value.to_string()),
        };
        response(StatusCode::OK, body, request_id)
    }
}

impl ApiError {
    /// The response on the wire. AWS writes a colon behind the code, and the data plane repeats
    /// the request id as `traceId`.
    pub(super) fn into_response(self, service: Service, request_id: Uuid) -> Response<Body> {
        let mut body = Map::new();
        body.insert("message".into(), self.message.into());
        if let Some(resource) = self.resource {
            body.insert("resourceId".into(), resource.id.into());
            body.insert("resourceArn".into(), resource.arn.into());
        }
        if service.is_data_plane() {
            body.insert("traceId".into(), json!(request_id.to_string()));
        }
        failed(self.code, service, body, request_id)
    }

    /// The response to a client of another service, who may speak one of AWS's older JSON
    /// protocols and look for the code in the body.
    pub(super) fn into_foreign_response(self, request_id: Uuid) -> Response<Body> {
        let mut body = Map::new();
        body.insert("__type".into(), self.code.name().into());
        body.insert("message".into(), self.message.into());
        failed(self.code, Service::Iot, body, request_id)
    }
}

fn failed(
    code: Code,
    service: Service,
    body: Map<String, Value>,
    request_id: Uuid,
) -> Response<Body> {
    let body = Value::Object(body).to_string();
    let mut response = response(code.status(service), body.into(), request_id);
    if let Ok(code) = HeaderValue::from_str(&format!("{}:", code.name())) {
        response.headers_mut().insert(ERROR_TYPE, code);
    }
    response
}

fn response(status: StatusCode, body: Body, request_id: Uuid) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&request_id.to_string()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::Resource;
    use http_body_util::BodyExt;

    async fn check(response: Response<Body>, status: u16, error: &str, body: &str) {
        let id = response.headers()[REQUEST_ID].to_str().unwrap().to_owned();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        let header = response
            .headers()
            .get(ERROR_TYPE)
            .map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(header.as_deref().unwrap_or_default(), error);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            String::from_utf8(bytes.to_vec()).unwrap(),
            body.replace("ID", &id)
        );
    }

    #[tokio::test]
    async fn answers_have_the_form_of_aws() {
        let id = Uuid::from_u128(7);
        check(Reply::Empty.into_response(id), 200, "", "").await;
        let reply = Reply::Json(json!({"thingName": "t"}));
        check(reply.into_response(id), 200, "", r#"{"thingName":"t"}"#).await;
    }

    #[tokio::test]
    async fn errors_have_the_form_of_aws() {
        let id = Uuid::from_u128(7);
        let missing = ApiError::not_found("gone");
        check(
            missing.clone().into_response(Service::Iot, id),
            404,
            "ResourceNotFoundException:",
            r#"{"message":"gone"}"#,
        )
        .await;
        check(
            missing.into_response(Service::IotData, id),
            404,
            "ResourceNotFoundException:",
            r#"{"message":"gone","traceId":"ID"}"#,
        )
        .await;
        let exists = ApiError {
            code: Code::ResourceAlreadyExists,
            message: "there".into(),
            resource: Some(Resource {
                id: None,
                arn: Some("arn:x".into()),
            }),
        };
        check(
            exists.into_response(Service::Iot, id),
            409,
            "ResourceAlreadyExistsException:",
            r#"{"message":"there","resourceId":null,"resourceArn":"arn:x"}"#,
        )
        .await;
        for (service, status) in [(Service::Iot, 400), (Service::IotJobsData, 429)] {
            assert_eq!(Code::Throttling.status(service), status);
        }
    }
}
